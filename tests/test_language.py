"""Every rule of the language, as design section 3 of the project states them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from nets import graph_of

from archspec import load
from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.language.names import MODULE_ATTRIBUTES

IMAGE = "inputs: {image: [3, 8, 8]}\n"
CONV = "{op: conv2d, channels: 4, kernel: 1}"


def net(text: str, **params: Any) -> Graph:
    return graph_of(IMAGE + text, **params)


def wired(graph: Graph) -> dict[str, str]:
    """Every node with its op and what it reads."""
    return {n.name: " ".join((n.op.kind, *n.inputs)) for n in graph.nodes}


def shape(graph: Graph, name: str = "") -> list[int]:
    return list(graph.shapes()[graph.outputs[name]])


def refused(text: str, message: str, **params: Any) -> None:
    with pytest.raises(ArchspecError, match=message) as caught:
        net(text, **params)
    assert caught.value.at is not None


# Nodes


def test_a_node_reads_the_node_before_it_or_what_from_names() -> None:
    graph = net(
        """
graph:
  0: relu
  a: {op: sigmoid}
  3: {op: add, from: [0, a]}
  b: {op: add, from: [input, 3]}
  c: {op: tanh, from: 3}
  d: {op: concat, from: [b, c]}
"""
    )
    assert wired(graph) == {
        "0": "relu image",
        "a": "sigmoid 0",
        "3": "add 0 a",
        "b": "add image 3",
        "c": "tanh 3",
        "d": "concat b c",
    }


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{op: relu, block: b}", "exactly one of op, block, graph and spec"),
        ("{from: input}", "exactly one of op, block, graph and spec"),
        ("{ops: relu}", "did you mean 'op'"),
        ("12", "a node is a name or a mapping"),
        ("b", r"a block is written \{block: b\}"),
        ("rellu", "did you mean 'relu'"),
        ("{op: relu, slope: 1}", "relu has no attribute 'slope'"),
        ("{op: relu, form: input}", "no attribute 'form' .*'from'"),
        ("{block: c}", "there is no block 'c'"),
        ("{block: b, widht: 3}", "no param 'widht'"),
        ("{graph: [relu], channels: 3}", "takes no attributes"),
        ("{op: relu, from: []}", "at least one"),
        ("{op: relu, from: [true]}", "name of a node"),
        ("{op: relu, from: nothing}", "no node 'nothing'"),
        ("{op: relu, from: y}", "no node 'y'"),
        ("{op: relu, from: [input, input]}", "reads 1 value"),
        ("{op: relu, name: z}", "only an entry of a list takes a `name`"),
        ("{op: relu, inline: true}", "no children to inline"),
    ],
)
def test_a_node_that_is_none(node: str, message: str) -> None:
    refused(
        "blocks:\n  b: {params: {width: 1}, graph: [relu]}\n"
        f"graph:\n  x: {node}\n  y: relu\n",
        message,
    )


def test_a_list_is_a_chain() -> None:
    graph = net("graph: [relu, {op: sigmoid, name: mid}, tanh]\ntaps: {m: mid}\n")
    assert wired(graph) == {"0": "relu image", "1": "sigmoid 0", "2": "tanh 1"}
    assert graph.taps == {"m": "1"}
    refused("graph: [relu, {op: tanh, from: input}]", "a list is a chain")


def test_numbers_in_a_list_skip_absent_nodes_and_count_instances() -> None:
    graph = net(
        """
blocks:
  unit: {graph: [relu, tanh]}
graph:
  - {op: relu, when: false}
  - {op: sigmoid, repeat: 2}
  - {block: unit, inline: true, repeat: 2, name: unit}
  - {block: unit, repeat: 2}
  - silu
taps: {first: unit.0, last: unit, block: "6"}
"""
    )
    assert wired(graph) == {
        "0": "sigmoid image",
        "1": "sigmoid 0",
        "2": "relu 1",
        "3": "tanh 2",
        "4": "relu 3",
        "5": "tanh 4",
        "6.0": "relu 5",
        "6.1": "tanh 6.0",
        "7.0": "relu 6.1",
        "7.1": "tanh 7.0",
        "8": "silu 7.1",
    }
    assert graph.taps == {"first": "3", "last": "5", "block": "6.1"}


# Scopes


def test_input_is_the_nearest_scopes() -> None:
    graph = net(
        """
