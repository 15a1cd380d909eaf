"""Docstrings: what a printed net is and where it comes from, what its blocks map."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil

from archspec.graph import Graph
from archspec.ops import Shape
from archspec.source.expr import Arg, Expr, names_of
from archspec.source.family import Family
from archspec.source.outline import Definition
from archspec.source.text import WIDTH, flat, prose
from archspec.source.tree import Tree

QUOTES = 3
DIGITS = 12
"""Of a fingerprint that tells nets apart."""
LONG = 30
"""Characters that say too much of one number."""


def docstring(graph: Graph, *, channels_last: bool = False) -> list[str]:
    """Its lines; free text of the spec comes as plain printable ASCII."""
    lines = [*_about(prose(graph.title or graph.name), prose(graph.description)), ""]
    if graph.source:
        lines += _wrapped(f"Source: {prose(graph.source)}")
    lines += _wrapped(
        f"Parameters: {graph.parameter_count():,}; MACs: {graph.macs():,}; "
        f"input: {_inputs(graph, channels_last)}{result(graph)}."
    )
    return [*lines, *_preprocessing(graph), *_inference([graph])]


def _inference(graphs: Sequence[Graph]) -> list[str]:
    """That norms were folded, where they were."""
    found = sum(len(graph.folded) for graph in graphs)
    if not found:
        return []
    some = f"{found:,} batch norms are" if found > 1 else "A batch norm is"
    told = f"{some} folded into the layers before, for inference: not to be trained."
    origins = {graph.origin[:DIGITS] for graph in graphs if graph.origin}
    of = (
        f" Fingerprint of the net with them: {origins.pop()}."
        if len(graphs) == 1
        else ""
    )
    return _wrapped(told + of)


def shared(family: Family, channels_last: bool) -> list[str]:
    """The lines for nets in one file: what they are, and what all of them have."""
    names = _listed([graph.name for graph in family.graphs])
    title = _sentence(prose(family.title)[: WIDTH - QUOTES - 1])
    lines = [title, "", *_wrapped(f"Nets: {names}.")]
    sources = dict.fromkeys(graph.source for graph in family.graphs if graph.source)
    for source in sources:
        lines += _wrapped(f"Source: {prose(source)}")
    read = {_inputs(graph, channels_last) + result(graph) for graph in family.graphs}
    if len(read) == 1:
        lines += _wrapped(f"Input: {read.pop()}.")
    prepared: dict[str, list[str]] = {}
    for graph in family.graphs:
        prepared.setdefault(_prepared(graph), []).append(graph.name)
    for told, nets in prepared.items():
        of = f" of {_listed(nets)}" if len(prepared) > 1 else ""
        lines += _wrapped(f"Preprocessing{of}: {told}.") if told else []
    return [*lines, *_inference(family.graphs)]


def _preprocessing(graph: Graph) -> list[str]:
    told = _prepared(graph)
    return _wrapped(f"Preprocessing: {told}.") if told else []


def _prepared(graph: Graph) -> str:
    items = (f"{key} {value}" for key, value in graph.recipe().items())
    return prose(", ".join(items))


def _inputs(graph: Graph, channels_last: bool) -> str:
    return ", ".join(
        f"{name} {' x '.join(map(str, ordered(shape, channels_last)))}"
        for name, shape in graph.inputs.items()
    )


def built(graph: Graph, indent: int) -> list[str]:
    """The docstring of a function that makes one net."""
    start, width = " " * indent, WIDTH - indent
    title = prose(graph.title or graph.name)
    counts = f"{graph.parameter_count():,} parameters, {graph.macs():,} MACs"
    told = f"{title}: {counts}."
    if len(told) <= width - 2 * QUOTES:
        return [f'{start}"""{told}"""']
    rows = [f'{start}"""{_sentence(title)[: width - QUOTES]}', "", f"{start}{counts}."]
    return [*rows, f'{start}"""']


def result(graph: Graph) -> str:
    """What a classifier gives, logits or probabilities; nothing for other nets."""
    made = {node.name: node for node in graph.nodes}
    last = [*graph.outputs.values()]
    node = made.get(last[0]) if len(last) == 1 else None
    while node is not None and node.op.passes_through():
        node = made.get(node.inputs[0])
    if node is None or len(node.shape) != 1:
        return ""
    linear = "classes" in node.texts.get("features", "")
    called = node.op.gives or ("logits" if linear else "")
    return f"; gives {called}" if called else ""


