"""The picture as SVG: static, text as text, for papers, READMEs and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import chain

from archspec.drawing.fonts import STACK, fitted, width
from archspec.drawing.labels import clean
from archspec.drawing.picture import (
    BIG,
    FOOT,
    HEAD,
    SMALL,
    Line,
    Rect,
    Sized,
    placed,
)

LINES = (("as-stride", "fewer pixels"), ("as-channels", "other channels"))
BOTH = (
    ("as-line-added", "only in the second net"),
    ("as-line-removed", "only in the first"),
)
"""Lines that have a meaning, of a net and of two."""
MARGIN = 16
TITLE = 46
COLOURS = {
    # What: fill and stroke where it is light, fill and stroke where it is dark.
    "convolution": ("#dbe8fb", "#3a6fb5", "#1d3557", "#7fb0ee"),
    "normalization": ("#ece4f7", "#8160ad", "#35284d", "#b79be0"),
    "activation": ("#fdecd2", "#b97a1c", "#4a3413", "#e0a94f"),
    "pooling": ("#d8f0e2", "#2d8257", "#17402b", "#6cc596"),
    "shaping": ("#e7ecef", "#5f6f7a", "#2e373d", "#9fb0bb"),
    "window": ("#d5eef0", "#2a7f88", "#143d42", "#68bcc6"),
    "block": ("#ffffff", "#4b5663", "#20262d", "#9aa7b4"),
    "input": ("#fff7f7", "#a34848", "#402222", "#e08c8c"),
    "added": ("#d3f5d9", "#1a7f37", "#12381d", "#4ac26b"),
    "removed": ("#ffdcd9", "#c1272d", "#4a1a1a", "#ff7b72"),
    "differs": ("#ffdcd9", "#c1272d", "#4a1a1a", "#ff7b72"),
    "changed": ("#fff1c2", "#9a6700", "#43340a", "#e3b341"),
}


def _lone(number: int) -> str:
    """How lines look that one of two nets has alone, in a colour of its boxes."""
    return (
        "".join(
            f".as-line-{net}{{stroke:{COLOURS[net][number]};stroke-width:2.2}}"
            f".as-tip-{net}{{fill:{COLOURS[net][number]}}}"
            for net in ("added", "removed")
        )
        + ".as-line-removed{stroke-dasharray:5 3}"
    )


LIGHT = (
    f".as-text{{font-family:{STACK};font-size:{SMALL}px;fill:#1b2026}}"
    f".as-name{{font-size:{BIG}px;font-weight:bold}}"
    ".as-flag{font-weight:bold}"
    ".as-title{font-size:15px;font-weight:bold}"
    ".as-dim{fill:#4a5460}.as-page{fill:#ffffff}"
    ".as-line{fill:none;stroke:#66717d;stroke-width:1.3}"
    ".as-tip{fill:#66717d}"
    ".as-channels{stroke:#3a6fb5;stroke-width:2.2}"
    ".as-stride{stroke:#c2410c;stroke-width:2.6}"
    + "".join(f".as-{n}{{fill:{c[0]};stroke:{c[1]}}}" for n, c in COLOURS.items())
    + _lone(1)
    + ".as-odd{fill:#f1f3f6}.as-even{fill:#fafbfc}.as-edge{fill:none}"
)
DARK = (
    ".as-text{fill:#e8edf2}.as-dim{fill:#b4bfca}.as-page{fill:#12161b}"
    ".as-line{stroke:#8d99a6}.as-tip{fill:#8d99a6}"
    ".as-channels{stroke:#7fb0ee}.as-stride{stroke:#ff9a62}"
    + "".join(f".as-{n}{{fill:{c[2]};stroke:{c[3]}}}" for n, c in COLOURS.items())
    + _lone(3)
    + ".as-odd{fill:#1a2027}.as-even{fill:#151a20}.as-edge{fill:none}"
)
STYLE = f"{LIGHT}@media (prefers-color-scheme:dark){{{DARK}}}"
"""Light, and dark where the reader's screen is."""


def svg(title: str, told: str, top: Sized, style: str = STYLE) -> str:
    """The document: a title, what is told below it, and the boxes."""
    rects, lines = placed(top)
    wide = max(top.width, 420.0)
    shift = MARGIN + (wide - top.width) / 2
    total = (wide + 2 * MARGIN, top.height + TITLE + 2 * MARGIN + 20)
    body = "".join(
        chain(
            [f'<g transform="translate({_n(shift)} {TITLE + MARGIN})">'],
            (_frame(rect) for rect in rects if rect.open),
            map(_line, lines),
            (_box(rect) for rect in rects if not rect.open),
            ["</g>"],
        )
    )
    legend = _legend(MARGIN, total[1] - MARGIN, BOTH if top.box.after else LINES)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(total[0])}" '
        f'height="{_n(total[1])}" viewBox="0 0 {_n(total[0])} {_n(total[1])}" '
        f'role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>"
        f"<style>{style}</style>"
        f'<rect class="as-page" width="100%" height="100%"/>'
        + _text(MARGIN, 24, fitted(title, wide, 15, True), "as-title")
        + _text(MARGIN, 42, fitted(told, wide, SMALL), "as-dim")
        + body
        + legend
        + "</svg>\n"
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, names: str = "") -> str:
    if not text:
        return ""
    kinds = f"as-text {names}".rstrip()
    return f'<text class="{kinds}" x="{_n(x)}" y="{_n(y)}">{escape(text)}</text>'


