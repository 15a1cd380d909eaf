"""What `rewrite` makes of a graph: nodes, scopes, outputs, taps, arguments, print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import archspec_torch
import numpy as np
import pytest
from graphs import specs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nets import computed, errors, graph_of, images, randomised
from proofs import sampled
from spelled import IMAGE, wired

from archspec import load
from archspec.equality import equal
from archspec.errors import ShapeError
from archspec.graph import Graph, Node, Scope
from archspec.ops.activation import Identity, Relu, Tanh
from archspec.passes.rewrite import rewrite


def net(text: str) -> Graph:
    return graph_of(IMAGE + text)


def node(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if node.name == name)


def without(graph: Graph, *names: str) -> Graph:
    return rewrite(graph, dict.fromkeys(names, ()))


def scopes(graph: Graph) -> Iterator[Scope]:
    """Every scope in which a node stands, once."""
    known: dict[int, Scope] = {}
    for inner in graph.nodes:
        scope: Scope | None = inner.scope
        while scope is not None and id(scope) not in known:
            known[id(scope)] = scope
            yield scope
            scope = scope.parent


def ends(graph: Graph) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Every scope's inputs and outputs, by its path."""
    return {s.name: (dict(s.inputs), s.outputs) for s in scopes(graph)}


# Spec, what is dropped, and every node that is left with what it reads.
DROPPED: dict[str, tuple[str, str, dict[str, str]]] = {
    "from a chain": (
        "graph: {a: tanh, b: relu, c: tanh}",
        "b",
        {"a": "tanh image", "c": "tanh a"},
    ),
    "the first one": (
        "graph: {a: tanh, b: relu}",
        "a",
        {"b": "relu image"},
    ),
    "two in a row": (
        "graph: {a: tanh, b: relu, c: relu, d: tanh}",
        "b c",
        {"a": "tanh image", "d": "tanh a"},
    ),
    "what several read": (
        "graph: {a: tanh, b: relu, c: tanh, d: {op: add, from: [b, c]}}",
        "b",
        {"a": "tanh image", "c": "tanh a", "d": "add a c"},
    ),
    "a join, with the branch that only it read": (
        "graph: {a: tanh, b: {graph: [relu, tanh]}, c: {op: add, from: [a, b]}, d: relu}",
        "c",
        {"a": "tanh image", "d": "relu a"},
    ),
    "from a list": (
        "graph: {a: {graph: [tanh, relu, tanh]}, b: tanh}",
        "a.1",
        {
            "a.0": "tanh image",
            "a.1": "identity a.0",
            "a.2": "tanh a.1",
            "b": "tanh a.2",
        },
    ),
    "the last of a list": (
        "graph: {a: {graph: [tanh, relu]}, b: tanh}",
        "a.1",
        {"a.0": "tanh image", "a.1": "identity a.0", "b": "tanh a.1"},
    ),
    "from a list inlined into a list": (
        "graph: [tanh, {inline: true, repeat: 2, graph: [relu, tanh]}]",
        "1 3",
        {
            "0": "tanh image",
            "1": "identity 0",
            "2": "tanh 1",
            "3": "identity 2",
            "4": "tanh 3",
        },
    ),
    "from a repeat": (
        "graph: {a: {op: relu, repeat: 3}, b: tanh}",
        "a.1",
        {
            "a.0": "relu image",
            "a.1": "identity a.0",
            "a.2": "relu a.1",
            "b": "tanh a.2",
        },
    ),
    "from a repeat with names in braces": (
        "graph: {'a{index}': {op: relu, repeat: 3}, b: tanh}",
        "a1",
        {"a0": "relu image", "a2": "relu a0", "b": "tanh a2"},
    ),
    "numbers that are written": (
        "graph: {0: tanh, 1: relu, 2: tanh}",
        "1",
        {"0": "tanh image", "2": "tanh 0"},
    ),
    "all of a scope": (
        "graph: {a: {graph: {b: relu, c: relu}}, d: tanh}",
        "a.b a.c",
        {"d": "tanh image"},
    ),
    "all of a scope in a list": (
        "graph: [{graph: {b: relu, c: relu}}, tanh]",
        "0.b 0.c",
        {"0.c": "identity image", "1": "tanh 0.c"},
    ),
    "all of an instance": (
        "graph: {a: {repeat: 2, graph: {b: relu, c: {graph: {d: relu}}}}}",
        "a.1.b a.1.c.d",
        {
            "a.0.b": "relu image",
            "a.0.c.d": "relu a.0.b",
            "a.1.c.d": "identity a.0.c.d",
        },
    ),
    "all of a scope in a list, but for what nobody reads then": (
        "graph: [{graph: {a: tanh, b: {op: add, from: [input, a]}}}, tanh]",
        "0.b",
        {"0.b": "identity image", "1": "tanh 0.b"},
    ),
    "all of a scope in a branch that nobody reads then": (
        "graph: {a: tanh, l: {graph: [{graph: {b: relu}}, tanh]}, c: {op: add, from: [a, l]}}",
        "l.0.b c",
        {"a": "tanh image"},
    ),
    "all of a mapping inlined into a mapping": (
        "graph: {a: {inline: true, graph: {b: relu, c: relu}}, d: tanh}",
        "b c",
        {"d": "tanh image"},
    ),
}


