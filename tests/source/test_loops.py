"""archspec.source.loops: the `for` of a repeat, by what it needs of index and rows."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.source.expr import Arg, named
from archspec.source.loops import each
from archspec.source.outline import Line, OpUse
from archspec.source.text import flat


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
    ],
)
def test_headers(
    count: Arg, rows: dict[str, tuple[Arg, ...]], read: str, text: str
) -> None:
    use: Any = OpUse([], [], {}, ())
    line = Line("layer", use, (), count=count, index="i", rows=rows)
    assert flat(each(line, read.split())) == text
    assert line.rows == rows