blocks:
  b:
    graph:
      grow: {op: conv2d, channels: =input.channels * 2, kernel: 1}
      inner:
        graph:
          up: {op: conv2d, channels: =input.channels * 2, kernel: 1}
          back: {op: slice, stop: =input.channels}
      add: {op: add, from: [grow, inner]}
graph:
  b: {block: b}
  again: {block: b}
"""
    )
    assert shape(graph) == [12, 8, 8]
    assert wired(graph)["b.add"] == "add b.grow b.inner.back"


def test_from_sees_its_own_scope_only() -> None:
    refused(
        "graph:\n  a: relu\n  b:\n    graph:\n      c: {op: relu, from: a}\n",
        "no node 'a'",
    )
    refused(
        "blocks: {b: {graph: {c: {op: relu, from: a}}}}\n"
        "graph: {a: relu, b: {block: b}}\n",
        "no node 'a'",
    )


SEVERAL = """
blocks:
  up:
    inputs: [x, skip]
    graph:
      resize: {op: resize, from: x, size: ="[skip.height, skip.width]"}
      inner:
        graph:
          conv: {op: conv2d, channels: =skip.channels, kernel: 1}
      add: {op: add, from: [inner, skip]}
"""


def test_several_inputs_take_the_place_of_input() -> None:
    text = SEVERAL.replace('="[', '"=[')
    graph = net(
        f"{text}graph:\n"
        f"  a: {CONV}\n"
        "  pool: {op: max_pool2d, kernel: 2}\n"
        "  up: {block: up, from: [pool, a]}\n"
    )
    assert shape(graph) == [4, 8, 8]
    assert wired(graph)["up.add"] == "add up.inner.conv a"
    rest = "graph: {a: {block: up, from: [input, input]}}\n"
    refused(text.replace("from: x, ", "") + rest, "says `from`")
    refused(text.replace("from: x", "from: input") + rest, "no node 'input'")
    # The file's own `input` is another scope's.
    refused(text.replace("=skip.channels", "=y.channels") + rest, "'y.channels'")
    refused(text.replace("[skip.height, ", "[input.height, ") + rest, "'input.height'")
    refused(text + "graph: {a: {block: up}}", "reads 2 values")
    refused(text.replace("resize:", "skip:") + rest, "name 'skip'")


def test_one_named_input_of_a_block() -> None:
    graph = net(
        "blocks: {b: {inputs: [x], graph: {a: relu, "
        'c: {op: add, from: [a, x]}, d: {op: slice, stop: "=x.channels"}}}}\n'
        "graph: {b: {block: b}}\n"
    )
    assert wired(graph)["b.c"] == "add b.a image"


def test_several_inputs_of_a_file() -> None:
    graph = graph_of(
        "inputs: {left: [3, 8, 8], right: [5, 8, 8]}\n"
        "graph:\n"
        "  a: {op: concat, from: [left, right]}\n"
        "  b: {op: slice, stop: =right.channels}\n"
    )
    assert shape(graph) == [5, 8, 8]
    with pytest.raises(ArchspecError, match="says `from`"):
        graph_of("inputs: {a: [3, 8, 8], b: [3]}\ngraph: {c: relu}\n")


def test_a_nested_graph_reads_one_value() -> None:
    refused(
        "graph: {a: relu, b: {from: [a, input], graph: {c: relu}}}", "reads one value"
    )


# Repeat, braces, inline


def test_repeat_chains_its_instances() -> None:
    graph = net(
        """
graph:
  stage: {graph: {conv: {op: conv2d, channels: =index + 1, kernel: 1}}, repeat: 2}
  act: {op: relu, repeat: 2}
  none: {op: relu, repeat: 0}
  add: {op: add, from: [act, stage], when: false}
  last: {op: tanh, from: none}
