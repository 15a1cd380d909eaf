"""The picture as a page of its own: one file, no network, readable without scripts.

The page has the static picture and the net as data. What is equal is in the data once:
a box is a number in a list, its name is relative to the box around it, its receptive
field to that of what that box reads. A net of 4,000 nodes takes a few kilobytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from archspec.drawing.fonts import WIDTHS
from archspec.drawing.grid import Grid, grid
from archspec.drawing.labels import (
    Above,
    by,
    clean,
    differences,
    facts,
    kind,
    own,
    then,
)
from archspec.drawing.outline import Box, below
from archspec.drawing.picture import (
    BETWEEN,
    BIG,
    FOOT,
    GAP,
    HEAD,
    HEIGHT,
    LANE,
    LINE,
    NARROWER,
    PAD,
    SMALL,
    TRACK,
    WIDEST,
    Opened,
    sized,
)
from archspec.drawing.svg import DARK, LIGHT, svg
from archspec.errors import Location

NUMBERS = {
    "BETWEEN": BETWEEN, "BIG": BIG, "FOOT": FOOT, "GAP": GAP, "HEAD": HEAD,
    "HEIGHT": HEIGHT, "LANE": LANE, "LINE": LINE, "NARROWER": NARROWER, "PAD": PAD,
    "SMALL": SMALL, "TRACK": TRACK, "WIDEST": WIDEST,
}  # fmt: skip
Axes = tuple[Fraction, Fraction]
ZERO: Axes = (Fraction(0), Fraction(0))
LINES = 12
"""Of YAML that are shown of a statement, at most."""


def page(
    title: str,
    told: Sequence[str],
    net: Box,
    opened: Opened,
    above: Above | None = None,
) -> str:
    """The document.

    Args:
        title: of the picture.
        told: what is told of the whole, the first of it also in the picture.
        net: the outline of a net, or of two.
        opened: what is open at first.
        above: what else the page has.
    """
    still = svg(title, told[0], sized(net, opened), "")
    name = f'<h1 class="name">{escape(title)}</h1><p class="name">{escape(told[0])}</p>'
    parts = {
        "TITLE": escape(clean(above.title) if above else title),
        "NET": escape(title),
        "ABOVE": f'<div class="above">{above.body}</div>' if above else name,
        "STYLE": LIGHT
        + "@media screen and (prefers-color-scheme:dark){"
        + f":root:not([data-theme=light]){{{DARK}}}}}"
        + f"@media screen{{:root[data-theme=dark]{{{DARK}}}}}"
        + _asset("viewer.css")
        + (above.style if above else ""),
        "PICTURE": still,
        "DATA": _json(data(told, net, opened)),
        "SCRIPT": _asset("viewer.js") + (above.script if above else ""),
    }
    text = _asset("viewer.html")
    # One pass: what is put in is never searched for more places.
    pieces = text.split("@@")
    return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(pieces))


@cache
def _asset(name: str) -> str:
    return files("archspec.drawing").joinpath(name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON that can stand in a page's script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def data(told: Sequence[str], net: Box, opened: Opened) -> dict[str, Any]:
    """The net for the script: see `Pool`."""
    pool = Pool(net)
    root = pool.box(net, "", ZERO, root=True)
    return {
        "root": root,
        "boxes": pool.boxes,
        "grids": pool.grids,
        "infos": pool.infos,
        "opened": _opened(net, opened),
        "numbers": NUMBERS,
        "widths": [[round(w[c], 2) for c in map(chr, range(32, 127))] for w in WIDTHS],
        "totals": [
            {"p": whole.params, "m": whole.macs, "y": whole.memory}
            for whole in ((net.before, net.after) if net.after else (net,))
            if whole
        ],
        "told": [*told],
    }


def _opened(net: Box, opened: Opened) -> list[str]:
    """Where the open boxes are: numbers of children, `0` in a repeat."""
    found: list[str] = []

    def walk(box: Box, way: str, level: int) -> None:
        if level and not (box.opens and opened(box, level)):
            return
        found.append(way)
        shown = box.parts[0] if box.parts else box
        way += "/0" if box.parts else ""
        for number, child in enumerate(shown.children):
            walk(child, f"{way}/{number}", level + 1)

    walk(net, "", 0)
    return found


class Pool:
    """Boxes, grids and what is told of ops, each once.

    Attributes:
        boxes: n name, a the rest of its path where that is another text, w what it is,
            f facts, g colour, s how narrow, p parameters, m MACs, y bytes, l flags, e
            1 for other channels and 2 for fewer pixels, x mark, i what is told,
            r field and stride, b what its children's fields add to, c children, G grid;
            of a repeat P its instances as [box, name, what fields add to] and d their
            differences; of what two nets have j what is told of it in the second, v
            facts there, u its path, parameters, MACs and bytes there.
        infos: attributes, weights, shapes, formulas and YAML of ops and blocks.
        grids: see `Grid`.
    """

    def __init__(self, net: Box) -> None:
        self.marked = any(box.mark for box in below(net))
        self.fields = {
            name: box.reach.field
            for box in below(net)
            if not box.opens
            for name in box.makes
        }
        self.boxes: list[Any] = []
        self.grids: list[Any] = []
        self.infos: list[Any] = []
        self._known: dict[tuple[str, str], int] = {}
        self._infos: dict[Any, int] = {}
        self._alike: dict[Any, int] = {}

    def _kept(self, kind: str, pool: list[Any], value: Any) -> int:
        key = kind, json.dumps(value, separators=(",", ":"))
        if key not in self._known:
            self._known[key] = len(pool)
            pool.append(value)
        return self._known[key]

    def _base(self, box: Box, outer: Axes) -> Axes:
        """The receptive field of what a scope reads, to which those in it are told."""
        field = self.fields.get(box.reads[0]) if box.reads else None
        return outer if field is None else field

    def box(
        self,
        box: Box,
        parent: str,
        base: Axes,
        *,
        root: bool = False,
        bare: bool = False,
    ) -> int:
        """The number of a box; one that is `bare` has its name beside it."""
        label = "" if bare else own(box, parent)
        made: dict[str, Any] = {
            "n": label,
            "w": kind(box),
            "f": facts(box),
            "g": box.group,
            "s": box.narrowed,
        }
        counts = (("p", box.params), ("m", box.macs), ("y", box.memory))
        made.update({key: count for key, count in counts if count})
        if not bare and _piece(box, parent) != label:
            made["a"] = _piece(box, parent)
        if box.flags:
            made["l"] = list(map(clean, box.flags))
        if box.halves:
            made["e"] = 2
        elif box.rechannels:
            made["e"] = 1
        if box.mark is not None:
            made["x"] = [box.mark.kind, *map(clean, box.mark.lines)]
        made["r"] = [_axes(box.reach.field, base), _axes(box.reach.stride)]
        made["i"] = self._info(box.before or box.after or box)
        if box.before and box.after:
            made.update(v=then(box), j=self._info(box.after))
            made["u"] = [clean(box.after.name), box.after.params]
            made["u"] += [box.after.macs, box.after.memory]
        if box.parts:
            made["d"] = differences(box)
            made["P"] = [self._part(part, parent, base) for part in box.parts]
            if not box.parts[0].children:
                made["G"] = self._kept("grid", self.grids, _grid(grid(box.parts[0])))
        elif box.children:
            inner = self._base(box, base)
            if inner != base:
                made["b"] = _axes(inner, base)
            name = "" if root else box.name
            made["c"] = [self.box(child, name, inner) for child in box.children]
            made["G"] = self._kept("grid", self.grids, _grid(grid(box, root)))
        return self._kept("box", self.boxes, made)

    def _part(self, part: Box, parent: str, base: Axes) -> list[Any]:
        inner = self._base(part, base)
        like = None if self.marked else _like(part, inner)
        number = self._alike.get(like)
        if number is None:
            number = self.box(part, parent, inner, bare=True)
            if like is not None:
                self._alike[like] = number
        return [number, _piece(part, parent), _axes(inner, base)]

    def _info(self, box: Box) -> int:
        """What is told of an op, or of a block."""
        node, scope = box.node, box.scope
        if node is None and scope is None:
            return self._kept("info", self.infos, {"o": by(box.shape)})
        at = node.at if node is not None else scope.at if scope else None
        known = (
            (id(node.op), tuple(node.texts.items())) if node is not None else id(scope),
            box.shapes, box.shape, at, len(box.parts),
        )  # fmt: skip
        if known in self._infos:
            return self._infos[known]
        made: dict[str, Any] = {
            "t": list(map(by, box.shapes)),
            "o": by(box.shape),
            "q": _quoted(at) if at is not None else None,
        }
        if node is not None:
            op = node.op
            shapes = [
                dict(zip(box.reads, box.shapes, strict=True))[n] for n in node.inputs
            ]
            told = op.settings()
            told.pop("init", None)
            made["k"] = [
                [key, _said(value), clean(node.texts.get(key, ""))]
                for key, value in told.items()
            ]
            made["u"] = [
                [name, list(shape)]
                for named in (op.weights(*shapes), op.buffers(*shapes))
                for name, shape in named.items()
            ]
            made["h"] = [clean(text) for text in (node.when, node.repeat) if text]
        elif scope is not None:
            texts = {**scope.defaults, **scope.texts}
            made["k"] = [
                [clean(key), _said(value), clean(texts.get(key, ""))]
                for key, value in scope.params.items()
            ]
            made["h"] = [clean(text) for text in (scope.when, scope.repeat) if text]
            made["z"] = clean(scope.description)
        number = self._kept("info", self.infos, made)
        self._infos[known] = number
        return number


def _said(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_said, value))}]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return clean(str(value))


def _like(part: Box, base: Axes) -> tuple[Any, ...] | None:
    """What is equal for instances that are one box in the data; None if it has flags.

    Without it a net of 600 equal blocks takes four times as long.
    """
    if part.flags:
        return None
    cut = len(part.name)
    outside = {name: number for number, name in enumerate(part.reads)}
    found: list[Any] = [tuple(name[cut:] for name in part.gives)]
    for box in below(part):
        node, scope, field = box.node, box.scope, box.reach.field
        if node is None or box.parts:
            params = tuple(scope.params.items()) if scope else ()
            found.append((box.name[cut:], box.what, len(box.parts), params))
            continue
        reads = tuple([outside.get(name, name[cut:]) for name in node.inputs])
        apart = field and (field[0] - base[0], field[1] - base[1])
        about = (box.name[cut:], id(node.op), node.at, node.shape, box.shapes)
        found.append((*about, reads, apart, box.reach.stride))
    return tuple(found)


def _piece(box: Box, parent: str) -> str:
    """Its path behind the parent's; all of it, behind a slash, where that is not."""
    if not parent or box.name.startswith(f"{parent}."):
        return clean(box.name.removeprefix(f"{parent}.") if parent else box.name)
    return f"/{clean(box.name)}"


