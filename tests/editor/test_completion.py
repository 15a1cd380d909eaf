"""What may stand under the cursor."""

from __future__ import annotations

from pathlib import Path

import pytest
from opened import HEAD, opened

from archspec import catalog
from archspec.editor.completion import Offer, complete
from archspec.language.syntax import FileKeys, keys_of
from archspec.ops import OPS
from archspec.ops.describe import summary

UNIT = "blocks:\n  unit: {params: {width: int, stride: 1}, graph: [relu]}\n"
FORKED = "blocks:\n  fork: {graph: {a: relu, b: relu}, outputs: {x: a, y: b}}\n"


def offered(text: str, folder: Path = Path("/nowhere")) -> dict[str, Offer]:
    document, line, column = opened(HEAD + text, folder)
    return {offer.label: offer for offer in complete(document, line, column).items}


@pytest.mark.parametrize(
    "text",
    [
        "graph:\n  relu: |\n",
        "graph:\n  relu: re|\n  pool: global_avg_pool2d\n",
        "graph:\n  relu: {op: |}\n",
        "graph:\n  relu: {op: |\n  pool: global_avg_pool2d\n",
        "graph:\n  relu:\n    op: |\n",
        "graph:\n  - relu\n  - |\n",
        "graph: [relu, |\n",
        "blocks:\n  unit:\n    graph:\n      x: relu\n      y: |\n",
    ],
)
def test_ops_with_a_line_about_each(text: str) -> None:
    found = offered(text)
    for op in OPS:
        assert found[op.kind] == Offer(op.kind, "op", summary(op))


@pytest.mark.parametrize(
    "text",
    [
        "graph:\n  conv: {op: conv2d, |}\n",
        "graph:\n  conv: {op: conv2d, |\n",
        "graph:\n  conv: {op: conv2d, ch|\n  bn: batch_norm\n",
        "graph:\n  conv: {kernel: 3, op: conv2d, |}\n",
        "graph:\n  conv: {|, op: conv2d}\n",
        "graph:\n  conv:\n    op: conv2d\n    |\n  bn: batch_norm\n",
        "graph:\n  - op: conv2d\n    |\n",
        "graph:\n  - {op: conv2d,\n     |\n  - relu\n",
        "defaults:\n  conv2d: {|}\n",
    ],
)
def test_attributes(text: str) -> None:
    found = offered(text)
    assert found["channels"].about == "A whole number from 1."
    assert found["channels"].text == "channels: "
    assert ("kernel" in found) == ("kernel" not in text)
    assert "rate" not in found and "block" not in found and "op" not in found
    first = next(iter(found))
    assert first not in ("from", "when"), "what only an op has comes first"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("graph:\n  a: relu\n  b: {op: add, from: [a, |]}\n  c: relu\n", "a input"),
        ("graph:\n  a: relu\n  b: {op: add, from: [a, |\n  c: relu\n", "a input"),
        ("graph:\n  a: relu\n  b: relu\n  c: {from: |\n", "b a input"),
        ("graph:\n  a: relu\n  b: {rong: {}}\n  c: {from: |\n", "b a input"),
        (f"{FORKED}graph:\n  a: {{block: fork}}\n  b: {{from: |}}\n", "a.x a.y input"),
        (
            "graph:\n  a: {spec: resnet18, taps: true}\n  b: {from: |}\n",
            "a.c2 a.c3 a.c4 a.c5 input",
        ),
        (
            "blocks:\n  u: {inputs: [p, q], graph: {a: {op: add, from: |}}}\n",
            "p q",
        ),
        ("graph:\n  a: {graph: {b: relu, c: {op: add, from: |}}}\n", "b input"),
    ],
)
def test_nodes_that_can_be_read(text: str, names: str) -> None:
    assert [*offered(text)] == names.split()


def test_a_node_says_what_it_is() -> None:
    found = offered("graph:\n  a: tanh\n  b: {op: relu, from: |}\n")
    assert found["a"] == Offer("a", "node", "op tanh")


def test_blocks_and_their_params() -> None:
    assert [*offered(f"{UNIT}graph:\n  a: {{block: |\n")] == ["unit"]
    found = offered(f"{UNIT}graph:\n  a: {{block: unit, stride: 2, |\n  b: relu\n")
    assert found["width"] == Offer("width", "argument", "int, required")
    assert "stride" not in found and "repeat" in found and "op" not in found
    found = offered(f"{UNIT}graph:\n  a:\n    block: unit\n    |\n")
    assert found["stride"].about == "int, default 1"
    found = offered("graph:\n  a: {spec: resnet18, |\n")
    assert {"num_classes", "depths", "taps"} <= found.keys()


