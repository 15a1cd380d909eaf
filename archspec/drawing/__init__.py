"""Pictures of nets, laid out by scope, without a framework, graphviz or a browser.

>>> graph = archspec.load("resnet18").graph
>>> archspec.drawing.draw(graph, depth=1)[:4]
'<svg'
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archspec.drawing.labels import Above, Mark
from archspec.drawing.outline import Box, below, outline
from archspec.drawing.picture import Opened, sized
from archspec.errors import ArchspecError, nearest
from archspec.graph import Graph

__all__ = ["Above", "Mark", "draw"]

MOST = 44
"""Boxes of a picture whose depth nobody chose."""
NOTHING: Mapping[str, Mark] = {}


def draw(
    graph: Graph,
    kind: str = "svg",
    *,
    depth: int | None = None,
    opened: Collection[str] = (),
    marks: Mapping[str, Mark] = NOTHING,
    above: Above | None = None,
) -> str | bytes:
    """A picture of a net.

    Args:
        graph: what is drawn.
        kind: "svg", "html", "png", "mmd" (Mermaid) or "dot".
        depth: how many levels of blocks are open, 1 for none; as deep as makes a
            picture of a page or so unless given.
        opened: paths of blocks that are open as well, with all around them.
        marks: what is said of nodes and blocks, by path: a box has the mark's colour
            and its text. Boxes around a marked one are open, and an instance of a
            repeat with other marks than its neighbours is a box of its own.
        above: what a page has above the picture.

    Returns:
        The document: valid XML, a page that needs nothing else, the text of a diagram,
        or the bytes of a PNG, two pixels for one of the SVG's.

    Raises:
        ArchspecError: there is no block or node of that path to open, or nothing that
            makes a PNG.
    """
    net = outline(graph, marks)
    is_open = opening(net, depth, opened, marks)
    from archspec.drawing.svg import LIGHT, svg

    marked = {name: mark.kind for name, mark in marks.items()}
    if kind == "html":
        from archspec.drawing.page import page

        return page(graph, net, is_open, marks, above)
    if kind in ("mmd", "dot"):
        from archspec.drawing.diagram import dot, mermaid

        return (mermaid if kind == "mmd" else dot)(net, is_open, marks)
    if kind == "png":
        from archspec.drawing.raster import png

        return png(svg(graph, sized(net, is_open, marks), marked, LIGHT))
    return svg(graph, sized(net, is_open, marks), marked)


def opening(
    net: Box, depth: int | None, opened: Collection[str], marks: Mapping[str, Mark]
) -> Opened:
    """Which boxes are open at first."""
    names = {box.name for box in below(net)}
    for name in opened:
        if name not in names:
            raise ArchspecError(
                f"there is no block {name!r} to open",
                code="AS505",
                hint=nearest(name, names),
            )
    levels = depth or fitting(net)
    around = set(opened)
    for name in (*opened, *marks):
        parts = name.split(".")
        around.update(".".join(parts[:n]) for n in range(1, len(parts)))
    return lambda box, level: (
        level < levels
        or not around.isdisjoint(part.name for part in box.parts or (box,))
    )


def fitting(net: Box) -> int:
    """The depth at which about a page is full."""
    depth, seen = 1, net.children
    while depth < 4 and any(box.opens for box in seen):
        seen = [i for box in seen for i in (box.inside if box.opens else [box])]
        if len(seen) > MOST:
            break
        depth += 1
    return depth