@pytest.mark.parametrize("case", DROPPED)
def test_nodes_are_dropped(case: str) -> None:
    text, names, left = DROPPED[case]
    graph = net(text)
    made = without(graph, *names.split())
    assert wired(made) == left
    assert max(errors(made)) <= 1e-12


PASSING = """
blocks:
  gate:
    inputs: [x, by]
    graph:
      a: {op: relu, from: x}
      b: {op: tanh, from: by}
    outputs: {x: a, by: b}
graph:
  stem: relu
  first: {block: gate, from: [stem, input]}
  second: {block: gate, from: [first.x, first.by]}
  join: {op: add, from: [second.x, second.by]}
taps: {early: first.a, late: second.b, whole: join}
"""


def test_scopes_name_what_is_there() -> None:
    made = without(net(PASSING), "stem", "first.a", "second.b")
    assert ends(made) == {
        "": ({"input": "image"}, {"": "join"}),
        "first": (
            {"x": "image", "by": "image"},
            {"x": "image", "by": "first.b"},
        ),
        "second": (
            {"x": "image", "by": "first.b"},
            {"x": "second.a", "by": "first.b"},
        ),
    }
    assert made.taps == {"early": "image", "late": "first.b", "whole": "join"}


def test_an_output_is_dropped() -> None:
    made = without(net("graph: {a: tanh, b: relu}"), "b")
    assert made.outputs == made.root.outputs == {"": "a"}


def test_scopes_are_shared_as_before() -> None:
    """A new scope stands for each old one, and untouched ones stay themselves."""
    graph = net("graph: {a: {graph: [relu, relu]}, b: tanh, c: {graph: [relu, relu]}}")
    made = without(graph, "b")
    assert node(made, "a.0").scope is node(made, "a.1").scope
    assert node(made, "a.0").scope is node(graph, "a.0").scope
    assert node(made, "c.0").scope is node(made, "c.1").scope
    assert dict(node(made, "c.0").scope.inputs) == {"input": "a.1"}
    assert dict(node(graph, "c.0").scope.inputs) == {"input": "b"}


def test_what_is_gone_is_no_input_and_no_output() -> None:
    made = rewrite(net(PASSING), {"join": ()}, taps={})
    assert ends(made) == {
        "": ({"input": "image"}, {"": "second.a"}),
        "first": ({"x": "stem", "by": "image"}, {"x": "first.a"}),
        "second": ({"x": "first.a"}, {"x": "second.a"}),
    }


def test_no_change_is_none() -> None:
    graph = load("resnet18").graph
    made = rewrite(graph, {})
    assert all(a is b for a, b in zip(made.nodes, graph.nodes, strict=True))
    assert made.arguments == graph.arguments == ("num_classes", "in_channels")


WIDE = """
params: {width: 4, bias: false, rate: 0.5, slope: 0.1}
graph:
  conv: {op: conv2d, channels: =width, kernel: 3, bias: =bias}
  act: {op: elu, alpha: =slope}
  drop: {op: dropout, rate: =rate}
  last: {op: conv2d, channels: =width * 2, kernel: 1}
"""


def changed(graph: Graph, name: str, **attributes: Any) -> Graph:
    old = node(graph, name)
    return rewrite(
        graph, {name: [replace(old, op=old.op.model_copy(update=attributes))]}
    )


def test_an_attribute_that_differs_has_no_formula_and_no_argument() -> None:
    graph = net(WIDE)
    assert set(graph.arguments) == {"width", "bias", "rate", "slope"}
    made = changed(graph, "conv", bias=True)
    assert node(made, "conv").texts == {"channels": "width"}
    assert set(made.arguments) == {"width", "rate", "slope"}
    assert "conv.bias" in made.parameters()
    same = changed(graph, "conv", bias=False)
    assert node(same, "conv").texts == {"channels": "width", "bias": "bias"}
    assert same.arguments == graph.arguments


def test_a_param_behind_a_dropped_node_is_no_argument() -> None:
    made = without(net(WIDE), "drop", "act")
    assert set(made.arguments) == {"width", "bias"}
    text = archspec_torch.backend.emit(made).text
    assert "rate" not in text and "slope" not in text


def test_channels_that_agree_by_chance_are_no_argument() -> None:
    """At another width the convolution would change the channels."""
    graph = net(
        "params: {width: 4}\ngraph:\n"
        "  a: {op: conv2d, channels: =width, kernel: 1}\n"
        "  b: {op: conv2d, channels: 4, kernel: 1}\n"
        "  c: {graph: {d: relu}}\n"
    )
    assert graph.arguments == ("width",)
    assert without(graph, "b").arguments == ()
    assert without(graph, "a", "b").arguments == ()


