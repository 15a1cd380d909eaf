"""Named outputs and taps."""

from __future__ import annotations

import pytest
from nets import graph_of
from spelled import net, refused, wired

from archspec.errors import SpecError


def test_named_outputs_are_read_by_name_only() -> None:
    two = "blocks: {two: {graph: {a: relu, b: tanh}, outputs: {x: a, y: b}}}\n"
    graph = net(
        f"{two}graph:\n  t: {{block: two}}\n  add: {{op: add, from: [t.x, t.y]}}\n"
        "outputs: {sum: add, side: t.x}\ntaps: {t: t.y}\n"
    )
    assert wired(graph)["add"] == "add t.a t.b"
    assert graph.outputs == {"sum": "add", "side": "t.a"}
    assert graph.taps == {"t": "t.b"}
    refused(f"{two}graph: {{t: {{block: two}}, b: relu}}", "has the outputs x, y")
    refused(f"{two}graph: {{t: {{block: two}}}}", "has the outputs x, y")
    refused(
        f"{two}graph: {{t: {{block: two}}, b: {{op: relu, from: t.z}}}}",
        "no output 'z'",
    )
    only = "blocks: {one: {graph: {a: relu}, outputs: {x: a}}}\n"
    refused(f"{only}graph: {{t: {{block: one}}, b: relu}}", "has the outputs x")


def test_an_output_of_a_child() -> None:
    graph = net(
        "blocks:\n"
        "  leaf: {graph: {a: relu, b: tanh}, outputs: {p2: a, p3: b}}\n"
        "  tree: {graph: {leaf: {block: leaf}}, outputs: {p2: leaf.p2, p3: leaf.p3}}\n"
        "graph: {tree: {block: tree}}\noutputs: {p2: tree.p2, p3: tree.p3}\n"
    )
    assert graph.outputs == {"p2": "tree.leaf.a", "p3": "tree.leaf.b"}


def test_what_only_an_unread_output_needs_goes() -> None:
    text = (
        "blocks: {two: {graph: {a: relu, b: {op: tanh, from: input}},"
        " outputs: {x: a, y: b}}}\n"
        "graph: {t: {block: two}, c: {op: relu, from: t.x}}\n"
    )
    assert set(wired(net(text))) == {"t.a", "c"}


def test_a_node_that_nothing_reads() -> None:
    refused("graph: {a: relu, b: {op: relu, from: input}}", "nothing reads 'a'")
    refused(
        "blocks: {two: {graph: {a: relu, dead: tanh, b: {op: tanh, from: input}},"
        " outputs: {x: a, y: b}}}\n"
        "graph: {t: {block: two}, c: {op: add, from: [t.x, t.y]}}\n",
        "nothing reads 't.dead'",
    )
    refused(
        "blocks: {b: {graph: {c: relu}}}\n"
        "graph: {a: {block: b}, d: {op: relu, from: input}}\n",
        "nothing reads 'a.c'",
    )
    assert net("graph: {a: relu, b: {op: relu, from: input}}\ntaps: {t: a}").taps


def test_taps_name_paths() -> None:
    graph = net('graph: [relu, {graph: [tanh]}]\ntaps: {a: 0, b: "1.0", c: 1}\n')
    assert graph.taps == {"a": "0", "b": "1.0", "c": "1.0"}
    refused("graph: [relu, {graph: [tanh]}]\ntaps: {a: 1.0}\n", "quotes")
    refused("graph: {conv: relu}\ntaps: {a: cnov}\n", "did you mean 'conv'")
    for absent in ("when: false", "repeat: 0"):
        for path in ("b", "b.c", "b.0", "b.cc"):
            refused(
                "blocks: {b: {graph: {c: relu}}}\n"
                f"graph: {{b: {{block: b, {absent}}}, d: relu}}\ntaps: {{t: {path}}}\n",
                f"no node '{path}' .the `when` of 'b' is false or its `repeat` 0",
            )
    refused(
        "graph: {conv: {op: relu, when: false}, conv1: relu}\ntaps: {t: conw}\n",
        "did you mean 'conv1'",
    )
    refused(
        "graph: {conv: relu}\ntaps: {a: [conv]}\n",
        "a path is the name of a node|string",
    )


def test_an_entry_of_a_list_of_which_nothing_is_left() -> None:
    with pytest.raises(SpecError, match=r"nothing is left of 'n\.0'") as caught:
        graph_of(
            "inputs: {image: [4]}\nparams: {on: false}\ngraph:\n  n:\n    graph:\n"
            "      - {graph: [{op: tanh, when: =on}]}\n      - scale\n"
        )
    assert str(caught.value.at) == "net.yaml:8:9"
