"""Lines on linear and logarithmic axes, as SVG that needs nothing else.

>>> loss = Line("torch", [(1, 2.3), (2, 0.9), (3, 0.2)])
>>> plot([loss], Axis("step"), Axis("loss", log=True))[:4]
'<svg'

On a logarithmic axis 0 has no place: such points lie in a band of their own below it,
one lane a line, and what is infinite in a band above. Colours are those that fit the
reader's screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from math import ceil, floor, isfinite, log10

from archspec.drawing.fonts import STACK, fitted, width
from archspec.drawing.labels import clean

COLOURS = (
    ("#0b62c4", "#7db8ff"),
    ("#c2410c", "#ff9a62"),
    ("#1a7f37", "#5fd07f"),
    ("#8250df", "#c297ff"),
    ("#8a6100", "#e3b341"),
    ("#b3246b", "#ff8cc0"),
)
"""Of lines, where it is light and where it is dark; then from the first again."""
DASHES = ("", "7 4", "2 3", "10 3 2 3")
"""Lines that lie on each other are told apart."""
LIGHT = (
    f".ap-text{{font-family:{STACK};font-size:11px;fill:#1b2026}}"
    ".ap-title{font-size:14px;font-weight:bold}.ap-dim{fill:#4a5460}"
    ".ap-page{fill:#ffffff}.ap-odd{fill:#f3f5f7}.ap-even{fill:#ffffff}"
    ".ap-zero{fill:#e3f4e8}.ap-far{fill:#fde3e1}"
    ".ap-axis{fill:none;stroke:#66717d}.ap-grid{fill:none;stroke:#dde2e7}"
    ".ap-line{fill:none;stroke-width:1.8;stroke-linejoin:round}"
    ".ap-floor{fill:none;stroke:#66717d;stroke-width:1.2;stroke-dasharray:2 2}"
    ".ap-bound{fill:none;stroke:#c1272d;stroke-width:1.4;stroke-dasharray:8 4}"
    ".ap-flag{fill:none;stroke:#c1272d;stroke-width:1.5}"
    ".ap-said{fill:#c1272d;font-weight:bold}"
    + "".join(
        f".ap-{n}{{stroke:{light}}}.ap-dot{n}{{fill:{light}}}"
        for n, (light, _) in enumerate(COLOURS)
    )
)
DARK = (
    ".ap-text{fill:#e8edf2}.ap-dim{fill:#b4bfca}.ap-page{fill:#12161b}"
    ".ap-odd{fill:#1a2027}.ap-even{fill:#12161b}.ap-zero{fill:#17301f}"
    ".ap-far{fill:#40201f}.ap-axis{stroke:#8d99a6}.ap-grid{stroke:#2c343c}"
    ".ap-floor{stroke:#9fb0bb}.ap-bound{stroke:#ff7b72}.ap-flag{stroke:#ff7b72}"
    ".ap-said{fill:#ff7b72}"
    + "".join(
        f".ap-{n}{{stroke:{dark}}}.ap-dot{n}{{fill:{dark}}}"
        for n, (_, dark) in enumerate(COLOURS)
    )
)
STYLE = f"{LIGHT}@media (prefers-color-scheme:dark){{{DARK}}}"
BAND, LANE = 20.0, 5.0
"""Height of the bands of what has no place on the axis; and between lines there."""
MARGIN = {"left": 62.0, "right": 16.0, "bottom": 38.0, "top": 10.0}
MANY = 1200
"""Points of which a line shows the ends of each column of pixels."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Points in the order of x.

    Attributes:
        name: in the legend.
        points: x and y.
        kind: "line", "dots", or "floor" and "bound", which have looks of their own.
    """

    name: str
    points: Sequence[Point]
    kind: str = "line"


@dataclass(frozen=True, slots=True)
class Axis:
    """What is drawn along one side.

    Attributes:
        label: its name, with a unit.
        log: whether it is logarithmic.
        bands: of an axis that has parts in place of numbers: where each begins, and
            its name; the last ends where the axis does.
        ends: where the axis begins and ends, if not where the points do.
    """

    label: str
    log: bool = False
    bands: Sequence[tuple[float, str]] = ()
    ends: Point | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A place on the x axis that is pointed at."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From numbers to pixels.

    Attributes:
        low, high: of the numbers, or of their exponents.
        start, end: pixels there.
        log: whether it is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a number."""
        value = log10(value) if self.log else value
        part = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + part * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the axes are, and the bands of what has no place on them.

    Attributes:
        x, y: scales.
        zero, far: the top of the band of zeros and that of the infinite, if there.
        lanes: how many lines share a band.
    """

    x: Scale
    y: Scale
    zero: float | None
    far: float | None
    lanes: int

    def place(self, y: float, lane: int) -> float:
        """The pixel of a value of a line."""
        if self.y.log and y == 0 and self.zero is not None:
            return self.zero + BAND / 2 + LANE * (lane - (self.lanes - 1) / 2)
        if not isfinite(y) and self.far is not None:
            return self.far + BAND / 2 + LANE * (lane - (self.lanes - 1) / 2)
        return self.y.at(y)


def frame(
    lines: Sequence[Line], x: Axis, y: Axis, size: Point, above: float = 0.0
) -> Frame:
    """The axes that hold all points of some lines.

    Args:
        lines, x, y: what is drawn.
        size: width and height of the whole, in pixels.
        above: pixels of the title and the legend.
    """
    xs = [point[0] for line in lines for point in line.points]
    ys = [point[1] for line in lines for point in line.points]
    numbers = [v for v in ys if isfinite(v) and (v > 0 or not y.log)]
    zero = bool(y.log and any(v == 0 for v in ys))
    far = any(not isfinite(v) for v in ys)
    left, right = MARGIN["left"], size[0] - MARGIN["right"]
    top, bottom = above + MARGIN["top"], size[1] - MARGIN["bottom"]
    low, high = y.ends or (min(numbers, default=1.0), max(numbers, default=1.0))
    if y.log:
        low, high = floor(log10(low)), ceil(log10(high))
        low, high = (low, high) if low < high else (low - 1, high + (high == low))
    elif y.ends is None:
        low, high = rounded(low, high)
    start, end = x.ends or (min(xs, default=0.0), max(xs, default=1.0))
    if x.log:
        start, end = log10(start), log10(end)
    lanes = sum(line.kind in ("line", "dots") for line in lines)
    down = bottom - BAND if zero else bottom
    up = top + BAND if far else top
    return Frame(
        Scale(start, end, left, right, x.log),
        # An axis of nothing but zeros has no marks.
        Scale(low, high, down, up if numbers else down, y.log),
        down if zero else None,
        top if far else None,
        max(lanes, 1),
    )


def rounded(low: float, high: float) -> Point:
    """Ends of a linear axis at whole steps, with 0 where that is not far."""
    low = 0.0 if 0 < low < high / 2 else low
    step = _step(high - low)
    return floor(low / step) * step, ceil(high / step) * step


def _step(span: float) -> float:
    """Of the marks of a linear axis: 1, 2 or 5 of a power of ten, about five times."""
    rough = (span or 1.0) / 5
    power = 10.0 ** floor(log10(rough))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= rough * 0.999)


def marks(scale: Scale) -> Iterator[tuple[float, str]]:
    """The pixels and the texts of an axis' marks."""
    if not scale.log:
        step = _step(scale.high - scale.low)
        first, last = ceil(scale.low / step - 1e-9), floor(scale.high / step + 1e-9)
        for n in range(first, last + 1):
            yield scale.at(n * step), f"{n * step:,.6g}"
        return
    first, last = ceil(scale.low - 1e-9), floor(scale.high + 1e-9)
    # A decade is a mark, as far as they have room; an axis of less has 1, 2 and 5.
    every = max(1, ceil((last - first) * 16 / abs(scale.end - scale.start)))
    for n in range(first, last + 1):
        if (n - first) % every == 0:
            yield scale.at(10.0**n), _power(n)
    if last - first < 1:
        for n in range(floor(scale.low), last + 1):
            for times in (2, 5):
                value = times * 10.0**n
                if scale.low <= log10(value) <= scale.high:
                    yield scale.at(value), f"{value:,.6g}"


