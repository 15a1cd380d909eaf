"""Nodes: attributes with their formulas and what they depend on, ops, shapes."""

from __future__ import annotations

from typing import Any

import pytest
from nets import graph_of
from spelled import net, refused, told

from archspec.errors import LimitError
from archspec.graph import Node
from archspec.language.builder import Builder, needed
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.limits import Budget, Limits

CONV = "{op: conv2d, channels: %s, kernel: 1}"


def node(text: str, name: str = "a", **params: Any) -> Node:
    return next(n for n in net(text, **params).nodes if n.name == name)


def test_all_that_a_node_knows() -> None:
    text = """
params: {w: 4, flag: true, n: 2}
graph:
  stem: {op: conv2d, channels: =w, kernel: 1}
  s:
    graph:
      a:
        {op: conv2d, from: input, repeat: =n, index: k, when: =flag,
        channels: =w + k, kernel: [1, =n + 1], padding: same}
"""
    made = node(text, "s.a.1")
    assert (made.op.kind, made.inputs, made.slot) == ("conv2d", ("s.a.0",), "a")
    assert made.scope.name == "s" and made.shape == (5, 8, 8)
    assert str(made.at) == "net.yaml:10:7"
    assert (made.index, made.count, made.counter) == (1, 2, "k")
    assert (made.when, made.repeat) == ("flag", "n")
    assert made.texts == {"channels": "w + k", "kernel": "[1, n + 1]"}
    assert made.taint == {"w"}
    assert made.op.model_fields_set == {"channels", "kernel", "padding"}
    alone = node("graph: {a: relu}")
    assert (alone.index, alone.count, alone.counter) == (None, 1, "")
    assert (alone.when, alone.repeat, alone.texts) == (None, None, {})
    assert alone.scope.count == 1
    text = "graph: {a: {op: slice, stop: =input.channels - input.height // 8}}"
    assert node(text).shape == (2, 8, 8)


def test_nodes_that_are_alike_share_their_op() -> None:
    text = f"graph: {{a: {CONV}, b: {CONV}, c: {CONV}}}" % (3, "=1 + 2", 4)
    first, second, third = (n.op for n in net(text).nodes)
    assert first is second and first is not third
    one, other = net(
        "graph: {a: {op: leaky_relu, negative_slope: 1}, "
        "b: {op: leaky_relu, negative_slope: 1.0}}"
    ).nodes
    assert one.op is not other.op  # their texts print alike only by chance


# Defaults


def test_defaults() -> None:
    graph = net(
        """
params: {k: 3, extra: 1}
defaults: {conv2d: {kernel: =k, padding: =k // 2, bias: false}}
blocks:
  b: {params: {k: 1}, graph: {a: {op: conv2d, channels: =k}}}
graph:
  a: {op: conv2d, channels: 2, bias: true}
  b: {block: b}
  n: {graph: [{op: conv2d, channels: 3, kernel: 1, padding: 0}]}
"""
    )
    ops = {node.name: node.op.model_dump() for node in graph.nodes}
    assert ops["a"]["kernel"] == 3 and ops["a"]["bias"]
    assert ops["b.a"]["kernel"] == 3  # the file's k, not the block's
    assert ops["b.a"]["channels"] == 1 and not ops["b.a"]["bias"]
    assert ops["n.0"]["kernel"] == 1
    refused("defaults: {conv2: {bias: false}}\ngraph: {a: relu}", "did you mean 'conv2")
    refused("defaults: {conv2d: {biass: 0}}\ngraph: {a: relu}", "did you mean 'bias'")
    refused(
        "defaults: {conv2d: {kernel: =input.channels}}\n"
        "graph: {a: {op: conv2d, channels: 1}}",
        "'input.channels'",
    )


def test_formulas_of_defaults() -> None:
    text = """
params: {k: 3, w: 4}
defaults: {conv2d: {kernel: =k, padding: =k // 2, stride: 1}}
blocks: {b: {params: {k: 1}, graph: {a: {op: conv2d, channels: 2, stride: =k}}}}
graph: {a: {op: conv2d, channels: =w}, b: {block: b}}
"""
    graph = net(text)
    first, second = graph.nodes
    assert first.texts == {"channels": "w", "kernel": "k", "padding": "k // 2"}
    # In the block `k` is its own param: the file's has no words there.
    assert second.texts == {"stride": "k"}
    assert graph.arguments == ("w",)
    # Also where its value follows from the file's: another value of `k` isn't `k * k`.
    for given in ("=k", "=k * k"):
        graph = net(text.replace("{block: b}", f"{{block: b, k: {given}}}"))
        assert graph.nodes[1].texts == {"stride": "k"}
        assert graph.nodes[1].op.model_dump()["kernel"] == 3
        assert graph.arguments == ("w",)
    own = net("params: {k: 3}\ndefaults: {conv2d: {kernel: =k}}\n"
              "graph: {a: {op: conv2d, channels: 2, kernel: 1}}")  # fmt: skip
    assert own.nodes[0].texts == {} and own.arguments == ()
    assert net(text.replace("k: 1}", "q: 1}").replace("=k}}", "=q}}")).arguments == (
        *("k", "w"),
    )


