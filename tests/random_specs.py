"""Random specs as people write them, valid by construction, for hypothesis.

The generator knows of every value its channels and its size as keys (see
`random_specs_formulas`), so it adds what is equal, and projects, resizes or joins what
isn't. Blocks are made once from unknown inputs and used at many places, with other
values of their params: that is where printers generalise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from random_specs_formulas import (
    ROLES,
    WIDEST,
    Counter,
    Draw,
    Drawn,
    Param,
    Scope,
    Variables,
    constant,
    one,
    put,
    rarely,
    tidy,
    variables,
)

Statement = dict[str, Any] | str


@dataclass(frozen=True)
class Value:
    """A value of a scope: what reads it says `name`, if it has one.

    `space` is the key of its height and width; None for a vector.
    """

    name: str | None
    channels: str
    space: str | None


@dataclass
class Contract:
    """What a block asks and gives: keys over the variables of its inputs and params."""

    name: str
    params: dict[str, Param]
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    rank: int = 3


@dataclass
class Body:
    """The statements of one scope."""

    sketch: Sketch
    scope: Scope
    listed: bool
    depth: int
    inputs: tuple[Value, ...]
    numbered: bool = False
    statements: dict[str, Statement] = field(default_factory=dict)
    last: Value | None = None
    named: list[Value] = field(default_factory=list)
    kept: dict[str, Statement] = field(default_factory=dict)

    @property
    def draw(self) -> Draw:
        return self.sketch.draw

    @property
    def largest(self) -> Callable[..., Any]:
        return self.sketch.variables.largest

    def graph(self) -> Any:
        """The statements as they stand in a file."""
        if self.listed:
            return list(self.statements.values())
        return dict(self.statements)

    def name(self, stem: str) -> str:
        if self.numbered:
            return str(len(self.statements))
        taken = set(self.statements) | {v.name for v in self.inputs} | {"input"}
        for n in range(100):
            found = f"{stem}{n or ''}"
            if found not in taken:
                return found
        raise AssertionError("no name is left")

    def put(
        self,
        stem: str,
        statement: Statement,
        channels: str,
        space: str | None,
        *sources: Value,
        name: str | None = None,
        readable: bool = True,
    ) -> Value:
        """Adds a statement that reads these values; returns its own."""
        key = name or self.name(stem)
        statement = {"op": statement} if isinstance(statement, str) else statement
        before = self.last
        if before is None and len(self.inputs) == 1:
            before = self.inputs[0]
        if sources and (len(sources) > 1 or sources[0] is not before):
            assert not self.listed
            names = [reference(source.name) for source in sources]
            whole = names[0] if len(names) == 1 else names
            statement = {**statement, "from": whole}
        elif rarely(self.draw, 12) and not self.listed and before and before.name:
            statement = {**statement, "from": reference(before.name)}
        if list(statement) == ["op"] and not str(statement["op"]).startswith("="):
            statement = statement["op"]
        self.statements[key] = statement
        self.last = Value(key if readable else None, channels, space)
        if readable:
            self.named.append(self.last)
        return self.last

    # Ops

    def conv(
        self,
        value: Value,
        channels: Drawn | None = None,
        stride: Drawn | None = None,
        pointwise: bool = False,
        **more: Any,
    ) -> Value:
        """A convolution whose size is ceil(size / stride)."""
        channels = channels or self.scope.channels()
        stride = stride or constant(1)
        kernel, padding = (1, 0) if pointwise else self.kernel()
        statement: dict[str, Any] = {"op": "conv2d", "channels": channels.raw}
        statement |= {"kernel": kernel, "stride": stride.raw, "padding": padding}
        statement["bias"] = one(self.draw, True, False)
        if rarely(self.draw, 8):
            statement["bias"] = self.flag().raw
        if channels.raw == "=input.channels" and one(self.draw, False, True):
            statement["groups"] = "=input.channels"
        if rarely(self.draw, 12):
            statement["init"] = one(
                self.draw,
                {"weight": 0.1},
                {"weight": {"kaiming_normal": {"mode": "fan_out"}}},
                {"weight": {"trunc_normal": {"std": 0.02}}},
            )
        if rarely(self.draw, 16) and kernel == 3 and padding == 1:
            statement |= {"dilation": 2, "padding": 2}
        statement |= more
        space = down(value.space, stride.key)
        return self.put(
            "conv", self.sketch.shortened(statement), channels.key, space, value
        )

    def kernel(self) -> tuple[Any, Any]:
        """A kernel with the padding that keeps the size."""
        how = one(self.draw, 3, 1, 3, "same", 5, "pair", "param", "list", "even")
        if how == "param":
            name = self.scope.param("kernel").name
            return f"={name}", one(self.draw, f"={name} // 2", f"=({name} - 1) // 2")
        if how == "list":
            name = self.scope.param("kernels").name
            sides = f"=[{name}[0] // 2, {name}[1] // 2]"
            return f"={name}", sides
        return {
            3: (3, 1),
            1: (1, 0),
            5: (5, 2),
            "same": (3, "same"),
            "pair": ([1, 3], [0, 1]),
            "even": (2, "same"),
        }[how]

    def flag(self) -> Drawn:
        param = self.scope.param("flag")
        return one(  # type: ignore[no-any-return]  # a Drawn
            self.draw,
            Drawn(f"={param.name}", param.key),
            Drawn(f"=not {param.name}", f"not {param.key}"),
        )

    def stride(self) -> Drawn:
        how = one(self.draw, "one", "one", "two", "param", "given")
        if how == "param":
            param = self.scope.param("stride")
            return Drawn(f"={param.name}", param.key)
        if how == "given":
            return self.scope.given("stride")
        return constant(1 if how == "one" else 2)

    def act(self, value: Value) -> Value:
        how = one(self.draw, "relu", "relu", "param", "other", "slope")
        statement: Statement = "relu"
        if how == "param":
            statement = {"op": f"={self.scope.param('act').name}"}
        elif how == "other":
            statement = one(self.draw, *ROLES["act"].values, "softplus", "mish", "prelu")
        elif how == "slope":
            slope: Any = one(self.draw, 0.25, 0.1)
            if rarely(self.draw, 2):
                slope = f"={self.scope.param('rate').name}"
            kind = one(self.draw, "leaky_relu", "elu")
            key = "negative_slope" if kind == "leaky_relu" else "alpha"
            statement = {"op": kind, key: slope}
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
            eps: Any = 0.001
            if rarely(self.draw, 2):
                eps = f"={self.scope.param('rate').name}"
            statement = {"op": kind, "eps": eps}
            if rarely(self.draw, 4):
                statement["affine"] = self.flag().raw
        return self.same(value, "bn", statement)

    def same(self, value: Value, stem: str, statement: Statement) -> Value:
        """A statement that keeps the shape."""
        return self.put(stem, statement, value.channels, value.space, value)

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
        statement = {"op": "linear", "features": features.raw}
        return self.put("fc", statement, features.key, None, value)

    # Fragments: each reads one value and leaves nothing unread.

    def fragment(self, value: Value) -> Value:
        """Something that people write."""
        if value.space is None:
            return one(self.draw, Body.dense_layer, Body.nested, Body.use)(self, value)  # type: ignore[no-any-return]  # a Value
        chains = [Body.plain, Body.cell, Body.down, Body.choice, Body.alternatives]
        chains += [Body.use, Body.use, Body.use, Body.nested, Body.repeated_op]
        if not self.listed:
            chains += [Body.residual, Body.branches, Body.gate, Body.dense]
            chains += [Body.split, Body.widened, Body.two_inputs, Body.two_outputs]
            chains += [Body.stages, Body.again, Body.pyramid, Body.from_choice]
        return one(self.draw, *chains)(self, value)  # type: ignore[no-any-return]  # a Value

    def plain(self, value: Value) -> Value:
        kind = one(self.draw, "conv", "act", "norm", "drop", "cut")
        if kind == "drop":
            rate: Any = 0.25
            if rarely(self.draw, 2):
                rate = f"={self.scope.param('rate').name}"
            kind = one(self.draw, "dropout", "drop_path")
            return self.same(value, "drop", {"op": kind, "rate": rate})
        if kind == "cut":
            return self.cut(value)
        return {"conv": Body.conv, "act": Body.act, "norm": Body.norm}[kind](self, value)

    def cut(self, value: Value) -> Value:
        """Channels cut off, or zeros beside them, by formulas."""
        if one(self.draw, True, False):
            given = self.scope.channels()
            statement = {"op": "pad", "channels": [0, given.raw]}
            if rarely(self.draw, 3):
                statement["channels"] = given.raw
                given = Drawn(None, f"2 * ({given.key})")
            key = tidy(f"{value.channels} + {given.key}")
            if self.largest(key) <= WIDEST:
                return self.put("pad", statement, key, value.space, value)
        written = self.scope.sizes.get("input.channels")
        if written == value.channels and variables(written):
            stop = Drawn("=(input.channels + 1) // 2", tidy(f"({written} + 1) // 2"))
        else:
            param = self.scope.param("channels")
            wide = Drawn(f"={param.name} * 2", tidy(f"{param.key} * 2"))
            value = self.conv(value, wide)
            stop = Drawn(f"={param.name}", param.key)
        statement = {"op": "slice", "stop": stop.raw}
        return self.put("cut", statement, stop.key, value.space, value)

    def cell(self, value: Value) -> Value:
        """Convolution, norm, activation, in some order."""
        order = one(self.draw, "cna", "ca", "nac", "cn")
        stride = self.stride()
        for letter in order:
            if letter == "c":
                value = self.conv(value, None, stride)
            else:
                value = {"n": Body.norm, "a": Body.act}[letter](self, value)
        return value

    def down(self, value: Value) -> Value:
        return self.pool(value) if one(self.draw, True, False) else self.conv(
            value, None, self.stride()
        )

    def choice(self, value: Value) -> Value:
        """A node that keeps the shape, and is there only under a condition."""
        made = Body.act if one(self.draw, True, False) else Body.norm
        if one(self.draw, False, True):
            return self.conditional(value, lambda body, v: made(body, v))
        value = made(self, value)
        self.when(value, self.scope.condition().raw)
        return value

    def when(self, value: Value, raw: Any) -> None:
        """Gives the last statement a condition."""
        assert self.last is value
        key = list(self.statements)[-1]
        statement = self.statements[key]
        whole = {"op": statement} if isinstance(statement, str) else statement
        self.statements[key] = {**whole, "when": raw}

    def conditional(self, value: Value, make: Callable[[Body, Value], Value]) -> Value:
        """A nested graph under a condition, which gives the shape that it reads."""
        inner = self.inner(value)
        found = make(inner, inner.inputs[0])
        for _ in range(self.draw(st.integers(0, 1))):
            found = inner.act(found)
        if (found.channels, found.space) != (value.channels, value.space):
            return self.nest(inner, value, found)
        found = self.nest(inner, value, found)
        self.when(found, self.scope.condition().raw)
        return found

    def alternatives(self, value: Value) -> Value:
        """Two nodes of which one is there."""
        test = self.scope.condition()
        channels, stride = self.scope.channels(), self.stride()
        stem = self.last is None and len(self.inputs) > 1
        if stem:
            return self.cell(value)
        first = self.conv(value, channels, stride)
        self.when(first, test.raw)
        other = f"=not ({test.raw[1:]})"
        # It reads the first, or in its absence what that reads.
        second = self.conv(first, channels, stride)
        self.when(second, other)
        return second

    def residual(self, value: Value) -> Value:
        """A shortcut around a few nodes, projected where the shape changes."""
        value = self.anchored(value)
        channels, stride = self.scope.channels(), self.stride()
        main = self.conv(value, channels, stride)
        if one(self.draw, True, False):
            main = self.norm(main)
        if one(self.draw, False, True):
            main = self.conv(self.act(main), channels)
        if rarely(self.draw, 4):
            main = self.fragment_of(main, Body.gate)
        key = (main.channels, main.space)
        shortcut = value
        if key != (value.channels, value.space) or rarely(self.draw, 4):
            here = self.written(value)
            test = None
            tests = []
            if stride.raw != 1:
                tests.append(f"{text_of(stride)} != 1")
            if here is not None and main.channels != value.channels:
                tests.append(f"{here} != {text_of(channels)}")
            known = main.channels == value.channels or here is not None
            same = stride.raw == 1 or main.space != value.space
            if tests and known and same and one(self.draw, True, True, False):
                test = "=" + " or ".join(tests)
            if one(self.draw, "conv", "list") == "conv":
                shortcut = self.conv(value, channels, stride, pointwise=True)
            else:
                inner = self.inner(value, listed=True)
                found = inner.conv(
                    inner.inputs[0],
                    self.as_seen(inner, channels),
                    self.as_seen(inner, stride),
                    pointwise=True,
                )
                found = inner.norm(found)
                shortcut = self.nest(inner, value, found, stem="downsample")
                shortcut = replace(shortcut, channels=main.channels, space=main.space)
                self.last = shortcut
            if test is not None:
                self.when(shortcut, test)
        made = self.put("add", "add", main.channels, main.space, main, shortcut)
        return self.act(made) if one(self.draw, True, False) else made

    def as_seen(self, inner: Body, drawn: Drawn) -> Drawn:
        """A value as a nested graph writes it, in which `input` is another."""
        if isinstance(drawn.raw, str) and "input." in drawn.raw:
            names = self.scope.sizes
            if names.get("input.channels") != inner.scope.sizes.get("input.channels"):
                return drawn
        return drawn

    def written(self, value: Value) -> str | None:
        """How a formula says the channels of a value, if it is an input."""
        for name, key in self.scope.sizes.items():
            if key == value.channels and any(
                v is value or v == value for v in self.inputs
            ):
                return name
        return None

    def anchored(self, value: Value) -> Value:
        """The value, under a name that can be read later."""
        return value if value.name is not None else self.same(value, "x", "identity")

    def fragment_of(self, value: Value, kind: Callable[[Body, Value], Value]) -> Value:
        return kind(self, value)

    def branches(self, value: Value) -> Value:
        """Several ways from one value, joined."""
        value = self.anchored(value)
        count = self.draw(st.integers(2, 3))
        how = one(self.draw, "concat", "add", "multiply", "subtract")
        stride = self.stride()
        channels = self.scope.channels()
        made = []
        for n in range(count if how != "subtract" else 2):
            found = value
            kind = one(self.draw, "conv", "cell", "pool", "use")
            if kind == "pool" and how == "concat":
                found = self.pool(found, stride)
            elif kind == "use" and n:
                found = self.use(found)
                if found.name is None:
                    found = self.same(found, "branch", "identity")
                if how != "concat" or found.space != down(value.space, stride.key):
                    found = self.matched(found, channels, made[0])
            else:
                own = channels if how != "concat" else self.scope.channels()
                found = self.conv(found, own, stride)
                if kind == "cell":
                    found = self.act(self.norm(found))
            made.append(found)
        if how == "concat":
            key = tidy(" + ".join(f"({v.channels})" for v in made))
        else:
            key = made[0].channels
        joined = self.put("join", how, key, made[0].space, *made)
        return self.narrowed(joined)

    def matched(self, value: Value, channels: Drawn, other: Value) -> Value:
        """A value brought to the shape of another."""
        if value.channels != other.channels:
            value = self.conv(value, channels, pointwise=True)
        if value.space != other.space:
            statement = {"op": "resize", "mode": "nearest"}
            value = self.put(
                "resize", statement, value.channels, other.space, value, other
            )
        return value

    def narrowed(self, value: Value) -> Value:
        """Squeezed, should it have become wide."""
        if self.largest(value.channels) <= WIDEST:
            return value
        return self.conv(value, self.scope.channels(), pointwise=True)

    def gate(self, value: Value) -> Value:
        """A squeeze and excitation."""
        value = self.anchored(value)
        inner = value
        squeezed = self.put(
            "squeeze",
            {"op": "adaptive_avg_pool2d", "size": 1},
            value.channels,
            "1",
            inner,
        )
        reduced = self.conv(squeezed, self.scope.channels(), pointwise=True)
        reduced = self.act(reduced)
        here = next((t for t, k in self.scope.sizes.items() if k == value.channels), None)
        param = next(
            (
                p.name
                for p in self.scope.visible().values()
                if p.key == value.channels
            ),
            None,
        )
        found = param or here
        if found is None:
            if not value.channels.isdigit():
                return self.put(
                    "gate", "sigmoid", reduced.channels, "1", reduced
                ) and self.wide_gate(value, reduced)
            opened = constant(int(value.channels))
        else:
            opened = Drawn(f"={found}", value.channels)
        expanded = self.conv(reduced, opened, pointwise=True)
        kind = one(self.draw, "sigmoid", "hard_sigmoid", "softmax")
        opened_gate = self.same(expanded, "gate", kind)
        return self.put(
            "scale", "multiply", value.channels, value.space, value, opened_gate
        )

    def wide_gate(self, value: Value, reduced: Value) -> Value:
        """A gate whose channels no formula says: both are brought to the same."""
        channels = self.scope.channels()
        gate = self.conv(self.last or reduced, channels, pointwise=True)
        wide = self.conv(value, channels, pointwise=True)
        return self.put("scale", "multiply", wide.channels, wide.space, wide, gate)

    def dense(self, value: Value) -> Value:
        """What is new beside what was there."""
        value = self.anchored(value)
        new = self.conv(value, self.scope.channels())
        if one(self.draw, False, True):
            new = self.act(new)
        order = (value, new) if one(self.draw, True, False) else (new, value)
        key = tidy(f"({value.channels}) + ({new.channels})")
        joined = self.put("cat", "concat", key, value.space, *order)
        return self.narrowed(joined)

    def split(self, value: Value) -> Value:
        """Two halves of the channels, one of which is worked on."""
        param = self.scope.param("channels")
        double = Drawn(f"={param.name} * 2", tidy(f"{param.key} * 2"))
        if value.channels != double.key:
            value = self.conv(value, double, pointwise=True)
        value = self.anchored(value)
        half = f"={param.name}"
        low = self.put(
            "low", {"op": "slice", "stop": half}, param.key, value.space, value
        )
        high = self.put(
            "high",
            {"op": "slice", "start": half, "stop": f"={param.name} * 2"},
            param.key,
            value.space,
            value,
        )
        high = self.conv(high, Drawn(half, param.key))
        joined = self.put("cat", "concat", double.key, value.space, low, high)
        if one(self.draw, False, True):
            shuffle = {"op": "channel_shuffle", "groups": 2}
            joined = self.same(joined, "shuffle", shuffle)
        return self.narrowed(joined)

    def widened(self, value: Value) -> Value:
        """A shortcut of pooling and zeros, as in the first ResNets."""
        value = self.anchored(value)
        param, stride = self.scope.param("channels"), self.stride()
        sums = tidy(f"({value.channels}) + ({param.key})")
        here = self.written(value)
        if here is None or self.largest(sums) > WIDEST:
            return self.cell(value)
        wide = Drawn(f"={here} + {param.name}", sums)
        main = self.conv(value, wide, stride)
        pooled = {"op": "avg_pool2d", "kernel": 1, "stride": stride.raw}
        short = self.put(
            "short", pooled, value.channels, down(value.space, stride.key), value
        )
        zeros: Any = [0, f"={param.name}"]
        short = self.put(
            "zeros", {"op": "pad", "channels": zeros}, sums, short.space, short
        )
        return self.put("add", "add", sums, main.space, main, short)

    def again(self, value: Value) -> Value:
        """A value further up, read once more."""
        like = [
            v
            for v in (*self.inputs, *self.named)
            if (v.channels, v.space) == (value.channels, value.space) and v.name
        ]
        if value.name is None or not like:
            return self.cell(value)
        other = one(self.draw, *like)
        kind = one(self.draw, "add", "multiply", "subtract")
        return self.put("again", kind, value.channels, value.space, value, other)

    def pyramid(self, value: Value) -> Value:
        """Down and up again, to meet what stayed."""
        value = self.anchored(value)
        channels = self.scope.channels()
        high = self.conv(value, channels)
        low = self.conv(high, channels, constant(2))
        mode = one(self.draw, "nearest", "bilinear")
        up = self.put(
            "up", {"op": "resize", "mode": mode}, low.channels, high.space, low, high
        )
        return self.put("meet", "add", high.channels, high.space, high, up)

    def from_choice(self, value: Value) -> Value:
        """What is read depends on a param."""
        value = self.anchored(value)
        channels = self.scope.channels()
        left = self.conv(value, channels)
        right = self.conv(value, channels, bias=False)
        if self.numbered:
            return self.put("pick", "add", left.channels, left.space, left, right)
        flag = self.scope.param("flag").name
        chosen = f'="{left.name}" if {flag} else "{right.name}"'
        made = self.put("pick", "relu", left.channels, left.space, left)
        kind = one(self.draw, "add", "concat")
        key = left.channels if kind == "add" else tidy(f"({left.channels}) * 2")
        self.statements[made.name or ""] = {"op": kind, "from": [chosen, right.name]}
        self.named[-1] = self.last = Value(made.name, key, left.space)
        joined = self.last
        # Where the flag is false nothing would read the left one.
        return self.put("all", "concat", tidy(f"({key}) + ({left.channels})"), left.space, joined, left)

    def dense_layer(self, value: Value) -> Value:
        """A linear layer and what follows it."""
        made = self.linear(value)
        kind = one(self.draw, "none", "act", "norm", "drop")
        if kind == "drop":
            return self.same(made, "drop", {"op": "dropout", "rate": 0.25})
        return {"none": lambda b, v: v, "act": Body.act, "norm": Body.norm}[kind](
            self, made
        )

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
        statement = {"graph": inner.graph(), **more}
        return self.put(stem, statement, found.channels, found.space, value)

    def nested(self, value: Value) -> Value:
        """A nested graph, perhaps repeated or under a condition."""
        if self.depth <= 0:
            return self.plain(value) if value.space else self.dense_layer(value)
        if one(self.draw, False, True):
            return self.repeated(value, None)
        inner = self.inner(value)
        found = inner.filled(self.draw(st.integers(1, 3)))
        same = (found.channels, found.space) == (value.channels, value.space)
        inline = inner.listed == self.listed and one(self.draw, False, True)
        more = {}
        if inline and (self.listed or self.apart(inner)):
            more["inline"] = True
        made = self.nest(inner, value, found, **more)
        if same and one(self.draw, False, True):
            self.when(made, self.scope.condition().raw)
        return made

    def apart(self, inner: Body) -> bool:
        """Whether an inlined body's names are free here."""
        return not set(inner.statements) & {*self.statements, "part"} and not any(
            name.startswith(("conv", "bn", "relu", "act", "pool", "add"))
            for name in inner.statements
        )

    def filled(self, length: int) -> Value:
        """Fragments, one after the other; the value of the last."""
        value = self.inputs[0]
        for _ in range(length):
            value = self.fragment(value)
        if not self.statements:
            value = self.act(value)
        return value

    # Repeats

    def count(self) -> tuple[Drawn, Counter]:
        """How often, and the counter that formulas read."""
        draw = self.draw
        how = one(draw, "number", "param", "list", "formula", "rows")
        length_of = ""
        if how == "list" or how == "rows":
            role = one(draw, "widths", "strides") if how == "list" else "rows"
            param = self.scope.param(role)
            found = Drawn(f"=len({param.name})", f"len({param.key})")
            length_of = param.key
        elif how == "param":
            found = self.scope.given("count")
        elif how == "formula":
            param = self.scope.param("count")
            found = one(
                draw,
                Drawn(f"={param.name} + 1", f"{param.key} + 1"),
                Drawn(f"=max({param.name}, 2)", f"max({param.key}, 2)"),
                Drawn(f"={param.name} - 1", f"{param.key} - 1"),
            )
        else:
            found = constant(one(draw, 2, 1, 3))
        most = max(self.largest(found.key) - 1, 0)
        return found, Counter(self.sketch.variables.new(most), length_of)

    def repeated(self, value: Value, block: Contract | None) -> Value:
        """A chain of instances of a nested graph or a block."""
        count, counter = self.count()
        scope = self.scope.counted(counter)
        most = self.largest(value.channels)
        entering = self.sketch.variables.new(most)
        fresh = Value("input", entering, None)
        if value.space is not None:
            fresh = replace(fresh, space=self.sketch.variables.new("?"))
        if block is None:
            inner = self.inner(fresh, scope=scope)
            found = inner.filled(self.draw(st.integers(1, 2)))
            statement: dict[str, Any] = {"graph": inner.graph()}
            inline = self.listed and inner.listed and one(self.draw, False, True)
            if inline:
                statement["inline"] = True
        else:
            statement, outputs = self.used(block, scope, (fresh,))
            found = outputs[""]
        return self.chained(value, fresh, found, statement, count, counter)

    def chained(
        self,
        value: Value,
        fresh: Value,
        found: Value,
        statement: dict[str, Any],
        count: Drawn,
        counter: Counter,
    ) -> Value:
        """Adds a repeat whose instances read `fresh` and give `found`."""
        channels, space = found.channels, found.space
        moving = {fresh.channels, counter.key}
        if channels == fresh.channels:
            channels = value.channels
        elif variables(channels) & moving or not self.closed(channels):
            most = self.largest(value.channels)
            for n in range(self.largest(count.key)):
                given = {fresh.channels: most, counter.key: n}
                most = self.sketch.variables.largest(found.channels, **given)
            if most > 2 * WIDEST:
                return self.cell(value) if value.space else self.dense_layer(value)
            channels = self.sketch.variables.new(most)
        if space is not None:
            if space == fresh.space:
                space = value.space
            elif variables(space) & {fresh.space or "", counter.key}:
                space = self.sketch.variables.new("?")
        same = (found.channels, found.space) == (fresh.channels, fresh.space)
        if str(count.raw).endswith("- 1") and not same:
            count = Drawn(str(count.raw).replace("- 1", "+ 1"), count.key)
        elif same and (channels, space) != (value.channels, value.space):
            raise AssertionError("a repeat that keeps the shape keeps it")
        statement = {**statement, "repeat": count.raw}
        kind = one(self.draw, "plain", "plain", "braces")
        if kind == "braces" and not self.listed and not statement.get("inline"):
            start = one(self.draw, "index", "index + 1")
            stem = self.name(one(self.draw, "layer", "stage"))
            made = self.put(
                stem,
                statement,
                channels,
                space,
                value,
                name=f"{stem}_{{{start}}}" if rarely(self.draw, 3) else f"{stem}{{{start}}}",
                readable=False,
            )
            return self.same(made, f"{stem}out", "identity")
        return self.narrowed(self.put("layer", statement, channels, space, value))

    def closed(self, key: str) -> bool:
        """Whether a key has only variables that are in sight."""
        return True

    def repeated_op(self, value: Value) -> Value:
        """A repeated op, whose attributes may read the index."""
        count, counter = self.count()
        scope = self.scope.counted(counter)
        fresh = Value("input", self.sketch.variables.new(self.largest(value.channels)), None)
        if value.space is not None:
            fresh = replace(fresh, space=self.sketch.variables.new("?"))
        inner = Body(self.sketch, scope, True, 0, (fresh,))
        if value.space is None:
            found = inner.linear(fresh)
        else:
            make = one(self.draw, Body.conv, Body.act, Body.pool, Body.cut)
            if make is Body.cut:
                make = Body.conv
            found = make(inner, fresh)
        statement = inner.graph()[0]
        if len(inner.statements) != 1:
            return self.cell(value) if value.space else self.dense_layer(value)
        whole = {"op": statement} if isinstance(statement, str) else statement
        whole = {k: v for k, v in whole.items() if k != "groups"}
        return self.chained(value, fresh, found, whole, count, counter)

    # Blocks

    def use(self, value: Value) -> Value:
        """A block, perhaps repeated or under a condition."""
        rank = 1 if value.space is None else 3
        block = self.sketch.chosen(self, 1, rank)
        if block is None or list(block.outputs) != [""]:
            return self.cell(value) if value.space else self.dense_layer(value)
        if one(self.draw, False, False, True):
            return self.repeated(value, block)
        statement, outputs = self.used(block, self.scope, (value,))
        found = outputs[""]
        inline = False
        made = self.put(block.name, statement, found.channels, found.space, value)
        same = (found.channels, found.space) == (value.channels, value.space)
        if same and not inline and one(self.draw, False, True):
            self.when(made, self.scope.condition().raw)
        return self.narrowed(made)

    def stages(self, value: Value) -> Value:
        """One block at several places, with other values of its params."""
        rank = 1 if value.space is None else 3
        block = self.sketch.chosen(self, 1, rank)
        if block is None or list(block.outputs) != [""]:
            return self.cell(value)
        for _ in range(self.draw(st.integers(2, 4))):
            statement, outputs = self.used(block, self.scope, (value,))
            found = outputs[""]
            value = self.put("stage", statement, found.channels, found.space, value)
            value = self.narrowed(value)
        return value

    def two_inputs(self, value: Value) -> Value:
        """A block of two inputs, perhaps given one value twice."""
        block = self.sketch.chosen(self, 2, 3)
        if block is None:
            return self.dense(value)
        value = self.anchored(value)
        for _ in range(self.draw(st.integers(1, 3))):
            others = [
                v for v in (*self.inputs, *self.named) if v.name and v.space == value.space
            ]
            left, right = block.inputs.values()
            if left.channels == right.channels:
                others = [v for v in others if v.channels == value.channels]
            other = one(self.draw, value, *others)
            pair = (value, other) if one(self.draw, True, False) else (other, value)
            statement, outputs = self.used(block, self.scope, pair)
            found = outputs.get("", next(iter(outputs.values())))
            made = self.put("merge", statement, found.channels, found.space, *pair)
            value = self.joined(made, outputs)
            if value is not made and value.name is None:
                value = self.anchored(value)
        return self.narrowed(value)

    def two_outputs(self, value: Value) -> Value:
        """A block of several outputs, which are joined again."""
        block = self.sketch.outputting(self)
        if block is None:
            return self.branches(value)
        for _ in range(self.draw(st.integers(1, 2))):
            value = self.anchored(value)
            statement, outputs = self.used(block, self.scope, (value,))
            first = next(iter(outputs.values()))
            made = self.put("fork", statement, first.channels, first.space, value)
            value = self.narrowed(self.joined(made, outputs))
        return value

    def joined(self, made: Value, outputs: dict[str, Value]) -> Value:
        """The outputs of a node as one value."""
        if list(outputs) == [""]:
            return made
        self.named.pop()
        parts = [
            Value(f"{made.name}.{name}", v.channels, v.space)
            for name, v in outputs.items()
        ]
        self.named += parts
        keep = one(self.draw, "all", "first", "last")
        if keep != "all":
            part = parts[0 if keep == "first" else -1]
            return self.act(part)
        sizes = [(p.channels, p.space) for p in parts]
        if len(set(sizes)) == 1:
            return self.put("sum", "add", *sizes[0], *parts)
        first = parts[0]
        found = [first]
        for part in parts[1:]:
            if part.space != first.space:
                part = self.put(
                    "fit",
                    {"op": "resize", "mode": "nearest"},
                    part.channels,
                    first.space,
                    part,
                    first,
                )
            found.append(part)
        key = tidy(" + ".join(f"({p.channels})" for p in found))
        return self.put("both", "concat", key, first.space, *found)

    def used(
        self, block: Contract, scope: Scope, given: tuple[Value, ...]
    ) -> tuple[dict[str, Any], dict[str, Value]]:
        """A statement that uses a block, and the values that it gives."""
        statement: dict[str, Any] = {"block": block.name}
        values: dict[str, str] = {}
        for own, value in zip(block.inputs.values(), given, strict=True):
            values[own.channels] = value.channels
            if own.space is not None:
                values[own.space] = value.space or ""
        for name, param in block.params.items():
            if param.default is not None and one(self.draw, False, True):
                values[param.key] = put(param.default.key, values)
                continue
            drawn = scope.given(param.role)
            statement[name] = drawn.raw
            values[param.key] = drawn.key
        fresh: dict[str, str] = {}

        def moved(key: str | None) -> str | None:
            if key is None:
                return None
            for name in variables(key) - values.keys() - self.sketch.shared():
                if name not in fresh:
                    fresh[name] = self.sketch.variables.new(
                        self.sketch.variables.most[name]
                    )
            return put(key, {**fresh, **values})

        outputs = {
            name: Value(None, moved(v.channels) or "", moved(v.space))
            for name, v in block.outputs.items()
        }
        return statement, outputs


