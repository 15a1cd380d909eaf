"""Sizes and places: what is open decides them, the grids what stands beside what.

The page does the same sums in `viewer.js`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from archspec.drawing.fonts import fitted, width
from archspec.drawing.grid import Grid, grid
from archspec.drawing.labels import DOT, differences, facts, kind, own, then
from archspec.drawing.outline import Box

PAD = 14
HEAD = 26
FOOT = 20
GAP = 18
TRACK = 9
BETWEEN = 20
HEIGHT = 42
LINE = 14
WIDEST = 276
NARROWER = 18
LANE = 8
BIG, SMALL = 12, 11
"""All in pixels; the last two are the sizes of text."""


@dataclass(slots=True)
class Sized:
    """A box with its size.

    Attributes:
        left, right: from its middle, where its first port is, to its sides.
        height: of all of it.
        texts: what stands in it: the bold name, what it is, its facts, its flags.
        grid, inner: of an open one: how its children stand, and each of them.
        middles: of an open one: each column's middle, from its left side.
        tops, heights: of an open one: each row's, from its upper side.
        foot: what is said below the children of a repeat.
    """

    box: Box
    left: float
    right: float
    height: float
    texts: tuple[str, str, str, tuple[str, ...]]
    grid: Grid | None = None
    inner: list[Sized] = field(default_factory=list)
    middles: list[float] = field(default_factory=list)
    tops: list[float] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    foot: str = ""
    bare: bool = False

    @property
    def width(self) -> float:
        return self.left + self.right


Opened = Callable[[Box, int], bool]
"""Whether a box at a level, of which the net's own boxes have 1, is open."""


def texts(
    box: Box, parent: str, room: float, open_: bool
) -> tuple[str, str, str, tuple[str, ...]]:
    """The texts of a box, each cut to the room that there is."""
    name = fitted(own(box, parent), room, BIG, bold=True)
    left = room - width(name, BIG, bold=True) - 6
    what = fitted(kind(box), left, SMALL) if left > 24 else ""
    told = [then(box)] if then(box) else []
    told += [DOT.join(box.flags)] if box.flags and not open_ else []
    told += box.mark.lines if box.mark else []
    lines = tuple(fitted(line, room, SMALL, bold=True) for line in told)
    return name, what, fitted(facts(box), room, SMALL), lines


def sized(
    box: Box,
    opened: Opened,
    *,
    level: int = 0,
    parent: str = "",
    ports: tuple[int, int] = (0, 0),
) -> Sized:
    """The size of a box and of all that is seen in it."""
    if level and not (box.opens and opened(box, level)):
        half = (WIDEST - NARROWER * box.narrowed) / 2
        left, right = max(half, ports[0] + LANE), max(half, ports[1] + LANE)
        said = texts(box, parent, left + right - 16, False)
        height = HEIGHT + LINE * len(said[3])
        return Sized(box, left, right, height, said)
    shown = box.parts[0] if box.parts else box
    laid = grid(shown, root=not level)
    inner = [
        sized(
            child,
            opened,
            level=level + 1,
            parent=shown.name if child is not shown else parent,
            ports=reach,
        )
        for child, reach in zip(shown.children or [shown], laid.ports, strict=True)
    ]
    lefts, rights = [float(LANE)] * laid.width, [float(LANE)] * laid.width
    rights[0] = max(rights[0], laid.edges[1] + LANE)
    rows = [0.0] * laid.height
    for one, row, column in zip(inner, laid.rows, laid.columns, strict=True):
        lefts[column] = max(lefts[column], one.left)
        rights[column] = max(rights[column], one.right)
        rows[row] = max(rows[row], one.height)
    pad = PAD if level else 0
    at, middles = float(pad), []
    for before, after in zip(lefts, rights, strict=True):
        middles.append(at + before)
        at += before + after + BETWEEN
    total = at - BETWEEN + pad
    y: float = HEAD if level else 0
    tops = []
    for row, tall in enumerate(rows):
        y += _gap(laid, row) if level or row else 0
        tops.append(y)
        y += tall
    y += _gap(laid, laid.height) if level else 0
    left = max(middles[0], ports[0] + LANE)
    total = max(total + left - middles[0], left + ports[1] + LANE, _head(box, parent))
    middles = [middle + left - middles[0] for middle in middles]
    foot = ""
    if box.parts:
        foot, y = fitted(differences(box), total - 16, SMALL), y + FOOT
    said = texts(box, parent, total - 36, True)
    return Sized(
        box, left, total - left, y, said, laid, inner, middles, tops, rows, foot
    )


