"""A spec that is being written: what is there is read, and nothing of it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from bad_specs import cases
from spelled import nested_too_deep

from archspec.errors import Location
from archspec.language.begun import begun, readable
from archspec.language.files import Files
from archspec.language.reader import Map, parse
from archspec.limits import DEFAULT


@pytest.mark.parametrize(
    ("text", "raw", "torn"),
    [
        ("a: {b: c}\n", {"a": {"b": "c"}}, None),
        ("a: {b: c, d", {"a": {"b": "c", "d": None}}, 1),
        ("a: {b: [1, 2", {"a": {"b": [1, 2]}}, 1),
        ("a: {b: c\nd: e\n", {"a": {"b": "c d"}}, 1),
        ("a: 1\n b: 2\n", {"a": "1 b"}, 2),
        ("a: 1\na: 2\n", {"a": 2}, None),
        ("a: =max(1,\n", {"a": "=max(1,"}, None),
        ("a: !tag 1\nb: *none\n", {"a": 1, "b": None}, None),
        ("a: 99999999999999999999\n", {"a": 0}, None),
        ("{[x, y]: 2, b: 3}\n", {"['x', 'y']": 2, "b": 3}, None),
        ("", None, None),
        # A key waits for its value where the text ends, an item for nothing.
        ("{x: {y: 1}, z", {"x": {"y": 1}, "z": None}, 1),
        ("[{a: 1}, {b", [{"a": 1}, {"b": None}], 1),
        ("a: [[1, 2], [3\n", {"a": [[1, 2], [3]]}, 1),
        ("{[a, b]", {"['a', 'b']": None}, 1),
        # Brackets are torn where they open, all else where it goes wrong.
        ("x: 1\na: {b: c,\n  d: e\n", {"x": 1, "a": {"b": "c", "d": "e"}}, 2),
        ("x: 'open\ny: 1\n", {"x": None}, 3),
        ("a:\n  b: 1\n c: 2\n", {"a": {"b": 1}}, 3),
        ("a: 1\nb: \x01\n", None, 1),
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}, None),
        # The first document counts, and the rest has to be YAML.
        ("a: 1\n---\nb: 2\n", {"a": 1}, None),
        ("a: 1\n---\nb: {\n", {"a": 1}, 3),
        ("a: [\n  b,\n\n", {"a": ["b"]}, 1),
    ],
)
def test_what_there_is_of_a_text(text: str, raw: Any, torn: int | None) -> None:
    found = begun(text, "x.yaml")
    assert found.torn == torn
    assert found.raw == raw


def test_nothing_of_a_text_beyond_the_limits() -> None:
    assert begun("[" * 500, "x.yaml").raw is None
    assert begun("x" * 10_000_000, "x.yaml").raw is None


def test_a_text_as_long_as_the_limit_is_read() -> None:
    text = "a: 1\n#".ljust(DEFAULT.file_bytes, "#")
    assert begun(text, "x.yaml").raw == {"a": 1}
    assert begun(text + "#", "x.yaml") == (None, None)


def test_a_whole_text_is_read_as_ever() -> None:
    text = "archspec: 1\nname: x\ninputs: {x: [3]}\ngraph: {a: relu, b: {op: relu}}\n"
    raw, torn = begun(text, "x.yaml")
    assert torn is None and raw == parse(text, "x.yaml")
    assert raw["graph"].keys_at == parse(text, "x.yaml")["graph"].keys_at


def unit_of(text: str) -> Any:
    return readable(begun(text, "x.yaml").raw, "x.yaml")


def test_a_node_that_is_wrong_has_its_name_and_counter() -> None:
    unit = unit_of("graph: {a: relu, b: {repeat: 3, index: i, from: {}}, c: relu}\n")
    assert [*unit.graph.items] == ["a", "b", "c"]
    wrong = unit.graph.items["b"]
    assert (wrong.kind, wrong.target, wrong.counter) == ("op", "identity", "i")
    assert wrong.at == Location("x.yaml", 1, 18)


def test_a_block_without_a_graph_has_its_params() -> None:
    unit = unit_of("blocks: {b: {params: {c: int}, strange: 1}}\n")
    assert unit.blocks["b"].params["c"].type == "int"


@pytest.mark.parametrize(
    "text",
    [
        "archspec: 2\nname: [1]\nparams: {a: 1}\n",
        "params: {a: 1}\nstrange: 3\nblocks: {b: 3}\ndefaults: {relu: 3}\ngraph: 1\n",
        "params: {a: 1}\nblocks: [1]\n",
    ],
)
def test_keys_that_are_wrong_are_left_out(text: str) -> None:
    assert [*unit_of(text).params] == ["a"]


def test_every_bad_spec_can_be_read() -> None:
    for case in cases():
        raw = begun(case.files["net.yaml"], "net.yaml").raw
        if isinstance(raw, Map):
            assert Files().begun(raw, "net.yaml").file == "net.yaml"


def test_a_base_is_there_although_something_is_wrong() -> None:
    text = "extends: resnet18\nparams: {depths: 3, nothing: null}\n"
    unit = Files().begun(begun(text, "x.yaml").raw, "x.yaml")
    assert {"depths"} == {*unit.params}  # of the file alone, whose type is wrong
    text = "extends: resnet18\nparams: {nothing: null}\n"
    unit = Files().begun(begun(text, "x.yaml").raw, "x.yaml")
    assert "depths" in unit.params and "basic_block" in unit.blocks


def test_what_is_new_over_a_base_is_kept_and_what_removes_nothing_is_not() -> None:
    text = "extends: resnet18\nparams: {nothing: null, more: 3, depths: null}\n"
    unit = Files().begun(begun(text, "x.yaml").raw, "x.yaml")
    assert unit.params["more"].default == 3
    assert not {"nothing", "depths"} & {*unit.params}


def test_a_file_without_what_every_file_says() -> None:
    for text, place in (("params: {a: 1}\n", "1:1"), ("name: 3\ntitle: T\n", "1:7")):
        unit = unit_of(text)
        assert (unit.keys.archspec, unit.keys.name) == (1, "net")
        assert str(unit.at) == f"x.yaml:{place}"


def test_entries_that_are_wrong_are_left_out_alone() -> None:
    text = (
        "defaults: {relu: 3, conv2d: {bias: false}}\nrequire: {x: 3, y: =1}\nodd: 1\n"
    )
    raw = begun(text, "x.yaml").raw
    unit = readable(raw, "x.yaml")
    assert [*unit.defaults] == ["conv2d"] and [*unit.require] == ["y"]
    assert str(unit.require["y"].at) == "x.yaml:2:20"
    assert raw == begun(text, "x.yaml").raw  # what is given stays as it is


@pytest.mark.parametrize(
    ("node", "repeat", "counter", "name"),
    [
        ("3", None, "index", None),
        ("{repeat: 1.5, index: 3, name: [x]}", None, "index", None),
        ("{op: 3, repeat: =n, index: i, name: m}", "=n", "i", "m"),
        ("{op: relu, block: b, repeat: 2}", 2, "index", None),
        ("{op: 3, repeat: true}", None, "index", None),
    ],
)
def test_what_there_is_of_a_node_that_is_wrong(
    node: str, repeat: Any, counter: str, name: str | None
) -> None:
    for text, key, listed in (("{{n: {}}}", "n", False), ("[{}]", "0", True)):
        (wrong,) = unit_of(f"graph: {text.format(node)}\n").graph.items.values()
        assert (wrong.kind, wrong.target, wrong.attributes) == ("op", "identity", {})
        assert (wrong.key, wrong.listed) == (key, listed)
        keys = wrong.keys
        assert (keys.repeat, wrong.counter, keys.name) == (repeat, counter, name)


def test_what_there_is_of_a_block_that_is_wrong() -> None:
    unit = unit_of(
        """blocks:
  a: {inputs: [x, 1], outputs: {o: c}, params: {p: 1}, graph: {b: 3, c: relu}}
  b: {inputs: x, graph: 3}
  c: {graph: {}, odd: 1}
"""
    )
    a, b, c = unit.blocks.values()
    assert (a.kind, a.name, a.inputs) == ("block", "a", ("x", "1"))
    assert ([*a.outputs], [*a.params]) == (["o"], ["p"])
    assert [*a.graph.items] == ["b", "c"]
    for block, line in ((b, 3), (c, 4)):
        assert (block.inputs, block.outputs, block.params) == (("input",), {}, {})
        assert not block.graph.items and not block.graph.listed
        assert block.at == Location("x.yaml", line, 3)


def test_nothing_of_what_nests_too_deep_for_python() -> None:
    raw = nested_too_deep("params: {a: 1}\n", "x.yaml")
    unit = readable(raw, "x.yaml")
    assert unit.graph is None and not unit.params
    assert (unit.keys.name, str(unit.at)) == ("net", "x.yaml:1:1")
