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


def safe(name: str, taken: Container[str] = TAKEN) -> str:
    """The name of an argument in printed code."""
    return f"{name}_" if name in taken else name


def own(line: Line, taken: Container[str]) -> str | None:
    """The variable of a value that a function gives beside others: its line's name.

    None where that is a letter, which counts somewhere, or taken.
    """
    name = line.name
    free = name.isidentifier() and len(name) > 1 and not COUNTED.fullmatch(name)
    return name if free and name not in taken and name not in TAKEN else None


def rename(definitions: Sequence[Definition], taken: Container[str] = TAKEN) -> None:
    """Renames the arguments that clash with what is taken, in all definitions."""
    clashing = {
        name
        for definition in definitions
        for name in (
            *definition.arguments,
            *definition.constants,
            *(n for line in walk(definition.lines) for n in (*line.start, *line.rows)),
        )
        if name in taken
    }
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


def _definition(definition: Definition, clashing: set[str]) -> None:
    for line in walk(definition.lines):
        _line(line, clashing)
    definition.reads = tuple(_arg(arg, clashing) for arg in definition.reads)
    definition.channels = tuple(_arg(arg, clashing) for arg in definition.channels)
    constants = {}
    for name, constant in definition.constants.items():
        found = _arg(constant, clashing)
        assert isinstance(found, Expr)
        constants[_name(name, clashing)] = found
    definition.constants = constants
    arguments: dict[str, Argument] = {}
    for name, argument in definition.arguments.items():
        argument.name = _name(name, clashing)
        arguments[argument.name] = argument
    definition.arguments = arguments
    definition.positional = tuple(_name(n, clashing) for n in definition.positional)
    definition.channel_arguments = {
        _name(name, clashing): n for name, n in definition.channel_arguments.items()
    }


def _line(line: Line, clashing: set[str]) -> None:
    rewrite(line, lambda arg: _arg(arg, clashing), nested=False)
    for held in (line.start, line.carried):
        renamed = {_name(k, clashing): _arg(v, clashing) for k, v in held.items()}
        held.clear()
        held.update(renamed)
    line.rows = {_name(k, clashing): column for k, column in line.rows.items()}
    if isinstance(line.target, Use):
        given = line.target.arguments
        line.target.arguments = {_name(k, clashing): v for k, v in given.items()}


def _name(name: str, clashing: set[str]) -> str:
    return f"{name}_" if name in clashing else name


def _arg(arg: Arg, clashing: set[str]) -> Arg:
    if not isinstance(arg, Expr):
        return arg
    kinds = dict(arg.kinds)
    return arg.replaced(lambda name: named(_name(name, clashing), kinds[name]))