def test_shapes_are_inferred_anew() -> None:
    graph = net(WIDE)
    made = changed(graph, "conv", channels=10, stride=2)
    assert [n.shape for n in made.nodes] == [(10, 3, 3)] * 3 + [(8, 3, 3)]
    assert node(made, "conv").texts == {"bias": "bias"}
    assert max(errors(made)) <= 1e-12


def test_an_op_that_does_not_fit() -> None:
    graph = net(WIDE)
    with pytest.raises(ShapeError, match=r"'last': .*groups 4 must divide the 6") as e:
        old = node(graph, "last")
        six = changed(graph, "conv", channels=6)
        op = old.op.model_copy(update={"groups": 4})
        rewrite(six, {"last": [replace(old, op=op)]})
    assert str(e.value.at) == "net.yaml:10:3"


def test_nodes_are_added() -> None:
    graph = net("graph: {a: tanh, b: {graph: {c: relu}}, d: {op: add, from: [a, b]}}")
    old = node(graph, "a")
    more = replace(old, name="more", slot="more", op=Relu(), inputs=("a",))
    made = rewrite(graph, {"a": [old, more]})
    assert wired(made) == {
        "a": "tanh image",
        "more": "relu a",
        "b.c": "relu more",
        "d": "add more b.c",
    }
    assert ends(made)["b"] == ({"input": "more"}, {"": "b.c"})
    assert max(errors(made)) <= 1e-12


def test_a_node_is_put_before_another() -> None:
    graph = net("graph: {a: tanh, b: relu}")
    old = node(graph, "b")
    more = replace(old, name="more", slot="more", op=Tanh(), inputs=old.inputs)
    made = rewrite(graph, {"b": [more, replace(old, inputs=("more",))]})
    assert wired(made) == {"a": "tanh image", "more": "tanh a", "b": "relu more"}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ({"name": "a.2"}, "'a.2' is number 1 of the list 'a'"),
        ({"name": "a.1", "inputs": ("a.1",)}, "'a.1' reads 'a.1' before it is made"),
        ({"name": "b", "slot": "b"}, "'b' does not start with 'a.'"),
    ],
)
def test_what_is_no_graph(new: dict[str, Any], message: str) -> None:
    graph = net("graph: {a: {graph: [tanh, relu]}, c: tanh}")
    old = node(graph, "a.1")
    with pytest.raises(ValueError, match=message):
        rewrite(graph, {"a.1": [replace(old, **{"inputs": old.inputs, **new})]})


def test_a_change_of_nothing() -> None:
    with pytest.raises(ValueError, match="there is no node 'nowhere'"):
        without(net("graph: {a: tanh}"), "nowhere")


def test_an_output_of_nothing() -> None:
    with pytest.raises(ValueError, match="'nowhere', which isn't"):
        rewrite(net("graph: {a: tanh}"), {}, outputs={"": "nowhere"})


def test_other_outputs_and_taps() -> None:
    made = rewrite(
        net("graph: {a: tanh, b: relu, c: tanh}"),
        {"b": ()},
        outputs={"end": "b"},
        taps={"first": "a"},
    )
    assert wired(made) == {"a": "tanh image"}
    assert made.outputs == made.root.outputs == {"end": "a"}
    assert made.taps == {"first": "a"}


def still(graph: Graph, names: set[str]) -> Graph:
    """The graph with identities in the places of nodes, as a plain exchange of ops."""
    return replace(
        graph,
        nodes=tuple(
            replace(n, op=Identity(), inputs=n.inputs[:1], texts={})
            if n.name in names
            else n
            for n in graph.nodes
        ),
    )


@pytest.mark.parametrize("examples", sampled([20, 200], [20]))
def test_random_nodes_of_random_graphs(examples: int) -> None:
    """What is left computes what identities would, and keeps its names."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(specs(), st.randoms(use_true_random=False), st.sampled_from([0.2, 0.5, 1.0]))
    def holds(text: str, draw: Any, part: float) -> None:
        random_nodes(text, draw, part)

    holds()


def random_nodes(text: str, draw: Any, part: float) -> None:
    graph = graph_of(text)
    shapes = graph.shapes()
    names = {
        node.name
        for node in graph.nodes
        if shapes[node.inputs[0]] == node.shape and draw.random() < part
    }
    made = without(graph, *names)
    wanted = still(graph, names)
    assert equal(made, wanted)
    kept = {n.name for n in made.nodes if n.op.kind != "identity"}
    assert kept <= {n.name for n in wanted.nodes if n.op.kind != "identity"}
    weights, given_ = randomised(graph), images(graph)
    outputs = computed(wanted, weights, given_)
    for name, found in computed(made, weights, given_).items():
        assert np.array_equal(found, outputs[name], equal_nan=True)
    assert made.parameters().items() <= graph.parameters().items()
    archspec_torch.backend.emit(made)
