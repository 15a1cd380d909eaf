"""The rules of nodes, scopes, repeats and `when`, as the language's guide states them."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets import graph_of
from spelled import CONV, IMAGE, net, refused, shape, told, wired

from archspec import load
from archspec.errors import ArchspecError, LimitError
from archspec.graph import Graph, Scope
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.limits import Budget, Limits

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
        ("{op: relu, repeat: 1000000000}", "at most 5000 nodes"),
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


# What formulas give


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{op: relu, when: =n}", "AS305 3:23 `when` is true or false, found 2"),
        ("{op: relu, when: maybe}", "AS305 3:23 `when` is true or false, found 'maybe'"),
        ("{op: relu, repeat: =t}",
         "AS305 3:25 `repeat` is a whole number from 0, found true"),
        ("{op: relu, repeat: =n / 1}",
         "AS305 3:25 `repeat` is a whole number from 0, found 2.0"),
        ("{op: relu, repeat: =0 - n}",
         "AS305 3:25 `repeat` is a whole number from 0, found -2"),
        ("{op: relu, repeat: -1}",
         "AS305 3:25 `repeat` is a whole number from 0, found -1"),
        ("{op: relu, repeat: =n * 2501}",
         "AS321 3:25 a graph has at most 5000 nodes, this would have 5002"),
        ("{op: add, repeat: =n, from: [input, input]}",
         "AS317 3:3 a repeated node reads one value, found 2"),
        ("{op: =n}", "AS305 3:11 `op` is a name, found 2"),
        ('{op: ="rellu"}', "AS205 3:11 there is no op 'rellu'"),
        ('{op: =none}', "AS305 3:11 `op` is a name, found null"),
        ("{block: =n}", "AS305 3:14 `block` is a name, found 2"),
        ('{block: ="tow"}', "AS309 3:14 there is no block 'tow'"),
        ("{spec: =t}", "AS305 3:13 `spec` is a name, found true"),
        ("{spec: families/nothing}",
         "AS101 3:13 'families/nothing' is no net of the zoo and no .yaml file"),
        ("{op: relu, from: =n}", "AS306 3:23 there is no node '2' before this one"),
        ("{op: relu, from: '=[]'}",
         "AS305 3:23 expected the name of a node, found []"),
        ("{op: relu, from: '=[t]'}",
         "AS305 3:23 expected the name of a node, found true"),
        ("{op: add, from: [input, '=[\"input\"]']}",
         "AS305 3:30 expected the name of a node, found ['input']"),
        ("{block: two, from: ='input'}",
         "AS317 3:25 the block 'two' reads 2 values (x, y), found 1"),
        ("{spec: resnet18, from: [input, input]}",
         "AS317 3:29 the spec 'resnet18' reads 1 value (input), found 2"),
        ("{spec: resnet18, taps: true, num_class: 3}",
         "AS312 3:35 the spec 'resnet18' has no param 'num_class'"),
        ("{spec: sample_resnet, taps: true}", "AS307 3:34 'sample_resnet' has no taps"),
    ],
)  # fmt: skip
def test_what_formulas_give_that_is_wrong(node: str, message: str) -> None:
    (found,) = told(
        "blocks: {two: {inputs: [x, y], graph: {a: {op: add, from: [x, y]}}}}\n"
        f"graph:\n  x: {node}\nparams: {{n: 2, t: true}}"
    )
    assert found.startswith(message)


def test_braces_hold_whole_numbers() -> None:
    for braces, shown in (("1 / 2", "0.5"), ("1 < 2", "true"), ("'a'", "'a'")):
        text = f'graph: {{"a{{{braces}}}": relu}}'
        assert told(text) == [
            f"AS305 1:9 braces in a name hold a whole number, found {shown}"
        ]
    assert told('graph: {"a{0 - 1}": relu}') == [
        "AS310 1:9 the name 'a-1' is no identifier (letters, digits and _, a letter "
        "first) (choose another)"
    ]
    assert told('graph: {"evalu{1}": relu, "eval{index}": tanh}')[0].startswith("AS301")
    graph = net('graph: {"{7 + 1}": relu, "a{1}b{2}": tanh}')
    assert list(wired(graph)) == ["8", "a1b2"]


# Scopes in the graph


def scope_of(graph: Graph, name: str) -> Scope:
    node = next(n for n in graph.nodes if n.name.startswith(f"{name}."))
    scope = node.scope
    while scope.name != name or scope.inline:
        assert scope.parent is not None
        scope = scope.parent
    return scope


SCOPES = """
params: {n: 3, flag: true}
blocks:
  unit:
    params: {c: int, d: =c + 1, e: 7}
    inputs: [x, y]
    graph: {a: {op: add, from: [x, y]}, b: {graph: [relu]}}
    outputs: {p: a, q: b}
