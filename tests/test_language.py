"""The rules of nodes, scopes, repeats and `when`, as the language's guide states them."""

from __future__ import annotations

import pytest
from nets import graph_of
from spelled import CONV, net, refused, shape, wired

from archspec.errors import ArchspecError

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
        ("{graph: [relu], channels: 3}", "a nested graph has no attribute"),
        ("{op: relu, from: []}", "expected the name of a node, found \\[\\]"),
        ("{op: relu, from: [true]}", "name of a node"),
        ("{op: relu, from: nothing}", "no node 'nothing'"),
        ("{op: relu, from: y}", "no node 'y'"),
        ("{op: relu, from: [input, input]}", "reads 1 value"),
        ("{op: relu, name: z}", "only an entry of a list takes a `name`"),
        ("{op: relu, inline: true}", "nothing to inline"),
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
        "graph: {a: relu, b: {from: [a, input], graph: {c: relu}}}", "reads 1 value"
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
        ("{op: relu, repeat: 1000000000}", "at most 100000 nodes"),
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
