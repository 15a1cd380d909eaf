"""Two nets in one picture: what stands where, and which lines are whose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from diffing.edited import drawn, edits
from diffing.pairs_of_nets import HEAD, Pair, pairs
from drawing.test_layout import check, fits

import archspec
from archspec import Spec
from archspec.diffing.page import marks
from archspec.diffing.page import pairs as known
from archspec.diffing.report import compare
from archspec.drawing import Mark, draw_both
from archspec.drawing.grid import grid
from archspec.drawing.outline import Box, below
from archspec.drawing.union import union

CONV = "{op: conv2d, channels: 4, kernel: 3, padding: 1}"


def both(one: Spec, other: Spec) -> Box:
    report = compare(one, other)
    return union(one.graph, other.graph, known(report), marks(report))


def nets(*statements: str) -> Box:
    """The union of two nets, each of some statements that are separated by `; `."""
    one, other = (
        archspec.loads(
            HEAD
            + "inputs: {image: [4, 8, 8]}\ngraph:\n  "
            + f"{text}; ".replace(": conv; ", f": {CONV}; ").replace("; ", "\n  ")
        )
        for text in statements
    )
    return both(one, other)


def seen(net: Box) -> list[tuple[str, str]]:
    """Names in their order, each with what became of it."""
    return [(box.name, box.mark.kind if box.mark else "") for box in net.children]


def lines(net: Box) -> set[tuple[str, str, str]]:
    """Source, target and net of each line between the boxes of a whole net."""
    laid = grid(net, root=True)
    names = [f"{box.name}+" * (not box.before) or box.name for box in net.children]
    return {
        (names[line.source[0]], names[target], line.source[2])
        for line in laid.nets
        for target in line.targets
    }


def test_an_inserted_node_stands_in_its_place() -> None:
    net = nets(
        "a: conv; b: relu; c: conv", "a: conv; new: batch_norm; b: relu; c: conv"
    )
    assert seen(net) == [
        ("image", ""), ("a", ""), ("new", "added"), ("b", ""), ("c", "")
    ]  # fmt: skip
    assert lines(net) == {
        ("image", "a", ""),
        ("a", "new+", "added"),
        ("new+", "b", "added"),
        ("a", "b", "removed"),
        ("b", "c", ""),
    }


def test_what_is_replaced_stands_beside_it() -> None:
    net = nets("a: conv; b: {op: max_pool2d, kernel: 2}", "a: conv; c: flatten")
    assert {"b": "removed", "c": "added"}.items() <= dict(seen(net)).items()
    assert {("a", "b", "removed"), ("a", "c+", "added")} <= lines(net)
    laid = grid(net, root=True)
    rows = {box.name: row for box, row in zip(net.children, laid.rows, strict=True)}
    assert rows["b"] == rows["c"]


def test_a_block_is_called_as_the_net_is() -> None:
    net = nets("net: {graph: {a: relu}}", "net: {graph: {a: relu, b: tanh}}")
    (block,) = (box for box in net.children if box.name == "net")
    assert block.before and block.after and block.mark is None
    assert [(box.name, box.mark) for box in block.children] == [
        ("net.a", None), ("net.b", Mark("added"))
    ]  # fmt: skip


def test_both_values_are_in_the_box() -> None:
    net = nets("a: conv", "a: {op: conv2d, channels: 8, kernel: 3, padding: 1}")
    (a,) = (box for box in net.children if box.name == "a")
    assert a.mark == Mark("changed", "channels 4 -> 8")
    assert a.before and a.before.shape == (4, 8, 8)
    assert a.after and a.after.shape == (8, 8, 8)


def test_neighbours_that_changed_their_order_lose_the_line_upwards() -> None:
    net = nets("a: conv; b: batch_norm; c: relu", "a: conv; c: relu; b: batch_norm")
    assert dict(seen(net)) == {"image": "", "a": "", "b": "changed", "c": "changed"}
    assert lines(net) == {
        ("image", "a", ""),
        ("a", "b", "removed"),
        ("b", "c", "removed"),
        ("a", "c", "added"),
    }


def test_a_longer_stage_is_the_same_to_all_around_it() -> None:
    net = both(archspec.load("resnet18"), archspec.load("resnet34"))
    assert not [line for line in lines(net) if line[2]]
    (layer1,) = (box for box in net.children if box.name == "layer1")
    assert layer1.flags[-1] == "changed inside"
    old, new = layer1.children
    assert (len(old.parts), old.mark, new.mark) == (2, None, Mark("added"))
    assert layer1.leaves == [
        ("layer1.1.relu2", 0, "removed"),
        ("+layer1.2.relu2", 0, "added"),
    ]


def test_what_changed_alike_is_seen_once() -> None:
    net = both(archspec.load("resnet50"), archspec.load("seresnet50"))
    boxes = {box.name: box for box in below(net)}
    assert boxes["layer1.0.se"].mark == Mark("added")
    assert boxes["layer1.0"].mark is None and boxes["layer1.0"].group == "changed"
    alike = Mark("changed", "as in layer1.0", folded=True)
    assert boxes["layer1.1"].mark == alike and boxes["layer1.1.se"].mark
    assert boxes["layer2"].mark == Mark("changed", "inside as in layer1.0", folded=True)
    svg = picture(archspec.load("resnet50"), archspec.load("seresnet50"))
    assert svg.count(">se<") == 1 and svg.count(">changed: as in layer1.0<") == 1


def picture(one: Spec, other: Spec) -> str:
    report = compare(one, other)
    return str(draw_both(one.graph, other.graph, known(report), marks(report)))


def whole(one: Spec, other: Spec) -> None:
    """The picture has every part and every line of both nets, and is well laid out."""
    net = both(one, other)
    for depth in (1, 2, 9):
        check(net, depth)
    leaves = [box for box in below(net) if not box.opens]
    for side, spec in (("before", one), ("after", other)):
        names = [getattr(box, side).name for box in leaves if getattr(box, side)]
        assert sorted(names) == sorted([*spec.graph.inputs, *spec.graph])
    read = {
        box.before.name: {v for v in box.reads if box.lone.get(v) != "added"}
        for box in leaves
        if box.before
    }
    inputs: dict[str, set[str]] = {name: set() for name in one.graph.inputs}
    assert read == inputs | {node.name: {*node.inputs} for node in one.graph.nodes}


@pytest.mark.parametrize("pair", pairs()[1::8], ids=lambda pair: pair.path.stem)
def test_pairs(pair: Pair) -> None:
    whole(*pair.specs())


def edited(numbers: range) -> Iterator[tuple[Spec, Spec]]:
    for number in numbers:
        spec = drawn(number)
        if spec is not None:
            yield spec, edits(spec, number)


def test_random_edits() -> None:
    for one, other in edited(range(12)):
        whole(one, other)


@pytest.mark.proof
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_more_random_edits(first: int) -> None:
    for one, other in edited(range(first, first + 50)):
        whole(one, other)


@pytest.mark.proof
@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.path.stem)
def test_all_pairs(pair: Pair) -> None:
    one, other = pair.specs()
    whole(one, other)
    fits(picture(one, other))
