"""Params and formulas of random specs: what a value may be, and what it comes to.

Every drawn value has two forms: `raw`, as it stands in the file, and `key`, an
expression over variables that are unique in the whole spec. Values of equal keys are
equal in every instance, which is how the generator knows what fits together.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

Draw = Callable[[tuple[Any, ...]], Any]
"""Draws one of several values; the first is the simplest."""
WIDEST = 24
"""Channels of any value; the nets are many, so they are small."""
FUNCTIONS = {f.__name__: f for f in (min, max, len, sum, round, abs, int, range)}


class Drawn(NamedTuple):
    """A value as it stands in the file, and what it comes to."""

    raw: Any
    key: str


@dataclass(frozen=True)
class Role:
    """What a param is for: its type, its values, and names that people give it."""

    kind: str
    values: tuple[Any, ...]
    names: tuple[str, ...]


ROLES = {
    "channels": Role(
        "int",
        (4, 2, 6, 8, 3),
        ("channels", "width", "in_channels", "planes", "hidden", "growth"),
    ),
    "stride": Role("int", (1, 2), ("stride", "step", "down")),
    "dilation": Role("int", (1, 2, 3), ("dilation", "rate_of_growth", "hole")),
    "factor": Role("int", (1, 2, 3), ("expand", "factor", "mult")),
    "count": Role("int", (1, 2, 3, 5), ("depth", "n", "blocks", "repeats")),
    "flag": Role("bool", (True, False), ("deep", "linked", "biased", "project", "se")),
    "act": Role(
        "str",
        ("relu", "silu", "sigmoid", "hard_swish", "tanh", "gelu", "relu6"),
        ("act", "activation", "nonlinearity"),
    ),
    "norm": Role("str", ("batch_norm", "layer_norm", "identity"), ("norm", "norm_op")),
    "rate": Role("float", (0.25, 0.5, 0.1), ("rate", "dropout", "eps", "slope")),
    "ratio": Role("float", (0.5, 1.5, 1.0, 2.0), ("ratio", "width_mult", "scale_by")),
    "kernel": Role("int", (3, 1, 5), ("kernel", "k", "size")),
    "kernels": Role("list", ((1, 3), (3, 1), (3, 3)), ("kernels", "window", "ks")),
    "widths": Role(
        "list", ((4, 6), (2, 4, 6), (8, 4), (4, 4, 8)), ("widths", "dims", "filters")
    ),
    "strides": Role("list", ((1, 2), (2, 1, 1), (1, 1)), ("strides", "steps")),
    "rows": Role(
        "list",
        (
            ((4, 1, "relu", True), (6, 2, "silu", False)),
            ((6, 1, "relu", False), (6, 1, "relu", True), (8, 2, "tanh", True)),
        ),
        ("rows", "table", "config"),
    ),
    "groups": Role("int", (1, 2), ("groups", "cardinality")),
    "pool": Role("str", ("max", "avg"), ("pool_kind", "down_by")),
    "unit": Role("str", ("unit",), ("unit_kind", "block_kind", "kind")),
    "maybe": Role("any", (None, 4, 6), ("mid", "bottleneck", "squeeze")),
}
INDEX = re.compile(r"\bindex\b")
LENGTHS = {"widths": 2, "strides": 2, "rows": 2}
"""The fewest items of a list, which any index may be below."""


@dataclass
class Param:
    """A declared param; `default` is None where a caller must give it."""

    name: str
    role: str
    key: str
    default: Drawn | None
    declared: Any


class Counter(NamedTuple):
    """The `index` of a repeat: its key, and whose length it counts, if any's."""

    key: str
    length_of: str
    name: str = "index"


@dataclass
class Variables:
    """Unique variables, with the largest value that each is thought to have."""

    most: dict[str, Any] = field(default_factory=dict)

    def new(self, most: Any) -> str:
        name = f"v{len(self.most)}"
        self.most[name] = most
        return name

    def largest(self, key: str, **also: Any) -> Any:
        """What a key comes to where all its variables are largest."""
        try:
            return eval(key, {"__builtins__": {}, **FUNCTIONS}, {**self.most, **also})
        except Exception:
            return 10 * WIDEST


@cache
def tidy(key: str) -> str:
    """A key without needless brackets."""
    return ast.unparse(ast.parse(key, mode="eval"))


