"""Params and formulas: values with the root params that they depend on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from archspec.errors import Location, SpecError, nearest
from archspec.graph import Value
from archspec.language.formula import CONSTANTS, evaluate, names
from archspec.language.reader import Seq, locate
from archspec.language.schema import shown
from archspec.language.work import Work
from archspec.language.written import Entry
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


MEMO = 10_000
"""Results kept; more would only be of formulas that differ in each instance."""


@dataclass(slots=True, eq=False, repr=False)
class Names:
    """What a formula sees: values by name, and the root params behind each."""

    values: dict[str, Value] = field(default_factory=dict)
    taints: dict[str, Taint] = field(default_factory=dict)
    keys: dict[str, tuple[str, Taint]] = field(default_factory=dict)
    """Both as a key, the value as text, since 1, 1.0 and true are equal."""
    work: Work = field(default_factory=Work)
    memo: dict[Any, Known] = field(default_factory=dict)
    """What formulas gave, by what they read: most instances of a block read alike."""

    def child(self) -> Names:
        """A copy to which names can be added."""
        return Names(
            dict(self.values),
            dict(self.taints),
            dict(self.keys),
            self.work,
            self.memo,
        )

    def params(self) -> Names:
        """A copy without the sizes of inputs."""
        return Names(
            {k: v for k, v in self.values.items() if "." not in k},
            {k: v for k, v in self.taints.items() if "." not in k},
            {k: v for k, v in self.keys.items() if "." not in k},
            self.work,
            self.memo,
        )

    def seen(self, read: Iterable[str]) -> tuple[Any, ...]:
        """What names stand for, as a key."""
        return tuple(map(self.keys.get, read))

    def set(self, name: str, value: Value, taint: Taint = CLEAN) -> None:
        """Adds a name, or hides the one that is there."""
        self.values[name] = value
        self.taints[name] = taint
        # Here, since a list may be long, and many formulas may read it.
        self.keys[name] = (repr(value), taint)

    def set_input(self, name: str, shape: Shape, taints: tuple[Taint, Taint]) -> None:
        """Adds `name.channels`, and for an image height and width."""
        for dimension in ("channels", "height", "width"):
            self.values.pop(f"{name}.{dimension}", None)
            self.keys.pop(f"{name}.{dimension}", None)
        for dimension, size in zip(
            ("channels", "height", "width"), shape, strict=False
        ):
            taint = taints[0] if dimension == "channels" else taints[1]
            self.set(f"{name}.{dimension}", size, taint)

    def taint(self, text: str) -> Taint:
        """The root params behind a formula."""
        return CLEAN.union(*(self.taints.get(name, CLEAN) for name in names(text)))


class Known(NamedTuple):
    """An evaluated value: `text` is its formula, if it is one as a whole."""

    value: Value
    text: str | None
    taint: Taint


def formula_place(raw: str, at: Location, error: SpecError) -> Location:
    """Where in a file a formula's error is: the part of it, if that is known."""
    if error.part is None:
        return at
    offset, length = error.part
    return at.part(len(raw) - len(raw[1:].lstrip()) + offset, length)


def is_formula(raw: Any) -> bool:
    """Whether a raw value is a formula, not a constant."""
    return isinstance(raw, str) and raw.startswith("=")


def has_formula(raw: Any) -> bool:
    """Whether a raw value is a formula or holds one."""
    if isinstance(raw, dict):
        return any(map(has_formula, raw.values()))
    if isinstance(raw, list | tuple):
        return any(map(has_formula, raw))
    return is_formula(raw)


def frozen(raw: Any) -> Any:
    """A raw value with its lists as tuples."""
    if isinstance(raw, list | tuple):
        return tuple(map(frozen, raw))
    if isinstance(raw, dict):
        return {key: frozen(item) for key, item in raw.items()}
    return raw


