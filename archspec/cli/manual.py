"""The page docs/cli.md, from what the commands say of themselves.

python -m archspec.cli.manual > docs/cli.md
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import starmap
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from archspec.cli.app import COMMANDS

HEAD = """\
# The command line

Made from the commands' own help: `python -m archspec.cli.manual > docs/cli.md`.

A SPEC is a net of the zoo (`resnet34`) or a path that ends in `.yaml`. Results go to
standard output, all else to standard error. A command ends with 0 if all is well,
with 1 where what it was given is wrong or a check failed, with 2 where the command
line itself is wrong, and dies of a signal. A file is written whole or not at all:
while it grows it is in a folder `.archspec-…` beside its place. One that is left,
since its process was killed, is removed by the next command that writes there.
A table has the width of the terminal; in a pipe it has 80 columns, or what `COLUMNS`
says. There a row is one line: counts become short (`25.6M`) and columns are left out
before a name is cut. Programs take `--json`, which has all; what keys it has is a JSON
Schema, which `archspec schema list` prints, and so for `show`, `validate`, `verify`
and `bench`. Keys are added in later versions, and none goes.
`archspec --install-completion` lets your shell complete nets, ops, backends and
options.

| variable of the environment | says |
|---|---|
| `ARCHSPEC_LIMITS` | what a spec may ask for, as `nodes=500000` |
| `ARCHSPEC_CACHE` | the folder for weights that were fetched |
| `ARCHSPEC_MIRROR` | an address that has publishers' files, by their hosts |
| `COLUMNS` | the width of tables, such as 200 for one in a pipe |
| `NO_COLOR`, `FORCE_COLOR` | colours in messages: never, or also where no terminal is |
| `KERAS_BACKEND` | what Keras runs on, as Keras itself takes it |
"""


KINDS = {int: "NUMBER", Path: "FILE", str: "TEXT"}


def page() -> str:
    """All commands, in the order of `archspec --help`, and what they take."""
    return HEAD + "".join(starmap(_section, _commands()))


def _commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every command by its whole name; of a group those that are in it."""
    for name, place in COMMANDS.items():
        module, _, attribute = place.partition(":")
        command = getattr(import_module(f"archspec.cli.{module}"), attribute)
        if not isinstance(command, typer.Typer):
            yield name, command
            continue
        for inner in command.registered_commands:
            if inner.callback is not None:
                yield f"{name} {inner.callback.__name__}", inner.callback


def _section(name: str, command: Callable[..., Any]) -> str:
    """A heading, what the command does, and a table of what it takes."""
    told = inspect.getdoc(command)
    hints = get_type_hints(command, include_extras=True)
    defaults = inspect.signature(command).parameters
    rows = [
        _row(name, hint, defaults[name].default)
        for name, hint in hints.items()
        if name != "return"
    ]
    table = "\n| takes | |\n|---|---|\n" + "".join(rows) if rows else ""
    return f"\n## archspec {name}\n\n{told}\n{table}"


def _row(name: str, hint: Any, default: Any) -> str:
    """A line of the table."""
    kind, info = get_args(hint)
    option = isinstance(info, OptionInfo)
    # Where typer's default isn't used the first of the names stands in its place.
    names = [n for n in (info.default, *(info.param_decls or ())) if isinstance(n, str)]
    names = names or [f"--{name.replace('_', '-')}"]
    if not option:
        names = [info.metavar or name.upper()]
    text = ", ".join(f"`{name}`" for name in names)
    if option and kind is not bool:
        text += f" `{info.metavar or _values(kind)}`"
    said = f" Default: `{default}`." if option and _plain(default) else ""
    return f"| {text} | {info.help}{said} |\n".replace("N|HxW", r"N\|HxW")


def _plain(default: Any) -> bool:
    """Whether a default is worth saying."""
    return isinstance(default, str | int) and not isinstance(default, bool)


def _values(kind: Any) -> str:
    """The choices that an option has, or what kind its value is of."""
    parts = [part for part in get_args(kind) or (kind,) if part is not type(None)]
    if all(isinstance(part, str) for part in parts):
        return r"\|".join(parts)
    inner = get_args(parts[0])
    if inner and isinstance(inner[0], str):
        return r"\|".join(inner)
    return KINDS.get(inner[0] if inner else parts[0], "TEXT")


if __name__ == "__main__":
    print(page(), end="")
