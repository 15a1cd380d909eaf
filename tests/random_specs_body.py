"""The statements of one scope of a random spec, and the ops in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from random_specs_formulas import (
    ROLES,
    WIDEST,
    Draw,
    Drawn,
    Param,
    Scope,
    constant,
    one,
    rarely,
    tidy,
)

if TYPE_CHECKING:
    from random_specs import Sketch

Statement = dict[str, Any] | str


@dataclass(frozen=True)
class Value:
    """A value of a scope: what reads it says `name`, if it has one.

    `space` is the key of its height and width; None for a vector.
    """

    name: str | None
    channels: str
    space: str | None

    @property
    def size(self) -> tuple[str, str | None]:
        """What must be equal for values to be added."""
        return self.channels, self.space


@dataclass
class Contract:
    """What a block asks and gives: keys over the variables of its inputs and params.

    `key` is how a statement uses it, `block` or `spec`. Blocks of one `family` may
    stand for one another where only the params in `common` are given.
    """

    name: str
    params: dict[str, Param]
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    key: str = "block"
    family: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    taps: bool = False

    @property
    def rank(self) -> int:
        return 1 if next(iter(self.inputs.values())).space is None else 3


NAMES = {
    "conv": ("conv", "conv", "proj", "x", "weight_conv", "layers"),
    "bn": ("bn", "norm", "bn", "in_channels"),
    "relu": ("relu", "act", "relu", "y"),
    "act": ("act", "nonlin", "act", "z"),
    "part": ("part", "body", "features", "tail"),
    "pool": ("pool", "down"),
}
"""Stems that people, or printed code, use too."""


@dataclass
class Body:
    """The statements of one scope as they are drawn; `last` is the newest value."""

    sketch: Sketch
    scope: Scope
    listed: bool
    depth: int
    inputs: tuple[Value, ...]
    numbered: bool = False
    statements: dict[str, Statement] = field(default_factory=dict)
    last: Value | None = None
    named: list[Value] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    deep: list[str] = field(default_factory=list)
    """Paths of values in nested graphs, for outputs and taps."""

    @property
    def draw(self) -> Draw:
        return self.sketch.draw

    def largest(self, key: str) -> Any:
        return self.sketch.variables.largest(key)

    def graph(self) -> Any:
        """The statements as they stand in a file."""
        return [*self.statements.values()] if self.listed else dict(self.statements)

    # Statements

    def name(self, stem: str) -> str:
        """A free name."""
        if self.numbered:
            return str(len(self.statements))
        if stem in NAMES and rarely(self.draw, 6):
            stem = one(self.draw, *NAMES[stem])
        taken = {*self.statements, *(v.name for v in self.inputs), *self.taken, "input"}
        return next(
            name for n in range(1000) if (name := f"{stem}{n or ''}") not in taken
        )

    @property
    def before(self) -> Value | None:
        """What a statement without `from` reads."""
        if self.last is None and len(self.inputs) == 1:
            return self.inputs[0]
        return self.last

    def put(
        self,
        stem: str,
        statement: Statement,
        channels: str,
        space: str | None,
        *sources: Value,
        braced: str = "",
    ) -> Value:
        """Adds a statement that reads these values; returns its own."""
        statement = {"op": statement} if isinstance(statement, str) else statement
        key, before = self.name(stem) + braced, self.before
        if len(sources) > 1 or sources[0] is not before:
            assert not self.listed
            names = [reference(source.name) for source in sources]
            statement = {**statement, "from": names[0] if len(names) == 1 else names}
        elif rarely(self.draw, 12) and not self.listed and before and before.name:
            statement = {**statement, "from": reference(before.name)}
        bare = list(statement) == ["op"] and not str(statement["op"]).startswith("=")
        self.statements[key] = statement["op"] if bare else statement
        if self.listed and rarely(self.draw, 10):
            name = self.name("entry")
            self.taken.add(name)
            self.statements[key] = {**statement, "name": name}
        self.last = Value(None if braced else key, channels, space)
        if not braced:
            self.named.append(self.last)
        return self.last

    def same(self, value: Value, stem: str, statement: Statement) -> Value:
        """A statement that keeps the shape."""
        return self.put(stem, statement, value.channels, value.space, value)

    def when(self, value: Value, raw: Any) -> None:
        """Gives the last statement a condition."""
        assert self.last is value
        key = list(self.statements)[-1]
        statement = self.statements[key]
        whole = {"op": statement} if isinstance(statement, str) else statement
        self.statements[key] = {**whole, "when": raw}

    def anchored(self, value: Value) -> Value:
        """The value, under a name that can be read later."""
        return value if value.name is not None else self.same(value, "x", "identity")

    def narrowed(self, value: Value) -> Value:
        """Squeezed, should it have become wide."""
        channels = self.largest(value.channels)
        if channels is not None and channels <= WIDEST:  # null where nobody counts
            return value
        if value.space is None:
            return self.linear(value)
        return self.conv(value, self.scope.channels(), pointwise=True)

    def written(self, key: str) -> str | None:
        """How a formula says a number of channels, if there is a name for it."""
        for name, param in self.scope.visible().items():
            if param.key == key:
                return name
        return next((text for text, k in self.scope.sizes.items() if k == key), None)

    # Ops

    def conv(
        self,
        value: Value,
        channels: Drawn | None = None,
        stride: Drawn | None = None,
        pointwise: bool = False,
        whole: bool = False,
    ) -> Value:
        """A convolution whose size is ceil(size / stride); a `whole` one has no groups."""
        draw = self.draw
        channels = channels or self.scope.channels()
        stride = stride or constant(1)
        kernel, padding = (1, 0) if pointwise else self.kernel()
        statement: dict[str, Any] = {"op": "conv2d", "channels": channels.raw}
        statement |= {"kernel": kernel, "stride": stride.raw, "padding": padding}
        statement["bias"] = one(draw, True, False)
        if rarely(draw, 8):
            statement["bias"] = self.flag()
        depthwise = channels.raw == "=input.channels" and channels.key == value.channels
        if depthwise and not whole and one(draw, False, True):
            statement["groups"] = "=input.channels"
        if rarely(draw, 12):
            statement["init"] = one(draw, *INITS)
            if rarely(draw, 4):
                std = f"={self.scope.param('rate').name}"
                statement["init"] = {"weight": {"normal": {"std": std}}}
        if rarely(draw, 16) and (kernel, padding) == (3, 1):
            dilation = one(draw, 2, f"={self.scope.param('dilation').name}")
            statement |= {"dilation": dilation, "padding": dilation}
        statement = self.sketch.shortened(statement)
        space = down(value.space, stride.key)
        return self.put("conv", statement, channels.key, space, value)

    def causal(self, value: Value) -> Value:
        """A convolution that reads what is left of a pixel, or above it, alone."""
        how = one(self.draw, "param", "param", "two", "both")
        by = "2" if how == "two" else self.scope.param("dilation").name
        sides, kernel, dilation = one(
            self.draw,
            (f"[[0, 0], [{by}, 0]]", [1, 2], f"[1, {by}]"),
            (f"[[2 * {by}, 0], [0, 0]]", [3, 1], f"[{by}, 1]"),
            (f"[0, {by}]", [1, 3], f"[1, {by}]"),
        )
        if how == "both":
            sides, kernel, dilation = by, 3, by
        padded = self.same(value, "pad", {"op": "pad", "spatial": f"={sides}"})
        channels = self.scope.channels()
        statement = {"op": "conv2d", "channels": channels.raw, "kernel": kernel}
        statement |= {"padding": 0, "dilation": f"={dilation}"}
        statement = self.sketch.shortened(statement)
        return self.put("causal", statement, channels.key, value.space, padded)

    def kernel(self) -> tuple[Any, Any]:
        """A kernel with the padding that keeps the size."""
        how = one(self.draw, 3, 1, 3, "same", 5, "pair", "param", "list", "even")
        if how == "param":
            name = self.scope.param("kernel").name
            return f"={name}", one(self.draw, f"={name} // 2", f"=({name} - 1) // 2")
        if how == "list":
            name = self.scope.param("kernels").name
            return f"={name}", f"=[{name}[0] // 2, {name}[1] // 2]"
        return KERNELS[how]

    def flag(self) -> str:
        """A bool that a param says."""
        name = self.scope.param("flag").name
        return one(self.draw, f"={name}", f"=not {name}")  # type: ignore[no-any-return]  # a str

    def stride(self) -> Drawn:
        how = one(self.draw, "one", "one", "two", "param", "given")
        if how == "param":
            param = self.scope.param("stride")
            return Drawn(f"={param.name}", param.key)
        if how == "given":
            return self.scope.given("stride")
        return constant(1 if how == "one" else 2)

    def rate(self) -> Any:
        """A small number, perhaps by a formula."""
        if one(self.draw, True, False):
            return 0.25
        name = self.scope.param("rate").name
        return one(self.draw, f"={name}", f"={name} / 2", f"={name} * 0.5 + 0.1")

    def act(self, value: Value) -> Value:
        how = one(self.draw, "relu", "relu", "param", "other", "slope")
        statement: Statement = "relu"
        if how == "param":
            name = self.scope.param("act").name
            statement = {"op": f"={name}"}
            if rarely(self.draw, 4):
                statement = {"op": f'={name} if {name} != "tanh" else "mish"'}
        elif how == "other":
            statement = one(self.draw, *ROLES["act"].values, "selu", "prelu")
        elif how == "slope":
            kind = one(self.draw, "leaky_relu", "elu")
            key = "negative_slope" if kind == "leaky_relu" else "alpha"
            statement = {"op": kind, key: self.rate()}
        return self.same(value, "act" if how != "relu" else "relu", statement)

    def norm(self, value: Value) -> Value:
        how = one(self.draw, "batch_norm", "batch_norm", "param", "other", "eps")
        statement: Statement = "batch_norm"
        if how == "param":
            statement = {"op": f"={self.scope.param('norm').name}"}
        elif how == "other":
            statement = one(self.draw, "layer_norm", "scale", "batch_norm")
        elif how == "eps":
            kind = one(self.draw, "batch_norm", "layer_norm")
            statement = {"op": kind, "eps": one(self.draw, 0.001, self.rate())}
            if rarely(self.draw, 4):
                statement["affine"] = self.flag()
        return self.same(value, "bn", statement)

    def pool(self, value: Value, stride: Drawn | None = None) -> Value:
        stride = stride or self.stride()
        how = one(self.draw, "max", "avg", "param")
        kind = f"{how}_pool2d"
        if how == "param":
            name = self.scope.param("pool").name
            kind = f'="max_pool2d" if {name} == "max" else "avg_pool2d"'
        kernel, padding = one(self.draw, (3, 1), (2, "same"), (3, "same"))
        statement = {"op": kind, "kernel": kernel, "stride": stride.raw}
        statement["padding"] = padding
        space = down(value.space, stride.key)
        return self.put("pool", statement, value.channels, space, value)

    def linear(self, value: Value, features: Drawn | None = None) -> Value:
        features = features or self.scope.channels()
        statement: dict[str, Any] = {"op": "linear", "features": features.raw}
        if rarely(self.draw, 6):
            statement["bias"] = self.flag()
        return self.put("fc", statement, features.key, None, value)

    # Nested graphs

    def inner(
        self, value: Value, listed: bool | None = None, scope: Scope | None = None
    ) -> Body:
        """The body of a nested graph that reads a value."""
        if listed is None:
            listed = one(self.draw, True, False)
        scope = (scope or self.scope).within("input", value.channels)
        read = Value("input", value.channels, value.space)
        return Body(self.sketch, scope, listed, self.depth - 1, (read,))

    def nest(
        self, inner: Body, value: Value, found: Value, stem: str = "part", **more: Any
    ) -> Value:
        """Adds a nested graph that reads a value and gives another."""
        statement = {"graph": inner.graph(), **more}
        made = self.put(stem, statement, found.channels, found.space, value)
        if not inner.listed and not more:
            there = [n for n, s in inner.statements.items() if not self.optional(s)]
            names = {v.name for v in inner.named} & set(there)
            self.deep += sorted(f"{made.name}.{name}" for name in names)
        return made

    def filled(
        self, length: int, fragment: Callable[[Body, Value], Value] | None = None
    ) -> Value:
        """Fragments, one after the other; the value of the last."""
        from random_specs_fragments import fragment as any_fragment

        value = self.before or self.inputs[0]
        for _ in range(length):
            value = (fragment or any_fragment)(self, value)
        return self.solid(value)

    def solid(self, value: Value) -> Value:
        """The value, with a node that is there whatever conditions say."""
        if any(not self.optional(s) for s in self.statements.values()):
            return value
        return self.act(value)

    def optional(self, statement: Any) -> bool:
        """Whether a statement may come to nothing."""
        if isinstance(statement, str):
            return False
        if "when" in statement or str(statement.get("repeat", "")).endswith("- 1"):
            return True
        graph = statement.get("graph", ["relu"])
        items = graph.values() if isinstance(graph, dict) else graph
        return all(map(self.optional, items))

    def some(self, most: int) -> int:
        """A small number from 1."""
        return int(self.draw(tuple(range(1, most + 1))))


KERNELS: dict[Any, tuple[Any, Any]] = {
    3: (3, 1),
    1: (1, 0),
    5: (5, 2),
    "same": (3, "same"),
    "pair": ([1, 3], [0, 1]),
    "even": (2, "same"),
}
INITS = (
    {"weight": 0.1},
    {"weight": {"kaiming_normal": {"mode": "fan_out"}}},
    {"weight": {"trunc_normal": {"std": 0.02}}},
)


def formula(drawn: Drawn) -> str:
    """A value as part of a formula."""
    raw = drawn.raw
    if isinstance(raw, str) and raw.startswith("="):
        inner = raw[1:]
        return (
            inner if inner.replace(".", "").replace("_", "").isalnum() else f"({inner})"
        )
    return str(raw)


def reference(name: str | None) -> Any:
    """How `from` says a name; a number stands as one."""
    assert name is not None
    return int(name) if name.isdigit() else name


def down(space: str | None, stride: str) -> str | None:
    """The size after a stride."""
    assert space is not None
    return space if stride == "1" else tidy(f"down({space}, {stride})")
