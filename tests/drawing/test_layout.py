"""What must hold of every picture: of random nets, of a sample of the zoo, and of all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from fontTools.ttLib import TTFont
from random_specs import numbered

import archspec
from archspec.catalog import names
from archspec.drawing import draw, opening
from archspec.drawing.grid import grid
from archspec.drawing.outline import Box, below, outline
from archspec.drawing.picture import HEAD, Rect, placed, sized
from archspec.errors import ArchspecError
from archspec.graph import Graph

EXAMPLES = sorted(Path("examples/nets").glob("*.yaml"))
SAMPLE = ["resnet18", "fpn_resnet50"]
DEPTHS = (1, 2, 3, 9)
SVG = "{http://www.w3.org/2000/svg}"
MARGIN = 4


def random_nets(numbers: range) -> Iterator[Graph]:
    """Random specs that need no other file."""
    for number in numbers:
        spec = {"archspec": 1, "name": "net", **numbered(number)}
        if "files" not in spec:
            with suppress(ArchspecError):  # a null takes away what a base file has
                yield archspec.load(spec).graph


def apart(a: Rect, b: Rect) -> bool:
    """Whether two boxes share no point."""
    return (
        a.x + a.sized.width < b.x
        or b.x + b.sized.width < a.x
        or a.y + a.sized.height < b.y
        or b.y + b.sized.height < a.y
    )


def within(a: Rect, b: Rect) -> bool:
    """Whether a box is inside a frame, below its name."""
    return (
        b.open
        and b.x < a.x
        and a.x + a.sized.width < b.x + b.sized.width
        and b.y + HEAD < a.y
        and a.y + a.sized.height < b.y + b.sized.height
    )


def crosses(segment: tuple[float, float, float, float], rect: Rect) -> bool:
    """Whether a line goes into a box, or out of a frame without ending at its side."""
    x, y, u, v = segment
    left, right = min(x, u), max(x, u)
    top, bottom = min(y, v), max(y, v)
    one = rect.sized
    ends = rect.x + one.width, rect.y + one.height
    outside = right <= rect.x or left >= ends[0] or bottom <= rect.y or top >= ends[1]
    inside = (
        rect.open
        and left > rect.x
        and right < ends[0]
        and top >= rect.y + HEAD
        and bottom <= ends[1]
    )
    return not outside and not inside


def check(net: Box, depth: int) -> None:
    rects, lines = placed(sized(net, opening(net, depth)))
    for number, rect in enumerate(rects):
        for other in rects[:number]:
            assert apart(rect, other) or within(rect, other) or within(other, rect), (
                rect.sized.box.name,
                other.sized.box.name,
            )
    tops = {(rect.y, rect.x, rect.x + rect.sized.width) for rect in rects}
    for line in lines:
        for segment in line.segments:
            for rect in rects:
                assert not crosses(segment, rect), (segment, rect.sized.box.name)
        for x, y in line.arrows:
            assert any(y == top and a < x < b for top, a, b in tops)
        assert connected(line.segments)


def connected(segments: list[tuple[float, float, float, float]]) -> bool:
    """Whether all pieces of a line hang together."""
    waiting = set(range(1, len(segments)))
    reached = [0]
    while reached:
        now = segments[reached.pop()]
        for number in [n for n in waiting if touch(now, segments[n])]:
            waiting.discard(number)
            reached.append(number)
    return not waiting


def touch(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float]
) -> bool:
    def spans(
        s: tuple[float, float, float, float],
    ) -> tuple[float, float, float, float]:
        return min(s[0], s[2]), max(s[0], s[2]), min(s[1], s[3]), max(s[1], s[3])

    left, right, top, bottom = spans(a)
    l2, r2, t2, b2 = spans(b)
    near = 1e-6
    return (
        l2 <= right + near
        and left <= r2 + near
        and t2 <= bottom + near
        and top <= b2 + near
    )


def edges(box: Box, root: bool) -> None:
    """The lines of a scope are what its boxes read, no more and no less."""
    laid = grid(box, root)
    children = box.children or [box]
    made = {n: (-1, k) for k, n in enumerate(() if root else box.reads)}
    for number, child in enumerate(children):
        for port, name in enumerate(sorted(child.makes)):
            made[name] = number, port
    wanted = {
        (made[name][0], number)
        for number, child in enumerate(children)
        for name in child.reads
    }
    wanted |= {(made[name][0], -1) for name in (() if root else box.gives)}
    assert {(net.source[0], to) for net in laid.nets for to in net.targets} == wanted
    for net in laid.nets:
        ends = [c for p in net.pieces for _, c in p.bottoms if c >= 0]
        assert sorted(ends) == sorted(t for t in net.targets if t >= 0)


def check_all(graph: Graph) -> None:
    net = outline(graph)
    for depth in DEPTHS:
        check(net, depth)
    for box in below(net):
        if box.children:
            edges(box, box is net)
    for depth in (1, 3):
        fits(str(draw(graph, depth=depth)))
    reachable(graph)


@cache
def font(bold: bool) -> tuple[dict[int, int], int]:
    """The widths of DejaVu Sans, the widest of the stack, as matplotlib ships it."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    found = TTFont(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name)
    glyphs, advances = found.getBestCmap(), found["hmtx"]
    widths = {code: advances[glyph][0] for code, glyph in glyphs.items()}
    return widths, found["head"].unitsPerEm