def _power(n: int) -> str:
    return f"{10.0**n:,.6g}" if -3 < n < 6 else f"1e{n}"


def plot(
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    title: str = "",
    size: Point = (720.0, 280.0),
    flags: Sequence[Flag] = (),
    style: str = STYLE,
) -> str:
    """The picture as SVG.

    Args:
        lines: in the order of the legend.
        x, y: the axes.
        title: above it.
        size: width and height, in pixels.
        flags: places that are pointed at.
        style: of its classes; empty where a page has them already.

    Returns:
        Valid XML; names and titles are text in it, whatever they are.
    """
    legend, tall = _legend(lines, size[0], 28.0 if title else 8.0)
    laid = frame(lines, x, y, size, tall + (14 if flags else 0))
    title = clean(title)
    head = f'<text class="ap-text ap-title" x="{MARGIN["left"]:g}" y="18">'
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(size[0])}" '
            f'height="{_n(size[1])}" viewBox="0 0 {_n(size[0])} {_n(size[1])}" '
            f'role="img" aria-label="{escape(title or clean(y.label))}">',
            f"<style>{style}</style>" if style else "",
            '<rect class="ap-page" width="100%" height="100%"/>',
            f"{head}{escape(fitted(title, size[0] - 80, 14, True))}</text>"
            if title
            else "",
            *legend,
            *_ground(laid, x, y, size),
            *(
                part
                for number, line in enumerate(_ordered(lines))
                for part in _drawn(laid, line, *_looks(lines, line, number))
            ),
            *(_flag(laid, flag, tall + 10) for flag in flags),
            "</svg>\n",
        )
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _said(x: float, y: float, text: str, names: str = "", anchor: str = "") -> str:
    kinds = f"ap-text {names}".rstrip()
    at = f' text-anchor="{anchor}"' if anchor else ""
    words = escape(clean(text))
    return f'<text class="{kinds}" x="{_n(x)}" y="{_n(y)}"{at}>{words}</text>'