"""
    )
    assert wired(graph) == {
        "stage.0.conv": "conv2d image",
        "stage.1.conv": "conv2d stage.0.conv",
        "act.0": "relu stage.1.conv",
        "act.1": "relu act.0",
        "last": "tanh act.1",
    }
    assert shape(graph) == [2, 8, 8]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{op: add, from: [input, input], repeat: 2}", "reads one value"),
        ("{op: relu, repeat: -1}", "whole number"),
        ("{op: relu, repeat: 1.5}", "whole number|expected"),
        ("{op: relu, repeat: true}", "whole number|expected"),
        ("{op: relu, repeat: =1 / 1}", "whole number"),
        ("{op: relu, repeat: 1000000000}", "at most 1000000 nodes"),
        ("{block: two, repeat: 1}", "one output"),
        ("{block: two, repeat: 2}", "one output"),
    ],
)
def test_repeat_is_refused(node: str, message: str) -> None:
    two = "blocks: {two: {graph: {a: relu}, outputs: {b: a, c: input}}}\n"
    refused(f"{two}graph:\n  x: {node}\n  y: {{op: relu, from: x}}\n", message)


def test_braces_give_each_instance_a_name_in_the_enclosing_scope() -> None:
    graph = net(
        """
params: {first: 3}
graph:
  unit{index + first}_{index}: {op: relu, repeat: 2}
  one{first}: sigmoid
  add: {op: add, from: [unit3_0, unit4_1, one3]}
taps: {a: unit3_0}
"""
    )
    assert wired(graph) == {
        "unit3_0": "relu image",
        "unit4_1": "relu unit3_0",
        "one3": "sigmoid unit4_1",
        "add": "add unit3_0 unit4_1 one3",
    }
    assert graph.taps == {"a": "unit3_0"}
    refused("graph: {'a{1 / 1}': relu}", "whole number")
    refused("graph: {'a{index}': relu}", "'index'")
    refused("graph: {'a{1}': relu, a1: tanh}", "'a1' is taken twice")
    refused("graph: {'{1}a': relu}", "no identifier")
    refused("graph: {'a{index // 2}': {op: relu, repeat: 2}}", "'a0' is taken twice")


def test_inline_drops_names() -> None:
    graph = net(
        """
blocks:
  stem: {graph: {conv: {op: conv2d, channels: 4, kernel: 1}, act: relu}}
graph:
  stem: {block: stem, inline: true}
  tail: {op: add, from: [stem, stem]}
taps: {a: conv, b: stem, c: stem.conv}
"""
    )
    assert wired(graph) == {
        "conv": "conv2d image",
        "act": "relu conv",
        "tail": "add act act",
    }
    assert graph.taps == {"a": "conv", "b": "act", "c": "conv"}
    refused("graph: {a: {inline: true, graph: [relu]}}", "a list into a list|inlined")
    refused(
        "graph: {a: relu, b: {inline: true, graph: {a: relu}}}", "'a' is taken twice"
    )
    refused(
        "graph: {b: {inline: true, graph: {a: relu}}, a: relu}", "'a' is taken twice"
    )
    refused(
        "graph: {b: {inline: true, repeat: 2, graph: {a: relu}}}", "'a' is taken twice"
    )


def test_taps_reach_into_inlined_lists() -> None:
    graph = net(
        """
graph:
  features:
    graph:
      - relu
      - {name: stage, inline: true, repeat: 2, graph: [{graph: [tanh]}, sigmoid]}
taps: {a: features.stage.0, b: features.1, c: "features.1.0", d: features.stage}
"""
    )
    assert graph.taps == {
        "a": "features.2",
        "b": "features.1.0",
        "c": "features.1.0",
        "d": "features.4",
    }


# When


def test_who_reads_an_absent_node_reads_its_first_input() -> None:
    text = """
params: {on: false}
graph:
  a: relu
  b: {op: add, from: [a, input], when: =on}
  c: {graph: {d: tanh}, when: =on}
  e: {op: sigmoid, repeat: 0}
  add: {op: add, from: [input, e]}