graph:
  stem: relu
  layer:
    {repeat: =n, index: i, when: =flag, from: stem,
    graph: [{name: cell, inline: true, graph: [tanh]}, {name: other, graph: {a: elu}}]}
  use: {block: unit, from: [layer, stem], c: =n * 2, e: 9}
  last: {op: add, from: [use.p, use.q]}
"""


def test_the_scope_of_a_nested_graph() -> None:
    graph = net(SCOPES)
    scope = scope_of(graph, "layer.1")
    assert (scope.slot, scope.title, scope.kind) == ("layer", "layer", "graph")
    assert scope.definition == "net.yaml#/layer"
    assert (scope.index, scope.count, scope.counter) == (1, 3, "i")
    assert (scope.when, scope.repeat) == ("flag", "n")
    assert (scope.listed, scope.inline, scope.parent) == (True, False, graph.root)
    assert (scope.inputs, scope.outputs) == (
        {"input": "layer.0.1.a"},
        {"": "layer.1.1.a"},
    )
    assert (scope.params, scope.texts, scope.defaults) == ({}, {}, {})
    assert str(scope.at) == "net.yaml:14:3"
    assert scope.taints["n"] == {"n"} and scope.taints["i"] == frozenset()
    inner = next(n for n in graph.nodes if n.name == "layer.1.0").scope
    assert (inner.name, inner.slot, inner.title) == ("layer.1", "0", "cell")
    assert (inner.inline, inner.parent) == (True, scope)
    assert scope.named == graph.root.named == {}  # they have one input
    named = scope_of(graph, "layer.1.1")
    assert (named.slot, named.title, named.listed) == ("1", "other", False)
    assert named.definition == "net.yaml#/layer/1"


def test_the_scope_of_a_block() -> None:
    scope = scope_of(net(SCOPES), "use")
    assert (scope.slot, scope.title, scope.kind) == ("use", "unit", "block")
    assert scope.definition == "net.yaml#unit"
    assert (scope.index, scope.count, scope.counter) == (None, 1, "")
    assert (scope.when, scope.repeat, scope.inline) == (None, None, False)
    assert scope.inputs == {"x": "layer.2.1.a", "y": "stem"}
    assert scope.outputs == {"p": "use.a", "q": "use.b.0"}
    assert scope.named == {"a": ("x", "y")}  # of several inputs, by who reads them
    assert scope.params == {"c": 6, "d": 7, "e": 9}
    assert (scope.texts, scope.defaults) == ({"c": "n * 2"}, {"d": "c + 1"})
    assert scope.taints["c"] == scope.taints["d"] == {"n"}


def test_the_scope_of_a_file() -> None:
    graph = net("graph: {body: {spec: resnet18, num_classes: 5}}")
    scope = scope_of(graph, "body")
    assert (scope.kind, scope.title, scope.slot) == ("file", "resnet18", "body")
    assert scope.definition.endswith("families/resnet.yaml#")  # whose text it is
    assert scope.params["num_classes"] == 5
    assert scope.inputs == {"input": "image"}
    block = scope_of(graph, "body.layer1.0")
    assert block.definition.endswith("families/resnet.yaml#basic_block")
    assert block.taints["num_classes"] == frozenset()  # the inner file's own


def test_a_block_sees_its_files_params_not_its_callers() -> None:
    text = """
params: {n: 2}
blocks:
  inner: {graph: {a: {op: slice, stop: =n}}}
  outer: {params: {n: 1}, graph: {b: {block: inner}}}
