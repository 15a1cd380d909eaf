"""From a whole spec to its graph: root params, inputs, outputs, taps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from archspec.arguments import Given, Size
from archspec.errors import ArchspecError, SpecError, shown
from archspec.graph import Graph, Node, Scope, Value
from archspec.language import names as naming
from archspec.language.builder import Builder, Instance, needed
from archspec.language.faults import Ended
from archspec.language.files import Files
from archspec.language.formula import is_a
from archspec.language.params import bind, require, several
from archspec.language.schema import no_node
from archspec.language.scopes import Expander
from archspec.language.syntax import Entry, Statement, Unit, bare
from archspec.language.values import CLEAN, Known, Variables, frozen, known
from archspec.nodes import settled
from archspec.ops import Shape

NEEDED = {
    "graph": "or `extends` a file that has one",
    "inputs": "for example inputs: {image: [3, 224, 224]}",
}
"""What a file has, of its own or from its base, and how to get it."""


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
        except RecursionError:
            message = "scopes nest deeper than Python follows"
            expander.faults.report(SpecError(message, code="AS121", at=unit.at))
    expander.faults.end()
    raise AssertionError("ended without a fault")


def _expanded(
    expander: Expander, unit: Unit, overrides: Mapping[str, Given], size: Size | None
) -> Graph:
    for key, hint in NEEDED.items():
        if not getattr(unit, key):
            message = f"the key {key!r} is missing, or empty"
            raise SpecError(message, code="AS202", at=unit.at, hint=hint)
    assert unit.graph is not None
    if not unit.graph.items:
        raise no_node(unit.graph.at)
    expander.inspect(unit)
    block, built = unit.block(), expander.built
    # Code that is right for one type, and simplified for it, is not for another.
    for name, param in unit.params.items():
        if param.fixed or several(param):
            built.decide([name], param.at)
    built.free |= {name for name, p in unit.params.items() if p.fixed is False}
    variables = Variables(expander.budget)
    given = {name: Known(frozen(value)) for name, value in overrides.items()}
    bound = bind(block, given, variables, lambda *path, key=False: None)
    require(unit, variables)
    inputs, channels = _inputs(built, unit, variables, size)
    built.set_sizes(variables, block.inputs, inputs)
    at = block.graph.at
    entry = Entry(None, at, at)
    whole = Statement("", entry, False, "spec", block.name, bare(), {}, None)
    net = Instance(None, whole, variables, tuple(inputs), given=channels)
    context = expander.enter(unit, block, net, bound)
    context.space.taken.update(inputs)
    member = expander.faults.keep(expander.close, context, unit.outputs)
    taps = expander.faults.keep(expander.find, context, unit.taps)
    _say_who_drops(expander.faults.found, unit, overrides)
    expander.faults.end()
    assert member is not None and taps is not None
    wanted = {*member.outputs.values(), *taps.values()}
    nodes = _live(built.nodes, wanted, built.absent)
    root = context.scope
    if built.pruned or len(nodes) < len(built.nodes):
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
        fixed=built.fixed,
        title=unit.keys.title,
        description=unit.keys.description,
        source=unit.keys.source,
        preprocessing=unit.preprocessing,
        family=unit.family,
        weights={} if given else unit.keys.weights,
    )
    _check_flat_names(graph)
    if built.aliased:
        _check_layers(graph)
    graph.check()
    return graph


def _say_who_drops(
    found: Mapping[object, ArchspecError], unit: Unit, overrides: Mapping[str, Given]
) -> None:
    """Of inherited taps and outputs whose node other params leave out."""
    for part in ("taps", "outputs"):
        for name, entry in getattr(unit, part).items():
            error, given = found.get(entry.at), [*overrides]
            if entry.at.file != unit.file:
                given += [n for n, p in unit.params.items() if p.at.file == unit.file]
            if error is not None and error.code == "AS308" and given:
                names = " and ".join(dict.fromkeys(given))
                error.hint = (
                    f"with another {names} there may be; {part}: "
                    f"{{{name}: null}} in a file that extends this one does without it"
                )


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
            built.decide(channels.taint, entry.at)
        sizes = CLEAN.union(*(item.taint for item in rest))
        built.used |= channels.taint
        built.decide(sizes, entry.at)
        shapes[name] = built.shapes[name] = shape
        built.taints[name] = (channels.taint, sizes)
    return shapes, found


def _shape(value: Any, entry: Entry) -> Shape:
    sizes = value if isinstance(value, tuple) and len(value) in (1, 3) else (None,)
    if not all(is_a(size, (int,)) and 0 < size < 2**31 for size in sizes):
        wanted = "an input is [channels, height, width] or [features]"
        message = f"{wanted}, found {shown(value)}"
        raise SpecError(message, code="AS215", at=entry.at)
    return tuple(sizes)


def _arguments(built: Builder, values: Mapping[str, Value]) -> tuple[str, ...]:
    return tuple(
        name
        for name, value in values.items()
        if name in built.used
        and name not in built.fixed
        and isinstance(value, bool | int | float | str)
    )


def _live(
    nodes: list[Node], wanted: set[str], gone: Iterable[tuple[str, str]]
) -> tuple[Node, ...]:
    """The nodes that something reads; those that only an unread output needs go."""
    kept = needed(nodes, wanted)
    live = {node.name for node in kept}
    read = {value for node in nodes for value in node.inputs}
    for node in reversed(nodes) if len(kept) < len(nodes) else ():
        outputs = [scope.outputs for scope in _around(node)]
        used = node.name in read or any(node.name in o.values() for o in outputs)
        optional = used and any("" not in names for names in outputs)
        if node.name not in live and not optional:
            message = f"nothing reads {node.name!r}, and it is no output and no tap"
            absent = _absent(node.scope, nodes, gone)
            hint = "what is absent stands for what it reads first; absent: "
            hint = hint + ", ".join(absent) if absent else ""
            raise SpecError(message, code="AS316", at=node.at, hint=hint)
    return tuple(kept)


def _absent(
    scope: Scope, nodes: Sequence[Node], gone: Iterable[tuple[str, str]]
) -> list[str]:
    """The statements of a scope of which there is no instance."""
    there = {node.slot for node in nodes if node.scope is scope}
    for node in nodes:
        there.update(above.slot for above in _around(node) if above.parent is scope)
    found = [key for where, key in gone if where == scope.definition]
    return [repr(key) for key in found if key not in there]


def _around(node: Node) -> list[Scope]:
    """The scopes that a node stands in, but for the whole net."""
    found, scope = [], node.scope
    while scope.parent is not None:
        found.append(scope)
        scope = scope.parent
    return found


def _check_flat_names(graph: Graph) -> None:
    """Paths stay apart where no dot may stand in a name, as in a resolved spec."""
    made: dict[str, str] = {}
    for node in graph.nodes:
        other = made.setdefault(node.name.replace(".", "_"), node.name)
        if other != node.name:
            paths = f"the paths {other!r} and {node.name!r}"
            message = (
                f"{paths} are one name where a '.' is a '_', as in names of layers"
            )
            raise SpecError(message, code="AS311", at=node.at, hint="rename one")


def _check_layers(graph: Graph) -> None:
    """Names of layers stay apart, in which aliases may stand."""
    made: dict[str, str] = {}
    for node in graph.nodes:
        other = made.setdefault(name := node.layer(), node.name)
        if other != node.name:
            message = f"the layers of {other!r} and {node.name!r} are both {name!r}"
            hint = "give one another `alias`"
            raise SpecError(message, code="AS311", at=node.at, hint=hint)