"""
    assert wired(net(text)) == {"a": "relu image", "add": "add image a"}
    assert wired(net(text, on=True)) == {
        "a": "relu image",
        "b": "add a image",
        "c.d": "tanh b",
        "add": "add image c.d",
    }


def test_an_absent_node_in_a_repeat() -> None:
    graph = net("graph: {a: {op: relu, repeat: 3, when: =index != 1}}")
    assert wired(graph) == {"a.0": "relu image", "a.2": "relu a.0"}


@pytest.mark.parametrize("which", ["taps", "outputs"])
@pytest.mark.parametrize("how", ["when: false", "repeat: 0"])
def test_an_absent_node_is_no_tap_and_no_output(which: str, how: str) -> None:
    refused(f"graph: {{a: relu, b: {{op: tanh, {how}}}}}\n{which}: {{x: b}}", "'b'")
    refused(
        f"graph: {{a: relu, b: {{graph: {{c: tanh}}, {how}}}}}\n{which}: {{x: b.c}}",
        "'b.c'",
    )
    refused(
        f"graph: [relu, {{op: tanh, {how}, name: b}}]\n{which}: {{x: b}}",
        "'b'",
    )


def test_when_is_a_condition() -> None:
    refused("graph: {a: {op: relu, when: =1}}", "true or false")
    refused("graph: {a: {op: relu, when: maybe}}", "true or false")
    refused("graph: {a: {op: relu, when: =b}}", "'b'")


# Outputs and taps


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
    refused("graph: {conv: relu}\ntaps: {a: [conv]}\n", "path of a node|string")


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


# Files


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(f"archspec: 1\nname: {name}\n{text}")


BASE = """
title: Base
description: A base.
source: https://example.org
params: {width: 4, depth: 1}
inputs: {image: [3, 8, 8], other: [3, 8, 8]}
defaults: {conv2d: {bias: false, kernel: 1}, max_pool2d: {kernel: 2}}
blocks:
  unit: {graph: [{op: conv2d, channels: =width}]}
  spare: {graph: [relu]}
graph:
  join: {op: add, from: [image, other]}
  unit: {block: unit, repeat: =depth}
  act: relu
  pool: max_pool2d
taps: {a: unit, b: act}
outputs: {x: act, y: pool}
expect: {params: 12}
"""


def test_extends_merges_by_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=BASE,
        middle="extends: base.yaml\nparams: {depth: 2}\ntaps: {b: null}\n",
        own="""
extends: middle.yaml
params: {width: 5, kind: tanh}
inputs: {image: [3, 6, 6], other: [3, 6, 6]}
defaults: {conv2d: {kernel: 3, bias: null, padding: 1}, max_pool2d: null}
blocks: {spare: null}
graph:
  act: =kind
  pool: {op: global_avg_pool2d, from: act}
  tail: sigmoid
