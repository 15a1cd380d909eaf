"""From a whole spec to its graph: root params, inputs, outputs, taps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.errors import Location, SpecError
from archspec.graph import Graph, Node, Scope, Value
from archspec.language import names as naming
from archspec.language.context import Context, Space
from archspec.language.expand import Expander
from archspec.language.files import Files
from archspec.language.params import CLEAN, Known, Names, bind, known, require
from archspec.language.schema import Entry, Unit, shown
from archspec.ops import Shape

Size = tuple[int, int]


def expand(
    files: Files,
    unit: Unit,
    overrides: Mapping[str, Value] | None = None,
    size: Size | None = None,
) -> Graph:
    """The checked graph of a spec.

    `overrides` replace params; `size` is another height and width, in pixels, for every
    input that is an image. Raises SpecError or ShapeError with the place in the file.
    """
    if unit.graph is None:
        raise SpecError("a spec has a graph", at=unit.at, hint="or it extends one")
    if not naming.SPEC_NAME.fullmatch(unit.name) or len(unit.name) > naming.LENGTH:
        raise SpecError(
            f"the name {shown(unit.name)} may hold letters, digits, '_', '-' and '.'",
            at=unit.at,
        )
    names = Names()
    start = Location(unit.file, 1, 1)
    given = {k: Known(_frozen(v), None, CLEAN) for k, v in (overrides or {}).items()}
    values, defaults = bind(
        unit.params, given, {}, names, unit.name, unit.at, root=True
    )
    require(unit.require, names, unit.name)
    expander = Expander(files)
    inputs, texts = _root_inputs(expander, unit, names, size, start)
    scope_inputs = inputs if len(inputs) > 1 else {"input": next(iter(inputs))}
    local = dict(zip(scope_inputs, inputs, strict=True))
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
    expander.dimensions(names, local)
    space = Space("", unit.graph.listed, set(inputs))
    context = Context(unit, names, names, root, space, ("",), (root.definition,))
    outputs = expander.close(context, unit.graph, unit.outputs)
    taps = {
        name: expander.path(context, _path(entry), entry.at)
        for name, entry in unit.taps.items()
        if entry is not None
    }
    graph = Graph(
        name=unit.name,
        inputs=inputs,
        nodes=_live(expander.built.nodes, {*outputs.values(), *taps.values()}),
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
    graph.check()
    return graph


def _path(entry: Entry) -> str:
    if not isinstance(entry.value, str | int) or isinstance(entry.value, bool):
        raise SpecError(
            f"expected the path of a node, found {shown(entry.value)}",
            at=entry.at,
            hint="a path of two numbers wants quotes",
        )
    return str(entry.value)


def _frozen(value: Any) -> Value:
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    found: Value = value
    return found


def _root_inputs(
    expander: Expander, unit: Unit, names: Names, size: Size | None, start: Location
) -> tuple[dict[str, Shape], dict[str, str]]:
    """The graph's inputs, and the formulas of their channels as `name.channels`."""
    if not unit.inputs:
        raise SpecError(
            "a spec has inputs", at=start, hint="inputs: {image: [3, 224, 224]}"
        )
    shapes: dict[str, Shape] = {}
    texts: dict[str, str] = {}
    for name, entry in unit.inputs.items():
        assert entry is not None
        naming.check(name, entry.at)
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


def _live(nodes: list[Node], live: set[str]) -> tuple[Node, ...]:
    """The nodes that something reads; those that only an unread output needs go."""
    kept: list[Node] = []
    for node in reversed(nodes):
        if node.name in live:
            live.update(node.inputs)
            kept.append(node)
        elif not _has_outputs(node.scope):
            raise SpecError(
                f"nothing reads {node.name!r}, and it is no output and no tap",
                at=node.at,
            )
    return tuple(reversed(kept))


def _has_outputs(scope: Scope | None) -> bool:
    while scope is not None and scope.parent is not None:
        if "" not in scope.outputs:
            return True
        scope = scope.parent
    return False
