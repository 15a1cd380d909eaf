"""The keys of a file: what each takes, and what is refused, all of it at once."""

from __future__ import annotations

from typing import Any

import pytest
from spelled import nested_too_deep, spoken

from archspec.errors import ArchspecError
from archspec.language.reader import parse
from archspec.language.schema import no_node, unit
from archspec.language.syntax import Unit

HEAD = "archspec: 1\nname: net\n"


def read(text: str) -> Unit:
    return unit(parse(HEAD + text, "net.yaml"), "net.yaml")


def refused(text: str, head: str = HEAD) -> list[str]:
    with pytest.raises(ArchspecError) as caught:
        unit(parse(head + text, "net.yaml"), "net.yaml")
    lines = -head.count("\n")
    return [spoken(error, lines) for error in caught.value.errors]


def test_everything_a_file_may_say() -> None:
    found = read(
        """
title: T
description: D
source: S
publisher: P
extends: base
params: {a: 1}
require: {it holds: =a == 1}
preprocessing: {size: 8}
inputs: {x: [3, 8, 8]}
defaults: {conv2d: {bias: false}, relu: null}
blocks: {b: {graph: [relu]}, gone: null}
graph: {n: relu, gone: null}
outputs: {y: n}
taps: {t: n}
expect: {params: 1, buffers: 2, macs: 3, output: {y: [3, 8, 8]}}
"""
    )
    keys = found.keys
    assert (keys.title, keys.description, keys.source, keys.publisher) == (*"TDSP",)
    assert (found.file, str(found.at)) == ("net.yaml", "net.yaml:2:7")
    assert found.extends is not None and found.extends.value == "base"
    assert found.preprocessing == {"size": 8}
    for entries, values in (
        (found.require, {"it holds": "=a == 1"}),
        (found.inputs, {"x": [3, 8, 8]}),
        (found.outputs, {"y": "n"}),
        (found.taps, {"t": "n"}),
        (found.expect, {"params": 1, "buffers": 2, "macs": 3, "output": {"y": [3, 8, 8]}}),
    ):  # fmt: skip
        assert {name: entry.value for name, entry in entries.items()} == values
    entry = found.outputs["y"]
    assert (str(entry.at), str(entry.key)) == ("net.yaml:16:14", "net.yaml:16:11")
    assert found.defaults["relu"].value is None
    bias = found.defaults["conv2d"].value["bias"]
    assert (bias.value, str(bias.at)) == (False, "net.yaml:13:27")
    assert found.blocks["gone"].value is None
    assert found.graph is not None and list(found.graph.items) == ["n"]
    assert {k: str(at) for k, at in found.graph.removed.items()} == {
        "gone": "net.yaml:15:18"
    }