def known(raw: Any, scope: Names, at: Location) -> Known:
    """The value of what stands in a spec: formulas computed, lists as tuples."""
    if is_formula(raw):
        text = raw[1:].strip()
        try:
            key = (text, scope.seen(names(text)))
            made = scope.memo.get(key)
            if made is None:
                found = evaluate(text, scope.values, scope.work)
                made = Known(found, text, scope.taint(text))
                if len(scope.memo) < MEMO:
                    scope.memo[key] = made
            return made
        except SpecError as error:
            error.at = formula_place(raw, at, error)
            raise
    if not has_formula(raw):
        return Known(frozen(raw), None, CLEAN)
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
    declared: Mapping[str, Entry],
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
            raise unknown(owner, name, declared, places.get(name))
    values: dict[str, Value] = {}
    texts: dict[str, str] = {}
    for name, entry in declared.items():
        required = isinstance(entry.value, str) and entry.value in TYPES
        if name in given:
            found = given[name]
            wanted = type_of(entry)
            where = places.get(name) or entry.at
            values[name] = accept(found.value, wanted, f"{owner}: {name}", where)
            taint = found.taint
        elif required:
            raise missing(owner, name, entry, entry.key if root else at)
        else:
            default = known(entry.value, scope, entry.at)
            wanted = type_of(entry)
            values[name] = accept(default.value, wanted, f"{owner}: {name}", entry.at)
            taint = default.taint
            if default.text:
                texts[name] = default.text
        if root and not (name not in given and is_formula(entry.value)):
            taint = frozenset((name,))
        scope.set(name, values[name], taint)
    return values, texts


def require(conditions: Mapping[str, Entry], scope: Names, owner: str) -> None:
    """Raises SpecError, with the params' values, for a condition that doesn't hold.

    `conditions` are a file's `require`: what must hold, in words, and as a formula.
    """
    for words, entry in conditions.items():
        if not is_formula(entry.value):
            raise SpecError(
                f"require: a condition is a formula, found {shown(entry.value)}",
                code="AS305",
                at=entry.at,
            )
        found = known(entry.value, scope, entry.at)
        if not isinstance(found.value, bool):
            raise SpecError(
                f"require: a condition is true or false, found {shown(found.value)}",
                code="AS305",
                at=entry.at,
            )
        if not found.value:
            read = sorted(names(found.text or "").difference(CONSTANTS))
            values = ", ".join(f"{n} is {shown(scope.values[n])}" for n in read)
            raise SpecError(
                f"{owner} requires: {words}; {values}", code="AS315", at=entry.at
            )


def unknown(
    owner: str, name: str, declared: Collection[str], at: Location | None
) -> SpecError:
    """The error for a param that isn't declared."""
    known = "its params: " + ", ".join(declared) if declared else "it has none"
    return SpecError(
        f"{owner} has no param {name!r}",
        code="AS312",
        at=at,
        hint=nearest(name, declared) or known,
    )


def missing(owner: str, name: str, entry: Entry, at: Location) -> SpecError:
    """The error for a param that is required and not given."""
    return SpecError(
        f"{owner} needs the param {name!r}",
        code="AS313",
        at=at,
        hint=f"it is declared as {entry.value}, without a default",
    )


def type_of(entry: Entry) -> str:
    """The type that a param's declaration fixes."""
    default = entry.value
    if entry.kind is not None:
        return entry.kind
    if isinstance(default, str) and default in TYPES:
        return default
    if default is None or is_formula(default):
        return "any"
    if isinstance(default, bool):
        return "bool"
    if isinstance(default, Seq | tuple):
        return "list"
    return type(default).__name__


def accept(value: Any, wanted: str, what: str, at: Location) -> Value:
    """The value, of the wanted type; SpecError for a wrong one."""
    allowed = TYPES.get(wanted, TYPES["any"])
    wrong_bool = isinstance(value, bool) and bool not in allowed
    if wrong_bool or not isinstance(value, allowed):
        raise SpecError(
            f"{what} must be {wanted}, found {shown(value)}", code="AS314", at=at
        )
    if wanted == "float" and isinstance(value, int):
        return float(value)
    return cast(Value, value)
