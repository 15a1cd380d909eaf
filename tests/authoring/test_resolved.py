"""`show --resolved` prints a spec that is the same net, to the fingerprint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from nets import graph_of
from proofs import KINDS, sampled
from typer.testing import CliRunner

import archspec
from archspec.authoring.lint import warnings
from archspec.authoring.resolved import flow, render
from archspec.catalog import names
from archspec.cli.app import application
from archspec.errors import ArchspecError
from archspec.fingerprint import fingerprint
from archspec.graph import Value

ODD = sorted((Path(__file__).parent.parent / "odd").glob("*.yaml"))


def same(graph: archspec.Graph) -> str:
    """The resolved text, after it was found to be the same net."""
    text = render(graph)
    found = graph_of(text)
    assert fingerprint(found) == fingerprint(graph)
    assert found.taps == graph.taps
    assert [n.layer() for n in found.nodes] == [n.layer() for n in graph.nodes]
    assert [n.op.inits() for n in found.nodes] == [n.op.inits() for n in graph.nodes]
    assert {*found.params} <= {*graph.arguments}
    params = {f"={name}" for name in found.params}
    assert {*re.findall(r"=[^\],}]*", text.partition("\ngraph:")[2])} <= params
    return text


@pytest.mark.parametrize("name", sampled(names(), KINDS))
def test_the_zoo(name: str) -> None:
    """It says the same of itself, warns of nothing, and keeps what users set."""
    wanted = archspec.load(name)
    found = archspec.loads(render(wanted.graph, wanted.unit.keys.publisher))
    assert found.fingerprint == wanted.fingerprint
    for key in ("title", "description", "source", "publisher", "weights"):
        assert getattr(found.unit.keys, key) == getattr(wanted.unit.keys, key)
    assert found.preprocessing == wanted.preprocessing
    assert found.graph.taps == wanted.graph.taps
    layers = [node.layer() for node in wanted.graph.nodes]
    assert [node.layer() for node in found.graph.nodes] == layers
    inits = [node.op.inits() for node in wanted.graph.nodes]
    assert [node.op.inits() for node in found.graph.nodes] == inits
    assert found.graph.arguments == wanted.graph.arguments
    assert warnings(found) == []


def others(value: Value) -> list[Value]:
    """Other values for a param."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        return ["sigmoid", "none", "relu6"]
    assert isinstance(value, int | float)
    return [value + 1, value / 2]


def computed(text: str, params: dict[str, Any]) -> str:
    try:
        return fingerprint(graph_of(text, **params))
    except ArchspecError:
        return "refused"


def compare_params(text: str) -> None:
    """A param that is kept means what it did."""
    resolved = render(graph_of(text))
    for name, value in graph_of(resolved).params.items():
        for other in others(value):
            given = {name: other}
            wanted = computed(text, given)
            assert computed(resolved, given) == wanted, given


