"""What is wrong with a file whatever its formulas give, also where nothing is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets import graph_of
from spelled import IMAGE, net, refused, shape, spoken, told, wired

from archspec.errors import ArchspecError, Collector
from archspec.language.files import Files
from archspec.language.inspection import inspect

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


def test_a_vector_has_no_height() -> None:
    refused(
        "graph: {a: global_avg_pool2d, b: {graph: "
        "{c: {op: linear, features: =input.height}}}}",
        "'input.height'",
    )


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
        r"'index', but counters here have names of their own \(that of 'a' .* is k\)",
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
        r"\(line 9\); name the outer one: index: i \[AS320\]$",
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
        r"name the outer ones: index: j \[AS320\]$",
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


# Params


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


# What is never built


UNUSED = "blocks:\n  b: %s\ngraph: {a: relu}"


@pytest.mark.parametrize(
    ("block", "messages"),
    [
        ("{graph: [rellu]}", ["AS205 2:15 there is no op 'rellu' (did you mean 'relu'?)"]),
        ("{graph: [{op: slice, stop: =n}]}",
         ["AS301 2:34 a formula names 'n', which isn't known here (known are "
          "input.channels, input.height, input.width; a string stands in quotes)"]),
        ("{graph: [{op: slice, stop: [1, =1 +]}]}",
         ["AS106 2:37 the formula '=1 +' is cut off (a formula with a comma, a bracket "
          "or a ' #' inside { } or [ ] wants quotes, for example \"=max(a, b)\")"]),
        ("{graph: [{op: slice, stp: 1}]}",
         ["AS206 2:27 slice has no attribute 'stp' (did you mean 'stop'?)"]),
        ("{graph: [{op: slice, stp: =input.width}]}",
         ["AS206 2:27 slice has no attribute 'stp' (did you mean 'stop'?)"]),
        ("{graph: [{op: conv2d, kernel: =1, channels: 0}]}",
         ["AS208 2:50 conv2d's channels must be a whole number from 1, found 0"]),
        ("{graph: {x: {op: relu, from: y}}}",
         ["AS306 2:35 there is no node 'y' before this one (it can read input)"]),
        ("{graph: {x: {op: relu, from: []}}}",
         ["AS305 2:35 expected the name of a node, found []"]),
        ("{graph: {x: relu, y: {op: add, from: [x, z, =1]}}}",
         ["AS306 2:47 there is no node 'z' before this one (it can read input, x)"]),
        ("{graph: {x: {op: add, from: input}}}",
         ["AS317 2:34 add reads at least 2 values, found 1 (`from` names them)"]),
        ("{graph: {x: add}}",
         ["AS317 2:15 add reads at least 2 values, found 1 (`from` names them)"]),
        ("{graph: {x: {op: add, from: =1}}}", []),
        ("{inputs: [p, q], graph: {x: relu}}",
         ["AS306 2:31 the first node of a scope with inputs p, q says `from`"]),
        ("{inputs: [p, q], graph: {x: {op: relu, from: p}, y: relu}}", []),
        ("{inputs: [p, p], graph: {x: {op: relu, from: p}}}",
         ["AS311 2:3 the block 'b' has two inputs of one name"]),
        ("{inputs: [a b], graph: [relu]}",
         ["AS310 2:3 the name 'a b' is no identifier (letters, digits and _, a letter "
          "first) (choose another)"]),
        ("{inputs: [input], graph: [relu]}", []),
        ("{graph: {x: {block: c}}}",
         ["AS309 2:26 there is no block 'c' (the file's blocks: b)"]),
        ("{graph: {x: {graph: [relu], from: [input, input]}}}",
         ["AS317 2:40 a nested graph reads 1 value (input), found 2"]),
        ("{graph: [{name: x, op: relu}, {name: x, op: relu}]}",
         ["AS311 2:43 the name 'x' is taken by another node"]),
        ("{graph: [{name: a b, op: relu}]}",
         ["AS310 2:22 the name 'a b' is no identifier (letters, digits and _, a letter "
          "first) (choose another)"]),
        ("{graph: {class: relu}}",
         ["AS310 2:15 the name 'class' is a word of Python (choose another)"]),
        ("{graph: {0: relu, 'x{n}': relu}}",
         ["AS301 2:26 a formula names 'n', which isn't known here (known are "
          "input.channels, input.height, input.width; a string stands in quotes)"]),
        ("{graph: {x: relu}, outputs: {forward: =n}}",
         ["AS301 2:45 a formula names 'n', which isn't known here (known are "
          "input.channels, input.height, input.width; a string stands in quotes)"]),
        ("{graph: {x: relu}, outputs: {a b: x}}",
         ["AS310 2:35 the name 'a b' is no identifier (letters, digits and _, a letter "
          "first) (choose another)"]),
        ("{params: {p: {type: int, default: x}}, graph: [relu]}",
         ["AS314 2:40 the param p must be int, found 'x'"]),
        ("{params: {p: =q, q: 1}, graph: [relu]}",
         ["AS301 2:20 a formula names 'q', which isn't known here (known are "
          "input.channels, input.height, input.width; a string stands in quotes)"]),
        ("{params: {p: [1, =q]}, graph: [relu]}",
         ["AS301 2:24 a formula names 'q', which isn't known here (known are "
          "input.channels, input.height, input.width; a string stands in quotes)"]),
        ("{params: {a b: 1}, graph: [relu]}",
         ["AS310 2:16 the name 'a b' is no identifier (letters, digits and _, a letter "
          "first) (choose another)"]),
        ("{params: {p: int, q: =p}, graph: [{op: slice, stop: =q + input.width}]}", []),
        ("{graph: [{op: =p}]}",
         ["AS301 2:21 a formula names 'p', which isn't known here (known are "
          "input.channels, input.height, input.width; a string stands in quotes)"]),
        ("{graph: [{spec: nothing}]}", []),
    ],
)  # fmt: skip
def test_a_block_that_nothing_uses(block: str, messages: list[str]) -> None:
    if not messages:
        net(UNUSED % block)
        return
    found = told(UNUSED % block)
    for line, message in zip(found, messages, strict=True):
        head, hint, rest = message.partition(" (known are ")
        assert line.partition(" (known are ")[0] == head
        if hint:
            assert all(f"input.{size}" in line for size in ("channels", "width"))
        else:
            assert line == message
        assert not rest or hint


CALLS = """
blocks:
  one: {params: {w: int, v: 1}, graph: [{op: slice, stop: '=min(w, v)'}]}
  two: {inputs: [x, y], graph: {a: {op: add, from: [x, y]}}, outputs: {p: a, q: x}}
  unused:
    graph: {n: relu, m: %s, last: {op: relu, from: input}}
