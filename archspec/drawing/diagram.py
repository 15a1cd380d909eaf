"""The picture as Mermaid or DOT, for tools that lay out by themselves."""

from __future__ import annotations

from archspec.drawing.labels import facts, kind, own
from archspec.drawing.outline import Box
from archspec.drawing.picture import Opened

COLOURS = {
    "added": "#1a7f37",
    "removed": "#c1272d",
    "changed": "#9a6700",
    "differs": "#c1272d",
}


class Diagram:
    """The boxes that are seen, numbered, and the edges between them.

    A repeat that is open stands for its first instance: what reads another one reads
    the repeat's last box.
    """

    def __init__(self, net: Box, opened: Opened) -> None:
        self.opened = opened
        self.number: dict[int, int] = {}
        self.maker: dict[str, int] = {}
        self.edges: dict[tuple[int, int], None] = {}
        self.net = net
        self._walk(net, 0)

    def is_open(self, box: Box, level: int) -> bool:
        return not level or (box.opens and self.opened(box, level))

    def _walk(self, box: Box, level: int) -> None:
        if self.is_open(box, level):
            last = 0
            for child in box.inside if level else box.children:
                self._walk(child, level + 1)
                last = max(self.number.values(), default=0)
            for name in box.makes:
                self.maker.setdefault(name, last)
            return
        here = self.number[id(box)] = len(self.number)
        for name in box.reads:
            self.edges[self.maker[name], here] = None
        self.maker.update(dict.fromkeys(box.makes, here))


def mermaid(net: Box, opened: Opened) -> str:
    """A Mermaid flowchart, which GitHub shows in Markdown."""
    found = Diagram(net, opened)
    lines = ["flowchart TD"]
    classes: list[str] = []

    def put(box: Box, parent: str, level: int) -> None:
        indent = "  " * (level or 1)
        if not found.is_open(box, level):
            number = found.number[id(box)]
            label = "<br>".join(map(_mermaid, _texts(box, parent)))
            lines.append(f'{indent}n{number}["{label}"]')
            if box.mark:
                classes.append(f"n{number} {box.mark.kind}")
            return
        if level:
            title = " ".join(_texts(box, parent)[:1])
            lines.append(f'{indent}subgraph s{len(lines)}["{_mermaid(title)}"]')
        for child in box.inside if level else box.children:
            inner = box.name if level and child is not box else ""
            put(child, inner, level + 1)
        if level:
            lines.append(f"{indent}end")

    put(net, "", 0)
    lines += [f"  n{a} --> n{b}" for a, b in found.edges]
    if classes:
        lines += [
            f"  classDef {kind} stroke:{colour},stroke-width:3px"
            for kind, colour in COLOURS.items()
        ]
        lines += [f"  class {item}" for item in classes]
    return "\n".join(lines) + "\n"


def dot(net: Box, opened: Opened) -> str:
    """A graph in the language of Graphviz."""
    found = Diagram(net, opened)
    lines = [
        "digraph net {",
        '  node [shape=box, style=rounded, fontname="Helvetica", fontsize=11]',
        '  fontname="Helvetica"',
    ]

    def put(box: Box, parent: str, level: int) -> None:
        indent = "  " * (level + 1)
        if not found.is_open(box, level):
            number = found.number[id(box)]
            label = "\\n".join(map(_dot, _texts(box, parent)))
            colour = f', color="{COLOURS[box.mark.kind]}"' if box.mark else ""
            lines.append(f'{indent}n{number} [label="{label}"{colour}]')
            return
        if level:
            title = _dot(_texts(box, parent)[0])
            lines.append(f"{indent}subgraph cluster_{len(lines)} {{")
            lines.append(f'{indent}  label="{title}"')
        for child in box.inside if level else box.children:
            put(child, box.name if level else "", level + 1)
        if level:
            lines.append(f"{indent}}}")

    put(net, "", 0)
    lines += [f"  n{a} -> n{b}" for a, b in found.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _texts(box: Box, parent: str) -> list[str]:
    said = box.mark.lines if box.mark else []
    return [f"{own(box, parent)} {kind(box)}", facts(box), *box.flags, *said]


def _mermaid(text: str) -> str:
    """As Mermaid takes it in quotes: its own entities for all that could be markup."""
    return "".join(
        letter if letter.isalnum() or letter in " ._-/" else f"#{ord(letter)};"
        for letter in text
    )


def _dot(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