graph: {c: {block: outer, n: 1}}
"""
    assert shape(net(text)) == [2, 8, 8]


def test_what_decided_that_printed_code_never_says() -> None:
    text = """
params: {on: false, n: 0, k: relu, w: 2}
graph:
  "a{w}": {op: =k, init: 3}
  b: {op: relu, when: =on}
  c: {op: relu, repeat: =n}
  d: {op: relu, from: ="a2" if on else "input"}
  e: {op: relu, repeat: 3, when: =index != w - 1}
  f: {op: conv2d, channels: 3, kernel: 1, init: {bias: =w}}
  g: {op: tanh, when: false}
  h: {op: tanh, repeat: 0}
  i: {op: add, from: [a2, f]}
"""
    root = net(text.replace(", init: 3", "")).root
    assert root.decided == {
        "": {"w"},
        "b": {"on"},
        "c": {"n"},
        "d from": {'"a2" if on else "input"'},
        "e": {"index != w - 1"},
        "g": {"0"},
        "h": {"0"},
    }


# What is refused


def test_more_that_is_refused() -> None:
    for text, message in (
        (
            "graph: {a: {inline: true, graph: [relu]}}",
            "AS211 1:21 a list is inlined into a list, a mapping into a mapping",
        ),
        (
            "graph: [{inline: true, graph: {a: relu}}]",
            "AS211 1:18 a list is inlined into a list, a mapping into a mapping",
        ),
        (
            "blocks: {b: {graph: {c: {block: b}}}}\ngraph: {b: {block: b}}",
            "AS318 1:33 the block 'b' contains itself",
        ),
        (
            "blocks: {two: {graph: {a: relu}, outputs: {p: a, q: input}}}\n"
            "graph: {x: {block: two, repeat: 2}}",
            "AS317 2:9 a repeated node has one output",
        ),
        (
            "blocks: {two: {graph: {a: relu}, outputs: {p: a, q: input}}}\n"
            "graph: {x: {block: two}}",
            "AS307 2:8 the last node has the outputs p, q (say which: NODE.p)",
        ),
        (
            "blocks: {two: {graph: {a: relu}, outputs: {p: a, q: input}}}\n"
            "graph: {x: {block: two}, y: relu}",
            "AS307 2:26 the node before it has the outputs p, q (say which: NODE.p)",
        ),
        (
            "graph: [{graph: [{op: relu, when: false}]}]",
            "AS319 1:9 nothing is left of '0', which has a number (a `when` of its own, "
            "not of its children, frees the number)",
        ),
        (
            "graph: {a: {repeat: 2, graph: {b: {op: relu, when: =index == 0}}}}",
            "AS319 1:9 nothing is left of 'a.1', which has a number (a `when` of its "
            "own, not of its children, frees the number)",
        ),
    ):
        assert told(text) == [message]
    # Without a number a scope may be empty.
    assert wired(net("graph: {a: {graph: {b: {op: relu, when: false}}}, c: tanh}")) == {
        "c": "tanh image"
    }


def test_how_deep_scopes_nest() -> None:
    def deep(count: int) -> str:
        blocks = "".join(
            f"  b{n}: {{graph: {{a: {{block: b{n + 1}}}}}}}\n" for n in range(count)
        )
        return f"blocks:\n{blocks}  b{count}: {{graph: [relu]}}\ngraph: {{a: {{block: b0}}}}"

    assert len(net(deep(62)).nodes) == 1
    (error,) = told(deep(63))
    assert error == (
        "AS121 65:21 scopes nest 64 deep "
        "(ARCHSPEC_LIMITS=depth=640 would allow ten times as much)"
    ).replace("65:21", error.split()[1])


def test_work_is_counted() -> None:
    def work(text: str) -> int:
        files = Files()
        head = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"
        unit = files.text(head + text, "net.yaml")
        least, most = 0, 10**7
        while most - least > 1:  # the least that suffices
            files.limits = Limits(work=(least + most) // 2)
            try:
                expand(files, unit)
                most = files.limits.work
            except LimitError:
                least = files.limits.work
        return most

    step, copy, absent = Budget.STEP, Budget.COPY, Budget.ABSENT
    assert work("graph: [relu]") == step
    assert work("graph: [relu, {op: tanh, when: false}]") == step + absent
    assert work("graph: [{op: relu, repeat: 5}]") == step + 4 * copy
    text = "graph: {a: {repeat: 5, graph: [relu, {graph: [tanh]}]}}"
    assert work(text) == 4 * step + 4 * 2 * copy
    assert work("graph: {a: {op: slice, repeat: 3, stop: =3 - index}}") == (
        3 * step + 3 * len("3 - index")
    )


def test_a_repeat_may_shrink() -> None:
    """Half of what its first instance lets expect must have room."""
    head = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"
    part = "{b: relu, c: {graph: [relu, tanh], when: =index == 0}}"
    text = f"{head}graph: {{a: {{repeat: 4, graph: {part}}}}}"

    def made(nodes: int) -> int:
        files = Files()
        unit = files.text(text, "net.yaml")
        files.limits = Limits(nodes=nodes)
        return len(expand(files, unit).nodes)

    assert made(9) == 6
    with pytest.raises(LimitError, match="at most 8 nodes, this would have 12"):
        made(8)


def test_a_spec_in_a_spec_holds_what_it_requires() -> None:
    (error,) = told("graph: {body: {spec: resnet18, shortcut: D}}")
    assert error == (
        "AS315 21:32 the spec 'resnet18' requires: shortcut is A, B, C or none; "
        "shortcut is 'D'"
    ).replace("21:32", error.split()[1])  # in the other file
    text = """