graph: {a: relu}
"""


@pytest.mark.parametrize(
    ("call", "messages"),
    [
        ("{block: one, w: 1}", []),
        ("{block: one, w: =input.width}", []),
        ("{block: one}", ["AS313 6:22 the block 'one' needs the param 'w' "
                          "(it is declared as int, without a default)"]),
        ("{block: one, w: x, v: =1}", ["AS314 6:41 the block 'one': w must be int, "
                                       "found 'x'"]),
        ("{block: one, w: 1, u: =1}", ["AS312 6:44 the block 'one' has no param 'u' "
                                       "(its params: w, v)"]),
        ("{block: two, from: [n, n]}", []),
        ("{block: two, from: n}", ["AS317 6:44 the block 'two' reads 2 values (x, y), "
                                   "found 1"]),
        ("{block: two}", ["AS317 6:22 the block 'two' reads 2 values (x, y), found 1"]),
        ("{block: two, from: =1}", []),
        ("{block: =1, from: [n, n]}", []),
        ("{block: two, from: [n, n]}, k: {op: add, from: [m.p, m.q]}", []),
        ("{block: two, from: [n, n]}, k: {op: relu, from: m.z}",
         ["AS307 6:73 'm' has no output 'z' (its outputs: p, q)"]),
        ("{block: two, from: [n, n]}, k: {op: relu, from: m}",
         ["AS307 6:73 'm' has the outputs p, q (say which: NODE.p)"]),
        ("{block: one, w: 1}, k: {op: relu, from: m.z}",
         ["AS307 6:65 'm' has no output 'z' (its only output is read as 'm')"]),
        ("{graph: [relu]}, k: {op: relu, from: m.z}",
         ["AS307 6:62 'm' has no output 'z' (its only output is read as 'm')"]),
        ("{block: =1}, k: {op: relu, from: m.z}", []),
        ("{spec: resnet18}, k: {op: relu, from: m.z}", []),
        ("relu, 'q{1}': tanh, k: {op: relu, from: q1}", []),
        ("relu, k: {op: relu, from: last}",
         ["AS306 6:51 there is no node 'last' before this one ('last' is written "
          "further down; a node reads what is above it)"]),
        ("{block: one, w: 1, when: =n}, k: {op: relu, when: =x}",
         ["AS301 6:51 a formula names 'n', which isn't known here",
          "AS301 6:76 a formula names 'x', which isn't known here"]),
    ],
)  # fmt: skip
def test_calls_in_a_block_that_nothing_uses(call: str, messages: list[str]) -> None:
    if not messages:
        net(CALLS % call)
        return
    found = told(CALLS % call)
    assert len(found) == len(messages)
    for line, message in zip(found, messages, strict=True):
        assert line.startswith(message)


def test_files() -> None:
    for text, message in (
        ("require: {x: =q}", "AS301 1:15"),
        ("inputs: {image: [=q, 8, 8]}", "AS301 1:19"),
        ("taps: {t: =q}", "AS301 1:12"),
        ("taps: {a b: a}", "AS310 1:8"),
        ("taps: {3: a}", ""),
        ("outputs: {y: =q}", "AS301 1:15"),
        ("outputs: {a b: a}", "AS310 1:11"),
        ("defaults: {rellu: {}}", "AS205 1:12"),
        ("defaults: {relu: {x: 1}}", "AS206 1:19"),
        ("defaults: {slice: {stop: -1}}", "AS208 1:26"),
        ("defaults: {slice: {stop: =q}}", "AS301 1:27"),
        ("defaults: {slice: {stp: =1}}", "AS206 1:20"),
        ("defaults: {conv2d: {channels: 4}}", ""),
        ("defaults: {max_pool2d: {padding: 3}}", ""),
        ("blocks: {class: {graph: [relu]}}", "AS310 1:10"),
    ):
        whole = text + "\ngraph: {a: relu}"
        if not text.startswith("inputs"):
            whole = whole + "\ninputs: {image: [3, 8, 8]}"
        head = "archspec: 1\nname: net\n"
        if not message:
            graph_of(head + whole)
            continue
        with pytest.raises(ArchspecError) as caught:
            graph_of(head + whole)
        assert [spoken(error, -2)[:10].strip() for error in caught.value.errors] == [
            message
        ]
    with pytest.raises(ArchspecError, match="the name 'eval' is reserved"):
        graph_of("inputs: {eval: [3]}\ngraph: [relu]")


def test_what_is_wrong_is_told_where_it_is_used_too() -> None:
    text = """
