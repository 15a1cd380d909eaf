"""Random specs as people write them, valid by construction, for hypothesis.

The generator knows of every value its channels and its size as keys (see
`random_specs_formulas`), so it adds what is equal, and projects, resizes or joins what
isn't. Blocks are made once, from unknown inputs, and used at many places with other
values of their params: that is where printers generalise.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from random_specs_body import Body, Contract, Value, down, reference
from random_specs_formulas import (
    ROLES,
    Draw,
    Drawn,
    Param,
    Scope,
    Variables,
    constant,
    one,
    rarely,
    tidy,
)

DEFAULTS: tuple[dict[str, dict[str, Any]], ...] = (
    {},
    {"conv2d": {"bias": False}},
    {"conv2d": {"kernel": 3, "padding": 1, "bias": False}},
)
BLOCKS = ("unit", "block", "bottleneck", "cell", "mixer", "stem", "conv2d_bn", "tensor")
KINDS = ("one", "one", "two", "out", "vector", "standard", "standard")
"""What a block is like: its inputs, its outputs; a standard one takes the place of any
other."""


class Sketch:
    """One file as it is drawn."""

    def __init__(self, draw: Draw, shared: Sketch | None = None) -> None:
        self.draw = draw
        self.variables: Variables = shared.variables if shared else Variables()
        self.root: dict[str, Param] = {}
        self.blocks: dict[str, Any] = {}
        self.contracts: list[Contract] = []
        self.defaults: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Any] = {}

    def shared(self) -> set[str]:
        """The variables of root params, which mean one thing everywhere."""
        return {p.key for p in self.root.values()}

    def shortened(self, statement: dict[str, Any]) -> dict[str, Any]:
        """A convolution without what its defaults say."""
        stands: dict[str, Any] = {"stride": 1, "padding": 0, "bias": True}
        stands |= self.defaults.get("conv2d", {})
        if isinstance(stands["bias"], str) and one(self.draw, True, False):
            statement = {**statement, "bias": stands["bias"]}
        return {
            key: value
            for key, value in statement.items()
            if key == "op" or key not in stands or stands[key] != value
        }

    def some_defaults(self) -> dict[str, dict[str, Any]]:
        """Attributes of all ops of a kind, perhaps by formulas of the file's params."""
        made = {op: dict(values) for op, values in one(self.draw, *DEFAULTS).items()}
        scope = Scope(self.draw, self.variables, self.root, self.root, {})
        if rarely(self.draw, 8):
            made.setdefault("conv2d", {})["bias"] = f"={scope.param('flag').name}"
        if rarely(self.draw, 8):
            made["batch_norm"] = {"eps": f"={scope.param('rate').name}"}
        return made

    # Files

    def spec(self) -> dict[str, Any]:
        """A whole net, but for its head."""
        draw = self.draw
        if rarely(draw, 8):
            self.part()
        self.defaults = self.some_defaults()
        for n in range(one(draw, 1, 2, 0, 1, 2, 3)):
            self.block(n)
        inputs, body = self.image()
        value = body.before
        if value is None:
            made = [body.conv(v, constant(4)) for v in body.inputs]
            value = body.put("join", "add", "4", made[0].space, *made)
        value = body.filled(one(draw, 2, 1, 3, 2, 4))
        if one(draw, False, True):
            value = self.head(body, value)
        facts = self.ends(body, value)
        whole = self.whole(inputs, body, facts)
        return self.extended(whole) if rarely(draw, 12) else whole

    def image(self) -> tuple[dict[str, Any], Body]:
        """The inputs of the net, and its body."""
        draw = self.draw
        scope = Scope(draw, self.variables, self.root, self.root, {})
        channels, *size = one(draw, (3, 8, 8), (4, 6, 6), (3, 9, 7), (4, 12, 12))
        raw, key = channels, str(channels)
        if rarely(draw, 5):
            param = scope.param("channels")
            raw, key = f"={param.name}", param.key
        space = self.variables.new("?")
        inputs = {"image": [raw, *size]}
        values = [Value("input", key, space)]
        if rarely(draw, 6):
            inputs = {"left": [raw, *size], "right": [4, *size]}
            values = [Value("left", key, space), Value("right", "4", space)]
        scope.sizes = {f"{v.name}.channels": v.channels for v in values}
        scope.reserved = frozenset(inputs)
        listed = len(values) == 1 and rarely(draw, 4)
        return inputs, Body(self, scope, listed, 2, tuple(values))

    def whole(
        self, inputs: dict[str, Any], body: Body, facts: dict[str, Any]
    ) -> dict[str, Any]:
        """The file's keys in their order."""
        whole: dict[str, Any] = {}
        if self.root:
            whole["params"] = {p.name: p.declared for p in self.root.values()}
        for param in self.root.values():
            if param.role in ("widths", "rows") and rarely(self.draw, 3):
                there = f"=len({param.name}) > 0"
                whole["require"] = {f"{param.name} holds something": there}
        whole["inputs"] = inputs
        if self.defaults:
            whole["defaults"] = self.defaults
        if self.blocks:
            whole["blocks"] = self.blocks
        whole |= {"graph": body.graph(), **facts}
        return {**whole, "files": self.files} if self.files else whole

    def head(self, body: Body, value: Value) -> Value:
        """A classifier."""
        if value.space is not None:
            kind = one(body.draw, "global_avg_pool2d", "global_max_pool2d", "flatten")
            size = value.channels if kind != "flatten" else self.variables.new(999)
            value = body.put("pool", kind, size, None, value)
        if rarely(body.draw, 4):
            value = body.same(value, "drop", {"op": "dropout", "rate": body.rate()})
        param = body.scope.param("channels")
        return body.linear(value, Drawn(f"={param.name}", param.key))

    def ends(self, body: Body, value: Value) -> dict[str, Any]:
        """Several outputs, and taps."""
        facts: dict[str, Any] = {}
        there = {n for n, s in body.statements.items() if not body.optional(s)}
        paths = [v.name for v in body.named if v.name] + body.deep
        paths = [path for path in paths if path.split(".")[0] in there]
        if body.listed or value.name not in there:
            return facts
        if rarely(self.draw, 5):
            facts["outputs"] = {"last": reference(value.name)}
            side = one(self.draw, *paths)
            if side != value.name:
                facts["outputs"]["side"] = reference(side)
        if rarely(self.draw, 8):
            facts["taps"] = {"c1": reference(one(self.draw, *paths))}
        return facts

    def extended(self, whole: dict[str, Any]) -> dict[str, Any]:
        """The net as a file that extends it with a few changes."""
        files = {**whole.pop("files", {}), "base.yaml": whole}
        made: dict[str, Any] = {"extends": "base.yaml"}
        changed = {}
        for param in self.root.values():
            values = [v for v in ROLES[param.role].values if v is not None]
            if param.declared is not None and one(self.draw, False, True):
                changed[param.name] = constant(one(self.draw, *values)).raw
        if changed:
            made["params"] = changed
        if isinstance(whole["graph"], dict) and "outputs" not in whole:
            made["graph"] = {"last_one": "relu"}
        return {**made, "files": files}

    def part(self) -> None:
        """A second file, which the first has as a node."""
        other = Sketch(self.draw, self)
        other.defaults = other.some_defaults()
        if one(self.draw, True, False):
            other.block(0)
        space = self.variables.new("?")
        value = Value("input", self.variables.new(12), space)
        sizes = {"input.channels": value.channels}
        scope = Scope(self.draw, self.variables, other.root, other.root, sizes)
        body = Body(other, scope, False, 1, (value,))
        found = body.anchored(body.filled(body.some(3)))
        named = [v for v in body.named if v.name and v.space is not None]
        taps = {"c1": one(self.draw, *named), "c2": found}
        facts = {"taps": {k: reference(v.name) for k, v in taps.items()}}
        self.files["part.yaml"] = other.whole({"image": [3, 8, 8]}, body, facts)
        inputs = {"input": value}
        for outputs in ({"": found}, taps):
            made = Contract("part.yaml", other.root, inputs, outputs, "spec")
            self.contracts.append(replace(made, taps=outputs is taps))

    # Blocks

    def block(self, n: int) -> None:
        """A new block, which may use those before it."""
        draw = self.draw
        name = one(draw, *BLOCKS)
        name = f"{name}{n}" if name in self.blocks else name
        kind = one(draw, *KINDS)
        names = ("x", "skip") if kind == "two" else ("input",)
        space = None if kind == "vector" else self.variables.new("?")
        values = [Value(i, self.variables.new(12), space) for i in names]
        if kind == "two" and one(draw, True, False):
            values[1] = replace(values[1], channels=values[0].channels)
        sizes = {f"{v.name}.channels": v.channels for v in values}
        own: dict[str, Param] = {}
        root = self.root
        scope = Scope(draw, self.variables, root, own, sizes, (), frozenset(names))
        listed = kind in ("one", "standard") and one(draw, False, False, True)
        numbered = not listed and rarely(draw, 8)
        body = Body(self, scope, listed, 2, tuple(values), numbered)
        if kind == "two":
            self.merged(body, values)
        if kind == "standard":
            value = self.standard(body, own)
        else:
            value = body.filled(one(draw, 1, 2, 1, 3) - (kind == "two"))
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
        inputs = dict(zip(names, values, strict=True))
        made = Contract(name, own, inputs, outputs)
        if kind == "standard":
            self.join_family(made)
        self.contracts.append(made)

    def standard(self, body: Body, own: dict[str, Param]) -> Value:
        """A block of channels and a stride, whose other params have defaults."""
        new = self.variables.new
        for name, role in (("channels", "channels"), ("stride", "stride")):
            key = new(max(ROLES[role].values))
            own[name] = Param(name, role, key, None, "int")
        body.scope.optional = True
        value = body.filled(body.some(2))
        channels = Drawn("=channels", own["channels"].key)
        return body.conv(value, channels, Drawn("=stride", own["stride"].key))

    def join_family(self, made: Contract) -> None:
        """Blocks that give the same for the same channels and stride are a family."""
        channels, stride = made.params["channels"], made.params["stride"]
        (value,) = made.inputs.values()
        (found,) = made.outputs.values()
        if found.size != (channels.key, down(value.space, stride.key)):
            return
        made.common = ("channels", "stride")
        kin = [c for c in self.contracts if c.common]
        made.family = (*(c.name for c in kin), made.name)
        for other in kin:
            other.family = made.family

    def merged(self, body: Body, values: list[Value]) -> Value:
        """The two inputs of a block as one value."""
        left, right = values
        if one(self.draw, True, False):
            equal = left.channels == right.channels
            if not equal or one(self.draw, True, False):
                left = body.conv(left, Drawn("=skip.channels", right.channels))
            return body.put("merge", "add", right.channels, right.space, left, right)
        key = tidy(f"({left.channels}) + ({right.channels})")
        return body.narrowed(body.put("merge", "concat", key, left.space, left, right))


def drawn(draw: Draw) -> dict[str, Any]:
    """A random spec without its head: the values of its keys, and files beside it."""
    return Sketch(draw).spec()


def numbered(number: int) -> dict[str, Any]:
    """The random spec of this number, always the same one."""
    return drawn(Random(number).choice)
