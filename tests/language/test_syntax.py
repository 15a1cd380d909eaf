"""What a file says: statements with their values and places, blocks, the unit."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from archspec.language.files import Files
from archspec.language.syntax import (
    RESERVED,
    BlockKeys,
    ExpectKeys,
    FileKeys,
    Keys,
    NodeKeys,
    Param,
    ParamKeys,
    Statement,
    WeightsKeys,
    bare,
    keys_of,
)
from archspec.language.values import Known, Variables
from archspec.limits import Budget, Limits

TEXT = """\
archspec: 1
name: net
params: {n: 2}
inputs: {image: [3, 8, 8]}
blocks:
  unit: {params: {k: 1}, graph: [relu], outputs: {p: "0"}}
graph:
  plain: relu
  conv: {op: conv2d, from: plain, channels: =n, kernel: [1, =n], bias: true, repeat: 2}
  "b{n}_{n + 1}": {op: =act, when: =n == 1, init: {bias: =n}, from: [conv, =last]}
  rows: {repeat: 2, index: row, graph: [{op: slice, stop: =row}, {block: unit, name: u}]}
  cols: {repeat: 2, graph: {a: {graph: {c: {op: slice, when: =index == 0}}}}}
  other: {repeat: 2, graph: {a: {op: slice, stop: =row}}}
  odd: {repeat: 2, graph: {a: {op: slice, stop: "=1 +"}}}
