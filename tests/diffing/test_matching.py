"""Which parts of two nets are the same part: cases that no whole report shows."""

from __future__ import annotations

from nets import graph_of

import archspec
from archspec.diffing.items import Signatures, tree
from archspec.diffing.matching import match, matched
from archspec.graph import Graph

HEAD = "inputs: {image: [3, 8, 8]}\n"
CONV = "{op: conv2d, channels: 3, kernel: 1}"


def pairs(one: Graph, other: Graph) -> dict[str, str]:
    """The matched nodes, by their names."""
    found = match(one, other).pairs
    return {
        a.name: b.name for a, b in found if a.node is not None and b.node is not None
    }


def chain(*names: str) -> Graph:
    """Convolutions and relus by their names, in this order."""
    ops = (f"  {n}: {'relu' if n.startswith('r') else CONV}\n" for n in names)
    return graph_of(f"{HEAD}graph:\n{''.join(ops)}")


def test_what_has_weights_is_known_by_its_name() -> None:
    found = pairs(chain("a", "b", "c"), chain("x", "a", "b", "c"))
    assert found == {"a": "a", "b": "b", "c": "c"}


def test_what_has_none_is_known_by_its_place_too() -> None:
    """The second relu of two is the third of three."""
    found = pairs(chain("a", "r1", "b", "r2"), chain("a", "r1", "x", "r2", "b", "r3"))
    assert found == {"a": "a", "b": "b", "r1": "r1", "r2": "r3"}


def test_other_names_between_the_same_neighbours() -> None:
    found = pairs(chain("a", "b", "c"), chain("a", "x", "c"))
    assert found == {"a": "a", "b": "x", "c": "c"}


def test_neighbours_decide_which() -> None:
    """`x` stands where `b` was, `y` does not."""
    found = pairs(chain("a", "b", "c"), chain("a", "x", "c", "y"))
    assert found["b"] == "x"


def test_a_matching_seen_from_the_other_side() -> None:
    one, other = (archspec.load(name).graph for name in ("resnet18", "resnet18d"))
    found = match(one, other)
    back = found.flipped()
    assert {(id(a), id(b)) for a, b in found.pairs} == {
        (id(b), id(a)) for a, b in back.pairs
    }
    assert back.one is found.other and back.flipped().one is found.one


def test_blocks_follow_their_nodes() -> None:
    graph = archspec.load("resnet20").graph
    found = matched(graph, graph, {node.name: node.name for node in graph.nodes})
    assert all(a.name == b.name for a, b in found.pairs)
    assert len(found.pairs) == len([*found.one.items()])


def test_signatures() -> None:
    """Equal but for names; initial values count for one of both numbers alone."""
    numbers = Signatures()
    one = tree(chain("a", "r"), numbers)
    other = tree(chain("b", "r2"), numbers)
    assert (one.signature, one.core) == (other.signature, other.core)
    start = f"{HEAD}graph:\n  a: {CONV[:-1]}, init: {{weight: zeros}}}}\n  r: relu\n"
    third = tree(graph_of(start), numbers)
    assert third.core == one.core and third.signature != one.signature
    assert [item.own for item in one.items()] == ["", "a", "r"]
    assert one.kinds == {"conv2d": 1, "relu": 1} and one.weighted


def test_parts_of_a_block_that_is_used_in_pieces_are_one() -> None:
    """What `show --resolved` writes gives a scope twice; the tree has it once."""
    graph = archspec.load("wrn_16_8").graph
    names = [item.name for item in tree(graph, Signatures()).items()]
    assert len(names) == len({*names})
