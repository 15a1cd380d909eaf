"""What the codes of errors and warnings mean: the table `codes.yaml`, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from textwrap import fill, indent
from typing import TYPE_CHECKING

from archspec.errors import ArchspecError, nearest
from archspec.width import Column, table

if TYPE_CHECKING:
    from archspec.spec import Spec

HEAD = "archspec: 1\nname: net\n"
INPUTS = "inputs: {image: [3, 8, 8]}\n"
FILLED = partial(fill, width=80, break_on_hyphens=False)
"""Text in lines; an option such as --allow-extra stays whole."""


@dataclass(frozen=True, slots=True)
class Code:
    """One row: why it happens, what to do, and an example, a spec or a command."""

    name: str
    title: str
    cause: str
    cure: str
    example: str = ""

    @property
    def spec(self) -> str:
        """The whole spec of an example; empty if it is a command or there is none."""
        if "\n" not in self.example:
            return ""
        inherits = "inputs:" in self.example or "extends:" in self.example
        return HEAD + ("" if inherits else INPUTS) + self.example


@cache
def codes() -> dict[str, Code]:
    """Every code by its name."""
    from archspec.language.reader import parse

    path = Path(__file__).with_name("codes.yaml")
    rows = parse(path.read_bytes(), path.name)
    return {name: Code(name, **row) for name, row in rows.items()}


def explain(name: str) -> str:
    """A code in words, with an example and what archspec answers to it."""
    code = codes().get(name.upper())
    if code is None:
        hint = nearest(name.upper(), codes()) or "`archspec explain` lists them"
        raise ArchspecError(f"there is no code {name!r}", hint=hint)
    parts = [f"{code.name}: {code.title}", FILLED(code.cause)]
    if code.example:
        parts += ["For example", indent(code.spec or code.example, "    ").rstrip()]
    if code.spec:
        parts += ["gets", indent("\n".join(answers(code.spec)), "    ")]
    return "\n\n".join([*parts, FILLED(f"What to do: {code.cure}")]) + "\n"


def listing(width: int | None = None) -> str:
    """Every code with its title, as far as there is room."""
    rows = ((code.name, code.title) for code in codes().values())
    made = table((Column("code"), Column("title", least=20)), rows, width)
    return "\n".join(made.lines[1:]) + "\n"


def answers(text: str) -> list[str]:
    """The messages that a spec gets, as `archspec validate` gives them."""
    from archspec.authoring.messages import render, singly

    return [render(error, text) for error in singly(faults(text))]


def faults(text: str, file: str = "net.yaml") -> list[ArchspecError]:
    """The errors of a spec that is no file, or else its warnings."""
    return checked(text, file)[1]


def checked(
    text: str, file: str, folder: Path | None = None
) -> tuple[Spec | None, list[ArchspecError]]:
    """A spec that is a text, if it is one, and what `archspec validate` says of it.

    Without a folder it may extend the zoo only.
    """
    from archspec.authoring.lint import warnings
    from archspec.language.expand import expand
    from archspec.language.files import Files
    from archspec.spec import Spec

    files = Files()
    try:
        unit = files.text(text, file, folder)
        spec = Spec(expand(files, unit), unit, False)
    except ArchspecError as error:
        return None, list(error.errors)
    return spec, [*spec.unexpected(), *warnings(spec)]
