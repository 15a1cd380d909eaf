"""Keeps names of a spec apart from the names that printed code uses itself."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Container, Mapping, Sequence

from archspec.graph import Value
from archspec.nodes import file_of
from archspec.source.expr import Arg, Expr, named
from archspec.source.outline import Argument, Definition, Line, Use, rewrite, walk

OWN = """
self x y z nn F torch Tensor layers ops keras name names layer math sys inputs outputs
annotations label count np initializers init l O I
"""
TAKEN = frozenset((*OWN.split(), *keyword.kwlist, *vars(builtins)))
"""Names that printed code may use, and letters that look like digits: an argument
that has one gets a `_` behind it."""


COUNTED = re.compile(r"(?:[xyz]|names|label)\d*|\w+_initializer")
"""Names that printed code gives to variables, with numbers."""


def safe(name: str, taken: Container[str] = TAKEN, beside: Container[str] = ()) -> str:
    """The name of an argument in printed code, which none `beside` it then has."""
    if name not in taken:
        return name
    name += "_"
    while name in beside and name not in taken:
        name += "_"
    return name


def own(line: Line, taken: Container[str]) -> str | None:
    """The variable of a value that a function gives beside others: its line's name.

    None where that is a letter, which counts somewhere, or taken.
    """
    name = line.name
    free = name.isidentifier() and len(name) > 1 and not COUNTED.fullmatch(name)
    return name if free and name not in taken and name not in TAKEN else None


def rename(definitions: Sequence[Definition], taken: Container[str] = TAKEN) -> None:
    """Renames the arguments that clash with what is taken, in all definitions."""
    held = {
        name: None
        for definition in definitions
        for name in (
            *definition.arguments,
            *definition.constants,
            *(n for line in walk(definition.lines) for n in (*line.start, *line.rows)),
        )
    }
    clashing = {name: safe(name, taken, held) for name in held if name in taken}
    if not clashing:
        return
    for definition in definitions:
        _definition(definition, clashing)


def told_apart(titles: Mapping[Definition, str]) -> dict[Definition, str]:
    """What tells definitions of one title apart, where a text of the spec does.

    Two stages of units that a param names are of `basic_block` and of `bottleneck`.
    """
    groups: dict[str, list[Definition]] = {}
    for definition, title in titles.items():
        groups.setdefault(title, []).append(definition)
    return {
        definition: text
        for group in groups.values()
        for definition, text in zip(group, _texts(group), strict=True)
    }


def _texts(group: Sequence[Definition]) -> list[str]:
    """The first text param that is another in each definition; or nothing."""
    nothing = [""] * len(group)
    if len(group) == 1:
        return nothing
    scopes = [[tree.scope for tree in made.instances] for made in group]
    held = [[{**file_of(s).params, **s.params} for s in of] for of in scopes]
    for name in held[0][0]:
        values = [{params.get(name) for params in of} for of in held]
        texts = [str(*of) for of in values if len(of) == 1 and _text(*of)]
        if len({*texts}) == len(group):
            return texts
    return nothing


def _text(value: Value) -> bool:
    return isinstance(value, str) and len(value) > 1


def _definition(definition: Definition, clashing: Mapping[str, str]) -> None:
    for line in walk(definition.lines):
        _line(line, clashing)
    definition.reads = tuple(_arg(arg, clashing) for arg in definition.reads)
    definition.channels = tuple(_arg(arg, clashing) for arg in definition.channels)
    constants = {}
    for name, constant in definition.constants.items():
        found = _arg(constant, clashing)
        assert isinstance(found, Expr)
        constants[clashing.get(name, name)] = found
    definition.constants = constants
    arguments: dict[str, Argument] = {}
    for name, argument in definition.arguments.items():
        if name in clashing:
            argument.name, argument.param = clashing[name], argument.param or name
        arguments[argument.name] = argument
    definition.arguments = arguments
    definition.positional = tuple(clashing.get(n, n) for n in definition.positional)
    definition.channel_arguments = {
        clashing.get(name, name): n for name, n in definition.channel_arguments.items()
    }


def _line(line: Line, clashing: Mapping[str, str]) -> None:
    rewrite(line, lambda arg: _arg(arg, clashing), nested=False)
    for held in (line.start, line.carried, line.after):
        renamed = {clashing.get(k, k): _arg(v, clashing) for k, v in held.items()}
        held.clear()
        held.update(renamed)
    line.rows = {clashing.get(k, k): column for k, column in line.rows.items()}
    if isinstance(line.target, Use):
        given = line.target.arguments
        line.target.arguments = {clashing.get(k, k): v for k, v in given.items()}


def _arg(arg: Arg, clashing: Mapping[str, str]) -> Arg:
    if not isinstance(arg, Expr):
        return arg
    kinds = dict(arg.kinds)
    return arg.replaced(lambda name: named(clashing.get(name, name), kinds[name]))