taps: {c: tail}
outputs: {y: tail}
""",
    )
    own = load(tmp_path / "own.yaml")
    graph = own.graph
    assert wired(graph) == {
        "join": "add image other",
        "unit.0.0": "conv2d join",
        "unit.1.0": "conv2d unit.0.0",
        "act": "tanh unit.1.0",
        "pool": "global_avg_pool2d act",
        "tail": "sigmoid pool",
    }
    assert graph.params == {"width": 5, "depth": 2, "kind": "tanh"}
    assert graph.inputs == {"image": (3, 6, 6), "other": (3, 6, 6)}
    assert list(graph.taps) == ["a", "c"]
    assert graph.outputs == {"x": "act", "y": "tail"}
    assert graph.nodes[1].op.model_dump()["bias"] and graph.shapes()["act"] == (5, 6, 6)
    assert (graph.name, graph.title, graph.description, graph.source) == (
        *("own", "", "", ""),
    )
    assert not own.unexpected()
    assert load(tmp_path / "base.yaml").graph.title == "Base"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("taps: {z: null}", "'z'"),
        ("graph: {z: null}", "'z'"),
        ("blocks: {units: null}", "did you mean 'unit'"),
        ("params: {z: null}", "'z'"),
        ("defaults: {conv2d: {stride: null}}", "'stride'"),
        ("params: {width: wide}", "width must be int"),
        ("graph: [relu]", "a mapping can't extend|a list"),
        ("blocks: {unit: null}", "there is no block 'unit'"),
        ("graph: {act: null}", "'act'"),
    ],
)
def test_extends_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, base=BASE, own=f"extends: base.yaml\n{text}\n")
    with pytest.raises(ArchspecError, match=message):
        load(tmp_path / "own.yaml")


def test_null_removes_from_a_base_only() -> None:
    refused("graph: {a: relu, b: null}", "null removes|extends")
    refused("graph: {a: relu}\ntaps: {b: null}", "null removes|extends")


def test_files_in_a_circle(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="extends: b.yaml",
        b="extends: a.yaml",
        c="inputs: {x: [3, 8, 8]}\ngraph: {c: {spec: c.yaml}}",
    )
    for name in ("a", "c"):
        with pytest.raises(ArchspecError, match=r"one another|contains itself"):
            load(tmp_path / f"{name}.yaml")


def test_a_block_that_contains_itself() -> None:
    refused("blocks: {b: {graph: {c: {block: b}}}}\ngraph: {b: {block: b}}", "itself")


SUB = """
params: {width: 4}
inputs: {image: [3, 8, 8]}
defaults: {conv2d: {kernel: 1, bias: false}}
graph:
  one: {op: conv2d, channels: =width}
  two: {op: conv2d, channels: =input.channels * 2}
  head: global_avg_pool2d