params: {n: 1}
require: {n is one: =n == 1}
blocks: {b: {params: {n: 2}, graph: [relu]}}
graph: {b: {block: b}}
"""
    assert len(net(text).nodes) == 1


def test_a_spec_with_faults_of_its_own_is_not_opened(tmp_path: Path) -> None:
    """What else it would say depends on what is wrong already."""
    for name, text in (
        (
            "inner",
            "graph: {a: {op: slice, stop: =n}, b: {op: slice, from: input, stop: 9}}",
        ),
        ("outer", "graph: {c: {spec: inner.yaml}}"),
    ):
        head = f"archspec: 1\nname: {name}\n{IMAGE}"
        (tmp_path / f"{name}.yaml").write_text(head + text)
    with pytest.raises(ArchspecError) as caught:
        load(tmp_path / "outer.yaml")
    assert [error.code for error in caught.value.errors] == ["AS301"]


def test_a_list_with_aliases_is_not_numbered_on_in_another() -> None:
    text = (
        "blocks: {b: {graph: [{op: relu, alias: x}, {op: tanh, alias: y}]}}\n"
        "graph: [relu, {block: b, inline: true}]\n"
    )
    refused(text, "so it has no aliases")
    fine = text.replace(", alias: x", "").replace(", alias: y", "")
    assert wired(net(fine)) == {"0": "relu image", "1": "relu 0", "2": "tanh 1"}
    alone = text.replace(", inline: true", "")
    assert [n.layer() for n in net(alone).nodes] == ["0", "1_x", "1_y"]


def test_paths_find_the_numbers_of_a_list_that_is_inlined() -> None:
    graph = net(
        """
blocks: {b: {graph: [relu, tanh]}}
graph: [{block: b, inline: true}, sigmoid]
taps: {first: "0", second: "1", last: "2"}
"""
    )
    assert wired(graph) == {"0": "relu image", "1": "tanh 0", "2": "sigmoid 1"}
    assert graph.taps == {"first": "0", "second": "1", "last": "2"}


def test_an_alias_counts_the_instances_of_a_repeat() -> None:
    graph = net("graph: {'a{index}': {op: relu, repeat: 2, alias: 'x{index + 1}'}}")
    assert [node.layer() for node in graph.nodes] == ["x1", "x2"]
    refused(
        "graph: {'a{index}': {op: relu, repeat: 2, alias: 'x{index - 1}'}}",
        "the alias 'x-1' may hold letters",
    )


def test_of_a_node_that_is_not_there_a_free_param_is_decided() -> None:
    text = """
params: {p: {default: 0.5, fixed: false}}
graph: [{op: dropout, rate: =p, when: =p > 0}, {op: dropout, rate: =p}]
"""
    assert net(text).arguments == ("p",)
    assert net(text, p=0.0).arguments == ()