blocks: {b: {graph: {x: {op: slice, stp: 1}, y: {op: relu, from: z}}}}
graph:
  a: {block: b, when: false}
  c: {block: b, repeat: 2}
  d: {op: linear, features: 3, from: input}
"""
    assert [line[:9] for line in told(text)] == ["AS206 2:3", "AS306 2:6", "AS401 6:3"]


def test_one_counter_is_named_once_for_all_that_reads_it() -> None:
    text = """
graph:
  a:
    repeat: 2
    graph:
      b:
        repeat: 2
        graph:
          c: {op: slice, start: =0 * index, stop: =1 + index}
          d: {op: slice, stop: =1 + index}
          e: {repeat: 2, graph: {f: {op: slice, stop: =1 + index}}}
  g: {repeat: 2, graph: {h: {op: relu, repeat: 2, when: =index == 0}}}
"""
    assert [line.partition(";")[0] for line in told(text)] == [
        "AS320 9:38 'index' may be that of 'a' (line 6) or of 'b' (line 9)",
        "AS320 11:60 'index' may be that of 'a' (line 6), of 'b' (line 9) "
        "or of 'e' (line 14)",
        "AS320 12:58 'index' may be that of 'g' (line 15) or of 'h' (line 15)",
    ]


def test_the_first_of_a_statement_in_the_text_is_told() -> None:
    text = "graph: {a: {repeat: 2, graph: {b: {op: slice, stop: =index + 1, "
    assert told(text + "repeat: =index, when: =index == 0}}}}")[0].startswith(
        "AS320 1:54 "
    )
    assert told(
        "graph: {a: {repeat: 2, graph: {b: {when: =index == 0, repeat: =index, "
        "op: slice, stop: =index + 1}}}}"
    )[0].startswith("AS320 1:43 ")


def test_a_counter_that_has_a_name_is_not_index() -> None:
    text = """