@pytest.mark.parametrize("path", ODD, ids=lambda path: path.stem)
def test_an_odd_spec(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    same(graph_of(text))
    compare_params(text)


@pytest.mark.parametrize("name", ["resnet20", "vgg11_bn", "keras_resnet50"])
def test_params_of_the_zoo(name: str) -> None:
    compare_params(f"extends: {name}\n")


COMPUTED = """
params: {a: 3, b: =a, c: 4, d: 5, e: 6, f: 0.5}
inputs: {image: [=a, 8, 8]}
defaults: {conv2d: {kernel: 1}}
blocks:
  inner:
    params: {channels: int, rate: =f, more: =channels}
    graph:
      - {op: conv2d, channels: =channels}
      - {op: conv2d, channels: =more}
      - {op: dropout, rate: =rate}
      - {op: conv2d, channels: =e}
graph:
  one: {op: conv2d, channels: =c}
  two: {op: conv2d, channels: =d}
  three: {op: conv2d, channels: =2 * d}
  four: {block: inner, channels: =c}
  five: {op: conv2d, channels: =b}
"""


def test_what_a_formula_computes_is_no_param() -> None:
    """Of `d` one place would change and not the other, and `b` follows `a`."""
    graph = graph_of(COMPUTED)
    assert {*graph.arguments} == {*"acdef"}
    text = same(graph)
    assert "params: {c: 4, e: 6, f: 0.5}\n" in text
    assert text.count("=c") == 3 and text.count("=d") == 0
    compare_params(COMPUTED)


def test_the_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(application(), ["show", "resnet18", "--resolved"])
    path = tmp_path / "resolved.yaml"
    path.write_text(result.stdout)
    found, wanted = archspec.load(path).graph, archspec.load("resnet18").graph
    assert fingerprint(found) == fingerprint(wanted)
    assert (found.title, found.description, found.source, found.preprocessing) == (
        *(wanted.title, wanted.description, wanted.source, wanted.preprocessing),
    )


HEAD = "archspec: 1\nname: net\ninputs: {image: [2, 4, 8]}\ngraph:\n"


def resolved(text: str) -> str:
    made = same(graph_of(text))
    assert made.startswith("archspec: 1\nname: net\n")
    return made


def test_no_node_is_left() -> None:
    text = "params: {flag: true}\ninputs: {image: [2, 4, 8]}\n"
    assert (
        resolved(f"{text}graph: {{e: {{op: relu, when: =not flag}}}}\n")
        == f"{HEAD}  output: {{op: identity, from: input, when: false}}\n"
    )


def test_the_output_is_not_the_last_node() -> None:
    text = f"{HEAD}  a: relu\n  'null': tanh\n  b: {{op: elu, from: a, when: false}}\n"
    assert resolved(f"{text}taps: {{t: 'null'}}") == (
        f"{HEAD}  a: {{op: relu, from: input}}\n"
        '  "null": {op: tanh, from: a}\n'
        "  output: {op: identity, from: a, when: false}\n"
        'taps: {t: "null"}\n'
    )


def test_a_node_that_is_called_output() -> None:
    text = f"{HEAD}  output: relu\n  b: {{op: elu}}\n  c: {{op: elu, from: output, "
    assert resolved(f"{text}when: false}}\ntaps: {{t: b}}").endswith(
        "  output_: {op: identity, from: output, when: false}\ntaps: {t: b}\n"
    )


def test_a_part_of_one_value_is_a_nested_graph() -> None:
    assert resolved(f"{HEAD}  a: {{repeat: 2, graph: [relu]}}") == (
        f"{HEAD}"
        "  a:\n    from: input\n    graph:\n"
        "      0:\n        from: input\n        graph:\n"
        "          0: {op: relu, from: input}\n"
        '      1:\n        from: "0"\n        graph:\n'
        "          0: {op: relu, from: input}\n"
    )


def test_a_part_of_several_values_is_a_block() -> None:
    text = """
inputs: {x: [2, 4, 4], y: [2, 4, 4]}
blocks:
  b:
    inputs: [x, y]
    graph: {a: {op: add, from: [x, y]}, in0: {op: relu, from: x}}
    outputs: {p: a, q: in0}
graph:
  b: {block: b, from: [y, x]}
  c: {op: add, from: [b.q, b.p]}
outputs: {one: c, two: y}
"""
    assert resolved(text) == (
        "archspec: 1\nname: net\n"
        "inputs: {x: [2, 4, 4], y: [2, 4, 4]}\n"
        "blocks:\n"
        "  part0:\n"
        "    inputs: [in0_, in1]\n"
        "    graph:\n"
        "      a: {op: add, from: [in0_, in1]}\n"
        "      in0: {op: relu, from: in0_}\n"
        "    outputs: {out0: in0, out1: a}\n"
        "graph:\n"
        "  b: {block: part0, from: [y, x]}\n"
        "  c: {op: add, from: [b.out0, b.out1]}\n"
        "outputs: {one: c, two: y}\n"
    )


def test_deep_parts_are_blocks() -> None:
    """Blocks nest deeper than YAML may."""
    blocks = "".join(
        f"  b{n}: {{graph: {{a: {{block: b{n + 1}}}}}}}\n" for n in range(60)
    )
    blocks += "  b60: {graph: [relu]}\n"
    text = resolved(
        f"inputs: {{image: [2, 4, 8]}}\nblocks:\n{blocks}graph: {{a: {{block: b0}}}}"
    )
    assert text.count("block: part") == 61 - 16


def test_values() -> None:
    conv = "{op: conv2d, channels: 2, kernel: [1, 3], padding: same, bias: true, "
    text = f"{HEAD}  c: {conv}init: {{weight: {{normal: {{std: 0.5}}}}, bias: 0}}}}\n"
    line = resolved(text).splitlines()[-1]
    assert line == (
        "  c: {op: conv2d, from: input, init: {weight: {normal: {std: 0.5}}, "
        "bias: {constant: {value: 0.0}}}, channels: 2, kernel: [1, 3], padding: same, "
        "bias: true}"
    )
    assert flow({"a": [True, None, "x.y", "null", "ä b"]}) == (
        '{a: [true, null, x.y, "null", "ä b"]}'
    )


@pytest.mark.parametrize("name", ["resnet18", "vgg11_bn", "sample_resnet", "resnet50d"])
def test_a_resolved_spec_is_the_same_net(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(application(), ["show", name, "--resolved"])
    path = tmp_path / "resolved.yaml"
    path.write_text(result.stdout)
    found, wanted = archspec.load(path).graph, archspec.load(name).graph
    assert found.macs() == wanted.macs()
    assert [n.shape for n in found.nodes] == [n.shape for n in wanted.nodes]
    assert [n.op for n in found.nodes] == [n.op for n in wanted.nodes]
    assert list(found.parameters().values()) == list(wanted.parameters().values())
    formulas = re.findall(r"=[^],}]*", path.read_text().partition("\ngraph:")[2])
    assert {*formulas} <= {f"={name}" for name in wanted.arguments}