outputs: {y: other}
taps: {t: plain}
"""
UNIT = Files().text(TEXT, "net.yaml")
assert UNIT.graph is not None
GRAPH = UNIT.graph


def node(key: str) -> Statement:
    return GRAPH.items[key]


def test_the_parts_of_a_statement() -> None:
    conv = node("conv")
    assert (conv.kind, conv.target, conv.listed, conv.braced) == (
        *("op", "conv2d", False, False),
    )
    assert conv.attributes == {"channels": "=n", "kernel": [1, "=n"], "bias": True}
    assert (conv.keys.from_, conv.keys.repeat, conv.keys.when) == ("plain", 2, True)
    assert str(conv.at) == "net.yaml:9:3"
    plain = node("plain")
    assert (plain.kind, plain.target, plain.keys) == ("op", "relu", bare())
    assert node("b{n}_{n + 1}").braced


def test_where_things_stand() -> None:
    conv, plain, rows = node("conv"), node("plain"), node("rows")
    assert str(conv.place("channels")) == "net.yaml:9:45"
    assert str(conv.place("channels", key=True)) == "net.yaml:9:35"
    assert str(conv.place("kernel", 1)) == "net.yaml:9:61"
    assert str(conv.place("op")) == "net.yaml:9:14"
    assert str(conv.place("missing")) == "net.yaml:9:3"
    assert str(plain.place("op")) == "net.yaml:8:10"
    assert str(plain.place("from")) == "net.yaml:8:3"
    assert str(rows.place("index")) == "net.yaml:11:28"
    assert conv.place("channels") is conv.place("channels")
    unit = Files().text("archspec: 1\nname: n\ngraph: {a: dropout}", "net.yaml")
    assert unit.graph is not None
    assert str(unit.graph.items["a"].place("op")) == "net.yaml:3:12"


def test_what_a_message_calls_a_statement() -> None:
    rows = node("rows")
    assert rows.nested is not None
    first, second = rows.nested.graph.items.values()
    assert list(map(str, (rows, first, second))) == ["'rows'", "the op", "'u'"]
    assert str(node("b{n}_{n + 1}")) == "'b{n}_{n + 1}'"


def test_counters() -> None:
    assert node("rows").counter == "row"
    assert node("cols").counter == node("conv").counter == "index"


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("rows", True),
        ("cols", True),
        ("other", False),
        ("odd", True),  # what can't be told may read it
        ("conv", False),
    ],
)
def test_whether_a_nested_graph_reads_the_counter(key: str, counts: bool) -> None:
    assert node(key).counts is counts


def test_attributes_with_and_without_formulas() -> None:
    conv = node("conv")
    assert conv.constants == {"bias": Known(True)}
    assert conv.varying == ["channels", "kernel"]
    variables = Variables(Budget(Limits()))
    variables.set("n", 5, frozenset("n"))
    assert conv.given(variables) == {
        "bias": Known(True),
        "channels": Known(5, "n", frozenset("n")),
        "kernel": Known((1, 5), "[1, n]", frozenset("n")),
    }


def test_formulas_that_printed_code_never_says() -> None:
    assert node("b{n}_{n + 1}").decides == {
        "": frozenset(("n", "n + 1")),
        "b{n}_{n + 1} from": frozenset(("last",)),
    }
    assert node("conv").decides == node("rows").decides == {}


def test_values_inside_and_outside_of_the_counter() -> None:
    def values(key: str) -> tuple[list[Any], list[Any]]:
        statement = node(key)
        outside = [(value, at.column) for value, at in statement.outside()]
        return outside, [(value, at.column) for value, at in statement.inside()]

    assert values("b{n}_{n + 1}") == (
        [(["conv", "=last"], 69), (None, 3)],
        [
            ("=n", 3),
            ("=n + 1", 3),
            ("=n == 1", 36),
            ({"bias": "=n"}, 51),
            ("=act", 24),
        ],
    )
    assert values("rows") == ([(None, 3), (2, 18)], [(True, 3)])


def test_all_statements() -> None:
    keys = [statement.key for statement in GRAPH.all()]
    assert keys == [
        *("plain", "conv", "b{n}_{n + 1}", "rows", "0", "1", "cols", "a", "c"),
        *("other", "a", "odd", "a"),
    ]


def test_blocks_and_what_messages_call_them() -> None:
    unit, whole, rows = UNIT.blocks["unit"], UNIT.block(), node("rows").nested
    assert rows is not None
    assert (unit.kind, unit.inputs, list(unit.params)) == ("block", ("input",), ["k"])
    assert (whole.kind, whole.inputs, whole.graph) == ("file", ("input",), GRAPH)
    assert (list(whole.params), list(whole.outputs)) == (["n"], ["y"])
    assert (rows.kind, rows.name, rows.graph.listed) == ("graph", "rows", True)
    assert [str(block) for block in (unit, whole, rows)] == [
        *("the block 'unit'", "the spec 'net'", "a nested graph"),
    ]


def test_several_inputs_keep_their_names() -> None:
    unit = Files().text(
        "archspec: 1\nname: n\ninputs: {a: [1], b: [2]}\ngraph: {c: {from: a, op: relu}}",
        "net.yaml",
    )
    assert unit.block().inputs == ("a", "b")


def test_defaults_of_a_kind() -> None:
    unit = Files().text(
        "archspec: 1\nname: n\ndefaults: {relu: {}, conv2d: {kernel: 3}}", "net.yaml"
    )
    assert {k: e.value for k, e in unit.default("conv2d").items()} == {"kernel": 3}
    assert unit.default("relu") == unit.default("linear") == {}
    unit.defaults["relu"] = unit.defaults["relu"]._replace(value=None)
    assert unit.default("relu") == {}


def test_a_param_without_a_type_removes() -> None:
    at = GRAPH.at
    assert Param(None, at, at, "").value is None
    param = Param(3, at, at, "int")
    assert (param.typed, param.required) == (False, False)
    assert Param(None, at, at, "any").value == "any"


MODELS = (FileKeys, BlockKeys, ParamKeys, NodeKeys, ExpectKeys, WeightsKeys)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_says_what_it_means(model: type[Keys]) -> None:
    for key, meaning in keys_of(model).items():
        assert key.isidentifier() and meaning.endswith("."), key
        assert len(meaning.split()) > 2


def test_keys_as_they_are_written() -> None:
    assert list(keys_of(NodeKeys)) == [
        *("op", "block", "graph", "spec", "from", "when", "repeat", "index"),
        *("inline", "name", "taps"),
    ]
    assert list(keys_of(ParamKeys)) == ["type", "default", "fixed"]
    assert {*keys_of(NodeKeys), "input"} == RESERVED


def test_nothing_is_converted() -> None:
    for model, raw in (
        (NodeKeys, {"inline": "true"}),
        (NodeKeys, {"repeat": "2", "when": 1}),
        (ExpectKeys, {"params": "3"}),
        (ExpectKeys, {"macs": 3.0}),
        (FileKeys, {"archspec": "1", "name": "n"}),
    ):
        with pytest.raises(ValidationError):
            model.model_validate(raw)
    assert NodeKeys.model_validate({"any": 1}).model_extra == {"any": 1}
    assert keys_of(FileKeys)["graph"] == (
        "The net: a mapping of named nodes, or a list, which is a chain."
    )


def test_defaults_of_keys() -> None:
    keys: Any = bare()
    assert (keys.op, keys.block, keys.graph, keys.spec, keys.from_) == (None,) * 5
    assert (keys.when, keys.repeat, keys.index, keys.name) == (True, None, None, None)
    assert (keys.inline, keys.taps) == (False, False)
    assert keys is bare()
