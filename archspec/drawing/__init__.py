"""Pictures of nets, laid out by scope, without a framework, graphviz or a browser.

>>> graph = archspec.load("resnet18").graph
>>> archspec.drawing.draw(graph, depth=1)[:4]
'<svg'
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from archspec.drawing.labels import Above, heading
from archspec.drawing.outline import NOTHING, Box, Mark, below, outline
from archspec.drawing.picture import Opened, sized
from archspec.drawing.union import union
from archspec.errors import ArchspecError, nearest
from archspec.graph import Graph

__all__ = ["Above", "Mark", "draw", "draw_both"]

MOST = 44
"""Boxes of a picture whose depth nobody chose."""


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
    return _drawn((graph,), net, opening(net, depth, opened), kind, above)


def draw_both(
    one: Graph,
    other: Graph,
    pairs: Mapping[str, str],
    marks: Mapping[str, Mark] = NOTHING,
    kind: str = "svg",
    *,
    above: Above | None = None,
) -> str | bytes:
    """A picture of two nets in one, open where they differ.

    Args:
        one: the net whose structure it has.
        other: the net whose own parts stand among them.
        pairs: what is the same part of both, by path: nodes, blocks and inputs.
        marks: what is said of parts that both have, by path in `one`.
        kind: "svg", "html" or "png".
        above: as `draw` takes it.

    Returns:
        What `draw` does.
    """
    net = union(one, other, pairs, marks)
    return _drawn((one, other), net, opening(net, 1), kind, above)


def _drawn(
    graphs: Sequence[Graph], net: Box, opened: Opened, kind: str, above: Above | None
) -> str | bytes:
    title, told = heading(graphs)
    if kind == "html":
        from archspec.drawing.page import page

        return page(title, told, net, opened, above)
    if kind in ("mmd", "dot"):
        from archspec.drawing.diagram import dot, mermaid

        return (mermaid if kind == "mmd" else dot)(net, opened)
    from archspec.drawing.svg import LIGHT, svg

    if kind == "png":
        from archspec.drawing.raster import png

        return png(svg(title, told[0], sized(net, opened), LIGHT))
    return svg(title, told[0], sized(net, opened))


def opening(net: Box, depth: int | None, opened: Collection[str] = ()) -> Opened:
    """Which boxes are open at first: some levels, some paths, and around marks."""
    names = {box.name for box in below(net)}
    for name in opened:
        if name not in names:
            raise ArchspecError(
                f"there is no block {name!r} to open",
                code="AS505",
                hint=nearest(name, names),
            )
    levels = depth or fitting(net)
    wanted = set(opened)
    for name in opened:
        parts = name.split(".")
        wanted.update(".".join(parts[:n]) for n in range(1, len(parts)))
    around: set[int] = set()

    def told(box: Box) -> bool:
        """Whether a box, or something in it that is to be seen, is marked."""
        inside = [told(inner) for inner in box.inside]
        seen = any(inside) and not (box.mark and box.mark.folded)
        if seen or not wanted.isdisjoint(part.name for part in box.parts or (box,)):
            around.add(id(box))
        return seen or bool(box.mark)

    told(net)
    return lambda box, level: level < levels or id(box) in around


def fitting(net: Box) -> int:
    """The depth at which about a page is full."""
    depth, seen = 1, net.children
    while depth < 4 and any(box.opens for box in seen):
        seen = [i for box in seen for i in (box.inside if box.opens else [box])]
        if len(seen) > MOST:
            break
        depth += 1
    return depth
