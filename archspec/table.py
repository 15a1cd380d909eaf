"""A graph as a table: by block, with shapes, counts, memory and receptive field."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from math import prod
from pathlib import PurePath
from typing import Any

from archspec.fingerprint import fingerprint
from archspec.graph import Graph, Scope
from archspec.ops import Shape
from archspec.receptive import pixels, reaches, shown
from archspec.width import Column, Table, count, hung, shape, table

COLUMNS = (
    Column("layer"),
    Column("what", rank=1),
    Column("output", short=shape),
    Column("params", right=True, short=count),
    Column("MACs", right=True, short=count),
    Column("memory", right=True, rank=2),
    Column("field", right=True, rank=4, short=shape),
    Column("stride", right=True, rank=3, short=shape),
)
HEADINGS = tuple(column.heading for column in COLUMNS)

TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(slots=True, eq=False)
class Row:
    """An op, or a block with what it holds.

    Attributes:
        name: path in the net; of the first and the last where several are equal.
        what: the op's kind or the block's name.
        shape: the output, channels first.
        params, macs, memory: counts, and bytes of all outputs in float32.
        field, stride: of the output, in pixels of the image, in words.
        times: how many equal ones in a row this stands for.
        rows: what a block holds.
    """

    name: str
    what: str
    shape: Shape
    params: int = 0
    macs: int = 0
    memory: int = 0
    field: str = ""
    stride: str = ""
    times: int = 1
    rows: list[Row] = dataclasses.field(default_factory=list)


def tree(graph: Graph) -> Row:
    """The whole net as one row, nothing folded."""
    root = Row(graph.name, "net", next(iter(graph.inputs.values())))
    made: dict[int, Row] = {id(graph.root): root}
    known = reaches(graph)

    def row_of(scope: Scope) -> list[Row]:
        """The rows of a scope and of those around it, outermost first."""
        chain: list[Scope] = []
        while scope.parent is not None:
            if not scope.inline:
                chain.append(scope)
            scope = scope.parent
        rows = [root]
        for inner in reversed(chain):
            row = made.get(id(inner))
            if row is None:
                row = made[id(inner)] = Row(inner.name, inner.title, ())
                rows[-1].rows.append(row)
            rows.append(row)
        return rows

    for node, shapes in graph.located():
        weights = node.op.weights(*shapes)
        leaf = Row(
            node.name,
            node.op.kind,
            node.shape,
            sum(prod(shape) for shape in weights.values()),
            node.op.macs(*shapes),
            4 * prod(node.shape),
            *shown(known, node.name),
        )
        rows = row_of(node.scope)
        rows[-1].rows.append(leaf)
        for row in rows:
            row.shape, row.field, row.stride = leaf.shape, leaf.field, leaf.stride
            row.params += leaf.params
            row.macs += leaf.macs
            row.memory += leaf.memory
    return root


def folded(rows: list[Row]) -> list[Row]:
    """Rows of which equal neighbours are one."""
    found: list[Row] = []
    last = None
    for row in rows:
        row.rows = folded(row.rows)
        key = _key(row)
        if found and row.rows and key == last:
            found[-1].times += 1
            found[-1].field = row.field
            continue
        found.append(row)
        last = key
    return found


def _key(row: Row) -> Any:
    inner = tuple(_key(child) for child in row.rows)
    return row.what, row.shape, row.params, row.macs, row.memory, row.times, inner


def lines(rows: list[Row], depth: int | None, level: int = 0) -> Iterator[list[str]]:
    """The cells of the rows and of what they hold, down to a depth."""
    for row in rows:
        times = f" {TIMES}{row.times}" if row.times > 1 else ""
        yield [
            f"{'  ' * level}{row.name}{times}",
            row.what,
            " x ".join(map(str, row.shape)),
            f"{row.times * row.params:,}" if row.params else "",
            f"{row.times * row.macs:,}" if row.macs else "",
            size(row.times * row.memory),
            row.field,
            row.stride,
        ]
        if depth is None or level + 1 < depth:
            yield from lines(row.rows, depth, level + 1)


def render(graph: Graph, depth: int | None = None) -> str:
    """The table, the totals and the taps as plain text; `depth` counts levels."""
    return text(graph, columns(graph, depth))


def columns(graph: Graph, depth: int | None, width: int | None = None) -> Table:
    """The table in lines of so many characters; None is any number."""
    return table(COLUMNS, lines(folded(tree(graph).rows), depth), width)


def text(graph: Graph, made: Table, width: int | None = None) -> str:
    """A table with title, totals and taps, of which long ones are more lines."""
    title = graph.title or graph.name
    found = [title, *([graph.source] if graph.source else []), "", *made.lines, ""]
    for key, value in summary(graph).items():
        found += hung(f"{key}: {value}", width)
    return "\n".join(found) + "\n"


def html(graph: Graph, depth: int = 2) -> str:
    """The same for a notebook."""
    cells = lines(folded(tree(graph).rows), depth)
    marked = [_html_row("th", HEADINGS), *(_html_row("td", row) for row in cells)]
    facts = "<br>".join(f"{k}: {escape(v)}" for k, v in summary(graph).items())
    table = f"<table>{''.join(marked)}</table>"
    return f"<b>{escape(graph.title or graph.name)}</b>{table}<p>{facts}</p>"


def _html_row(tag: str, cells: Iterable[str]) -> str:
    """A row, in which names and shapes stand left and the indent of blocks stays."""
    styles = (
        f"text-align: {'left' if n < 3 else 'right'}" for n in range(len(HEADINGS))
    )
    made = (
        f'<{tag} style="{style}; white-space: pre">{escape(cell)}</{tag}>'
        for style, cell in zip(styles, cells, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"


def summary(graph: Graph) -> dict[str, str]:
    """The totals in words."""
    shapes = graph.shapes()
    macs = graph.macs()
    facts = {
        "inputs": ", ".join(f"{n} {_by(s)}" for n, s in graph.inputs.items()),
        "outputs": ", ".join(
            f"{name} {_by(shapes[value])}".strip()
            for name, value in graph.outputs.items()
        ),
        "parameters": f"{graph.parameter_count():,}",
        "buffers": f"{graph.buffer_count():,}",
        "MACs": f"{macs:,}",
        "FLOPs": f"{2 * macs:,} (2 x MACs)",
        "activations": f"{size(graph.activation_bytes())} an image in float32",
    }
    if graph.taps:
        known = reaches(graph)
        facts["taps"] = ", ".join(
            f"{tap} {_by(shapes[value])}{_stride(shown(known, value)[1])}"
            for tap, value in graph.taps.items()
        )
    return facts


def listed(value: Any) -> Any:
    """A value of the language as JSON has it."""
    if isinstance(value, Mapping):
        return {key: listed(item) for key, item in value.items()}
    return [*map(listed, value)] if isinstance(value, list | tuple) else value


def data(graph: Graph) -> dict[str, Any]:
    """The same facts for machines."""
    shapes = graph.shapes()
    known = reaches(graph)
    return {
        "name": graph.name,
        "title": graph.title,
        "source": graph.source,
        "fingerprint": fingerprint(graph),
        "params": listed(graph.params),
        "arguments": list(graph.arguments),
        "preprocessing": listed(graph.recipe()),
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "outputs": {name: list(shapes[v]) for name, v in graph.outputs.items()},
        "taps": {name: list(shapes[v]) for name, v in graph.taps.items()},
        "parameters": graph.parameter_count(),
        "buffers": graph.buffer_count(),
        "macs": graph.macs(),
        "flops": graph.flops(),
        "activation_bytes": graph.activation_bytes(),
        "nodes": [
            {
                "name": node.name,
                "op": node.op.kind,
                "attributes": node.op.model_dump(mode="json"),
                "inputs": list(node.inputs),
                "shape": list(node.shape),
                "parameters": sum(prod(s) for s in node.op.weights(*taken).values()),
                "macs": node.op.macs(*taken),
                "receptive_field": pixels(known[node.name].field),
                "stride": pixels(known[node.name].stride),
                "at": str(node.at),
            }
            for node, taken in graph.located()
        ],
    }


PARAMS = (
    Column("param"),
    Column("value", least=12),
    Column("in printed code"),
    Column("decided at", rank=1, short=lambda at: PurePath(at).name),
)


def params(graph: Graph, width: int | None = None) -> Table:
    """What may be set, its value here, and what printed code makes of it.

    An argument that no exact expression holds becomes a constant there, too.
    """
    rows = []
    for name, value in graph.params.items():
        at, kind = graph.fixed.get(name), "not used here"
        if name in graph.arguments:
            kind, at = "an argument", None
        elif at is not None or not isinstance(value, bool | int | float | str):
            kind = "a constant"
        text = "none" if value is None else json.dumps(listed(value))
        rows.append((name, text, kind, "" if at is None else str(at)))
    return table(PARAMS, rows, width)


def edges(graph: Graph) -> str:
    """Every node with what it reads, one a line."""
    return "".join(
        f"{node.name} <- {', '.join(node.inputs)}  ({node.op.kind})\n"
        for node in graph.nodes
    )


def size(count: int) -> str:
    """Bytes in words."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def _by(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _stride(words: str) -> str:
    return f" (stride {words})" if words else ""
