"""The printed file on images of other sizes: a number that fits one size is a fault.

Most nets take images of any height and width, and so must a file that is printed for
224 x 224. Elsewhere a net is printed at the size at which it runs. Here it is printed
at its own size and runs at two others, an odd one and one that is no square:

    >>> from archspec.verify.setting import Setting
    >>> others(Setting("resnet18"))[0]
    ((61, 61), (64, 128))

Values are compared bit for bit, as in `exact`. A net whose weights or ops change with
the image is for one size, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.verify import exact
from archspec.verify.comparison import Row
from archspec.verify.process import Telling
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting, Size
from archspec.verify.target import Target

ODD = 3
"""Pixels less than a power of two: so pools over all still average a power of two."""

Sized = tuple[tuple[Setting, ...], tuple[str, ...]]
"""A net at other sizes, and notes."""


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Telling],
    note: Callable[[str], None],
    sized: Sized | None = None,
) -> Proof:
    """The rows of `exact` for each other size; none where a net takes one alone.

    `setting` is of the net at its own size, `sized` what `settings` finds for it.
    """
    made_for, notes = sized or settings(setting)
    proof = Proof((), (), notes)
    for other in made_for:
        assert other.size is not None
        shown = "x".join(map(str, other.size))
        note(f"images of {shown}")
        made = exact.prove(other, targets, open_session, note)
        findings = tuple((f"{key}, {shown}", found) for key, found in made.findings)
        notes = tuple(f"{shown}: {t}" for t in made.notes if "not compared" in t)
        check = f"images of {shown}, bit for bit"
        rows = _rows(made, targets, check)
        curves = tuple(replace(curve, check=check) for curve in made.curves)
        proof = proof.joined(Proof(rows, findings, notes, (), curves))
    return proof


def settings(setting: Setting) -> Sized:
    """The net at other sizes, in a file that is printed at its own; and notes."""
    sizes, notes = others(setting)
    at = replace(setting, exact=True, printed=_size(setting.graph()))
    return tuple(replace(at, size=size) for size in sizes), notes


def _rows(made: Proof, targets: Sequence[Target], check: str) -> tuple[Row, ...]:
    """One for each target: what fails, or the net as it is printed."""
    found = []
    for target in targets:
        own = [row for row in made.rows if row.target == str(target)]
        row = next((row for row in own if row.verdict != "pass"), own[-1])
        found.append(replace(row, check=check))
    return tuple(found)


def others(setting: Setting) -> tuple[tuple[Size, ...], tuple[str, ...]]:
    """Two other sizes that a net takes with the same weights and ops, and notes."""
    graph = replace(setting, exact=True).graph()
    own = _size(graph)
    if own is None:
        return (), ()
    reasons: dict[str, None] = {}
    found = []
    side = min(*own, *exact.SMALL)
    for candidates in _candidates(side):
        for size in candidates:
            reason = _refused(setting, graph, size)
            if reason is None and size != own:
                found.append(size)
                break
            reasons.setdefault(reason or "")
    if len(found) == 2:
        return tuple(found), ()
    told = next(filter(None, reasons), "")
    taken = "its own size alone" if not found else "few sizes"
    return tuple(found), (f"image sizes: the file is run at {taken}: {told}",)


def _candidates(side: int) -> Iterator[Sequence[Size]]:
    """For each of the two, what is tried first and after."""
    odd = [max(side - less, 1) for less in (ODD, 1, -1)]
    yield [(n, n) for n in odd]
    yield (side, 2 * side), (2 * side, side), (side, side + side // 2)


def _size(graph: Graph) -> Size | None:
    """Height and width of the first image."""
    shapes = (shape for shape in graph.inputs.values() if len(shape) == 3)
    shape = next(shapes, None)
    return None if shape is None else (shape[1], shape[2])


def _refused(setting: Setting, graph: Graph, size: Size) -> str | None:
    """Why the file of a graph is for no such images; None where it is."""
    shown = f"{size[0]}x{size[1]}"
    try:
        other = replace(setting, exact=True, size=size).graph()
    except ArchspecError as error:
        return f"the spec refuses {shown}: {error.message}"
    shapes = other.parameters()
    for name, shape in graph.parameters().items():
        if shapes.get(name) != shape:
            return f"{name!r} has another shape at {shown}"
    for one, same in zip(graph.nodes, other.nodes, strict=False):
        if (one.name, one.op) != (same.name, same.op):
            return f"{one.name!r} is another op at {shown}"
    return None