def test_defaults_are_for_their_file_and_kind(tmp_path: Any) -> None:
    graph = net("defaults: {relu: {}, leaky_relu: {negative_slope: 0.5}}\n"
                "graph: {a: leaky_relu, b: {op: leaky_relu, negative_slope: 2}, c: relu}")  # fmt: skip
    slopes = [getattr(n.op, "negative_slope", None) for n in graph.nodes]
    assert slopes == [0.5, 2, None]


# What depends on which params


def arguments(text: str) -> tuple[str, ...]:
    return net(f"params: {{p: 4, q: 2, s: same, b: true}}\n{text}").arguments


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ("a: {op: conv2d, channels: =p, kernel: 1}", ("p",)),
        ("a: {op: conv2d, channels: 3, kernel: [1, =q - 1]}", ("q",)),
        ("a: {op: conv2d, channels: 3, kernel: 1, padding: =s}", ("s",)),
        ("a: {op: conv2d, channels: 3, kernel: 1, bias: =b}", ("b",)),
        # What decides the structure is no argument.
        ("a: {op: relu, when: =b}", ()),
        ("a: {op: conv2d, channels: =p, kernel: 1, when: =p > 2}", ()),
        ("a: {op: relu, repeat: =q}", ()),
        ("'a{q}': relu", ()),
        ('a: {op: ="relu" if b else "tanh"}', ("b",)),
        ('a: relu, b: {op: tanh, from: ="a" if b else "input"}', ()),
        # Nor is what indexes a list, nor what has no formula as a whole.
        ("a: {op: conv2d, channels: '=[4, 8, 16][q]', kernel: 1}", ()),
        ("a: {op: conv2d, channels: '=[p, 8, 16][q - 2]', kernel: 1}", ("p",)),
        ("a: {op: conv2d, channels: 4, kernel: 1, init: {bias: =p}}", ()),
        # Flattened, the size becomes a number of features.
        ("a: {op: conv2d, channels: =p, kernel: 1, stride: =q}, f: flatten", ("p",)),
        ("a: {op: conv2d, channels: =p, kernel: 1, stride: =q}, f: relu", ("p", "q")),
        ("f: flatten", ()),
    ],
)
def test_which_params_a_model_may_take(graph: str, found: tuple[str, ...]) -> None:
    assert arguments(f"graph: {{{graph}}}") == found


def test_which_params_channels_depend_on() -> None:
    graph = net(
        """
params: {p: 4, q: 2, r: 8}
graph:
  a: {op: conv2d, channels: =p, kernel: =q - 1}
  b: relu
  c: {op: conv2d, channels: =r, kernel: 1, from: input}
  d: {op: concat, from: [b, c]}
  e: {op: slice, stop: =q}
  f: {op: conv2d, channels: 3, kernel: 1}
"""
    )
    assert {n.name: set(n.taint) for n in graph.nodes} == {
        "a": {"p"},
        "b": {"p"},
        "c": {"r"},
        "d": {"p", "r"},
        "e": {"p", "q", "r"},
        "f": set(),
    }


# What is refused


def test_a_shape_that_does_not_fit() -> None:
    text = """
graph:
  a: {op: conv2d, channels: 4, kernel: 1}
  b: {op: conv2d, channels: 6, kernel: 1, from: input}
  c: {op: add, from: [a, b]}
"""
    with pytest.raises(Exception) as caught:
        net(text)
    (error,) = caught.value.errors  # type: ignore[attr-defined]
    assert error.code == "AS402" and str(error.at) == "net.yaml:8:3"
    assert error.message.startswith("'c': add needs equal shapes")
    assert error.notes[:2] == (
        "reads 'a', [4, 8, 8], from conv2d at net.yaml:6:3",
        "reads 'b', [6, 8, 8], from conv2d at net.yaml:7:3",
    )
    with pytest.raises(Exception) as caught:
        net("graph: {a: {op: linear, features: 3}}")
    (error,) = caught.value.errors  # type: ignore[attr-defined]
    assert error.notes == ("reads the input 'image', [3, 8, 8]",)
    assert error.hint == "put a flatten before it"