graph:
  a:
    repeat: 2
    index: i
    graph:
      c: {repeat: 2, index: j, graph: {d: {op: slice, stop: =1 + index}}}
"""
    assert told(text) == [
        "AS301 7:66 a formula names 'index', but counters here have names of their own "
        "(that of 'a' (line 6) is i, that of 'c' (line 10) is j)"
    ]


def test_a_node_cannot_read_itself() -> None:
    assert told("graph: {a: relu, b: {op: add, from: [a, b]}, c: tanh}") == [
        "AS306 1:41 there is no node 'b' before this one ('b' can't read itself)"
    ]


def test_the_name_that_is_proposed_is_free() -> None:
    text = (
        "params: {i: 1, j: 2}\ngraph: {a: {repeat: 2, graph: {k: {repeat: 2, index: k,"
    )
    text += " graph: {b: {op: slice, repeat: 2, stop: =index + 1}}}}}}"
    assert told(text)[0].endswith("name the outer one: index: l")


def test_a_file_has_other_outputs_than_a_block_of_its_name(tmp_path: Path) -> None:
    """How many only the file says, so that its reader may ask for none."""
    (tmp_path / "sub.yaml").write_text(f"archspec: 1\nname: s\n{IMAGE}graph: [relu]\n")
    text = """
blocks: {sub.yaml: {inputs: [x, y], outputs: {p: x, q: y}, graph: [relu]}}
graph: {s: {spec: sub.yaml}, r: {op: tanh, from: s}}
"""
    unit = Files().text(f"archspec: 1\nname: n\n{IMAGE}{text}", "net.yaml", tmp_path)
    faults = Collector()
    inspect(unit, faults)
    # The block is wrong in name and first node, and nothing reads too much or little.
    assert {error.code for error in faults.found.values()} == {"AS310", "AS306"}


def test_a_default_is_not_missing() -> None:
    text = "defaults: {conv2d: {kernel: 1}}\nblocks: {b: {graph: [{op: conv2d, %s}]}}\n"
    assert shape(net(text % "channels: 2" + "graph: [relu]")) == [3, 8, 8]
    assert [line[:5] for line in told(text % "bias: true" + "graph: [relu]")] == [
        "AS207"
    ]


def test_what_a_node_reads_is_not_counted_where_from_is_misspelled() -> None:
    text = """
blocks: {b: {inputs: [x, y], graph: {r: {op: add, from: [x, y]}}}}
graph: {a: relu, b: {block: b, %s: [a, input]}}
"""
    assert [line[:5] for line in told(text % "fromm")] == ["AS312"]
    assert [line[:5] for line in told(text % "other")] == ["AS317", "AS312"]
