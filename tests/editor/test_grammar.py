"""What the schema says of a place."""

from __future__ import annotations

from typing import Any

import pytest

from archspec import catalog
from archspec.editor.grammar import keys, meaning, values
from archspec.language.syntax import BlockKeys, FileKeys, NodeKeys, keys_of
from archspec.ops import OPS
from archspec.ops.describe import summary

NODE = {*keys_of(NodeKeys)}
KINDS = {op.kind: summary(op) for op in OPS}


@pytest.mark.parametrize("op", OPS)
def test_a_node_has_the_attributes_of_its_op(op: Any) -> None:
    raw = {"graph": {"a": {"op": op.kind}}}
    own = NODE - {"block", "graph", "spec", "name", "inline", "taps"}
    assert {*keys(raw, ("graph", "a"))} == own | {*op.model_fields}
    chain = {"graph": [{"op": op.kind}]}
    assert {*keys(chain, ("graph", 0))} == own - {"from"} | {"name", *op.model_fields}
    assert {*keys({}, ("defaults", op.kind))} == {*op.model_fields}


def test_keys_of_other_places() -> None:
    assert keys({}, ()) == keys_of(FileKeys)
    assert keys({}, ("blocks", "x")) == keys_of(BlockKeys)
    assert {*keys({}, ("graph", "a"))} == NODE - {"name"}
    assert {*keys({}, ("blocks", "x", "graph", 0))} == NODE - {"from"}
    inner = {"graph": {"a": {"graph": {"b": {"op": "dropout"}}}}}
    assert "rate" in keys(inner, ("graph", "a", "graph", "b"))
    assert "rate" not in keys(inner, ("graph", "a"))
    assert not keys({}, ("title", "x", 3))


def test_values() -> None:
    assert values({}, ("graph", "a")) == KINDS
    assert values({}, ("graph", 1)) == KINDS
    assert values({}, ("blocks", "x", "graph", "a", "op")) == KINDS
    assert {*catalog.names(), *catalog.families()} == {*values({}, ("extends",))}
    conv = {"graph": {"a": {"op": "conv2d"}}}
    assert {*values(conv, ("graph", "a", "bias"))} == {"true", "false"}
    assert "same" in values(conv, ("graph", "a", "padding"))
    assert not values({}, ("title",))


def test_what_a_key_means() -> None:
    conv = {"graph": {"a": {"op": "conv2d"}}}
    assert meaning(conv, ("graph", "a", "channels")) == "A whole number from 1."
    assert meaning(conv, ("graph", "a", "from")) == keys_of(NodeKeys)["from"]
    assert meaning(conv, ("graph", "a", "nothing")) == ""