def test_a_file_that_says_little() -> None:
    found = read("")
    assert found.graph is None and found.extends is None
    assert not (found.params or found.inputs or found.blocks or found.defaults)
    assert read("graph: {}").graph is not None  # what it extends may have nodes


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("tile: x", ["AS201 1:1 unknown key 'tile' (did you mean 'title'?)"]),
        ("title: 3", ["AS203 1:8 title must be text, found 3"]),
        ("title: null", ["AS203 1:8 title must be text, found null"]),
        (
            "weights: {url: https://a.b/c.bin, hash: 12345678, sha: x}",
            [
                "AS203 1:16 url must be an address that ends in .pth, .safetensors or "
                ".h5, found 'https://a.b/c.bin'",
                "AS203 1:41 hash must be 8 to 64 hex digits in lower case, in quotes, "
                "found 12345678",
                "AS201 1:51 unknown key 'sha' (known are url, hash)",
            ],
        ),
        (
            "weights: {url: https://a.b/c.pth}",
            ["AS202 1:10 the key 'hash' is missing"],
        ),
        ("weights: x.pth", ["AS203 1:10 weights must be a mapping, found 'x.pth'"]),
        ("extends: null", ["AS203 1:10 extends must be text, found null"]),
        ("params: [a]", ["AS203 1:9 params must be a mapping, found ['a']"]),
        ("taps: no", ["AS203 1:7 taps must be a mapping, found 'no'"]),
        ("defaults: {conv2d: 3}",
         ["AS203 1:20 defaults.conv2d must be a mapping, found 3"]),
        ("require: {x: 3}",
         ["AS203 1:14 require.x must be a formula for each condition, found 3"]),
        ("expect: {parms: 3}",
         ["AS201 1:10 unknown key 'parms' (did you mean 'params'?)"]),
        ("expect: {zz: 3}", ["AS201 1:10 unknown key 'zz' (known are params, buffers, "
         "macs, output)"]),
        ("expect: {params: null}",
         ["AS203 1:18 params must be a whole number, found null"]),
        ("expect: {output: [a]}",
         ["AS203 1:19 output.0 must be a whole number, found 'a'",
          "AS203 1:18 output must be a mapping, found ['a']"]),
        ("graph: 3", ["AS203 1:8 a graph is a mapping or a list, found 3"]),
        ("graph: {a: 3}", ["AS203 1:12 a node is a name or a mapping, found 3"]),
        ("graph: [3]", ["AS203 1:9 a node is a name or a mapping, found 3"]),
        ("graph: [null]", ["AS203 1:9 a node is a name or a mapping, found null"]),
        ("blocks: {b: {graph: []}}", ["AS202 1:21 a graph has at least one node"]),
        ("blocks: {b: {graph: {a: null}}}",
         ["AS203 1:25 a node is a name or a mapping, found null"]),
        ("graph: {a: {graph: {}}}", ["AS202 1:20 a graph has at least one node"]),
        ("blocks: {b: {}}", ["AS202 1:13 the key 'graph' is missing"]),
        ("blocks: {b: 3}", ["AS203 1:13 blocks.b must be a mapping, found 3"]),
        ("blocks: {b: {graph: [relu], inputs: x}}",
         ["AS203 1:37 inputs must be a list, found 'x'"]),
        ("blocks: {b: {graph: [relu], inputs: [1]}}",
         ["AS203 1:38 inputs.0 must be text, found 1"]),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong(text: str, messages: list[str]) -> None:
    assert refused(text) == sorted(
        messages, key=lambda m: int(m.split(":")[1].split()[0])
    )


def test_what_a_file_must_say() -> None:
    assert refused("{}", "") == [
        "AS202 1:1 the key 'archspec' is missing",
        "AS202 1:1 the key 'name' is missing",
    ]
    assert refused("archspec: 2\nname: n", "") == [
        "AS203 1:11 archspec must be 1, found 2"
    ]


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = """\
params: {a: {type: it}, b: {fixed: true}}
blocks:
  b: {params: {c: {typ: int}, d: {default: 1, fixed: true}}, graph: {x: 3, y: {op: relu, block: b}}}
  c: {graph: {}}
graph:
  a: {}
  b: {graph: [4, {block: b, taps: true}]}
expect: {macs: many}
"""
    assert [" ".join(line.split()[:2]) for line in refused(text)] == [
        *("AS203 1:20", "AS202 1:25"),
        *("AS201 3:20", "AS211 3:47", "AS203 3:73", "AS204 3:90"),
        *("AS202 4:14", "AS204 6:3", "AS203 7:15", "AS211 7:29", "AS203 8:16"),
    ]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{op: relu, block: b}",
         "AS204 1:23 a node has exactly one of op, block, graph and spec, "
         "found op and block"),
        ("{spec: s, graph: [relu]}",
         "AS204 1:13 a node has exactly one of op, block, graph and spec, "
         "found graph and spec"),
        ("{from: input}",
         "AS204 1:9 a node has exactly one of op, block, graph and spec, "
         "found none of them"),
        ("{opp: relu}",
         "AS204 1:9 a node has exactly one of op, block, graph and spec, found none "
         "of them (found the key 'opp'; did you mean 'op'?)"),
        ("{op: null}",
         "AS204 1:9 a node has exactly one of op, block, graph and spec, found none "
         "of them (found the key 'op'; did you mean 'op'?)"),
        ("{op: 3}", "AS203 1:17 op must be text, found 3"),
        ("{op: relu, from: 1.5}",
         "AS203 1:29 from must be the name of a node, or a list of names, found 1.5"),
        ("{op: relu, when: 1}",
         "AS203 1:29 when must be true, false or a formula, found 1"),
        ("{op: relu, repeat: 1.5}",
         "AS203 1:31 repeat must be a whole number or a formula, found 1.5"),
        ("{op: relu, repeat: 2, index: 3}", "AS203 1:41 index must be text, found 3"),
        ("{op: relu, inline: 3}", "AS203 1:31 inline must be true or false, found 3"),
        ("{op: relu, inline: true}",
         "AS211 1:23 an op has nothing to inline, found 'inline'"),
        ("{op: relu, name: x}",
         "AS211 1:23 only an entry of a list takes a `name`, found 'name'"),
        ("{op: relu, index: i}",
         "AS211 1:23 `index` names the counter of a `repeat`, found 'index'"),
        ("{block: relu, taps: true}",
         "AS211 1:26 `taps` makes the taps of a `spec` its outputs, found 'taps'"),
        ("{op: relu, taps: false}",
         "AS211 1:23 `taps` makes the taps of a `spec` its outputs, found 'taps'"),
        ("{op: relu, repeat: 2, alias: x}",
         "AS211 1:34 only braces in its own name give an instance of a `repeat` one of "
         "its own, found 'alias'"),
        ("{graph: [relu], inlin: false}",
         "AS211 1:28 a nested graph has no attribute, found 'inlin' "
         "(did you mean 'inline'?)"),
    ],
)  # fmt: skip
def test_a_node_that_is_wrong(node: str, message: str) -> None:
    assert refused(f"graph: {{a: {node}}}") == [message]


