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


# The counter of a repeat


def test_nested_graphs_see_a_named_counter_and_blocks_do_not() -> None:
    text = """
blocks:
  unit: {params: {n: int}, graph: {cut: {op: slice, stop: =%s}}}
graph:
  rows:
    repeat: 2
    index: row
    graph:
      cells{row}{index}: {op: conv2d, repeat: =row + 1, channels: =4 + 2 * row + index, kernel: 1}
      act: {op: relu, when: =row == 1}
      unit: {block: unit, n: =3 - row}
"""
    graph = net(text % "n")
    assert {node.name: list(node.shape) for node in graph.nodes} == {
        "rows.0.cells00": [4, 8, 8],
        "rows.0.unit.cut": [3, 8, 8],
        "rows.1.cells10": [6, 8, 8],
        "rows.1.cells11": [7, 8, 8],
        "rows.1.act": [7, 8, 8],
        "rows.1.unit.cut": [2, 8, 8],
    }
    cells = graph.nodes[0]
    assert (cells.counter, cells.index, cells.count) == ("", 0, 1)
    assert cells.texts["channels"] == "4 + 2 * row + index"
    assert (cells.scope.counter, cells.scope.index) == ("row", 0)
    assert graph.nodes[-1].scope.counter == ""
    refused(text % "row", "'row', which isn't known here")


def test_a_named_counter_of_an_op() -> None:
    graph = net("graph: {a: {op: slice, repeat: 2, index: k, stop: =3 - k}}")
    assert shape(graph) == [2, 8, 8]
    assert [node.counter for node in graph.nodes] == ["k", "k"]
    assert graph.nodes[1].texts == {"stop": "3 - k"}
    refused(
        "graph: {a: {op: slice, repeat: 2, index: k, stop: =3 - index}}",
        "'index', which isn't known here .*if it has no other name",
    )


TWO = """
graph:
  stages:
    repeat: 2
    graph:
      - {op: conv2d, name: units, repeat: =index + 1, channels: =%s, kernel: 1}
"""


def test_repeat_is_read_outside() -> None:
    graph = net(TWO % "4")
    assert list(wired(graph)) == ["stages.0.0", "stages.1.0", "stages.1.1"]


def test_index_that_may_be_that_of_two_repeats() -> None:
    refused(
        TWO % "4 + index",
        r"net.yaml:9:70: 'index' may be that of 'stages' \(line 6\) or of 'units' "
        r"\(line 9\); name the outer one: index: i$",
    )
    named = TWO.replace("repeat: 2", "index: i\n    repeat: 2")
    named = named.replace("=index + 1", "=i + 1")
    assert shape(net(named % "4 + i + 2 * index")) == [7, 8, 8]
    inner = TWO.replace("repeat: =", "index: j, repeat: =")
    assert shape(net(inner % "4 + index + 2 * j")) == [7, 8, 8]


def test_what_has_no_name_is_called_what_it_is() -> None:
    text = "graph:\n  - repeat: 2\n    graph:\n      - %s\n"
    for inner, what in (
        ("{op: slice, repeat: 2, stop: =1 + index}", "the op"),
        ("{block: unit, repeat: 2, n: =index}", "the block"),
        ("{repeat: 2, graph: {'a{index}': relu}}", "the graph"),
        ("{repeat: 2, name: x, graph: {'a{index}': relu}}", "'x'"),
    ):
        refused(
            text % inner,
            rf"that of the graph \(line 5\) or of {what} \(line 7\)",
        )


def test_three_counters_and_a_free_name() -> None:
    refused(
        "params: {i: 1}\ngraph:\n  a:\n    repeat: 2\n    graph:\n"
        "      b: {repeat: 2, graph: {c: {op: slice, repeat: 2, stop: =index}}}\n",
        r"of 'a' \(line 6\), of 'b' \(line 9\) or of 'c' \(line 9\); "
        "name the outer ones: index: j$",
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("p", "the name 'p' is taken by a param"),
        ("n", "the name 'n' is taken by a param"),
        ("x", "the name 'x' is taken by an input"),
        ("o", r"the name 'o' is taken by the counter of 'outer' \(line 10\)"),
        ("input", "is taken by the language"),
        ("index", "is taken by the language"),
        ("repeat", "is taken by the language"),
        ("max", "is taken by the language"),
        ("true", "index must be text, found true"),
        ("none", "is taken by the language"),
        ("a b", "'a b' is no identifier"),
        ("''", "'' is no identifier"),
        ("3", "index must be text, found 3"),
    ],
)
def test_a_counter_may_not_hide_a_name(name: str, message: str) -> None:
    refused(
        f"""
params: {{p: 1}}
blocks:
  b:
    params: {{n: 1}}
    inputs: [x]
    graph: {{outer: {{repeat: 2, index: o, graph: {{
        inner: {{op: relu, repeat: 2, index: {name}}}}}}}}}
graph: {{b: {{block: b}}}}
""",
        message,
    )


def test_a_counter_may_not_hide_the_nets_input() -> None:
    refused(
        "graph: {a: {op: relu, repeat: 2, index: image}}",
        "the name 'image' is taken by an input",
    )


def test_a_counter_belongs_to_a_repeat() -> None:
    refused("graph: {a: {op: relu, index: i}}", "names the counter of a `repeat`")


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
    refused(
        f"params: {{{name}: 1}}\ngraph: {{a: relu}}", f"the name '{name}' is taken by"
    )


def test_reserved_block_params() -> None:
    block = "blocks: {b: {inputs: [x, y], params: {%s: 1}, graph: {a: {op: add, "
    refused(
        block % "x" + "from: [x, y]}}}}\ngraph: {b: {block: b, from: [input, input]}}",
        "the name 'x' is taken by an input",
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