def _colour(rect: Rect) -> str:
    box = rect.sized.box
    return box.mark.kind if box.mark else box.group


def _rect(rect: Rect, names: str) -> str:
    one = rect.sized
    return (
        f'<rect class="{names}" x="{_n(rect.x)}" y="{_n(rect.y)}" '
        f'width="{_n(one.width)}" height="{_n(one.height)}" rx="5">'
        f"<title>{escape(clean(one.box.name or one.box.what))}</title></rect>"
    )


def _stack(rect: Rect, colour: str) -> str:
    """A repeat looks like a stack of paper: two more edges below it."""
    one = rect.sized
    if not one.box.parts:
        return ""
    x, y = rect.x + one.width, rect.y + one.height
    return "".join(
        f'<path class="as-line as-{colour} as-edge" '
        f'd="M{_n(rect.x + 5 + d)} {_n(y + d)}H{_n(x + d - 4)}'
        f'Q{_n(x + d)} {_n(y + d)} {_n(x + d)} {_n(y + d - 4)}V{_n(rect.y + 5 + d)}"/>'
        for d in (2.5, 5)
    )


def _frame(rect: Rect) -> str:
    one = rect.sized
    shade = "as-odd" if rect.level % 2 else "as-even"
    colour = _colour(rect)
    name, what, facts, flags = one.texts
    x = rect.x + 10
    y = rect.y + 17
    found = [_rect(rect, f"as-{colour} {shade}"), _stack(rect, colour)]
    found.append(
        f'<path class="as-line" d="M{_n(rect.x)} {_n(rect.y + HEAD)}h{_n(one.width)}"/>'
    )
    found.append(_text(x, y, name, "as-name"))
    x += width(name, BIG, True) + 6
    found.append(_text(x, y, what, "as-dim"))
    x += width(what, SMALL) + 10
    room = rect.x + one.width - 10 - x
    said = " ".join([facts, *flags])
    if room > 30:
        found.append(_text(x, y, fitted(said, room, SMALL), "as-dim"))
    if one.foot:
        under = rect.y + one.height
        found.append(
            f'<path class="as-line" d="M{_n(rect.x)} {_n(under - FOOT)}'
            f'h{_n(one.width)}"/>'
        )
        found.append(_text(rect.x + 8, under - 6, one.foot, "as-dim"))
    return "".join(found)


def _box(rect: Rect) -> str:
    one = rect.sized
    name, what, facts, flags = one.texts
    colour = _colour(rect)
    found = [_stack(rect, colour), _rect(rect, f"as-{colour}")]
    x, y = rect.x + 8, rect.y + 17
    found.append(_text(x, y, name, "as-name"))
    found.append(_text(x + width(name, BIG, True) + 6, y, what, "as-dim"))
    found.append(_text(x, y + 16, facts, "as-dim"))
    for number, flag in enumerate(flags):
        found.append(_text(x, y + 31 + 14 * number, flag, "as-flag"))
    return "".join(found)


def _line(line: Line) -> str:
    kinds = "as-line"
    if line.net:
        kinds += f" as-line-{line.net}"
    elif line.source is not None and line.source.halves:
        kinds += " as-stride"
    elif line.source is not None and line.source.rechannels:
        kinds += " as-channels"
    d = "".join(
        f"M{_n(x)} {_n(y)}" + (f"V{_n(v)}" if x == u else f"H{_n(u)}")
        for x, y, u, v in line.segments
    )
    tip = "as-tip" + (f" as-tip-{line.net}" if line.net else "")
    tips = "".join(f"M{_n(x - 3.5)} {_n(y - 6)}h7l-3.5 6z" for x, y in line.arrows)
    dots = "".join(
        f'<circle class="{tip}" cx="{_n(x)}" cy="{_n(y)}" r="2.4"/>'
        for x, y in line.dots
    )
    head = f'<path class="{tip}" d="{tips}"/>' if tips else ""
    return f'<path class="{kinds}" d="{d}"/>{head}{dots}'


def _legend(x: float, y: float, said: Sequence[tuple[str, str]]) -> str:
    found = []
    for kinds, text in said:
        found.append(f'<path class="as-line {kinds}" d="M{_n(x)} {_n(y - 4)}h22"/>')
        found.append(_text(x + 28, y, text, "as-dim"))
        x += 40 + width(text, SMALL)
    return "".join(found)
