"""Formulas, params and defaults in a spec."""

from __future__ import annotations

from typing import Any

import pytest
from nets import graph_of
from spelled import net, refused, shape, wired

from archspec.errors import ArchspecError

# Formulas


def test_a_formula_may_stand_wherever_a_value_may() -> None:
    text = """
params: {kind: relu, unit: a, project: true, n: 2, at: stage}
inputs: {image: [=n + 1, 8, =8]}
blocks:
  a: {params: {width: 1}, graph: {x: {op: conv2d, channels: =width, kernel: 1}}}
  b: {graph: {x: tanh}}
graph:
  act: =kind
  stage: {block: =unit, repeat: =n, width: =n * 2}
  side: {op: "=kind if project else 'tanh'", from: input}
  cat: {op: concat, from: [stage, ="side" if project else "act"]}
taps: {t: =at}
outputs: {y: ="c" if false else "cat"}
"""
    graph = graph_of(text)
    assert wired(graph)["cat"] == "concat stage.1.x side"
    assert graph.taps == {"t": "stage.1.x"}
    assert shape(graph, "y") == [7, 8, 8]
    with pytest.raises(ArchspecError, match="no param 'width'"):
        graph_of(text, unit="b")
    with pytest.raises(ArchspecError, match=r"there is no op .*did you mean .relu"):
        graph_of(text, kind="rellu")


def test_a_bare_name_in_a_formula_gets_a_hint() -> None:
    refused("graph: {a: relu, b: {op: relu, from: =a}}", "string stands in quotes")


def test_a_division_is_no_channel_count() -> None:
    refused(
        "graph: {a: {op: conv2d, channels: =8 / 2, kernel: 1}}",
        "must be a whole number from 1, found 4.0",
    )


def test_which_names_a_formula_sees() -> None:
    block = "blocks: {b: {params: {k: 1}, graph: {a: {op: slice, stop: =%s}}}}\n"
    rest = "params: {n: 2, k: 9}\ngraph: {b: {block: b, repeat: 1}}\n"
    assert shape(net(block % "n" + rest)) == [2, 8, 8]
    assert shape(net(block % "k" + rest)) == [1, 8, 8]  # hides the file's
    refused(block % "index" + rest, "'index'")
    nested = "graph: {a: {repeat: 2, graph: {b: {op: %s, stop: =index + 1}}}}"
    refused(nested % "slice", "stop 2 is behind the last of 1 channels")


def test_index_is_the_innermost() -> None:
    graph = net(
        "graph: {'a{index}': {repeat: 2, graph: "
        "{'b{index}': {op: relu, repeat: 2}, 'c{index}': tanh}}}"
    )
    assert list(wired(graph)) == [
        *("a0.b0", "a0.b1", "a0.c0"),
        *("a1.b0", "a1.b1", "a1.c1"),
    ]


def test_a_vector_has_no_height() -> None:
    refused(
        "graph: {a: global_avg_pool2d, b: {graph: "
        "{c: {op: linear, features: =input.height}}}}",
        "'input.height'",
    )


# Params


@pytest.mark.parametrize(
    ("declared", "given", "found"),
    [
        ("int", 3, 3),
        ("4", 3, 3),
        ("1.5", 3, 3.0),
        ("float", 3, 3.0),
        ("bool", True, True),
        ("'a'", "b", "b"),
        ("str", "b", "b"),
        ("[1]", [2, [3]], (2, (3,))),
        ("list", [], ()),
        ("any", 3, 3),
        ("any", [3, 4], (3, 4)),
    ],
)
def test_a_type_or_a_default_fixes_the_type(
    declared: str, given: Any, found: Any
) -> None:
    text = f"params: {{p: {declared}}}\ngraph: {{a: {{op: relu, when: =p == p}}}}"
    value = net(text, p=given).params["p"]
    assert value == found and type(value) is type(found)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("int", 1.0),
        ("int", True),
        ("4", 1.5),
        ("4", "4"),
        ("1.5", "a"),
        ("bool", 1),
        ("true", 0),
        ("str", 1),
        ("'a'", 1),
        ("[1]", 1),
        ("list", "a"),
    ],
)
def test_a_wrong_type(declared: str, given: Any) -> None:
    refused(
        f"params: {{p: {declared}}}\ngraph: {{a: {{op: relu, when: =p == p}}}}",
        "p must be",
        p=given,
    )


def test_a_required_param() -> None:
    refused("params: {p: int}\ngraph: {a: relu}", "needs the param 'p'")
    block = "blocks: {b: {params: {w: int}, graph: {a: {op: slice, stop: =w}}}}\n"
    refused(f"{block}graph: {{x: {{block: b}}}}", "needs the param 'w'")
    refused(f"{block}graph: {{x: {{block: b, w: 1.5}}}}", "w must be int")
    assert shape(net(f"{block}graph: {{x: {{block: b, w: 2}}}}")) == [2, 8, 8]


def test_a_default_may_be_a_formula() -> None:
    text = """
params: {a: 2, b: =a + 1, c: "=[a, b]"}
blocks:
  b:
    params: {x: =a + input.channels, y: =x * 2}
    graph: {conv: {op: conv2d, channels: =y, kernel: 1}}
graph: {b: {block: b}}
"""
    graph = net(text)
    assert graph.params == {"a": 2, "b": 3, "c": (2, 3)}
    assert shape(graph) == [10, 8, 8]
    assert net(text, a=5).params["c"] == (5, 6)
    refused("params: {a: =b, b: 1}\ngraph: {c: relu}", "'b'")


@pytest.mark.parametrize("name", ["from", "op", "repeat", "input", "index", "image"])
def test_reserved_param_names(name: str) -> None:
    refused(f"params: {{{name}: 1}}\ngraph: {{a: relu}}", f"'{name}' is reserved")


def test_reserved_block_params() -> None:
    block = "blocks: {b: {inputs: [x, y], params: {%s: 1}, graph: {a: {op: add, "
    refused(
        block % "x" + "from: [x, y]}}}}\ngraph: {b: {block: b, from: [input, input]}}",
        "'x' is reserved",
    )
    refused("params: {a b: 1}\ngraph: {a: relu}", "'a b'")
    refused("params: {max: 1}\ngraph: {a: relu}", "'max'")


def test_an_unknown_override() -> None:
    with pytest.raises(ArchspecError, match="did you mean 'depths'"):
        net("params: {depths: 1}\ngraph: {a: {op: slice, stop: =depths}}", depth=1)


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
