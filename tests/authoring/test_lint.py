"""What a valid spec seldom means is warned of, with its place, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

import archspec
from archspec.authoring.codes import faults
from archspec.authoring.lint import warnings
from archspec.catalog import names
from archspec.language.faults import MOST

HEAD = "archspec: 1\nname: net\n"
IMAGE = "inputs: {image: [3, 8, 8]}\n"
CONV = "{op: conv2d, channels: 4, kernel: 3, padding: 1"


def found(text: str) -> list[tuple[str, str, str]]:
    """Place, code and message of everything that is said of a spec."""
    body = text if "inputs:" in text else IMAGE + text
    return [
        (str(w.at).removeprefix("net.yaml:"), w.code, w.message)
        for w in faults(HEAD + body)
    ]


BLOCK = "blocks:\n  body: {params: {width: int, rate: 0.5}, graph: {c: NODE}}\n"


def block(node: str, use: str = "body") -> str:
    return (
        BLOCK.replace("NODE", node)
        + f"graph: {{a: {{block: {use}, width: 4}}, b: relu}}\n"
    )


WARNED: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "a param": (
        "params: {width: 3, depth: 2}\ngraph: [{op: relu, repeat: =depth}]\n",
        [("4:10", "AS701", "no formula reads the param 'width'")],
    ),
    "a param of a block": (
        block("{op: conv2d, channels: =width, kernel: 1}"),
        [
            (
                "5:31",
                "AS701",
                "no formula of the block 'body' reads its param 'rate'",
            )
        ],
    ),
    "a param of a block whose own default reads the file's of its name": (
        "params: {width: 3}\nblocks:\n"
        "  body: {params: {b: 1, a: '=b + width', width: =width}, graph: [relu]}\n"
        "graph: [{block: body}]\n",
        [
            ("6:25", "AS701", "no formula of the block 'body' reads its param 'a'"),
            ("6:42", "AS701", "no formula of the block 'body' reads its param 'width'"),
        ],
    ),
    "a block": (
        "blocks:\n  body: {graph: [relu]}\n  other: {graph: [tanh]}\n"
        "graph: [{block: body}]\n",
        [("6:3", "AS702", "nothing uses the block 'other'")],
    ),
    "an output of a block": (
        "blocks:\n  two: {graph: {a: relu, b: tanh}, outputs: {x: a, y: b}}\n"
        "graph: {t: {block: two}, c: {op: silu, from: t.x}}\n",
        [
            (
                "5:52",
                "AS705",
                "nothing reads the output 'y' of the block 'two'; what only it needs "
                "is not built",
            )
        ],
    ),
    "a bias before a norm": (
        f"graph: {{c: {CONV}}}, n: batch_norm}}\n",
        [
            (
                "4:9",
                "AS703",
                "'c' has a bias, which the batch norm right after it, 'n', takes away",
            )
        ],
    ),
    "an even kernel": (
        "graph: {c: {op: conv2d, channels: 4, kernel: 4, padding: 1}}\n",
        [
            (
                "4:9",
                "AS704",
                "'c' pads an even kernel equally on both sides: the image changes its "
                "size by a pixel and moves by half of one",
            )
        ],
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_warned_of(case: str) -> None:
    text, wanted = WARNED[case]
    assert found(text) == wanted


QUIET = {
    "a param that `when` reads": (
        "params: {on: true}\ngraph: [{op: relu, when: =on}, tanh]\n"
    ),
    "one that a shape reads": "params: {c: 3}\ninputs: {x: [=c, 8, 8]}\ngraph: [relu]\n",
    "one that a default reads": (
        "params: {c: 3}\ndefaults: {conv2d: {kernel: =c}}\n"
        "graph: [{op: conv2d, channels: 4}]\n"
    ),
    "one that another param reads": (
        "params: {c: 3, d: =c + 1}\ngraph: [{op: conv2d, channels: =d, kernel: 1}]\n"
    ),
    "one that `require` reads": (
        "params: {c: 3}\nrequire: {few: =c < 5}\ngraph: [relu]\n"
    ),
    "one of a block that its output reads": (
        "blocks:\n  b: {params: {n: a}, graph: {a: relu}, outputs: {x: =n}}\n"
        "graph: {t: {block: b}, e: {op: silu, from: t.x}}\n"
    ),
    "blocks that a param chooses among": (
        "params: {kind: one}\nblocks:\n"
        "  one: {params: {n: 1}, graph: [relu]}\n  two: {graph: [tanh]}\n"
        "graph: [{block: =kind}]\n"
    ),
    "a block that a formula names": (
        "blocks:\n  one: {graph: [relu]}\n  two: {graph: [tanh]}\n"
        "graph: [{block: \"='one' if 1 < 2 else 'two'\"}]\n"
    ),
    "outputs that are all read": (
        "blocks:\n  two: {graph: {a: relu, b: tanh}, outputs: {x: a, y: b}}\n"
        "graph: {t: {block: two}, c: {op: add, from: [t.x, t.y]}}\n"
    ),
    "a bias that is said": f"graph: {{c: {CONV}, bias: true}}, n: batch_norm}}\n",
    "no bias": f"graph: {{c: {CONV}, bias: false}}, n: batch_norm}}\n",
    "a bias that is read": f"graph: {{c: {CONV}}}, r: relu, n: batch_norm}}\n",
    "a bias that something else reads too": (
        f"graph: {{c: {CONV}}}, n: batch_norm, s: {{op: add, from: [n, c]}}}}\n"
    ),
    "a bias that is a feature": (
        f"graph: {{c: {CONV}}}, n: batch_norm}}\ntaps: {{f: c}}\n"
    ),
    "a bias that is an output": f"graph: {{c: {CONV}}}}}\n",
    "a norm of channels' places": f"graph: {{c: {CONV}}}, n: layer_norm}}\n",
    "an even kernel with a stride": (
        "graph: {c: {op: conv2d, channels: 4, kernel: 4, padding: 1, stride: 2}}\n"
    ),
    "one without padding": "graph: {c: {op: conv2d, channels: 4, kernel: 4}}\n",
    "one that keeps the size": (
        "graph: {c: {op: conv2d, channels: 4, kernel: 4, padding: same}}\n"
    ),
    "four sides": (
        "graph:\n  c: {op: conv2d, channels: 4, kernel: 2, padding: [[0, 1], [0, 1]]}\n"
    ),
    "an odd kernel": f"graph: {{c: {CONV}}}}}\n",
}
"""Each is nearly one of the above, and meant."""


@pytest.mark.parametrize("case", QUIET)
def test_not_warned_of(case: str) -> None:
    assert found(QUIET[case]) == []


def test_the_nearest_name() -> None:
    (warning,) = faults(
        f"{HEAD}{IMAGE}params: {{widht: 3, width: 4}}\n"
        "graph: [{op: conv2d, channels: =width, kernel: 1}]\n"
    )
    assert warning.hint == "did you mean 'width'?"


def test_each_axis_of_a_kernel_counts() -> None:
    node = "{op: conv2d, channels: 4, kernel: [3, 4], padding: [1, 1], stride: STRIDE}"
    for stride, codes in (("[1, 1]", ["AS704"]), ("[1, 2]", []), ("[2, 1]", ["AS704"])):
        text = f"graph: [{node.replace('STRIDE', stride)}]\n"
        assert [code for _, code, _ in found(text)] == codes


def test_in_the_order_of_the_text_and_once_for_a_place() -> None:
    text = (
        "params: {a: 1, b: 2}\nblocks:\n  z: {params: {q: 1}, graph: [relu]}\n"
        f"graph: {{c: {CONV}, repeat: 3}}, n: batch_norm}}\n"
    )
    places = [place for place, _, _ in found(text)]
    assert places == ["4:10", "4:16", "6:3", "6:16", "7:9"]


def test_a_base_file_is_warned_of_where_it_is_validated(tmp_path: Path) -> None:
    base = f"{HEAD}{IMAGE}params: {{lost: 1}}\ngraph: [relu]\n"
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "net.yaml").write_text(f"{HEAD}extends: base.yaml\n")
    assert len(warnings(archspec.load(tmp_path / "base.yaml"))) == 1
    assert warnings(archspec.load(tmp_path / "net.yaml")) == []


@pytest.mark.parametrize("name", names())
def test_the_zoo_means_what_it_says(name: str) -> None:
    assert warnings(archspec.load(name)) == []


def test_of_very_many_some_are_said() -> None:
    params = ", ".join(f"p{n}: {n}" for n in range(4000))
    assert len(found(f"params: {{{params}}}\ngraph: [relu]\n")) == MOST