def _head(box: Box, parent: str) -> float:
    """The width of a frame in which its name and facts stand whole, up to a limit."""
    name = min(width(own(box, parent), BIG, bold=True), WIDEST)
    what = min(width(kind(box), SMALL), WIDEST)
    return name + what + min(width(facts(box), SMALL), WIDEST) + 40


def _gap(laid: Grid, row: int) -> float:
    tracks = laid.tracks[row]
    return GAP + TRACK * max(0, tracks - 1) if tracks else GAP


@dataclass(frozen=True, slots=True)
class Rect:
    """A box in its place; `open` ones are frames around others."""

    sized: Sized
    x: float
    y: float
    level: int

    @property
    def open(self) -> bool:
        return self.sized.grid is not None


@dataclass(frozen=True, slots=True)
class Line:
    """A value on its way: segments, ends with an arrow, and branchings.

    Attributes:
        source: the box that makes it; None where it comes into the scope.
        segments: x and y of both ends of each.
        arrows: x and y of the tips.
        dots: x and y where it branches.
        net: "added" or "removed" where one of two nets has it alone.
    """

    source: Box | None
    segments: list[tuple[float, float, float, float]]
    arrows: list[tuple[float, float]]
    dots: list[tuple[float, float]]
    net: str = ""


def placed(top: Sized) -> tuple[list[Rect], list[Line]]:
    """Everything in its place: frames before what they hold."""
    rects: list[Rect] = []
    lines: list[Line] = []

    def put(one: Sized, x: float, y: float, level: int) -> None:
        if level:
            rects.append(Rect(one, x, y, level))
        if one.grid is None:
            return
        laid = one.grid
        spots = []
        for child, row, column in zip(one.inner, laid.rows, laid.columns, strict=True):
            left = x + one.middles[column] - child.left
            upper = y + one.tops[row] + (one.heights[row] - child.height) / 2
            spots.append((left, upper))
            put(child, left, upper, level + 1)
        lines.extend(_lines(one, laid, spots, x, y, level))

    put(top, 0, 0, 0)
    return rects, lines


def _lines(
    one: Sized,
    laid: Grid,
    spots: list[tuple[float, float]],
    x: float,
    y: float,
    level: int,
) -> list[Line]:
    found = []
    bottom = y + one.height - (FOOT if one.foot else 0)
    head = y + (HEAD if level else 0)

    def across(place: tuple[int, int]) -> float:
        return x + one.middles[place[0]] + place[1]

    for net in laid.nets:
        source = one.inner[net.source[0]].box if net.source[0] >= 0 else None
        line = Line(source, [], [], [], net.source[2])
        for piece in net.pieces:
            gap = piece.gap
            above = head if gap == 0 else y + one.tops[gap - 1] + one.heights[gap - 1]
            below = bottom if gap == laid.height else y + one.tops[gap]
            turn = above + GAP / 2 + TRACK * max(0, piece.track)
            xs = []
            for place, child in piece.tops:
                start = (
                    spots[child][1] + one.inner[child].height if child >= 0 else above
                )
                line.segments.append((across(place), start, across(place), turn))
                xs.append(across(place))
            for place, child in piece.bottoms:
                end = spots[child][1] if child >= 0 else below
                line.segments.append((across(place), turn, across(place), end))
                xs.append(across(place))
                if child >= 0:
                    line.arrows.append((across(place), end))
            if min(xs) < max(xs):
                line.segments.append((min(xs), turn, max(xs), turn))
            if len(xs) > 2:
                line.dots.extend((at, turn) for at in sorted(set(xs))[1:-1])
                tops = {across(place) for place, _ in piece.tops}
                ends = {across(place) for place, _ in piece.bottoms}
                line.dots.extend((at, turn) for at in tops & ends)
        for column, row in net.lanes:
            top, tall = y + one.tops[row], one.heights[row]
            line.segments.append(
                (across((column, 0)), top, across((column, 0)), top + tall)
            )
        found.append(line)
    return found