def _ordered(lines: Sequence[Line]) -> list[Line]:
    """Floors and bounds lie below what they are compared with."""
    return sorted(lines, key=lambda line: line.kind in ("line", "dots"))


def _looks(lines: Sequence[Line], line: Line, number: int) -> tuple[str, str, int]:
    """The classes of a line, its dashes, and its lane in a band."""
    if line.kind in ("floor", "bound"):
        return f"ap-{line.kind}", "", 0
    own = [one for one in lines if one.kind not in ("floor", "bound")]
    lane = next(n for n, one in enumerate(own) if one is line)
    return f"ap-line ap-{lane % len(COLOURS)}", DASHES[lane % len(DASHES)], lane


def _drawn(
    laid: Frame, line: Line, kinds: str, dashes: str, lane: int
) -> Iterator[str]:
    spots = [(laid.x.at(a), laid.place(b, lane)) for a, b in line.points]
    colour = f"ap-dot{lane % len(COLOURS)}"
    if line.kind == "dots" or (line.kind == "line" and len(spots) == 1):
        for a, b in spots:
            yield f'<circle class="{colour}" cx="{_n(a)}" cy="{_n(b)}" r="2.6"/>'
        return
    if line.kind in ("floor", "bound") and len(spots) == 1:
        spots = [(spots[0][0] - 4, spots[0][1]), (spots[0][0] + 4, spots[0][1])]
    d = "".join(
        f"{'L' if n else 'M'}{_n(a)} {_n(b)}" for n, (a, b) in enumerate(_few(spots))
    )
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    if d:
        yield f'<path class="{kinds}" d="{d}"{dash}/>'


def _few(spots: list[Point]) -> Iterable[Point]:
    """As many as are seen: of each column of pixels the highest and the lowest."""
    if len(spots) > MANY:
        for _, column in groupby(spots, key=lambda spot: int(spot[0])):
            found = [*column]
            ends = {min(found, key=_height), max(found, key=_height)}
            yield from sorted(ends)
        return
    # What lies on a straight level line is not seen either.
    for n, spot in enumerate(spots):
        level = 0 < n < len(spots) - 1 and (
            spots[n - 1][1] == spot[1] == spots[n + 1][1]
        )
        if not level:
            yield spot


def _height(spot: Point) -> float:
    return spot[1]


