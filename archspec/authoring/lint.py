"""What a valid spec seldom means: warnings, which never change what is built.

Each can be answered in the spec itself: by removing what is unused, or by writing out
what would else be a default (`bias: true`, four-sided padding).
"""

from __future__ import annotations

from ast import Constant, walk
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from archspec.errors import Location, SpecWarning, nearest
from archspec.graph import Graph, Node
from archspec.language.faults import MOST
from archspec.language.formula import names, parse
from archspec.language.syntax import Param, Statement, Statements, Unit
from archspec.nodes import unseen
from archspec.ops import Op, pair
from archspec.spec import Spec


def warnings(spec: Spec) -> list[SpecWarning]:
    """The warnings about a spec's own file, in the order of the text; of many, some."""
    found: dict[Location, SpecWarning] = {}
    for warning in chain(
        _unused_params(spec.unit),
        _unused_blocks(spec.unit),
        _unread_outputs(spec.unit),
        _biases(spec.graph),
        _even_kernels(spec.graph),
    ):
        if len(found) >= MOST:
            break
        # What is wrong with a base file is said where that file is validated.
        if warning.at is not None and warning.at.file == spec.unit.file:
            found.setdefault(warning.at, warning)
    return [found[at] for at in sorted(found, key=lambda at: (at.line, at.column))]


def _unused_params(unit: Unit) -> Iterator[SpecWarning]:
    """Params of the file, and of its blocks, that no formula reads."""
    read = _read(set(_formulas(_all(unit))))
    yield from _unread("no formula reads the param", unit.params, read, unit)
    # Blocks among which a formula chooses take what any of them needs.
    for block in () if _chosen(unit) else unit.blocks.values():
        values: list[Any] = [entry.value for entry in block.outputs.values()]
        inside = _read(set(_formulas([*values, *_values(block.graph)])))
        for name, param in block.params.items():
            own = block.params.keys() - unseen(block.params, name)
            inside |= _read(_formulas([param.default])) & own
        text = f"no formula of the block {block.name!r} reads its param"
        yield from _unread(text, block.params, inside, unit)


def _unread(
    text: str, params: Mapping[str, Param], read: Collection[str], unit: Unit
) -> Iterator[SpecWarning]:
    for name, param in params.items():
        if name not in read and param.key.file == unit.file:
            yield SpecWarning(
                f"{text} {name!r}",
                code="AS701",
                at=param.key,
                hint=nearest(name, read),
            )


def _unused_blocks(unit: Unit) -> Iterator[SpecWarning]:
    """Blocks that nothing names; none where a param may name any."""
    if _chosen(unit):
        return
    targets = _targets(unit)
    named = {*targets}.union(*map(_strings, _formulas(targets)))
    for name, block in unit.blocks.items():
        if name not in named:
            yield SpecWarning(
                f"nothing uses the block {name!r}", code="AS702", at=block.at
            )


def _targets(unit: Unit) -> list[Any]:
    return [s.target for s in _statements(unit) if s.kind == "block"]


def _chosen(unit: Unit) -> bool:
    """Whether a param chooses among the blocks, so that any may be used."""
    return bool(_read(_formulas(_targets(unit))))


def _unread_outputs(unit: Unit) -> Iterator[SpecWarning]:
    """Named outputs of blocks that nothing in the file reads."""
    raw = list(_all(unit))
    words = [value for value in _flat(raw) if isinstance(value, str)]
    words += [word for text in _formulas(raw) for word in _strings(text)]
    read = {word.rpartition(".")[2] for word in words if "." in word}
    for block in unit.blocks.values():
        for name, entry in block.outputs.items():
            if name not in read:
                yield SpecWarning(
                    f"nothing reads the output {name!r} of the block {block.name!r}; "
                    "what only it needs is not built",
                    code="AS705",
                    at=entry.key,
                )


def _biases(graph: Graph) -> Iterator[SpecWarning]:
    """Convolutions whose default bias the norm behind them takes away."""
    for node, norm in idle_biases(graph):
        what = norm.op.kind.replace("_", " ")
        yield SpecWarning(
            f"{node.name!r} has a bias, which the {what} right after it, "
            f"{norm.name!r}, takes away",
            code="AS703",
            at=node.at,
            hint="say `bias: false`, or `bias: true` to keep it all the same",
        )


def idle_biases(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Nodes whose default bias changes nothing, with a norm that takes it away."""
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    kept = {*graph.outputs.values(), *graph.taps.values()}
    for node in _of(graph, _default_bias):
        after = readers.get(node.name, [])
        if node.name not in kept and after and all(n.op.centres for n in after):
            yield node, after[0]


def _even_kernels(graph: Graph) -> Iterator[SpecWarning]:
    """Even kernels at stride 1 whose equal padding shifts and resizes the image."""
    for node in _of(graph, _shifts):
        yield SpecWarning(
            f"{node.name!r} pads an even kernel equally on both sides: the image "
            "changes its size by a pixel and moves by half of one",
            code="AS704",
            at=node.at,
            hint="say `padding: same`, or all four sides, [[0, 1], [0, 1]]",
        )


def _of(graph: Graph, wanted: Callable[[Op], bool]) -> list[Node]:
    """The nodes whose op is so; instances of a block share their ops."""
    ops = {id(node.op): node.op for node in graph.nodes}
    found = {key for key, op in ops.items() if wanted(op)}
    return [node for node in graph.nodes if id(node.op) in found]


def _default_bias(op: Op) -> bool:
    return getattr(op, "bias", False) and "bias" not in op.model_fields_set


def _shifts(op: Op) -> bool:
    kernel: Any = getattr(op, "kernel", None)
    padding: Any = getattr(op, "padding", None)
    stride: Any = getattr(op, "stride", None)
    if kernel is None or stride is None or isinstance(padding, str | None):
        return False
    axes = zip(pair(kernel), pair(padding), pair(stride), strict=True)
    return any(k % 2 == 0 and isinstance(p, int) and p and s == 1 for k, p, s in axes)


def _read(formulas: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*map(names, formulas))


def _formulas(values: Iterable[Any]) -> Iterator[str]:
    for value in _flat(values):
        if isinstance(value, str) and value.startswith("="):
            yield value[1:].strip()


def _strings(text: str) -> frozenset[str]:
    """The strings that stand in a formula."""
    values = (tree.value for tree in walk(parse(text)) if isinstance(tree, Constant))
    return frozenset(value for value in values if isinstance(value, str))


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict):
            yield from _flat(value.values())
        elif isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _all(unit: Unit) -> Iterator[Any]:
    """Every raw value of a file."""
    blocks = [*unit.blocks.values(), *([unit.block()] if unit.graph else [])]
    groups = [unit.inputs, unit.require, unit.taps]
    groups += [unit.default(kind) for kind in unit.defaults]
    for block in blocks:
        yield from _values(block.graph)
        yield from (param.default for param in block.params.values())
        groups.append(block.outputs)
    yield from (entry.value for group in groups for entry in group.values())


def _values(graph: Statements) -> Iterator[Any]:
    for statement in graph.all():
        for value, _ in (*statement.inside(), *statement.outside()):
            yield value


def _statements(unit: Unit) -> Iterator[Statement]:
    for block in unit.blocks.values():
        yield from block.graph.all()
    if unit.graph is not None:
        yield from unit.graph.all()