def test_an_alias_of_a_repeat_counts() -> None:
    read("graph: {'a_{index}': {op: relu, repeat: 2, alias: 'x_{index}'}}")
    read("graph: [{op: relu, repeat: 2, alias: 'x_{index}'}]")


def test_an_entry_of_a_list() -> None:
    assert refused("graph: [{op: relu, from: input}]") == [
        "AS211 1:20 a list is a chain, its nodes take no `from`; name them, found 'from'"
    ]
    found = read("graph: [{op: relu, name: x, inline: false}, {spec: s, taps: true}]")
    assert found.graph is not None
    first, second = found.graph.items.values()
    assert (first.keys.name, first.listed, second.keys.taps) == ("x", True, True)
    nested = read("graph: [{name: y, graph: [relu]}]").graph
    assert nested is not None and nested.items["0"].nested is not None
    assert nested.items["0"].nested.name == "y"
    assert (str(first.at), str(first.entry.at)) == ("net.yaml:3:9", "net.yaml:3:9")


def test_what_a_node_may_say() -> None:
    found = read(
        "graph: {0: relu, a: {graph: [relu], from: [input, 0], when: false, "
        "repeat: =n, index: i, inline: true}}"
    )
    assert found.graph is not None
    number, nested = found.graph.items.values()
    assert (number.key, str(number.entry.at)) == ("0", "net.yaml:3:12")
    keys = nested.keys
    assert (keys.from_, keys.when, keys.repeat) == (["input", 0], False, "=n")
    assert (keys.index, keys.inline, nested.attributes) == ("i", True, {})
    assert nested.nested is not None
    assert (nested.nested.kind, nested.nested.name) == ("graph", "a")
    assert str(nested.nested.graph.at) == "net.yaml:3:29"


