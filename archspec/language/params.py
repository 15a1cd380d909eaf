"""Params and formulas: values with the root params that they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, cast

from archspec.errors import Location, SpecError, nearest
from archspec.graph import Value
from archspec.language.formula import evaluate, names
from archspec.language.names import IDENTIFIER
from archspec.language.reader import Seq, locate
from archspec.language.schema import RESERVED, Entry, shown
from archspec.ops.base import Shape

Taint = frozenset[str]
"""Params of the whole net's file that a value depends on."""
CLEAN: Taint = frozenset()
TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "list": (tuple,),
    "any": (bool, int, float, str, tuple, type(None)),
}


@dataclass(slots=True)
class Names:
    """What a formula sees: values by name, and the root params behind each."""

    values: dict[str, Value] = field(default_factory=dict)
    taints: dict[str, Taint] = field(default_factory=dict)

    def child(self) -> Names:
        """A copy to which names can be added."""
        return Names(dict(self.values), dict(self.taints))

    def set(self, name: str, value: Value, taint: Taint = CLEAN) -> None:
        """Adds a name, or hides the one that is there."""
        self.values[name] = value
        self.taints[name] = taint

    def set_input(self, name: str, shape: Shape, taints: tuple[Taint, Taint]) -> None:
        """Adds `name.channels`, and for an image height and width."""
        for dimension in ("channels", "height", "width"):
            self.values.pop(f"{name}.{dimension}", None)
        for dimension, size in zip(
            ("channels", "height", "width"), shape, strict=False
        ):
            taint = taints[0] if dimension == "channels" else taints[1]
            self.set(f"{name}.{dimension}", size, taint)

    def taint(self, text: str) -> Taint:
        """The root params behind a formula."""
        return CLEAN.union(*(self.taints.get(name, CLEAN) for name in names(text)))


@dataclass(frozen=True, slots=True)
class Known:
    """An evaluated value: `text` is its formula, if it is one as a whole."""

    value: Value
    text: str | None
    taint: Taint


def is_formula(raw: Any) -> bool:
    """Whether a raw value is a formula, not a constant."""
    return isinstance(raw, str) and raw.startswith("=")


def known(raw: Any, scope: Names, at: Location) -> Known:
    """The value of what stands in a spec: formulas computed, lists as tuples."""
    if is_formula(raw):
        text = raw[1:].strip()
        try:
            return Known(evaluate(text, scope.values), text, scope.taint(text))
        except SpecError as error:
            raise SpecError(error.message, at=at, hint=error.hint) from None
    if not isinstance(raw, list | tuple | dict):
        return Known(raw, None, CLEAN)
    if isinstance(raw, dict):
        pairs = {k: known(v, scope, _inner(raw, k, at)) for k, v in raw.items()}
        taint = CLEAN.union(*(item.taint for item in pairs.values()))
        value: Any = {k: item.value for k, item in pairs.items()}
        return Known(value, None, taint)
    items = [known(v, scope, _inner(raw, i, at)) for i, v in enumerate(raw)]
    taint = CLEAN.union(*(item.taint for item in items))
    text = None
    if any(item.text for item in items):
        text = "[" + ", ".join(i.text or repr(i.value) for i in items) + "]"
    return Known(tuple(item.value for item in items), text, taint)


def _inner(raw: Any, key: Any, at: Location) -> Location:
    return locate(raw, (key,)) if hasattr(raw, "at") else at


def bind(
    declared: Mapping[str, Entry | None],
    given: Mapping[str, Known],
    places: Mapping[str, Location],
    scope: Names,
    owner: str,
    at: Location,
    *,
    root: bool = False,
) -> tuple[dict[str, Value], dict[str, str]]:
    """Puts declared params into `scope`; returns their values and defaults' formulas.

    `given` are the caller's values; `root` says that the params are the whole net's
    own, whose taint is themselves. Raises SpecError for one unknown, missing or wrong.
    """
    for name in given:
        if name not in declared:
            raise SpecError(
                f"{owner} has no param {name!r}",
                at=places.get(name),
                hint=nearest(name, declared)
                or ("its params are " + ", ".join(declared) if declared else "none"),
            )
    values: dict[str, Value] = {}
    texts: dict[str, str] = {}
    for name, entry in declared.items():
        assert entry is not None
        if name in RESERVED:
            raise SpecError(f"the param name {name!r} is reserved", at=entry.at)
        if not IDENTIFIER.fullmatch(name) or iskeyword(name):
            raise SpecError(
                f"the param name {shown(name)} is no identifier",
                at=entry.at,
                hint="letters, digits and _, a letter first, no word of Python",
            )
        required = isinstance(entry.value, str) and entry.value in TYPES
        if name in given:
            found = given[name]
            wanted = _type(entry.value)
            where = places.get(name) or entry.at
            values[name] = _accept(found.value, wanted, f"{owner}: {name}", where)
            taint = found.taint
        elif required:
            raise SpecError(f"{owner} needs the param {name!r} ({entry.value})", at=at)
        else:
            default = known(entry.value, scope, entry.at)
            values[name] = default.value
            taint = default.taint
            if default.text:
                texts[name] = default.text
        if root and not (name not in given and is_formula(entry.value)):
            taint = frozenset((name,))
        scope.set(name, values[name], taint)
    return values, texts


def _type(default: Any) -> str:
    if isinstance(default, str) and default in TYPES:
        return default
    if default is None or is_formula(default):
        return "any"
    if isinstance(default, bool):
        return "bool"
    if isinstance(default, Seq | tuple):
        return "list"
    return type(default).__name__


def _accept(value: Any, wanted: str, what: str, at: Location) -> Value:
    allowed = TYPES.get(wanted, TYPES["any"])
    wrong_bool = isinstance(value, bool) and bool not in allowed
    if wrong_bool or not isinstance(value, allowed):
        raise SpecError(f"{what} expected {wanted}, found {shown(value)}", at=at)
    if wanted == "float" and isinstance(value, int):
        return float(value)
    return cast(Value, value)
