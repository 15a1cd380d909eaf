"""archspec.source.naming: names of a spec that printed code uses for something else."""

from __future__ import annotations

from typing import Any

import pytest
from nets import graph_of
from notation import any_attribute

from archspec.source.expr import Arg, Expr, named
from archspec.source.generalise import outline
from archspec.source.naming import own, rename, safe, told_apart
from archspec.source.outline import Argument, Definition, Line, Nested, OpUse, Ref, Use


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("width", "width"),
        ("self", "self_"),
        ("x", "x_"),
        ("torch", "torch_"),
        ("layer", "layer_"),
        ("class", "class_"),
        ("max", "max_"),
        ("input", "input_"),
        ("count", "count_"),
        ("initializers", "initializers_"),
        ("layer1", "layer1"),
        ("w", "w"),
    ],
)
def test_names_of_arguments(name: str, found: str) -> None:
    assert safe(name) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("relu", "relu"),
        ("block_1", "block_1"),
        ("a", None),
        ("x2", None),
        ("y", None),
        ("z10", None),
        ("names3", None),
        ("label", None),
        ("label2", None),
        ("conv_initializer", None),
        ("0", None),
        ("", None),
        ("a-b", None),
        ("max", None),
        ("taken", None),
        ("labels", "labels"),
        ("xy", "xy"),
        ("x2y", "x2y"),
    ],
)
def test_variables_named_after_their_line(name: str, found: str | None) -> None:
    use: Any = OpUse([], [], {}, ())
    assert own(Line(name, use, ()), {"taken"}) == found


def word(name: str) -> Expr:
    return named(name, "int")


def definitions() -> list[Definition]:
    """A block with a clashing argument, constant, flow and row, and the net."""
    unit = Definition("unit", False, False, False, ("input",), [])
    unit.arguments = {
        "max": Argument("max", [4]),
        "width": Argument("width", [8]),
    }
    double: Arg = word("max") * 2
    assert isinstance(double, Expr)
    unit.constants = {"len": double}
    unit.channels = (word("len"), word("width"), 3)
    unit.channel_arguments = {"max": 0}
    unit.positional = ("max", "width")
    conv = OpUse([], [], {"channels": word("len"), "kernel": 3}, (word("max"),))
    inner = Line("conv", conv, (Ref(None),), when=word("width"))
    loop = Line(
        "layer",
        Nested("layer", False, False, [inner], (Ref(0),)),
        (Ref(None),),
        count=word("max"),
        index="i",
        start={"input": word("max")},
        carried={"input": word("input")},
        after={"input": word("max")},
        rows={"min": (1, 2), "row": (3, 4)},
    )
    unit.lines = [loop]
    net = Definition("net", True, False, False, ("image",), [])
    net.arguments = {"max": Argument("max", [4], 4, True)}
    net.lines = [
        Line("unit", Use(unit, {"max": word("max"), "width": 8}), (Ref(None),))
    ]
    return [unit, net]


def text(arg: Arg) -> str:
    return arg.code() if isinstance(arg, Expr) else str(arg)


def test_clashing_names_are_renamed_everywhere() -> None:
    unit, net = found = definitions()
    rename(found)
    assert list(unit.arguments) == ["max_", "width"]
    assert [a.name for a in unit.arguments.values()] == ["max_", "width"]
    assert {k: v.code() for k, v in unit.constants.items()} == {"len_": "max_ * 2"}
    assert [*map(text, unit.channels)] == ["len_", "width", "3"]
    assert unit.channel_arguments == {"max_": 0}
    assert unit.positional == ("max_", "width")
    (loop,) = unit.lines
    assert text(loop.count or 0) == "max_" and loop.index == "i"
    assert {k: text(v) for k, v in loop.start.items()} == {"input_": "max_"}
    assert {k: text(v) for k, v in loop.carried.items()} == {"input_": "input_"}
    assert {k: text(v) for k, v in loop.after.items()} == {"input_": "max_"}
    assert loop.rows == {"min_": (1, 2), "row": (3, 4)}
    assert isinstance(loop.target, Nested)
    (conv,) = loop.target.lines
    assert isinstance(conv.target, OpUse) and text(conv.when) == "width"
    assert text(conv.target["channels"]) == "len_" and conv.target["kernel"] == 3
    assert [*map(text, conv.target.channels)] == ["max_"]
    assert list(net.arguments) == ["max_"] and net.arguments["max_"].default == 4
    use = net.lines[0].target
    assert isinstance(use, Use)
    assert {k: text(v) for k, v in use.arguments.items()} == {
        "max_": "max_",
        "width": "8",
    }
    assert conv.target["channels"].kind == "int"  # type: ignore[union-attr]


def test_only_what_is_taken_is_renamed() -> None:
    unit, net = found = definitions()
    before = unit.lines[0].count
    rename(found, {"other"})
    assert list(unit.arguments) == ["max", "width"] and unit.lines[0].count is before
    rename(found, {"width"})
    assert list(unit.arguments) == ["max", "width_"] and list(net.arguments) == ["max"]
    assert unit.positional == ("max", "width_")
    assert [*map(text, unit.channels)] == ["len", "width_", "3"]


def test_each_name_is_renamed_once() -> None:
    unit, _ = found = definitions()
    unit.arguments["width_"] = Argument("width_", [1])
    rename(found, {"width", "width_"})
    assert list(unit.arguments) == ["max", "width_", "width__"]
    (loop,) = unit.lines
    assert isinstance(loop.target, Nested)
    assert text(loop.target.lines[0].when) == "width_"


STAGES = """
inputs: {image: [3, 8, 8]}
blocks:
  b1: {graph: {conv: {op: conv2d, channels: 3, kernel: 1}}}
  b2: {graph: {conv: {op: conv2d, channels: 3, kernel: 3, padding: 1}}}
  stage:
    params: {size: int, letter: str, mode: str, unit: str, other: str}
    graph: [{block: =unit}, {op: resize, scale: =size, mode: =mode}]
graph:
  - {block: stage, size: 1, letter: a, mode: nearest, unit: b1, other: c1}
  - {block: stage, size: 1, letter: a, mode: nearest, unit: b1, other: c1}
  - {block: stage, size: 2, letter: b, mode: nearest, unit: b2, other: c2}
  - {block: stage, size: 2, letter: b, mode: MODE, unit: b2, other: c2}
"""


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_definitions_of_one_title_are_told_apart_by_a_text(mode: str) -> None:
    """Not by a number, by a letter, or by what is one in both or two in one of them."""
    made = outline(graph_of(STAGES.replace("MODE", mode)), any_attribute)
    told = told_apart({definition: definition.title for definition in made})
    assert [(definition.title, text) for definition, text in told.items()] == [
        ("b1", ""),
        ("stage", "b1"),
        ("stage", "b2"),
        ("b2", ""),
        ("net", ""),
    ]


def test_definitions_of_one_title_that_no_text_tells_apart() -> None:
    *blocks, _ = outline(graph_of(STAGES.replace("MODE", "nearest")), any_attribute)
    told = told_apart(dict.fromkeys(blocks, "unit"))
    assert len(told) == 4 and {*told.values()} == {""}  # b1 has no params