def _legend(lines: Sequence[Line], wide: float, top: float) -> tuple[list[str], float]:
    """The names of the lines in rows, and the pixels down to their end."""
    found: list[str] = []
    x, y = MARGIN["left"], top + 10
    for number, line in enumerate(lines):
        kinds, dashes, lane = _looks(lines, line, number)
        name = fitted(clean(line.name), wide - 120, 11)
        takes = 46 + width(name, 11)
        if x > MARGIN["left"] and x + takes > wide:
            x, y = MARGIN["left"], y + 16
        if line.kind == "dots":
            colour = f"ap-dot{lane % len(COLOURS)}"
            found.append(
                f'<circle class="{colour}" cx="{_n(x + 11)}" cy="{_n(y - 4)}" r="2.6"/>'
            )
        else:
            dash = f' stroke-dasharray="{dashes}"' if dashes else ""
            found.append(f'<path class="{kinds}" d="M{_n(x)} {_n(y - 4)}h22"{dash}/>')
        found.append(_said(x + 28, y, name))
        x += takes
    return found, y + 4 if lines else top


def _ground(laid: Frame, x: Axis, y: Axis, size: Point) -> Iterator[str]:
    """What the lines lie on: bands, grid, marks, and the names of the axes."""
    left, right = laid.x.start, laid.x.end
    top = laid.y.end if laid.far is None else laid.far
    bottom = laid.y.start if laid.zero is None else laid.zero + BAND
    starts = [laid.x.at(start) for start, _ in x.bands]
    places = pairwise([*starts, right])
    for n, ((start, end), (_, name)) in enumerate(zip(places, x.bands, strict=False)):
        kind = "ap-odd" if n % 2 else "ap-even"
        yield (
            f'<rect class="{kind}" x="{_n(start)}" y="{_n(top)}" '
            f'width="{_n(max(end - start, 0.0))}" height="{_n(bottom - top)}"/>'
        )
        if width(clean(name), 11) < end - start - 2:
            yield _said((start + end) / 2, bottom + 14, name, "ap-dim", "middle")
    for level, kind, text in (
        (laid.zero, "ap-zero", "0"),
        (laid.far, "ap-far", "\N{INFINITY}"),
    ):
        if level is not None:
            yield (
                f'<rect class="{kind}" x="{_n(left)}" y="{_n(level)}" '
                f'width="{_n(right - left)}" height="{_n(BAND)}"/>'
            )
            yield _said(left - 6, level + BAND / 2 + 4, text, "ap-dim", "end")
    if laid.y.end < laid.y.start - 1:
        for at, text in marks(laid.y):
            yield f'<path class="ap-grid" d="M{_n(left)} {_n(at)}H{_n(right)}"/>'
            yield _said(left - 6, at + 4, text, "ap-dim", "end")
    if not x.bands:
        for at, text in marks(laid.x):
            yield f'<path class="ap-axis" d="M{_n(at)} {_n(bottom)}v4"/>'
            yield _said(at, bottom + 16, text, "ap-dim", "middle")
    yield f'<path class="ap-axis" d="M{_n(left)} {_n(top)}V{_n(bottom)}H{_n(right)}"/>'
    middle = (left + right) / 2
    yield _said(middle, size[1] - 6, x.label, "ap-dim", "middle")
    label = fitted(clean(y.label), bottom - top, 11)
    at = (top + bottom) / 2
    yield (
        f'<text class="ap-text ap-dim" text-anchor="middle" '
        f'transform="translate(13 {_n(at)}) rotate(-90)">{escape(label)}</text>'
    )


def _flag(laid: Frame, flag: Flag, top: float) -> str:
    """A line from its words down to the axis."""
    at = laid.x.at(flag.x)
    bottom = laid.y.start if laid.zero is None else laid.zero + BAND
    text = clean(flag.text)
    room = max(at - laid.x.start, laid.x.end - at) - 8
    text = fitted(text, room, 11, True)
    ends = at + 6 + width(text, 11, True) > laid.x.end
    words = _said(
        at - 6 if ends else at + 8, top + 8, text, "ap-said", "end" if ends else ""
    )
    return (
        f'<path class="ap-flag" d="M{_n(at)} {_n(bottom)}V{_n(top)}"/>'
        f'<path class="ap-said" d="M{_n(at)} {_n(top)}h5v8h-5z"/>{words}'
    )