def ordered(shape: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
    """A shape as the framework orders it."""
    return (*shape[1:], shape[0]) if channels_last else shape


def _about(title: str, description: str) -> list[str]:
    """Title and description, on one line where they fit."""
    told = description.lower().startswith(title.lower())
    told = told and not description[len(title) : len(title) + 1].isalnum()
    joined = description if told else f"{title}: {description}"
    if description and len(joined) < WIDTH - QUOTES:
        return [_sentence(joined)]
    first = _sentence(title[: WIDTH - QUOTES - 1])
    return [first, "", *_wrapped(description)] if description else [first]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!")) else f"{text}."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def described(
    definition: Definition,
    shapes: Mapping[str, Shape],
    indent: int,
    title: str = "",
    *,
    channels_last: bool = False,
) -> list[str]:
    """The docstring of one printed definition; `shapes` are those of all values.

    It says what the spec says of the block, and what goes in and comes out: N images
    of a height H and a width W.
    """
    start, width = " " * indent, WIDTH - indent
    scope = definition.instances[0].scope
    told, mapping = (
        prose(title or scope.description),
        _mapping(definition, shapes, channels_last),
    )
    title = _sentence(prose(definition.title.replace("_", " ")))
    title = title[:1].upper() + title[1:]
    both = f"{told}: m{mapping[1:]}"
    if told and mapping and scope.kind == "file" and len(both) <= width - 2 * QUOTES:
        told, mapping = both, ""
    found = [_sentence(told)] if told else []
    found += [mapping] if mapping else []
    if not found or len(found[0]) > width - 2 * QUOTES:
        found.insert(0, title)  # a first line of its own
    first, *rest = found
    if not rest:
        return [f'{start}"""{first}"""']
    rows = [row for part in rest for row in ("", *_unbroken(part, width))]
    return [
        f'{start}"""{first}',
        *(f"{start}{row}" if row else "" for row in rows),
        f'{start}"""',
    ]


def _unbroken(text: str, width: int) -> list[str]:
    """Text in lines, but for what stands in square brackets."""
    kept = re.sub(r"\[.*?\]", lambda found: found[0].replace(" ", "\0"), text)
    return [row.replace("\0", " ") for row in textwrap.wrap(kept, width)]


def _mapping(
    definition: Definition, shapes: Mapping[str, Shape], channels_last: bool
) -> str:
    """What goes in and what comes out; nothing where no word says it."""
    trees = definition.instances
    inputs = [
        [shapes[tree.scope.inputs[name]] for tree in trees]
        for name, _ in zip(definition.inputs, definition.reads, strict=False)
    ]
    images = next((column for column in inputs if len(column[0]) == 3), [])
    outputs = [
        [shapes[tree.outputs[number]] for tree in trees]
        for number in range(len(definition.channels))
    ]
    said = [
        [
            _shape(
                definition, _channels(definition, arg), images, column, channels_last
            )
            for arg, column in zip(args, columns, strict=True)
        ]
        for args, columns in (
            (definition.reads, inputs),
            (definition.channels, outputs),
        )
    ]
    if not all(part and all(part) for part in said):
        return ""
    return f"Maps {' to '.join(map(_listed, said))}."


def _listed(items: Sequence[str]) -> str:
    """Items with commas between them, and `and` before the last one."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def _channels(definition: Definition, arg: Arg) -> str:
    """A number of channels in words of the definition, where these are few."""
    known = {*definition.arguments}
    known |= set() if definition.net else {*definition.channel_arguments}
    text = flat(arg)
    if isinstance(arg, Expr) and arg.is_name() and text not in known:
        return "C"  # what a caller gives as part of a shape
    few = names_of(arg) <= known and " if " not in text and len(text) < LONG
    return text if few else ""


def _shape(
    definition: Definition,
    channels: str,
    images: Sequence[Shape],
    column: Sequence[Shape],
    channels_last: bool,
) -> str:
    """A value's shape in words of the definition; nothing where there are none."""
    # A chain of flattens reads an image first, and then a vector.
    kinds = {len(shape) for shape in column}
    if not channels or len(kinds) > 1:
        return ""
    if kinds == {1}:
        return f"[N, {channels}]"
    whole = all(len(image) == 3 for image in images)
    pairs = [*zip(images, column, strict=False)] if whole else []
    for words, factors in _scales(definition):
        if pairs and all(
            _scaled(before[n], factor, after[n])
            for (before, after), factor in zip(pairs, factors, strict=True)
            for n in (1, 2)
        ):
            sides = f"{words.format('H')}, {words.format('W')}"
            break
    else:
        if {shape[1:] for shape in column} != {(1, 1)}:
            return ""
        sides = "1, 1"
    return f"[N, {sides}, {channels}]" if channels_last else f"[N, {channels}, {sides}]"


def _scaled(before: int, factor: Fraction, after: int) -> bool:
    """Whether a side is so many times as long; a part of a pixel counts as one.

    One that would be as long, too, if it were divided once more tells nothing: what is
    left of 28 pixels is 1 by 32 and by 64, and by whatever else makes a single one.
    """
    found = before * factor
    whole = found.denominator == 1
    return after == ceil(found) and (whole or after != ceil(found / 2))


def _scales(definition: Definition) -> Iterator[tuple[str, Sequence[Fraction]]]:
    """How a block may scale sizes, in words, and what that is in each instance."""
    count = len(definition.instances)
    yield "{}", [Fraction(1)] * count
    if any(map(_fixes, definition.instances)):
        return
    for name, argument in definition.arguments.items():
        if "stride" in name and all(type(value) is int for value in argument.values):
            yield f"{{}} / {name}", [Fraction(1, int(str(v))) for v in argument.values]
    for size in (2, 4, 8, 16, 32, 64):
        yield f"{{}} / {size}", [Fraction(1, size)] * count
    for size in (2, 4, 8):
        yield f"{size} * {{}}", [Fraction(size)] * count


def _fixes(tree: Tree) -> bool:
    """Whether something inside gives images of a size of its own, whatever it reads."""
    items = [item for group in tree.lines.values() for item in group]
    return any(
        _fixes(item)
        if isinstance(item, Tree)
        else getattr(item.op, "size", None) is not None
        for item in items
    )