@pytest.mark.parametrize(
    ("raw", "default", "kind", "typed", "required"),
    [
        ("3", 3, "int", False, False),
        ("1.5", 1.5, "float", False, False),
        ("false", False, "bool", False, False),
        ("same", "same", "str", False, False),
        ("[1, [2]]", [1, [2]], "list", False, False),
        ("=a + 1", "=a + 1", "any", False, False),
        ("int", None, "int", True, True),
        ("int or str", None, "int or str", True, True),
        ("int or strings", "int or strings", "str", False, False),
        ("{type: int}", None, "int", True, True),
        ("{type: int or str, default: same}", "same", "int or str", True, False),
        ("{type: any, default: null}", None, "any", True, False),
        ("{default: 3}", 3, "int", False, False),
        ("{type: float, default: =a}", "=a", "float", True, False),
    ],
)
def test_params(raw: str, default: Any, kind: str, typed: bool, required: bool) -> None:
    found = read(
        f"params: {{p: {raw}}}\nblocks: {{b: {{params: {{p: {raw}}}, graph: [relu]}}}}"
    )
    for param in (found.params["p"], found.blocks["b"].params["p"]):
        assert (param.default, param.type) == (default, kind)
        assert (param.typed, param.required) == (typed, required)
    assert str(found.params["p"].key) == "net.yaml:3:10"


def test_null_removes_a_param_of_a_file_and_is_one_of_a_block() -> None:
    found = read("params: {p: null}\nblocks: {b: {params: {p: null}, graph: [relu]}}")
    assert found.params["p"].value is None
    param = found.blocks["b"].params["p"]
    assert (param.value, param.default, param.required) == ("any", None, False)


def test_params_that_are_wrong() -> None:
    assert refused("params: {p: {type: itn}, q: {type: int, defalt: 1}}") == [
        "AS203 1:20 a type is int, float, bool, str, list, any, or several as "
        "'int or str', found 'itn' (did you mean 'int'?)",
        "AS201 1:41 unknown key 'defalt' (did you mean 'default'?)",
    ]
    found = read("params: {p: {type: int, default: 3}}").params["p"]
    assert str(found.at) == "net.yaml:3:34"


def test_the_inputs_of_a_block() -> None:
    found = read("blocks: {a: {graph: [relu]}, b: {inputs: [x], graph: [relu]}}")
    assert found.blocks["a"].inputs == ("input",)
    assert found.blocks["b"].inputs == ("x",)
    assert str(found.blocks["b"].at) == "net.yaml:3:30"


def test_a_graph_without_a_node() -> None:
    error = no_node(read("").at)
    assert spoken(error) == "AS202 2:7 a graph has at least one node"


def test_graphs_that_nest_too_deep_for_python() -> None:
    raw = nested_too_deep(HEAD, "net.yaml")
    with pytest.raises(ArchspecError) as caught:
        unit(raw, "net.yaml")
    assert spoken(caught.value) == "AS121 1:1 graphs nest deeper than Python follows"


def test_a_family_is_called_as_people_call_its_net() -> None:
    assert read("").family == "net"
    assert read("title: T").family == "T"


def test_where_a_default_without_a_type_stands() -> None:
    found = read("params: {p: {default: 3}}").params["p"]
    assert (str(found.at), str(found.key)) == ("net.yaml:3:23", "net.yaml:3:10")


ONE_OR_ALL = "in a list every node has an alias, or none has"


@pytest.mark.parametrize(
    ("graph", "messages"),
    [
        ("[{op: relu, alias: a}, {op: relu, alias: b}]", []),
        ("[relu, relu]", []),
        ("[relu, {op: relu, alias: a}, relu]", [f"AS211 1:15 {ONE_OR_ALL}"]),
        (
            "[relu, {op: relu, alias: a}, {op: relu, alias: b}]",
            [f"AS211 1:15 {ONE_OR_ALL}"],
        ),
        # One that is wrong has none either.
        (
            "[{op: relu, alias: a}, 3]",
            [
                f"AS211 1:9 {ONE_OR_ALL}",
                "AS203 1:31 a node is a name or a mapping, found 3",
            ],
        ),
        ("{a: {op: relu, alias: x}, b: relu}", []),
    ],
)
def test_aliases_of_a_list(graph: str, messages: list[str]) -> None:
    if messages:
        assert refused(f"graph: {graph}") == messages
    else:
        found = read(f"graph: {graph}").graph
        assert found is not None and len(found.items) == 2


def test_what_stands_beside_the_keys_of_a_node_are_attributes() -> None:
    found = read("graph: {a: {op: conv2d, from: input, channels: =n, kernel: 3}}")
    assert found.graph is not None
    assert found.graph.items["a"].attributes == {"channels": "=n", "kernel": 3}
