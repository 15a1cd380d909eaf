"""What a node names, how many values that reads, and where its attributes stand."""

from __future__ import annotations

import pytest
from spelled import spoken

from archspec.errors import SpecError
from archspec.language.files import Files
from archspec.language.syntax import Unit
from archspec.language.targets import (
    attribute_place,
    block_of,
    check_arity,
    check_inputs,
    op_of,
)
from archspec.ops import BY_KIND

TEXT = """\
archspec: 1
name: net
inputs: {image: [3, 8, 8]}
defaults:
  conv2d: {kernel: 3, init: {weight: {normal: {std: 1}}}, odd: 1}
blocks:
  unit: {graph: [relu]}
  pair: {inputs: [x, y], graph: {a: {op: add, from: [x, y]}}}
graph:
  a: {op: conv2d, from: input, channels: 4, wrong: [1, 2], init: {bias: 0}}
  b: relu
"""
UNIT = Files().text(TEXT, "net.yaml")
assert UNIT.graph is not None
A, B = UNIT.graph.items.values()
BARE = Files().text("archspec: 1\nname: bare\n", "net.yaml")


def refused(check: object, *args: object) -> str:
    assert callable(check)
    with pytest.raises(SpecError) as caught:
        check(*args)
    return spoken(caught.value)


def test_an_op() -> None:
    assert op_of(UNIT, "relu", A.at) is BY_KIND["relu"]
    for kind, message in (
        ("rellu", "'rellu' (did you mean 'relu'?)"),
        ("zzzz", "'zzzz' (`archspec ops` names them all)"),
        ("unit", "'unit' (a block is written {block: unit})"),
        ((1,), "[1] (`archspec ops` names them all)"),
    ):
        assert refused(op_of, UNIT, kind, A.at) == (
            f"AS205 10:3 there is no op {message}"
        )


def test_a_block() -> None:
    assert block_of(UNIT, "unit", A.at).name == "unit"
    for unit, name, hint in (
        (UNIT, "unti", "did you mean 'unit'?"),
        (UNIT, "zzzz", "the file's blocks: unit, pair"),
        (BARE, "zzzz", "the file's blocks: none"),
        (UNIT, "relu", "an op is written {op: relu}"),
    ):
        assert refused(block_of, unit, name, A.at) == (
            f"AS309 10:3 there is no block {name!r} ({hint})"
        )


@pytest.mark.parametrize(
    ("kind", "allowed", "wrong", "message"),
    [
        ("relu", [1], 0, "relu reads 1 value, found 0 (`from` names them)"),
        ("relu", [1], 2, "relu reads 1 value, found 2"),
        ("subtract", [2], 1, "subtract reads 2 values, found 1 (`from` names them)"),
        ("add", [2, 9], 1, "add reads at least 2 values, found 1 (`from` names them)"),
        ("resize", [1, 2], 3, "resize reads 1 to 2 values, found 3"),
        ("resize", [1, 2], 0, "resize reads 1 to 2 values, found 0 (`from` names them)"),
    ],
)  # fmt: skip
def test_how_many_values_an_op_reads(
    kind: str, allowed: list[int], wrong: int, message: str
) -> None:
    for count in allowed:
        check_arity(BY_KIND[kind], A, count)
    assert refused(check_arity, BY_KIND[kind], A, wrong) == f"AS317 10:25 {message}"
    assert refused(check_arity, BY_KIND[kind], B, wrong) == f"AS317 11:3 {message}"


def test_how_many_values_a_block_reads() -> None:
    unit, pair, whole = UNIT.blocks["unit"], UNIT.blocks["pair"], UNIT.block()
    for block, count in ((unit, 1), (pair, 2), (whole, 1)):
        check_inputs(block, A, count)
    for block, found, message in (
        (unit, 2, "the block 'unit' reads 1 value (input), found 2"),
        (pair, 1, "the block 'pair' reads 2 values (x, y), found 1"),
        (whole, 3, "the spec 'net' reads 1 value (input), found 3"),
    ):
        assert refused(check_inputs, block, A, found) == f"AS317 10:25 {message}"


def place(unit: Unit, kind: str, node: object, key: str, *path: str) -> str:
    statement = {"a": A, "b": B, None: None}[node]  # type: ignore[index]
    return str(attribute_place(unit, kind, statement, key, *path)).partition(":")[2]


def test_where_an_attribute_stands() -> None:
    assert place(UNIT, "conv2d", "a", "channels") == "10:42"
    assert place(UNIT, "conv2d", "a", "wrong") == "10:45"  # the key: it is the fault
    assert place(UNIT, "conv2d", "a", "init", "bias") == "10:73"
    assert place(UNIT, "conv2d", "a", "kernel") == "5:20"
    assert place(UNIT, "conv2d", "b", "init", "weight", "normal") == "5:47"
    assert place(UNIT, "conv2d", "b", "kernel", "more") == "5:20"
    assert place(UNIT, "conv2d", "b", "odd") == "5:59"
    assert place(UNIT, "conv2d", "b", "stride") == "11:3"
    assert place(UNIT, "conv2d", None, "stride") == "5:3"
    assert place(UNIT, "conv2d", None, "kernel") == "5:20"
