"""How printed functions name their layers: by strings, or by counters of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archspec.source.outline import Line

LABEL = "label"
"""The variable of a name that several layers start with."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How the children of a scope are named.

    Attributes:
        prefix: what stands before a child's name; braces hold names of the function.
        counter: the variable that gives the next name of a numbered child, or "".
    """

    prefix: str
    counter: str = ""


def quoted(template: str) -> str:
    """A name as code: a string, with the function's own names in braces."""
    if template.startswith(f"{{{LABEL}") and template.count("}") == 1 == (
        template.endswith("}")
    ):
        return template[1:-1]
    return f'f"{template}"' if "{" in template else f'"{template}"'


def indexed(child: Naming) -> set[str]:
    """Loop variables in a name."""
    return {part.partition("}")[0] for part in child.prefix.split("{")[1:]}


def static(lines: Sequence[Line]) -> bool:
    """Whether the numbers of a list's children are known where it is printed."""
    for number, line in enumerate(lines):
        paired = line.instead or any(x.instead for x in lines[number + 1 : number + 2])
        if line.spread or (line.when is not True and not paired):
            return False
        if line.count is not None and (number or len(lines) > 1):
            return False
    return True


def shared(lines: Sequence[Line], listed: bool) -> dict[str, str]:
    """The names that several lines share: unequal instances of a repeat.

    Each comes with its next number, where that is known, or with "".
    """
    if listed:
        return {}
    seen: dict[str, list[Line]] = {}
    for line in lines:
        seen.setdefault(line.name, []).append(line)
    return {
        name: "0" if all(x.count is None and x.when is True for x in group) else ""
        for name, group in seen.items()
        if len(group) > 1 or group[0].single
    }
