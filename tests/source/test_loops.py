"""archspec.source.loops: repeats as text, by what they need of index and rows."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.source.expr import Arg, Expr, named
from archspec.source.loops import each, turns
from archspec.source.outline import Line, OpUse
from archspec.source.text import flat

DEPTHS = named("depths", "list")


@pytest.mark.parametrize(
    ("count", "rows", "read", "text"),
    [
        (3, {}, "", "for _ in range(3)"),
        (3, {}, "i", "for i in range(3)"),
        (3, {}, "stride", "for _ in range(3)"),
        (named("depth", "int"), {}, "i", "for i in range(depth)"),
        (2, {"stride": (1, 2)}, "stride", "for stride in (1, 2)"),
        (2, {"stride": (1, 2)}, "", "for _ in range(2)"),
        (2, {"stride": (1, 2)}, "i", "for i in range(2)"),
        (2, {"s": (1, 2)}, "i s", "for i, s in enumerate((1, 2))"),
        (2, {"a": (1, 2), "b": (3, 4)}, "b", "for b in (3, 4)"),
        (2, {"a": (1, 2), "b": (3, 4)}, "a b", "for a, b in ((1, 3), (2, 4))"),
        (
            2,
            {"a": (1, 2), "b": (3, 4)},
            "a b i",
            "for i, (a, b) in enumerate(((1, 3), (2, 4)))",
        ),
        (named("n", "int"), {"depth": DEPTHS}, "depth", "for depth in depths"),
        (2, {"d": DEPTHS}, "d i", "for i, d in enumerate(depths)"),
        (
            2,
            {"a": (1, 2), "d": DEPTHS},
            "a d",
            "for a, d in zip((1, 2), depths, strict=True)",
        ),
        (
            2,
            {"d": DEPTHS, "a": (1, 2)},
            "a d",
            "for d, a in zip(depths, (1, 2), strict=True)",
        ),
    ],
)
def test_headers(
    count: Arg, rows: dict[str, tuple[Arg, ...] | Expr], read: str, text: str
) -> None:
    use: Any = OpUse([], [], {}, ())
    line = Line("layer", use, (), count=count, index="i", rows=rows)
    assert flat(each(line, read.split())) == text
    assert line.rows == rows


def loop(**flows: Any) -> Line:
    use: Any = OpUse([], [], {}, ())
    return Line("layer", use, (), count=named("depth", "int"), index="i", **flows)


@pytest.mark.parametrize(
    ("line", "read", "text"),
    [
        (loop(), "", ["for _ in range(depth):", "    body"]),
        (
            loop(start={"c": 8}, carried={"c": named("c", "int") * 2}),
            "i",
            ["c = 8", "for i in range(depth):", "    body", "    c = c * 2"],
        ),
        (  # an argument that the loop carries on is there already
            loop(start={"c": named("c", "int")}, carried={"c": 4}),
            "",
            ["for _ in range(depth):", "    body", "    c = 4"],
        ),
        (
            loop(start={"c": 8, "d": 4}, carried={"c": named("d", "int"), "d": 4}),
            "",
            ["c = 8", "d = 4", "for _ in range(depth):", "    body", "    c, d = d, 4"],
        ),
        (  # what it carries may read the index
            loop(start={"c": 8}, carried={"c": named("i", "int") + 1}),
            "",
            ["c = 8", "for i in range(depth):", "    body", "    c = i + 1"],
        ),
    ],
)
def test_statements(line: Line, read: str, text: list[str]) -> None:
    assert turns(line, ["    body"], 0, read.split()) == text
    within = turns(line, ["        body"], 4, read.split())
    assert within == [f"    {row}" for row in text]