def measured(element: ElementTree.Element) -> float:
    kinds = str(element.get("class")).split()
    widths, em = font("as-name" in kinds or "as-flag" in kinds)
    size = 12 if "as-name" in kinds else 11
    return size * sum(widths.get(ord(c), em) for c in str(element.text)) / em


def fits(svg: str) -> None:
    """It is XML, and each text ends before the box in which it begins."""
    root = ElementTree.fromstring(svg)
    (body,) = root.findall(f"{SVG}g")
    rects = [
        [float(str(rect.get(key))) for key in ("x", "y", "width", "height")]
        for rect in body.iter(f"{SVG}rect")
    ]
    texts = list(body.iter(f"{SVG}text"))
    assert texts
    for text in texts:
        x, y = float(str(text.get("x"))), float(str(text.get("y")))
        around = [r for r in rects if r[0] < x < r[0] + r[2] and r[1] < y < r[1] + r[3]]
        inner = min(around, key=lambda r: r[2] * r[3])
        assert x + measured(text) + MARGIN <= inner[0] + inner[2], text.text


def paths(data: dict[str, object], number: int, path: str) -> Iterator[str]:
    """Every op that the page's tree leads to."""
    boxes = data["boxes"]
    assert isinstance(boxes, list)
    box = boxes[number]
    if "P" in box:
        for part, piece, _ in box["P"]:
            # The way is that of the repeat's own parent.
            yield from paths(data, part, joined(path, piece))
        return
    if "c" not in box:
        yield path
        return
    for child in box["c"]:
        inner = boxes[child]
        here = "P" in inner
        piece = inner.get("a", inner["n"])
        yield from paths(data, child, path if here else joined(path, piece))


def joined(path: str, piece: str) -> str:
    if piece.startswith("/"):
        return piece[1:]
    return f"{path}.{piece}" if path else piece


def reachable(graph: Graph) -> None:
    page = str(draw(graph, "html"))
    data = json.loads(
        re.findall('<script type="application/json" id="data">(.*?)</script>', page)[0]
    )
    found = list(paths(data, data["root"], ""))
    assert sorted(found) == sorted([*graph.inputs, *graph])


def test_random_nets() -> None:
    for graph in random_nets(range(12)):
        check_all(graph)


@pytest.mark.parametrize("name", SAMPLE)
def test_some_nets(name: str) -> None:
    check_all(archspec.load(name).graph)


@pytest.mark.proof
@pytest.mark.parametrize("first", range(0, 700, 50))
def test_more_random_nets(first: int) -> None:
    for graph in random_nets(range(first, first + 50)):
        check_all(graph)


@pytest.mark.proof
@pytest.mark.parametrize("name", [*names(), *map(str, EXAMPLES)])
def test_the_zoo(name: str) -> None:
    graph = archspec.load(name).graph
    check_all(graph)
    assert len(str(draw(graph, "html")).encode()) < 300_000
