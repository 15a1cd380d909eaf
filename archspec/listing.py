"""What the zoo holds: a line of facts for each net, none of which is expanded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archspec import catalog
from archspec.errors import SpecError, nearest
from archspec.language.files import Files
from archspec.language.params import bind
from archspec.language.syntax import Unit
from archspec.language.values import Variables, known
from archspec.limits import Budget
from archspec.table import listed


@dataclass(frozen=True, slots=True)
class Net:
    """A net of the zoo.

    Attributes:
        name, title, description, source, publisher: as its file says.
        families: the families that it extends, the nearest first.
        parameters: number of trainable parameters.
        macs: multiply-accumulates of one image.
        params: what may be set, with the values that the net has.
        preprocessing: how an image becomes an input.
        inputs: input names and their shapes, channels first.
    """

    name: str
    title: str
    description: str
    source: str
    publisher: str
    families: tuple[str, ...]
    parameters: int
    macs: int
    inputs: dict[str, list[int]]
    params: dict[str, Any]
    preprocessing: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "family": next(iter(self.families), None),
            "families": list(self.families),
            "parameters": self.parameters,
            "macs": self.macs,
            "inputs": self.inputs,
            "params": self.params,
            "preprocessing": self.preprocessing,
            "publisher": self.publisher or None,
            "source": self.source,
        }


def nets(family: str | None = None) -> list[Net]:
    """All nets, or those of a family and of the families that extend it.

    Raises SpecError for a family that isn't there.
    """
    known_families = [name.removeprefix("families/") for name in catalog.families()]
    if family is not None and family not in known_families:
        raise SpecError(
            f"there is no family {family!r}",
            code="AS101",
            hint=nearest(family, known_families)
            or "families are " + ", ".join(known_families),
        )
    files = Files()
    found = [_net(files, name) for name in catalog.names()]
    return [net for net in found if family is None or family in net.families]


def _net(files: Files, name: str) -> Net:
    unit = files.open(name)
    parameters, macs = (_expected(unit, key) for key in ("params", "macs"))
    variables = Variables(Budget(files.limits))
    bound = bind(unit.block(), {}, variables, lambda *path, key=False: None)
    return Net(
        name,
        unit.keys.title,
        unit.keys.description,
        unit.keys.source,
        unit.keys.publisher,
        _families(files, unit),
        parameters,
        macs,
        _inputs(unit, variables),
        listed(bound.values),
        listed(unit.preprocessing),
    )


def _expected(unit: Unit, key: str) -> int:
    """A number of the file's `expect`, which a test compares with the expanded net."""
    entry = unit.expect.get(key)
    if entry is None:
        raise SpecError(f"a net of the zoo expects its {key}", code="AS202", at=unit.at)
    return int(entry.value)


def _families(files: Files, unit: Unit) -> tuple[str, ...]:
    found: list[str] = []
    while unit.extends is not None:
        name = str(unit.extends.value)
        if name.startswith("families/"):
            found.append(name.removeprefix("families/"))
        unit = files.named(name, unit.extends.at)
    return tuple(found)


def _inputs(unit: Unit, variables: Variables) -> dict[str, list[int]]:
    shapes: dict[str, Any] = {
        name: known(entry.value, variables, entry.at).value
        for name, entry in unit.inputs.items()
    }
    return {name: list(shape) for name, shape in shapes.items()}