def put(key: str, values: Mapping[str, str]) -> str:
    """A key with keys put in for variables."""
    found = re.sub(
        r"\bv\d+\b",
        lambda m: f"({values[m[0]]})" if m[0] in values else m[0],
        key,
    )
    return tidy(found)


def variables(key: str) -> set[str]:
    """The variables of a key."""
    return set(re.findall(r"\bv\d+\b", key))


def one(draw: Draw, *choices: Any) -> Any:
    """One of the choices; the first is the simplest."""
    return draw(choices)


def rarely(draw: Draw, often: int = 8) -> bool:
    """Once in so many times, and never where it can be helped."""
    return bool(draw((*[False] * (often - 1), True)))


def inside(text: str) -> str:
    """A formula as part of another."""
    return text if re.fullmatch(r"[\w.]+(\[[\w]+\])*|\w+\(.*\)", text) else f"({text})"


@dataclass
class Scope:
    """What formulas see in one place.

    Attributes:
        params: all that are in sight, by name; `own` is where new ones go.
        sizes: channels of the inputs in sight, by what a formula calls them.
        counters: the repeats in sight, whose `index` a formula may mean.
    """

    draw: Draw
    variables: Variables
    root: dict[str, Param]
    own: dict[str, Param]
    sizes: dict[str, str]
    counters: tuple[Counter, ...] = ()
    reserved: frozenset[str] = frozenset()
    optional: bool = False
    """Whether new params of the own ones have defaults."""
    outer: dict[str, str] | None = None
    """The sizes that defaults see, inside of a nested graph."""

    def counted(self, counter: Counter) -> Scope:
        """The scope in which one more counter is in sight."""
        # The params stay the same dict, to which all scopes of a block add theirs.
        return replace(self, counters=(*self.counters, counter))

    def within(self, name: str, key: str) -> Scope:
        """The scope of a nested graph, whose input has other channels."""
        sizes = {**self.sizes, f"{name}.channels": key}
        return replace(self, sizes=sizes, outer=self.outer or self.sizes)

    @property
    def index(self) -> Counter | None:
        """A counter that formulas may read: one with a name, or the only one."""
        named = [c for c in self.counters if c.name != "index"]
        unnamed = [c for c in self.counters if c.name == "index"]
        if len(unnamed) == 1:
            return unnamed[0]
        return named[-1] if named else None

    def named(self, family: tuple[str, ...]) -> Param:
        """A param that names one of several blocks."""
        there = [p for p in self.root.values() if p.role == "unit"]
        if there:
            return there[0]
        key = self.variables.new("unit")
        free = [n for n in ("unit_kind", "block_kind", "kind") if n not in self.own]
        made = Param(free[0], "unit", key, constant(family[0]), family[0])
        self.root[made.name] = made
        return made

    # Params

    def visible(self) -> dict[str, Param]:
        return {**self.root, **self.own}

    def param(self, role: str) -> Param:
        """A param of a role, one that is there or a new one."""
        there = [p for p in self.visible().values() if p.role == role]
        own = self.own
        if self.own is not self.root and rarely(self.draw, 6):
            own = self.root
        if there and not rarely(self.draw, 4):
            return one(self.draw, *reversed(there))  # type: ignore[no-any-return]  # a Param
        return self.declare(role, own)

    def declare(self, role: str, own: dict[str, Param]) -> Param:
        kind = ROLES[role]
        free = [
            n
            for n in kind.names
            if n not in own
            and n not in self.reserved
            and not (own is self.root and n in self.own)
        ]
        name = one(self.draw, *free) if free else f"{kind.names[0]}{len(own)}"
        if any(p.name == name for p in own.values()):
            name = f"{name}_{len(own)}"
        values = kind.values
        key = self.variables.new(largest(values))
        default: Drawn | None = None
        how = one(self.draw, "value", "type", "formula", "value")
        if how == "type" and (own is self.root or self.optional):
            how = "value"
        if how == "formula":
            sizes = {} if own is self.root else self.outer or self.sizes
            outside = replace(self, own=own, counters=(), sizes=sizes)
            default = outside.given(role, new=False)
        elif how != "type":
            default = constant(one(self.draw, *values))
        raw = kind.kind if default is None else default.raw
        made = Param(name, role, key, default, raw)
        own[name] = made
        return made

    def given(self, role: str, new: bool = True) -> Drawn:
        """A value for a param of a role, as a caller gives it."""
        draw = self.draw
        if role == "channels":
            return self.channels(new)
        choices: list[Drawn] = [constant(v) for v in ROLES[role].values]
        for param in self.visible().values():
            if param.role == role:
                choices.append(Drawn(f"={param.name}", param.key))
        index = self.index
        if index is not None:
            i, name = index.key, index.name
            if role == "stride":
                choices.append(
                    Drawn(f"=2 if {name} == 0 else 1", f"2 if {i} == 0 else 1")
                )
            if role in ("factor", "count"):
                choices.append(Drawn(f"={name} + 1", f"{i} + 1"))
            if role == "flag":
                choices.append(Drawn(f"={name} > 0", f"{i} > 0"))
                choices.append(Drawn(f"={name} == 0", f"{i} == 0"))
            if role == "rate":
                choices.append(Drawn(f"=0.1 * ({name} + 1)", f"0.1 * ({i} + 1)"))
            if role == "kernel":
                choices.append(Drawn(f"=2 * {name} + 1", f"2 * {i} + 1"))
            if role == "act":
                choices.append(
                    Drawn(
                        f'="relu" if {name} < 1 else "silu"',
                        f'"relu" if {i} < 1 else "silu"',
                    )
                )
        choices += self.from_rows(role)
        if role == "stride":
            choices += self.items("strides")
        if role == "flag":
            choices += [self.condition(new) for _ in range(1) if rarely(draw, 3)]
        return one(draw, *choices)  # type: ignore[no-any-return]  # a Drawn

    def from_rows(self, role: str) -> list[Drawn]:
        """Items of tables that serve for a role."""
        column = {"channels": 0, "stride": 1, "act": 2, "flag": 3}.get(role)
        if column is None:
            return []
        return [
            Drawn(f"{item.raw}[{column}]", f"{item.key}[{column}]")
            for item in self.items("rows")
        ]

    def items(self, role: str) -> list[Drawn]:
        """Items of the lists in sight."""
        found = []
        for param in self.visible().values():
            if param.role != role:
                continue
            found += [
                Drawn(f"={param.name}[{n}]", f"{param.key}[{n}]") for n in (0, 1, -1)
            ]
            index = self.index
            if index is not None and index.length_of == param.key:
                item = f"={param.name}[{index.name}]"
                found += [Drawn(item, f"{param.key}[{index.key}]")] * 4
        return found

    # Formulas

    def atoms(self, new: bool = True) -> list[Drawn]:
        """Numbers of channels without arithmetic."""
        found = [
            Drawn(f"={p.name}", p.key)
            for p in self.visible().values()
            if p.role == "channels"
        ]
        found += [Drawn(f"={text}", key) for text, key in self.sizes.items()]
        found += self.items("widths") + self.from_rows("channels")
        return [f for f in found if self.variables.largest(f.key) <= WIDEST]

    def channels(self, new: bool = True) -> Drawn:
        """A number of channels: a constant, or a formula of what is in sight."""
        draw = self.draw
        how = one(draw, "constant", "atom", "atom", "atom", "formula", "formula")
        if how == "constant":
            return constant(one(draw, *ROLES["channels"].values))
        if new and rarely(draw, 3):
            param = self.param("channels")
            found = Drawn(f"={param.name}", param.key)
        else:
            atoms = self.atoms(new)
            if not atoms:
                return constant(one(draw, *ROLES["channels"].values))
            found = one(draw, *reversed(atoms))
        if how == "formula":
            found = self.arithmetic(found, new)
        if not 1 <= self.variables.largest(found.key) <= WIDEST:
            return constant(one(draw, *ROLES["channels"].values))
        return found

    def arithmetic(self, atom: Drawn, new: bool = True) -> Drawn:
        """A formula that gives at least 1 where its atoms do."""
        draw = self.draw
        patterns = ["{a} * 2", "{a} + 2", "max({a} // 2, 2)", "({a} + 1) // 2 * 2"]
        patterns += ["min({a}, 6)", "{a} * 3 // 2", "int({a} * 1.5)", "{a} + {b}"]
        patterns += ["{a} if {c} else {b}", "{a} if {c} else 4", "max({a}, {b})"]
        patterns += ["-{a} + 26", "{a} % 4 + 2", "round({a} * 0.75) + 1"]
        patterns += ["2 ** ({a} % 3)", "[{a}, {b}][0]", "sum([{a}, 2])"]
        parts: dict[str, Drawn] = {}
        if new:
            patterns += ["{a} * {f}", "int({a} * {r}) + 1", "max(1, int({a} * {r}))"]
            patterns += [
                "{a} + {b} * ({f} - 1)",
                "{a} * 4 // {f}",
                "int({a} * {r} // 2 * 2) + 2",
            ]
        if self.index is not None:
            patterns += ["{a} + index * 2", "{a} * (index + 1)", "{a} * 2 ** index"]
            patterns += ["{a} if index == 0 else {b}", "{b} if index else {a}"][:1]
            patterns += ["{a} + {b} * index"]
        pattern = one(draw, *patterns)
        if "{b}" in pattern:
            parts["b"] = one(draw, *(self.atoms() or [constant(4)]))
        if "{c}" in pattern:
            parts["c"] = self.condition(new)
        for letter, role in (("f", "factor"), ("r", "ratio")):
            if f"{{{letter}}}" in pattern:
                param = self.param(role)
                parts[letter] = Drawn(f"={param.name}", param.key)
        return self.filled(pattern, a=atom, **parts)

    def filled(self, pattern: str, **parts: Drawn) -> Drawn:
        """A formula from a pattern."""
        texts = {n: inside(text(p.raw)) for n, p in parts.items()}
        keys = {n: f"({p.key})" for n, p in parts.items()}
        key, made = pattern.format(**keys), pattern.format(**texts)
        if self.index is not None:
            key = INDEX.sub(self.index.key, pattern).format(**keys)
            made = INDEX.sub(self.index.name, pattern).format(**texts)
        if re.fullmatch(r"\((.*)\)", made) and pattern in ("{a}", "{c}"):
            made = made[1:-1]
        return Drawn(f"={made}", tidy(key))

    def condition(self, new: bool = True) -> Drawn:
        """A condition on what is in sight."""
        draw = self.draw
        there = {p.role: p for p in self.visible().values()}
        patterns: list[tuple[str, dict[str, str]]] = []
        if new or "flag" in there:
            patterns += [("{flag}", {}), ("not {flag}", {})]
        atoms = self.atoms()
        if atoms:
            patterns += [("{a} > 4", {}), ("{a} % 4 == 0", {}), ("{a} != {b}", {})]
            patterns += [("2 < {a} <= 6", {})]
        if "stride" in there:
            patterns += [("{stride} > 1", {}), ("{stride} != 1 or {a} != {b}", {})]
        if "act" in there:
            patterns += [('{act} == "relu"', {}), ('{act} in ["silu", "tanh"]', {})]
        if "widths" in there:
            patterns.append(("len({widths}) > 2", {}))
        if self.index is not None:
            patterns += [("index > 0", {}), ("index == 0", {}), ("index % 2 == 0", {})]
        if "flag" in there and atoms:
            patterns += [("{flag} and {a} > 2", {}), ("not ({flag} or {a} == 4)", {})]
        if not patterns:
            return Drawn("=true", "True")
        pattern, _ = one(draw, *patterns)
        parts: dict[str, Drawn] = {}
        for role in re.findall(r"\{(\w+)\}", pattern):
            if role in ("a", "b"):
                parts[role] = one(draw, *(atoms or [constant(4)]))
            else:
                param = self.param(role) if new else there[role]
                parts[role] = Drawn(f"={param.name}", param.key)
        return self.filled(pattern, **parts)


def text(raw: Any) -> str:
    """What stands in a file as part of a formula."""
    if isinstance(raw, str) and raw.startswith("="):
        return raw[1:]
    if isinstance(raw, bool | None):
        return {True: "true", False: "false", None: "none"}[raw]
    if isinstance(raw, str):
        return f'"{raw}"'
    return repr(list(raw) if isinstance(raw, tuple) else raw)


def constant(value: Any) -> Drawn:
    """A value that is written out."""
    raw = [*map(_listed, value)] if isinstance(value, tuple) else value
    return Drawn(raw, repr(value))


def _listed(value: Any) -> Any:
    return [*map(_listed, value)] if isinstance(value, tuple) else value


def largest(values: tuple[Any, ...]) -> Any:
    """The largest of values, item by item for lists."""
    kept = [v for v in values if v is not None]
    if not isinstance(kept[0], tuple):
        return kept[0] if isinstance(kept[0], str | bool) else max(kept)
    length = max(map(len, kept))
    columns = [[v[n] for v in kept if len(v) > n] for n in range(length)]
    return tuple(largest(tuple(column)) for column in columns)
