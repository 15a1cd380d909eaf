"""From a whole spec to its graph: root params, inputs, outputs, taps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from archspec.errors import Location, SpecError
from archspec.graph import Graph, Node, Scope, Value
from archspec.language import names as naming
from archspec.language.context import Context, Space
from archspec.language.expand import Expander
from archspec.language.faults import Ended
from archspec.language.files import Files
from archspec.language.inspection import inspect
from archspec.language.params import CLEAN, Known, Names, bind, known, require
from archspec.language.schema import shown
from archspec.language.written import Unit
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
    if unit.graph is None:
        raise SpecError(
            "the key 'graph' is missing",
            code="AS202",
            at=unit.at,
            hint="or `extends` a file that has one",
        )
    if not naming.SPEC_NAME.fullmatch(unit.name) or len(unit.name) > naming.LENGTH:
        raise SpecError(
            f"the name {shown(unit.name)} may hold letters, digits, '_', '-' and '.'",
            code="AS310",
            at=unit.at,
        )
    expander = Expander(files)
    with suppress(Ended):
        return _expanded(expander, unit, overrides or {}, size)
    expander.finish()
    raise AssertionError("ended without a fault")


def _expanded(
    expander: Expander, unit: Unit, overrides: Mapping[str, Given], size: Size | None
) -> Graph:
    for fault in inspect(unit):
        expander.report(None, fault)
    if any(at is None or at in _places(unit) for at in expander.faults):
        raise Ended
    assert unit.graph is not None
    file_names = Names()
    start = Location(unit.file, 1, 1)
    given = {k: Known(_frozen(v), None, CLEAN) for k, v in overrides.items()}
    values, defaults = bind(
        unit.params, given, {}, file_names, unit.name, unit.at, root=True
    )
    require(unit.require, file_names, unit.name)
    inputs, texts = _root_inputs(expander, unit, file_names, size, start)
    scope_inputs = inputs if len(inputs) > 1 else {"input": next(iter(inputs))}
    local = dict(zip(scope_inputs, inputs, strict=True))
    names = file_names.child()
    expander.dimensions(names, local)
    root = Scope(
        name="",
        parent=None,
        slot="",
        definition=f"{unit.file}#",
        title=unit.name,
        kind="file",
        listed=unit.graph.listed,
        inline=False,
        index=None,
        count=1,
        params=values,
        texts=texts,
        defaults=defaults,
        taints=names.taints,
        when=None,
        repeat=None,
        inputs=local,
        outputs={},
        at=unit.graph.at,
    )
    space = Space("", unit.graph.listed, set(inputs))
    context = Context(unit, file_names, names, root, space, ("",), (root.definition,))
    outputs = expander.close(context, unit.graph, unit.outputs)
    taps = {name: expander.found(context, entry) for name, entry in unit.taps.items()}
    expander.finish()
    nodes = _live(expander, {*outputs.values(), *taps.values()})
    if len(nodes) < len(expander.built.nodes):
        nodes, root = settled(nodes, root, outputs)
    graph = Graph(
        name=unit.name,
        inputs=inputs,
        nodes=nodes,
        outputs=outputs,
        taps=taps,
        params=values,
        root=root,
        arguments=_arguments(expander, values),
        title=unit.title,
        description=unit.description,
        source=unit.source,
        preprocessing=unit.preprocessing,
    )
    _check_layer_names(graph)
    graph.check()
    return graph


def _check_layer_names(graph: Graph) -> None:
    """Layers of Keras have one name each, in which no dot may stand."""
    made: dict[str, str] = {}
    for node in graph.nodes:
        other = made.setdefault(node.name.replace(".", "_"), node.name)
        if other != node.name:
            raise SpecError(
                f"the paths {other!r} and {node.name!r} are one name where a '.' is a "
                "'_', as in Keras",
                code="AS311",
                at=node.at,
                hint="rename one",
            )


def _frozen(value: Any) -> Value:
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    found: Value = value
    return found


def _places(unit: Unit) -> set[Location]:
    """Where the params and the inputs stand, without which nothing can be expanded."""
    entries = (*unit.params.values(), *unit.inputs.values())
    return {at for entry in entries for at in (entry.at, entry.key)}


def _root_inputs(
    expander: Expander, unit: Unit, names: Names, size: Size | None, start: Location
) -> tuple[dict[str, Shape], dict[str, str]]:
    """The graph's inputs, and the formulas of their channels as `name.channels`."""
    if not unit.inputs:
        raise SpecError(
            "the key 'inputs' is missing, or empty",
            code="AS202",
            at=start,
            hint="for example inputs: {image: [3, 224, 224]}",
        )
    shapes: dict[str, Shape] = {}
    texts: dict[str, str] = {}
    for name, entry in unit.inputs.items():
        found = known(entry.value, names, entry.at)
        shape = found.value
        if (
            not isinstance(shape, tuple)
            or len(shape) not in (1, 3)
            or not all(
                isinstance(n, int) and not isinstance(n, bool) and 0 < n < 2**31
                for n in shape
            )
        ):
            raise SpecError(
                f"an input is [channels, height, width] or [features], "
                f"found {shown(found.value)}",
                code="AS215",
                at=entry.at,
            )
        ints = tuple(int(str(n)) for n in shape)
        if size is not None and len(ints) == 3:
            ints = (ints[0], *size)
        shapes[name] = ints
        items = (
            [known(item, names, entry.at) for item in entry.value]
            if isinstance(entry.value, list)
            else []
        )
        channels, space = found.taint, CLEAN
        if items:
            channels = items[0].taint
            space = CLEAN.union(*(item.taint for item in items[1:]))
            if items[0].text:
                texts[f"{name}.channels"] = items[0].text
        else:
            expander.built.fixed |= found.taint
        expander.built.used |= channels
        expander.built.fixed |= space
        expander.built.shapes[name] = ints
        expander.built.taints[name] = (channels, space)
    return shapes, texts


def _arguments(expander: Expander, values: Mapping[str, Value]) -> tuple[str, ...]:
    built = expander.built
    return tuple(
        name
        for name, value in values.items()
        if name in built.used
        and name not in built.fixed
        and isinstance(value, bool | int | float | str)
    )


def _live(expander: Expander, live: set[str]) -> tuple[Node, ...]:
    """The nodes that something reads; those that only an unread output needs go."""
    kept: list[Node] = []
    nodes = expander.built.nodes
    read = set(expander.closed).union(*(node.inputs for node in nodes))
    for node in reversed(nodes):
        if node.name in live:
            live.update(node.inputs)
            kept.append(node)
        elif node.name not in read or not _has_outputs(node.scope):
            raise SpecError(
                f"nothing reads {node.name!r}, and it is no output and no tap",
                code="AS316",
                at=node.at,
            )
    return tuple(reversed(kept))


def _has_outputs(scope: Scope | None) -> bool:
    while scope is not None and scope.parent is not None:
        if "" not in scope.outputs:
            return True
        scope = scope.parent
    return False