def test_attributes_that_a_formula_makes_wrong() -> None:
    text = "params: {c: 0}\ngraph: {a: {op: conv2d, channels: =c, kernel: 1}}"
    assert told(text) == [
        "AS208 2:35 conv2d's channels must be a whole number from 1, found 0"
    ]
    text = "params: {c: 3}\ngraph: {a: {op: conv2d, channels: 1, kernel: [=c, {a: 1}]}}"
    (found,) = told(text)
    assert found.startswith("AS208 2:46 conv2d's kernel must be")
    text = "params: {n: 1}\ngraph: {a: {op: relu, from: =[input, input]}}"
    text = 'graph: {a: {op: relu, from: \'=["input", "input"]\'}}'
    assert told(text) == ["AS317 1:29 relu reads 1 value, found 2"]


def test_a_parameter_that_a_spec_names() -> None:
    assert "a.gamma" in net("graph: {a: {op: scale, weight: gamma}}").parameters()
    for how in ("graph: {a: {op: scale, weight: forward}}",
                "defaults: {scale: {weight: forward}}\ngraph: {a: scale}"):  # fmt: skip
        (error,) = told(how)
        assert error.startswith("AS310") and "'forward' is reserved" in error


def test_limits() -> None:
    def count(nodes: int, text: str) -> int:
        files = Files(Limits(nodes=nodes))
        head = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"
        return len(expand(files, files.text(head + text, "net.yaml")).nodes)

    assert count(3, "graph: [relu, tanh, relu]") == 3
    for text, message in (
        ("graph: [relu, tanh, relu, elu]", "at most 3 nodes, this would have 4"),
        ("graph: [{op: relu, repeat: 4}]", "at most 3 nodes, this would have 4"),
    ):
        with pytest.raises(LimitError, match=message):
            count(3, text)
    with pytest.raises(LimitError, match=r"4:18: .* would have 8 "):
        count(4, "graph: [{repeat: 4, graph: [relu, tanh]}]")
    assert count(8, "graph: [{repeat: 4, graph: [relu, tanh]}]") == 8


def test_what_no_tap_depends_on_is_dropped() -> None:
    text = "graph: {body: {spec: resnet18, taps: true}, a: {op: relu, from: body.c2}}"
    names = [n.name for n in net(text).nodes]
    assert names[-2:] == ["body.layer1.1.relu2", "a"]
    (error,) = told(f"{text}\ntaps: {{t: body.fc}}")
    assert error.startswith("AS308")
    built = Builder(Budget(Limits()))
    graph = net(
        "graph: {a: relu, b: {op: tanh, from: input}, c: {op: elu, from: a}, d: mish}\n"
        "taps: {t: b}"
    )
    for made in graph.nodes:
        built.put(made, (made.taint, made.taint))
    built.prune(1, ["c"])
    assert [n.name for n in built.nodes] == ["a", "c"]
    assert list(built.shapes) == ["a", "c"]


def test_what_values_need() -> None:
    graph = graph_of(
        "inputs: {image: [3, 8, 8]}\n"
        "graph: {a: relu, b: {op: tanh, from: input}, c: {op: add, from: [a, b]}, "
        "d: {op: elu, from: b}, e: {op: relu, from: a}}\n"
        "outputs: {c: c, d: d, e: e}"
    )
    nodes = list(graph.nodes)
    assert [n.name for n in needed(nodes, ["c"])] == ["a", "b", "c"]
    assert [n.name for n in needed(nodes, ["d", "e"])] == ["a", "b", "d", "e"]
    assert needed(nodes, ["image"]) == []


@pytest.mark.parametrize("op", ["=act", "= act "])
def test_what_an_ops_name_is_computed_from(op: str) -> None:
    text = f"params: {{act: relu}}\ngraph: {{a: {{op: '{op}'}}}}"
    (node,) = net(text).nodes
    assert (node.op.kind, node.texts["op"]) == ("relu", "act")
    (plain,) = net("graph: {a: {op: relu}}").nodes
    assert "op" not in plain.texts


@pytest.mark.parametrize("said", ["input.channels", "3"])
def test_an_input_that_the_node_does_not_read(said: str) -> None:
    """A formula's `input` is what the scope reads: a chain's first op alone reads it."""
    first = "{op: conv2d, channels: 8, kernel: 1}"
    last = f"{{op: conv2d, channels: 9, kernel: 3, groups: ={said}}}"
    with pytest.raises(Exception) as caught:
        net(f"graph: {{a: {{graph: [{first}, {last}]}}}}")
    (error,) = caught.value.errors  # type: ignore[attr-defined]
    hint = (
        "a formula's input.channels is of what the scope reads, 'image', "
        "not of what this node reads"
    )
    assert error.code == "AS404"
    assert error.hint == (hint if said == "input.channels" else None)
