"""Every way in which a pass could break a graph, and what `Graph.check` says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from nets import graph_of

from archspec import load
from archspec.graph import Graph, Node, Scope
from archspec.ops.activation import Relu
from archspec.ops.shaping import Add

GOOD = graph_of(
    """
    params: {width: 4, depth: 2, rate: 0.5}
    inputs: {image: [3, 8, 8]}
    blocks:
      pair:
        params: {channels: int, rate: 0.1}
        graph:
          a: {op: conv2d, channels: =channels, kernel: 1}
          b: {op: dropout, rate: =rate}
        outputs: {a: a, b: b}
      unit:
        params: {channels: =width}
        graph:
          two: {block: pair, channels: =channels}
          add: {op: add, from: [two.a, two.b]}
    graph:
      stem:
        graph:
          - {op: conv2d, channels: =width, kernel: 1}
          - {inline: true, repeat: =depth, graph: [relu, {op: dropout, rate: =rate}]}
          - tanh
      stage: {block: unit, repeat: =depth}
      act: {op: relu, repeat: 3}
      layer{index + 1}: {block: unit, repeat: =depth, channels: 5}
      free: {inline: true, graph: {one: tanh, two: relu}}
      head: {op: conv2d, channels: 6, kernel: 1}
    taps: {c1: stage.0}
    """.replace("\n    ", "\n")
)

LISTED = {**GOOD.params, "width": (4, 4)}

Break = Callable[[], Graph]


def node(name: str) -> Node:
    return next(node for node in GOOD.nodes if node.name == name)


def scope(name: str) -> Scope:
    """The scope of a path, the innermost if one is inlined."""
    found = [around for node in GOOD.nodes for around in scopes(node)]
    return next(scope for scope in found if scope.name == name)


def scopes(node: Node) -> list[Scope]:
    found = [node.scope]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found


def nodes(old: str, *new: Node) -> Break:
    """The graph with others in the place of a node."""
    return lambda: replace(
        GOOD,
        nodes=tuple(n for m in GOOD.nodes for n in (new if m.name == old else [m])),
    )


def with_node(path: str, /, **changes: Any) -> Break:
    return lambda: nodes(path, replace(node(path), **changes))()


def with_scope(path: str, /, **changes: Any) -> Break:
    """The graph with a scope changed, for all that stands in it."""
    return lambda: with_scopes({id(scope(path)): changes})


def with_scopes(changes: dict[int, dict[str, Any]]) -> Graph:
    made: dict[int, Scope] = {}

    def changed(old: Scope) -> Scope:
        if id(old) not in made:
            parent = old.parent and changed(old.parent)
            made[id(old)] = replace(
                old, **{"parent": parent, **changes.get(id(old), {})}
            )
        return made[id(old)]

    return replace(
        GOOD,
        root=changed(GOOD.root),
        nodes=tuple(replace(n, scope=changed(n.scope)) for n in GOOD.nodes),
    )


def added(name: str, **facts: Any) -> Node:
    """A relu behind the head, or what else is said."""
    like = {"name": name, "slot": name, "op": Relu(), "inputs": ("head",), "texts": {}}
    return replace(node("head"), **{**like, **facts})


def swapped(one: str, other: str) -> Break:
    def swap() -> Graph:
        order = {one: node(other), other: node(one)}
        nodes = tuple(order.get(n.name, n) for n in GOOD.nodes)
        return replace(GOOD, nodes=nodes)

    return swap


def moved(name: str, into: str) -> Break:
    """The graph with a node in another scope."""
    return lambda: nodes(name, replace(node(name), scope=scope(into)))()


def inlined() -> Scope:
    return next(s for s in scopes(node("one")) if s.inline)


BROKEN: dict[str, tuple[Break, str]] = {
    # Names
    "one node twice": (
        nodes("head", node("head"), node("head")),
        "the name 'head' stands twice",
    ),
    "a node called like an input": (
        nodes("head", node("head"), added("image")),
        "the name 'image' stands twice",
    ),
    "a node called like a scope": (
        nodes("head", node("head"), added("stem")),
        "the name 'stem' stands twice",
    ),
    "a scope like another": (
        with_scope("layer2", name="layer1"),
        "the name 'layer1' stands twice",
    ),
    "a node under another's path": (
        with_node("stage.0.two.a", name="stage.1.two.a"),
        r"'stage.1.two.a' does not start with 'stage.0.two.'",
    ),
    "a scope under another's path": (
        with_scope("stage.0.two", name="stage.1.two"),
        r"'stage.1.two' does not start with 'stage.0.'",
    ),
    "a node unlike its slot": (
        with_node("head", name="tail"),
        "'tail' is not called 'head'",
    ),
    "a node without a name": (with_node("head", name=""), "'' is not called 'head'"),
    "a scope unlike its slot": (
        with_scope("stem", slot="trunk"),
        "'stem' is not called 'trunk'",
    ),
    "an instance of another number": (
        with_node("act.1", name="act.7"),
        "'act.7' is not called 'act'",
    ),
    "braces filled with a word": (
        with_scope("layer1", name="layer_one"),
        r"'layer_one' is not called 'layer\{index \+ 1\}'",
    ),
    "an inlined scope with a name": (
        lambda: with_scopes({id(inlined()): {"name": "free"}}),
        "the scope 'free' is not like what it is inlined in",
    ),
    "a list inlined into a mapping": (
        lambda: with_scopes({id(inlined()): {"listed": True}}),
        "the scope '' is not like what it is inlined in",
    ),
    # Lists and repeats
    "a list with a gap": (
        nodes("stem.2"),
        "the scope 'stem' reads 'stem.2' before it is made",
    ),
    "a list that starts late": (
        with_node("stem.0", name="stem.1"),
        "'stem.1' is number 0 of the list 'stem'",
    ),
    "a list with a name in it": (
        with_node("stem.5", name="stem.last"),
        "'stem.last' is number 5 of the list 'stem'",
    ),
    "a list that leaves one out": (
        with_node("stem.5", name="stem.6"),
        "'stem.6' is number 5 of the list 'stem'",
    ),
    "one statement of a list twice": (
        with_node("stem.5", slot="0"),
        "'stem.5' stands where a later instance of '0' should",
    ),
    "an index that is too large": (
        with_node("act.2", index=3, name="act.3"),
        "'act.3' is instance 3 of 3",
    ),
    "an index below zero": (
        with_node("act.0", index=-1, name="act.-1"),
        "'act.-1' is instance -1 of 3",
    ),
    "an index twice": (
        with_scope("layer2", index=0),
        "'layer2' stands where a later instance of 'layer.*' should",
    ),
    "a count that differs": (
        with_node("act.1", count=4),
        "'act.1' is one of 4, the one before it of 3",
    ),
    "a count without an index": (with_node("head", count=2), "'head' has no index"),
    "a repeat without an index": (
        with_node("head", repeat="depth"),
        "'head' has no index",
    ),
    "a counter without an index": (
        with_node("head", counter="i"),
        "'head' has no index",
    ),
    "a scope's repeat without an index": (
        with_scope("stem", repeat="depth"),
        "'stem' has no index",
    ),
    # Reading
    "an order that is none": (
        swapped("head", "two"),
        "'head' reads 'two' before it is made",
    ),
    "an input that is nothing": (
        with_node("head", inputs=("nowhere",)),
        "'head' reads 'nowhere' before it is made",
    ),
    "an input from inside a scope": (
        with_node("head", inputs=("layer1.two.a",)),
        "'head' reads 'layer1.two.a', which the root lacks",
    ),
    "an input from outside a scope": (
        with_node("stage.1.two.a", inputs=("stem.5",)),
        r"'stage.1.two.a' reads 'stem.5', which the scope 'stage.1.two' lacks",
    ),
    "a scope that reads what is nothing": (
        with_scope("stem", inputs={"input": "nowhere"}),
        "the scope 'stem' reads 'nowhere' before it is made",
    ),
    "a scope that reads what comes later": (
        with_scope("stem", inputs={"input": "head"}),
        "the scope 'stem' reads 'head' before it is made",
    ),
    "a scope that reads from inside another": (
        with_scope("layer1", inputs={"input": "stage.0.two.a"}),
        "the scope 'layer1' reads 'stage.0.two.a', which the root lacks",
    ),
    "a scope without its input": (
        with_scope("layer1.two", inputs={}),
        "'layer1.two.a' reads 'act.2', which the scope 'layer1.two' lacks",
    ),
    "an output that its scope forgot": (
        with_scope("stage.0.two", outputs={"a": "stage.0.two.a"}),
        "'stage.0.add' reads 'stage.0.two.b', which the scope 'stage.0' lacks",
    ),
    "an output of a scope that is nothing": (
        with_scope("stem", outputs={"": "stem.5", "b": "stem.9"}),
        "the scope 'stem' has an output without a name",
    ),
    "a lone output that is nothing": (
        with_scope("stage.0.two", outputs={"a": "stage.0.two.a", "b": "b"}),
        "which the scope 'stage.0' lacks",
    ),
    "one output too many": (
        with_scope(
            "stage.0.two",
            outputs={"a": "stage.0.two.a", "b": "stage.0.two.b", "c": "gone"},
        ),
        "the output 'c' of the scope 'stage.0.two' is 'gone', which isn't",
    ),
    "an output that is made elsewhere": (
        with_scope(
            "stage.0.two",
            outputs={"a": "stage.0.two.a", "b": "stage.0.two.b", "c": "head"},
        ),
        "the output 'c' of the scope 'stage.0.two' is 'head', which is neither",
    ),
    "a node in another scope": (
        moved("stage.1.add", "stage.0"),
        "'stage.1.add' reads 'stage.1.two.a', which the scope 'stage.0' lacks",
    ),
    "a node outside of the root": (
        lambda: nodes(
            "head", replace(node("head"), scope=replace(GOOD.root, title="other"))
        )(),
        "'head' stands in a scope outside of the root",
    ),
    "a node that nothing reads": (
        nodes("head", node("head"), added("unread")),
        "nothing reads 'unread'",
    ),
    # Ops
    "a shape that isn't": (
        with_node("head", shape=(6, 9, 9)),
        r"'head' is said to be \[6, 9, 9\], conv2d gives \[6, 8, 8\]",
    ),
    "an op of two inputs with one": (
        with_node("head", op=Add(), texts={}),
        "'head': add can't read 1 values",
    ),
    "an op of one input with two": (
        with_node("head", inputs=("act.2", "act.1")),
        "'head': conv2d can't read 2 values",
    ),
    "an op of one input with none": (
        with_node("head", inputs=()),
        "'head': conv2d can't read 0 values",
    ),
    "a formula of another op": (
        with_node("stage.0.two.a", texts={"rate": "rate"}),
        "'stage.0.two.a': conv2d has no 'rate'",
    ),
    # Params
    "a taint that is no param": (
        with_node("head", taint=frozenset({"depht"})),
        "'head' depends on 'depht', which is no param",
    ),
    "a scope's taint that is no param": (
        with_scope("stem", taints={"input.channels": frozenset({"in"})}),
        "'stem' depends on 'in', which is no param",
    ),
    "a root's taint that is no param": (
        lambda: with_scopes(
            {id(GOOD.root): {"taints": {"depth": frozenset({"depht"})}}}
        ),
        "'' depends on 'depht', which is no param",
    ),
    "channels of an argument, unsaid": (
        with_node("stem.1", taint=frozenset()),
        "'stem.1': the channels of 'stem.0' depend on 'width', its own don't",
    ),
    "channels of an argument, unsaid by a scope": (
        with_scope("stage.0", taints={"input.channels": frozenset({"rate"})}),
        "the scope 'stage.0': the channels of 'stem.5' depend on 'width', input.chan",
    ),
    "a formula for no param": (
        with_scope("stage.0", texts={"chanels": "width"}),
        "the scope 'stage.0' has no param 'chanels'",
    ),
    "a default for no param": (
        with_scope("stage.0", defaults={"chanels": "width"}),
        "the scope 'stage.0' has no param 'chanels'",
    ),
    "an argument that is no param": (
        lambda: replace(GOOD, arguments=("wdth",)),
        "the argument 'wdth' is no param",
    ),
    "an argument that is a list": (
        lambda: replace(
            with_scopes({id(GOOD.root): {"params": LISTED}}), params=LISTED
        ),
        "the argument 'width' is no param, or a list",
    ),
    "params of the graph alone": (
        lambda: replace(GOOD, params={**GOOD.params, "more": 1}),
        "the root's params are not the graph's",
    ),
    # The whole
    "no output": (lambda: replace(GOOD, outputs={}), "the graph has no output"),
    "an output that is nothing": (
        lambda: replace(GOOD, outputs={"": "gone"}),
        "output '' names 'gone', which isn't",
    ),
    "a tap that is nothing": (
        lambda: replace(GOOD, taps={"c1": "stage.0"}),
        "tap 'c1' names 'stage.0', which isn't",
    ),
    "an output that the root lacks": (
        lambda: replace(GOOD, outputs={"": "two"}),
        r"the root's outputs are \{'': 'head'\}, the graph's \{'': 'two'\}",
    ),
    "an input that the root lacks": (
        lambda: replace(GOOD, inputs={**GOOD.inputs, "more": (3, 8, 8)}),
        r"the root's inputs are \{'input': 'image'\}, the graph's \['image', 'more'\]",
    ),
    "a root inside another": (
        lambda: replace(GOOD, root=scope("stem")),
        "the root is not the scope of a whole file",
    ),
    "a scope of no kind": (
        with_scope("stem", kind="module"),
        "the scope 'stem' is of the kind 'module'",
    ),
}


def test_the_good_graph_is_whole() -> None:
    GOOD.check()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph(name: str) -> None:
    broken, message = BROKEN[name]
    with pytest.raises(ValueError, match=message):
        broken().check()


def test_a_value_from_far_inside() -> None:
    """An output may name what no scope around it gives."""
    inside = graph_of(
        "inputs: {image: [3, 4, 4]}\noutputs: {far: a.b.0, end: last}\ngraph:\n"
        "  a: {graph: {b: {graph: [relu, tanh]}, c: relu}}\n  last: tanh\n"
    )
    assert inside.outputs["far"] == "a.b.0"
    inside.check()


def test_an_input_may_be_an_output() -> None:
    graph = graph_of(
        "inputs: {image: [3, 4, 4]}\noutputs: {same: input, end: a}\n"
        "taps: {too: input}\ngraph: {a: relu}\n"
    )
    assert graph.outputs["same"] == graph.taps["too"] == "image"
    graph.check()


def test_an_instance_may_be_absent() -> None:
    graph = graph_of(
        "inputs: {image: [3, 4, 4]}\ngraph:\n"
        "  a: {op: relu, repeat: 4, when: =index != 1}\n"
        "  b{index}: {op: relu, repeat: 4, when: =index != 0}\n"
    )
    graph.check()
    assert [node.index for node in graph.nodes] == [0, 2, 3, 1, 2, 3]


def test_an_imported_graph_needs_no_formulas() -> None:
    """Who makes scopes from a model says what the printers read, and no more."""
    graph = load("resnet18").graph
    bare: dict[int, Scope] = {}

    def plain(old: Scope) -> Scope:
        if id(old) not in bare:
            bare[id(old)] = replace(
                old,
                parent=old.parent and plain(old.parent),
                params={},
                texts={},
                defaults={},
                taints={},
                when=None,
                repeat=None,
            )
        return bare[id(old)]

    nodes = tuple(
        replace(
            n, scope=plain(n.scope), texts={}, when=None, repeat=None, taint=frozenset()
        )
        for n in graph.nodes
    )
    made = replace(graph, nodes=nodes, root=plain(graph.root), params={}, arguments=())
    made.check()