def text_of(drawn: Drawn) -> str:
    """A value as part of a formula."""
    raw = drawn.raw
    if isinstance(raw, str) and raw.startswith("="):
        inner = raw[1:]
        return inner if re.fullmatch(r"[\w.]+", inner) else f"({inner})"
    return str(raw)


def reference(name: str | None) -> Any:
    """How `from` says a name; a number stands as one."""
    assert name is not None
    return int(name) if name.isdigit() else name


def down(space: str | None, stride: str) -> str | None:
    """The size after a stride."""
    assert space is not None
    return space if stride == "1" else tidy(f"down({space}, {stride})")


class Sketch:
    """A spec as it is drawn."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.variables = Variables()
        self.root: dict[str, Param] = {}
        self.blocks: dict[str, Any] = {}
        self.contracts: list[Contract] = []
        self.defaults: dict[str, dict[str, Any]] = {}
        self.inputs: dict[str, Any] = {}

    def shared(self) -> set[str]:
        """The variables of root params, which mean one thing everywhere."""
        return {p.key for p in self.root.values()}

    def shortened(self, statement: dict[str, Any]) -> dict[str, Any]:
        """A convolution without what its defaults say."""
        stands = {"stride": 1, "padding": 0, "bias": True}
        stands |= self.defaults.get("conv2d", {})
        return {
            k: v
            for k, v in statement.items()
            if k == "op" or k not in stands or stands[k] != v
        }

    def spec(self) -> dict[str, Any]:
        """The whole spec but its head."""
        draw = self.draw
        self.defaults = one(
            draw,
            {},
            {"conv2d": {"bias": False}},
            {"conv2d": {"kernel": 3, "padding": 1, "bias": False}},
        )
        for n in range(draw(st.integers(0, 3))):
            self.block(n)
        scope = Scope(draw, self.variables, self.root, self.root, {})
        shape = one(draw, (3, 8, 8), (4, 6, 6), (3, 9, 7), (4, 12, 12))
        channels: Any = shape[0]
        key = str(shape[0])
        if rarely(draw, 5):
            param = scope.param("channels")
            channels, key = f"={param.name}", param.key
        inputs = {"image": [channels, *shape[1:]]}
        values = [Value("input", key, self.variables.new("?"))]
        names = ["input"]
        if rarely(draw, 5):
            inputs = {"left": inputs["image"], "right": [4, *shape[1:]]}
            values = [
                Value("left", key, values[0].space),
                Value("right", "4", values[0].space),
            ]
            names = ["left", "right"]
        scope.sizes = {f"{n}.channels": v.channels for n, v in zip(names, values, strict=True)}
        scope.reserved = frozenset(inputs)
        listed = len(values) == 1 and rarely(draw, 4)
        body = Body(self, scope, listed, 2, tuple(values))
        value = values[0]
        if len(values) == 2:
            made = [body.conv(v, constant(4)) for v in values]
            value = body.put("join", "add", "4", values[0].space, *made)
        for _ in range(draw(st.integers(1, 4))):
            value = body.fragment(value)
        facts: dict[str, Any] = {}
        if one(draw, False, True):
            value = self.head(body, value)
        if not body.statements:
            value = body.act(value)
        if not listed and rarely(draw, 5):
            named = [v for v in body.named if v.name]
            outputs = {"last": reference(value.name)} if value.name else {}
            outputs["side"] = reference(one(draw, *named).name)
            if len(outputs) == 2:
                facts["outputs"] = outputs
        whole: dict[str, Any] = {}
        if self.root:
            whole["params"] = {
                p.name: list(p.declared) if isinstance(p.declared, tuple) else p.declared
                for p in self.root.values()
            }
        whole["inputs"] = inputs
        if self.defaults:
            whole["defaults"] = self.defaults
        if self.blocks:
            whole["blocks"] = self.blocks
        return {**whole, "graph": body.graph(), **facts}

    def head(self, body: Body, value: Value) -> Value:
        """A classifier."""
        if value.space is not None:
            kind = one(body.draw, "global_avg_pool2d", "global_max_pool2d")
            value = body.put("pool", kind, value.channels, None, value)
        param = body.scope.param("channels")
        return body.linear(value, Drawn(f"={param.name}", param.key))

    def chosen(self, body: Body, inputs: int, rank: int) -> Contract | None:
        """A block that is there, of so many inputs."""
        fitting = [
            c
            for c in self.contracts
            if len(c.inputs) == inputs and c.rank == rank and list(c.outputs) == [""]
        ]
        return one(self.draw, *reversed(fitting)) if fitting else None

    def outputting(self, body: Body) -> Contract | None:
        """A block of several outputs."""
        fitting = [
            c for c in self.contracts if len(c.inputs) == 1 and list(c.outputs) != [""]
        ]
        return one(self.draw, *reversed(fitting)) if fitting else None

    def block(self, n: int) -> None:
        """A new block, which may use those before it."""
        draw = self.draw
        name = one(draw, "unit", "block", "bottleneck", "cell", "stage", "mixer")
        if name in self.blocks:
            name = f"{name}{n}"
        kind = one(draw, "image", "image", "image", "two", "out", "vector")
        names = ("x", "skip") if kind == "two" else ("input",)
        space = None if kind == "vector" else self.variables.new("?")
        values = [Value(i, self.variables.new(12), space) for i in names]
        if kind == "two" and one(draw, True, False):
            values[1] = replace(values[1], channels=values[0].channels)
        sizes = {f"{v.name}.channels": v.channels for v in values}
        own: dict[str, Param] = {}
        scope = Scope(
            draw, self.variables, self.root, own, sizes, (), frozenset(names)
        )
        listed = kind == "image" and one(draw, False, False, True)
        numbered = not listed and rarely(draw, 8)
        body = Body(self, scope, listed, 2, tuple(values), numbered)
        value = values[0]
        length = draw(st.integers(1, 3))
        if kind == "two":
            value = self.merged(body, values)
            length -= 1
        for _ in range(length):
            value = body.fragment(value)
        if not body.statements:
            value = body.act(value)
        whole: dict[str, Any] = {}
        if own:
            whole["params"] = {p.name: p.declared for p in own.values()}
        if kind == "two":
            whole["inputs"] = list(names)
        whole["graph"] = body.graph()
        outputs = {"": value}
        if kind == "out" and value.name:
            side = one(draw, *[v for v in body.named if v.name])
            if side.name != value.name and side.space is not None:
                outputs = {"out": value, "side": side}
                whole["outputs"] = {k: reference(v.name) for k, v in outputs.items()}
        self.blocks[name] = whole
        inputs = {i: v for i, v in zip(names, values, strict=True)}
        rank = 1 if kind == "vector" else 3
        self.contracts.append(Contract(name, own, inputs, outputs, rank))

    def merged(self, body: Body, values: list[Value]) -> Value:
        """The two inputs of a block as one value."""
        left, right = values
        if left.channels == right.channels and one(self.draw, True, False):
            if one(self.draw, True, False):
                left = body.conv(left, Drawn("=skip.channels", right.channels))
            return body.put("merge", "add", right.channels, right.space, left, right)
        if one(self.draw, True, False):
            left = body.conv(left, Drawn("=skip.channels", right.channels))
            return body.put("merge", "add", right.channels, right.space, left, right)
        key = tidy(f"({left.channels}) + ({right.channels})")
        return body.narrowed(body.put("merge", "concat", key, left.space, left, right))


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """A random spec without its head: the values of its keys."""
    return Sketch(draw).spec()


# Text


def written(spec: dict[str, Any]) -> str:
    """The text of a spec, an entry a line."""
    lines = ["archspec: 1", "name: net"]
    for key, value in spec.items():
        if key in ("params", "blocks", "graph", "outputs", "defaults") and value:
            lines.append(f"{key}:")
            lines += _entries(value, 1)
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def _entries(value: Any, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(value, list):
        return [f"{pad}- {flow(item)}" for item in value]
    lines = []
    for key, item in value.items():
        line = f"{pad}{flow(key)}: {flow(item)}"
        if len(line) > 88 and isinstance(item, dict) and depth < 3:
            lines.append(f"{pad}{flow(key)}:")
            lines += _entries(item, depth + 1)
        elif len(line) > 88 and isinstance(item, list) and depth < 4 and item:
            lines.append(f"{pad}{flow(key)}:")
            lines += _entries(item, depth + 1)
        else:
            lines.append(line)
    return lines


PLAIN = re.compile(r"[A-Za-z=][\w.]*( [\w.*/+<>=!-]+)*")
WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def flow(value: Any) -> str:
    """A value in flow style, without needless quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value)