def _axes(axes: Axes | None, base: Axes = ZERO) -> Any:
    """A number for both axes, or one for each."""
    if axes is None:
        return None
    if axes[0] == axes[1] and base[0] == base[1]:
        return _short(axes[0] - base[0])
    return [_short(a - b) for a, b in zip(axes, base, strict=True)]


def _short(value: Fraction) -> int | float:
    if value.denominator == 1:
        return value.numerator
    return float(f"{float(value):.6g}")


def _grid(laid: Grid) -> list[Any]:
    nets = [
        [
            net.source[0],
            [
                [piece.gap, piece.track, _flat(piece.tops), _flat(piece.bottoms)]
                for piece in net.pieces
            ],
            [value for lane in net.lanes for value in lane],
            *([net.source[2]] if net.source[2] else []),
        ]
        for net in laid.nets
    ]
    ports = [value for pair in laid.ports for value in pair]
    size = (laid.height, laid.width)
    return [laid.rows, laid.columns, *size, nets, laid.tracks, ports, laid.edges[1]]


def _flat(places: list[tuple[tuple[int, int], int]]) -> list[int]:
    return [value for (column, dx), child in places for value in (column, dx, child)]


@cache
def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


@cache
def _quoted(at: Location) -> list[str]:
    """The place of a statement, and its text as far as it is indented deeper."""
    place = f"{Path(at.file).name}:{at.line}"
    found = _lines(at.file)[at.line - 1 : at.line - 1 + LINES]
    if not found:
        return [clean(place), ""]
    indent = len(found[0]) - len(found[0].lstrip())
    kept = found[:1]
    for line in found[1:]:
        if len(line) - len(line.lstrip()) <= indent or not line.strip():
            break
        kept.append(line)
    return [clean(place), clean("\n".join(line[indent:] for line in kept)[:900])]