taps: {c1: one, c2: two}
"""


def test_a_spec_node(tmp_path: Path) -> None:
    write(
        tmp_path,
        sub=SUB,
        net=IMAGE + "defaults: {conv2d: {bias: true, kernel: 1}}\n"
        "graph: {pre: {op: conv2d, channels: 5}, sub: {spec: sub.yaml, width: 6}}\n",
        tapped=IMAGE + "graph:\n  sub: {spec: sub.yaml, taps: true}\n"
        "  add: {op: concat, from: [sub.c1, sub.c2]}\n",
        one=IMAGE + "graph:\n  sub: {spec: sub.yaml, taps: true}\n"
        "  add: {op: relu, from: sub.c1}\n",
    )
    graph = load(tmp_path / "net.yaml").graph
    assert wired(graph)["sub.head"] == "global_avg_pool2d sub.two"
    assert shape(graph) == [10]
    assert list(graph.parameters()) == [
        *("pre.weight", "pre.bias", "sub.one.weight", "sub.two.weight"),
    ]
    assert set(wired(load(tmp_path / "tapped.yaml").graph)) == {
        *("sub.one", "sub.two", "add"),
    }
    assert set(wired(load(tmp_path / "one.yaml").graph)) == {"sub.one", "add"}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{spec: sub.yaml, widht: 3}", "no param 'widht'"),
        ("{spec: sub.yaml, from: [input, input]}", "reads 1 value"),
        ("{spec: resnet5}", "did you mean 'resnet"),
        ("{spec: nothing.yaml}", "can't be read"),
        ("{spec: ../sub.yaml}", "outside the folder"),
        ("{spec: /etc/sub.yaml}", "outside the folder"),
        ("{block: sub, taps: true}", "taps"),
        ("{spec: resnet50, taps: true}", "has the outputs c2"),
    ],
)
def test_a_spec_node_is_refused(tmp_path: Path, node: str, message: str) -> None:
    write(tmp_path, sub=SUB, net=f"{IMAGE}blocks: {{sub: {{graph: [relu]}}}}\n"
          f"graph: {{sub: {node}}}\n")  # fmt: skip
    with pytest.raises(ArchspecError, match=message):
        load(tmp_path / "net.yaml")


def test_a_spec_of_the_zoo() -> None:
    graph = net(
        "graph:\n  body: {spec: resnet18, taps: true, widths: [4, 4, 8, 8]}\n"
        "  up: {op: relu, from: body.c2}\n"
    )
    assert "body.layer1.1.add" in wired(graph)
    assert not any(".layer2" in name or ".fc" in name for name in wired(graph))


def test_expect(tmp_path: Path) -> None:
    write(tmp_path, net="params: {c: 4}\n" + IMAGE + f"graph: {{a: {CONV}}}\n"
          "expect: {params: 17, macs: 768, output: [4, 8, 8]}\n")  # fmt: skip
    (wrong,) = load(tmp_path / "net.yaml").unexpected()
    assert "expected params 17, the net has 16" in str(wrong)
    assert wrong.at is not None and wrong.at.line == 6
    assert not load(tmp_path / "net.yaml", c=5).unexpected()
    assert not load(tmp_path / "net.yaml", size=(9, 9)).unexpected()
    write(tmp_path, net=IMAGE + "graph: {a: relu}\nexpect: {parms: 1}\n")
    with pytest.raises(ArchspecError, match=r".parms. .*did you mean .params"):
        load(tmp_path / "net.yaml")


# Names


def test_the_frozen_list_of_module_attributes_is_the_installed_torchs() -> None:
    names = {*dir(torch.nn.Module()), *torch.nn.Module.__annotations__}
    assert {n for n in names if not n.startswith("_")} <= MODULE_ATTRIBUTES


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("class", "a word of Python"),
        ("_a", "no identifier"),
        ("a-b", "no identifier"),
        ("é", "no identifier"),
        ("01", "no identifier"),
        ("forward", "attribute of torch.nn.Module"),
        ("append", "attribute of torch.nn.Module"),
        ("input", "'input'"),
        ("a" * 101, "longer than"),
        ("a.b", "no identifier"),
    ],
)
def test_a_name_that_is_none(name: str, message: str) -> None:
    refused(f"graph: {{'{name}': relu, b: tanh}}", message)
    refused(f"graph: {{x: {{graph: {{'{name}': relu, b: tanh}}}}}}", message)


@pytest.mark.parametrize(
    "text",
    [
        "blocks: {'a b': {graph: [relu]}}\ngraph: {a: relu}",
        "graph: {a: relu}\ntaps: {'a b': a}",
        "graph: {a: relu}\noutputs: {'a b': a}",
        "graph: [{op: relu, name: a b}]",
    ],
)
def test_other_names_are_identifiers_too(text: str) -> None:
    refused(text, "'a b' is no identifier")


def test_what_python_prints_anyway_is_a_fine_name() -> None:
    names = ("torch", "nn", "F", "x", "self", "layers", "image2", "if_")
    graph = net("graph: {" + ", ".join(f"{name}: relu" for name in names) + "}")
    assert tuple(wired(graph)) == names


def test_paths_that_collide_as_layer_names() -> None:
    refused("graph: {a_b: relu, a: {graph: {b: relu}}}", "a_b")


# Init


@pytest.mark.parametrize(
    "init",
    [
        "{kaiming_normal: {mode: fan_out}}",
        "kaiming_uniform",
        "{xavier_uniform: {gain: 2.0}}",
        "{trunc_normal: {std: 0.02}}",
        "{normal: {std: =s}}",
        "{uniform: {a: -1.0, b: 1}}",
        "{constant: {value: 1.0}}",
        "0.5",
    ],
)
def test_init(init: str) -> None:
    conv = f"{{op: conv2d, channels: 1, kernel: 1, init: {{weight: {init}}}}}"
    text = f"params: {{s: 0.1}}\ngraph: {{a: {conv}}}"
    assert net(text).nodes[0].op.inits()


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("{weight: kaiming_norm}", "did you mean 'kaiming_normal'"),
        ("{wieght: 0}", "no parameter 'wieght'"),
        ("{weight: {normal: {sdt: 1.0}}}", "sdt"),
        ("{weight: {kaiming_normal: {mode: fan}}}", "fan_in"),
        ("0", "init"),
    ],
)
def test_init_is_refused(init: str, message: str) -> None:
    refused(
        f"graph: {{a: {{op: conv2d, channels: 1, kernel: 1, init: {init}}}}}", message
    )