@pytest.mark.parametrize(
    ("text", "names", "strange"),
    [
        ("params: {w: 3}\ngraph:\n  a: {op: conv2d, channels: =|}\n", "w", "index"),
        ("params: {w: 3}\ngraph:\n  a: {op: conv2d, channels: =w * |}\n", "w", "index"),
        (
            'params: {w: 3}\ngraph:\n  a: {op: conv2d, channels: "=max(w, |\n',
            "w max",
            "index",
        ),
        ("graph:\n  a: {op: relu, repeat: 3, when: =|}\n", "index", ""),
        ("graph:\n  a: {op: relu, repeat: 3, index: i, when: =|}\n", "i", "index"),
        ("graph:\n  a{|}: {op: relu, repeat: 3}\n", "index", ""),
        (
            "blocks:\n  u:\n    params: {c: int}\n    graph:\n"
            "      a: {op: conv2d, channels: =|}\n",
            "c input.channels min true",
            "index",
        ),
        (
            "blocks:\n  u:\n    params: {c: int}\n    graph:\n"
            "      a: {op: pad, channels: [=|, 1]}\n",
            "c input.channels",
            "",
        ),
        ("params: {w: 3, v: =|}\n", "w", ""),
        ("params: {w: 3}\nrequire: {positive: =|}\n", "w", "input.channels"),
    ],
)
def test_names_in_formulas(text: str, names: str, strange: str) -> None:
    found = offered(text)
    assert {*names.split()} <= found.keys()
    assert strange not in found


def test_a_name_with_a_dot_is_one_word() -> None:
    text = f"{HEAD}graph:\n  a: {{op: conv2d, channels: =2 * input.ch|}}\n"
    document, line, column = opened(text)
    assert complete(document, line, column).column == column - len("input.ch")


def test_the_zoo() -> None:
    for text in ("extends: |\n", "extends: resnet|\n", "graph: {a: {spec: |}}\n"):
        found = offered(text)
        assert {*catalog.names(), *catalog.families()} <= found.keys()
    assert found["resnet18"].about.startswith("ResNet-18 with the layout")


def test_entries_of_a_base(tmp_path: Path) -> None:
    base = "params: {width: 8}\ngraph: {a: relu, b: tanh}\ntaps: {t: a}\n"
    (tmp_path / "base.yaml").write_text(HEAD + base)
    start = "extends: base.yaml\n"
    assert [*offered(f"{start}params: {{|}}\n", tmp_path)] == ["width"]
    assert [*offered(f"{start}graph:\n  b: relu\n  |\n", tmp_path)] == ["a"]
    assert [*offered(f"{start}taps:\n  |\n", tmp_path)] == ["t"]
    found = offered(f"{start}graph:\n  c: {{op: relu, when: =|}}\n", tmp_path)
    assert found["width"].about == "int, default 8"


def test_paths_of_taps() -> None:
    text = f"{HEAD}graph:\n  a: {{graph: {{b: relu}}}}\n  c: tanh\n"
    document, line, column = opened(f"{text}taps: {{x: |}}\n")
    assert [o.label for o in complete(document, line, column).items] == ["a", "c"]
    document.text = text
    document.problems()
    document.text = f"{text}taps: {{x: a.}}\n"
    found = complete(document, line, column + 2).items
    assert [o.label for o in found] == ["a", "a.b"]
    assert found[-1].about == "relu, 3 x 32 x 32"


def test_outputs_of_a_block() -> None:
    found = offered("blocks:\n  u: {graph: {a: relu, b: tanh}, outputs: {x: |}}\n")
    assert [*found] == ["a", "b"]


def test_keys_of_a_file() -> None:
    document, line, column = opened("|")
    found = complete(document, line, column).items
    assert [o.label for o in found] == [*keys_of(FileKeys)]
    assert "graph" in offered("|\n") and "inputs" not in offered("|\n")
    assert {"op", "block", "graph", "spec"} <= offered("graph:\n  a:\n    |\n").keys()
    assert not offered("title: a text of | mine\n")
    assert not offered("graph: # a comm|ent\n")
