"""From a whole spec to its graph: root params, inputs, outputs, taps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from archspec.errors import ArchspecError, Location, SpecError, shown
from archspec.graph import Graph, Node, Scope, Value
from archspec.language import names as naming
from archspec.language.builder import Builder, Instance, needed
from archspec.language.faults import Ended
from archspec.language.files import Files
from archspec.language.params import bind, require
from archspec.language.schema import no_node
from archspec.language.scopes import Expander
from archspec.language.syntax import Entry, Statement, Unit, bare
from archspec.language.values import CLEAN, Known, Variables, frozen, known
from archspec.nodes import settled
from archspec.ops import Shape

Size = tuple[int, int]
Given = bool | int | float | str | None | Sequence["Given"]
"""A value that a caller gives for a param; a list is as good as a tuple."""


def expand(
    files: Files,
    unit: Unit,
    overrides: Mapping[str, Given] | None = None,
    size: Size | None = None,
) -> Graph:
    """The checked graph of a spec.

    `overrides` replace params; `size` is another height and width, in pixels, for every
    input that is an image. Raises SpecError or ShapeError with the place in the file.
    """
    naming.check_spec(unit.keys.name, unit.at)
    expander = Expander(files)
    with suppress(Ended):
        try:
            return _expanded(expander, unit, overrides or {}, size)
        except ArchspecError as error:
            expander.faults.report(error)
    expander.faults.end()
    raise AssertionError("ended without a fault")


def _expanded(
    expander: Expander, unit: Unit, overrides: Mapping[str, Given], size: Size | None
) -> Graph:
    if unit.graph is None:
        raise SpecError(
            "the key 'graph' is missing",
            code="AS202",
            at=unit.at,
            hint="or `extends` a file that has one",
        )
    if not unit.graph.items:
        raise no_node(unit.graph.at)
    if not unit.inputs:
        raise SpecError(
            "the key 'inputs' is missing, or empty",
            code="AS202",
            at=Location(unit.file, 1, 1),
            hint="for example inputs: {image: [3, 224, 224]}",
        )
    expander.inspect(unit)
    block, built = unit.block(), expander.built
    variables = Variables(expander.budget)
    given = {name: Known(frozen(value)) for name, value in overrides.items()}
    bound = bind(block, given, variables, lambda *path, key=False: None)
    require(unit, variables)
    inputs, channels = _inputs(built, unit, variables, size)
    built.set_sizes(variables, block.inputs, inputs)
    at = block.graph.at
    whole = Statement("", at, "spec", block.name, bare(), {}, None, None, at, False)
    net = Instance(None, whole, variables, tuple(inputs), given=channels)
    context = expander.enter(unit, block, net, bound)
    context.space.taken.update(inputs)
    member = expander.faults.keep(expander.close, context, unit.outputs)
    taps = expander.faults.keep(expander.find, context, unit.taps)
    expander.faults.end()
    assert member is not None and taps is not None
    nodes, root = (
        _live(built.nodes, {*member.outputs.values(), *taps.values()}),
        context.scope,
    )
    if len(nodes) < len(built.nodes):
        nodes, root = settled(nodes, root, member.outputs)
    graph = Graph(
        name=block.name,
        inputs=inputs,
        nodes=nodes,
        outputs=member.outputs,
        taps=taps,
        params=bound.values,
        root=root,
        arguments=_arguments(built, bound.values),
        title=unit.keys.title,
        description=unit.keys.description,
        source=unit.keys.source,
        preprocessing=unit.preprocessing,
    )
    _check_flat_names(graph)
    graph.check()
    return graph


def _inputs(
    built: Builder, unit: Unit, variables: Variables, size: Size | None
) -> tuple[dict[str, Shape], dict[str, Known]]:
    """The graph's inputs, and what is known of the channels of those that are lists."""
    found: dict[str, Known] = {}
    shapes: dict[str, Shape] = {}
    for name, entry in unit.inputs.items():
        shape = _shape(known(entry.value, variables, entry.at).value, entry)
        if size is not None and len(shape) == 3:
            shape = (shape[0], *size)
        # A list tells the formula of each size, another formula none of them.
        listed = isinstance(entry.value, list)
        items = entry.value if listed else [entry.value] * len(shape)
        channels, *rest = (known(item, variables, entry.at) for item in items)
        if listed:
            found[f"{name}.channels"] = channels
        else:
            built.fixed |= channels.taint
        sizes = CLEAN.union(*(item.taint for item in rest))
        built.used |= channels.taint
        built.fixed |= sizes
        shapes[name] = built.shapes[name] = shape
        built.taints[name] = (channels.taint, sizes)
    return shapes, found


def _shape(value: Any, entry: Entry) -> Shape:
    sizes = value if isinstance(value, tuple) and len(value) in (1, 3) else (None,)
    if not all(type(size) is int and 0 < size < 2**31 for size in sizes):
        raise SpecError(
            "an input is [channels, height, width] or [features], "
            f"found {shown(value)}",
            code="AS215",
            at=entry.at,
        )
    return tuple(sizes)


def _arguments(built: Builder, values: Mapping[str, Value]) -> tuple[str, ...]:
    return tuple(
        name
        for name, value in values.items()
        if name in built.used
        and name not in built.fixed
        and isinstance(value, bool | int | float | str)
    )


def _live(nodes: list[Node], wanted: set[str]) -> tuple[Node, ...]:
    """The nodes that something reads; those that only an unread output needs go."""
    kept = needed(nodes, wanted)
    if len(kept) < len(nodes):
        live = {node.name for node in kept}
        read = {value for node in nodes for value in node.inputs}
        for node in nodes:
            read.update(*(scope.outputs.values() for scope in _around(node)))
        for node in reversed(nodes):
            optional = any("" not in scope.outputs for scope in _around(node))
            if node.name not in live and not (node.name in read and optional):
                raise SpecError(
                    f"nothing reads {node.name!r}, and it is no output and no tap",
                    code="AS316",
                    at=node.at,
                )
    return tuple(kept)


def _around(node: Node) -> list[Scope]:
    """The scopes that a node stands in, but for the whole net."""
    found, scope = [], node.scope
    while scope.parent is not None:
        found.append(scope)
        scope = scope.parent
    return found


def _check_flat_names(graph: Graph) -> None:
    """Paths stay apart where no dot may stand in a name, as in a resolved spec."""
    flat = [node.name.replace(".", "_") for node in graph.nodes]
    if len(set(flat)) == len(flat):
        return
    made: dict[str, str] = {}
    for name, node in zip(flat, graph.nodes, strict=True):
        other = made.setdefault(name, node.name)
        if other != node.name:
            raise SpecError(
                f"the paths {other!r} and {node.name!r} are one name where a '.' is a "
                "'_', as in names of layers",
                code="AS311",
                at=node.at,
                hint="rename one",
            )
