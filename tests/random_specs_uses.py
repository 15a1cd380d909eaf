"""Nested graphs, repeats and uses of blocks in random specs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from random_specs_body import Body, Contract, Value
from random_specs_formulas import (
    WIDEST,
    Counter,
    Drawn,
    Scope,
    constant,
    one,
    put,
    rarely,
    tidy,
    variables,
)


def nested(body: Body, value: Value) -> Value:
    """A nested graph, perhaps repeated or under a condition."""
    if body.depth <= 0:
        return simple(body, value)
    if one(body.draw, False, True):
        return repeated(body, value, None)
    inner = body.inner(value)
    found = inner.filled(body.some(2))
    more: dict[str, Any] = {}
    if inner.listed == body.listed and one(body.draw, False, True):
        if body.listed:
            more["inline"] = True
        elif not set(inner.statements) & {*body.statements, "part", "input", "x"}:
            more["inline"] = not set(inner.statements) & {v.name for v in body.inputs}
            body.taken |= set(inner.statements)
    made = body.nest(inner, value, found, **{k: v for k, v in more.items() if v})
    if found.size == value.size and one(body.draw, False, True):
        body.when(made, body.scope.condition().raw)
    return made


def simple(body: Body, value: Value) -> Value:
    """A layer."""
    if value.space is None:
        return body.linear(value)
    return body.act(body.conv(value, None, body.stride()))


# Repeats


def count(body: Body) -> tuple[Drawn, Counter]:
    """How often, and the counter that formulas read."""
    draw, scope = body.draw, body.scope
    how = one(draw, "number", "param", "list", "formula", "rows")
    length_of = ""
    if how in ("list", "rows"):
        role = one(draw, "widths", "strides") if how == "list" else "rows"
        param = scope.param(role)
        found = Drawn(f"=len({param.name})", f"len({param.key})")
        length_of = param.key
    elif how == "param":
        found = scope.given("count")
    elif how == "formula":
        param = scope.param("count")
        found = one(
            draw,
            Drawn(f"={param.name} + 1", f"{param.key} + 1"),
            Drawn(f"=max({param.name}, 2)", f"max({param.key}, 2)"),
            Drawn(f"={param.name} - 1", f"{param.key} - 1"),
        )
    else:
        found = constant(one(draw, 2, 1, 3))
    most = max(body.largest(found.key) - 1, 0)
    name = "index"
    if rarely(draw, 4):
        taken = {c.name for c in scope.counters} | set(scope.visible())
        name = one(draw, *(n for n in ("i", "row", "k_th", "s0") if n not in taken))
    return found, Counter(body.sketch.variables.new(most), length_of, name)


def entering(body: Body, value: Value) -> Value:
    """What an instance of a repeat reads: something like the value."""
    fresh = body.sketch.variables.new
    space = None if value.space is None else fresh("?")
    return Value("input", fresh(body.largest(value.channels)), space)


def repeated(body: Body, value: Value, block: Contract | None) -> Value:
    """A chain of instances of a nested graph or a block."""
    times, counter = count(body)
    scope = body.scope.counted(counter)
    fresh = entering(body, value)
    statement: dict[str, Any]
    if block is None:
        inner = body.inner(fresh, scope=scope)
        found = inner.filled(body.some(2))
        statement = {"graph": inner.graph()}
        if body.listed and inner.listed and one(body.draw, False, True):
            statement["inline"] = True
    else:
        statement, outputs = used(body, block, scope, (fresh,))
        found = outputs[""]
    return chained(body, value, fresh, found, statement, times, counter)


def repeated_op(body: Body, value: Value) -> Value:
    """A repeated op, whose attributes may read the index."""
    times, counter = count(body)
    fresh = entering(body, value)
    inner = Body(body.sketch, body.scope.counted(counter), True, 0, (fresh,))
    if value.space is None:
        found = inner.linear(fresh)
    else:
        make = one(body.draw, Body.conv, Body.act, Body.pool)
        found = make(inner, fresh)
    (statement,) = inner.graph()
    whole = {"op": statement} if isinstance(statement, str) else statement
    whole = {k: v for k, v in whole.items() if k not in ("groups", "name")}
    return chained(body, value, fresh, found, whole, times, counter)


def chained(
    body: Body,
    value: Value,
    fresh: Value,
    found: Value,
    statement: dict[str, Any],
    times: Drawn,
    counter: Counter,
    most: int = WIDEST,
) -> Value:
    """Adds a repeat whose instances read `fresh` and give `found`."""
    made = body.sketch.variables
    channels, space = found.channels, found.space
    if channels == fresh.channels:
        channels = value.channels
    elif variables(channels) & {fresh.channels, counter.key}:
        widest = body.largest(value.channels)
        for n in range(body.largest(times.key)):
            given = {fresh.channels: widest, counter.key: n}
            widest = made.largest(found.channels, **given)
        if widest > 2 * most:
            return simple(body, value)
        channels = made.new(widest)
    if space is not None and space == fresh.space:
        space = value.space
    elif space is not None and variables(space) & {fresh.space or "", counter.key}:
        space = made.new("?")
    if str(times.raw).endswith("- 1") and found.size != fresh.size:
        times = Drawn(str(times.raw).replace("- 1", "+ 1"), times.key)
    statement = {**statement, "repeat": times.raw}
    if counter.name != "index":
        statement["index"] = counter.name
    alone = not body.listed and not statement.get("inline")
    told = counter.name != "index" or not body.scope.counters
    if alone and told and one(body.draw, False, False, True):
        start = one(body.draw, *(f"{counter.name}{by}" for by in ("", " + 1", " * 2")))
        stem = one(body.draw, "layer", "stage", "level_")
        found = body.put(stem, statement, channels, space, value, braced=f"{{{start}}}")
        body.taken |= {f"{stem}{n}" for n in range(60)}
        return body.same(found, "out", "identity")
    return body.narrowed(body.put("layer", statement, channels, space, value))


def long_chain(body: Body, value: Value) -> Value:
    """Many instances whose channels grow, or that read a long table."""
    outermost = body.scope.own is body.scope.root and not body.scope.counters
    if value.space is None or not outermost:
        return simple(body, value)
    value = body.conv(value, constant(2), constant(2))
    many = one(body.draw, 6, 12, 24, 6, 12, 40)
    times, counter = constant(many), Counter(body.sketch.variables.new(many - 1), "")
    fresh = entering(body, value)
    inner = body.inner(fresh, listed=False, scope=body.scope.counted(counter))
    (read,) = inner.inputs
    if one(body.draw, True, False):
        new = inner.conv(read, constant(one(body.draw, 1, 2)), pointwise=True)
        key = tidy(f"({fresh.channels}) + ({new.channels})")
        found = inner.put("cat", "concat", key, fresh.space, read, new)
    else:
        widths = constant(tuple(2 + n * n % 5 for n in range(many)))
        item = Drawn(f"={widths.raw}[index]", f"{widths.key}[{counter.key}]")
        found = inner.act(inner.conv(read, item, pointwise=True))
    statement = {"graph": inner.graph()}
    return chained(body, value, fresh, found, statement, times, counter, 99)


def densenet(body: Body, value: Value) -> Value:
    """Stages of layers that each add to the channels, and halve them in between."""
    sketch = body.sketch
    if body.scope.own is not body.scope.root or "dense_layer" in sketch.blocks:
        return simple(body, value)
    growth = one(body.draw, 2, 1, "=growth")
    sketch.blocks["dense_layer"] = {
        "params": {"growth": "int"},
        "graph": {
            "norm": "batch_norm",
            "conv": {"op": "conv2d", "channels": "=growth", "kernel": 1, "padding": 0},
            "cat": {"op": "concat", "from": ["input", "conv"]},
        },
    }
    layer = {"block": "dense_layer", "repeat": "=depth", "growth": growth}
    sketch.blocks["dense_block"] = {
        "params": {"depth": "int", **({"growth": 2} if growth == "=growth" else {})},
        "graph": {"layer{index + 1}": layer} if rarely(body.draw, 2) else [layer],
    }
    for depth in one(body.draw, (2, 3), (3, 1, 2), (6, 12, 8)):
        stage = {"block": "dense_block", "depth": depth}
        channels = sketch.variables.new(9)
        body.put("dense", stage, channels, value.space, value)
        halved = sketch.variables.new(9)
        half = {"op": "conv2d", "channels": "=input.channels // 2", "kernel": 1}
        graph = [{**half, "padding": 0}, "relu"]
        value = body.put(
            "halve", {"graph": graph}, halved, value.space, body.last or value
        )
    return value


# Blocks


def pick(body: Body, inputs: int, rank: int, outputs: bool = False) -> Contract | None:
    """A block that is there, of so many inputs and of one output or several."""
    fitting = [
        c
        for c in body.sketch.contracts
        if len(c.inputs) == inputs
        and c.rank == rank
        and (list(c.outputs) != [""]) == outputs
    ]
    return one(body.draw, *reversed(fitting)) if fitting else None


def use(body: Body, value: Value) -> Value:
    """A block, perhaps repeated or under a condition."""
    block = pick(body, 1, 1 if value.space is None else 3)
    if block is None:
        return simple(body, value)
    if one(body.draw, False, False, True):
        return repeated(body, value, block)
    statement, outputs = used(body, block, body.scope, (value,))
    found = outputs[""]
    stem = block.name.partition(".")[0]
    made = body.put(stem, statement, found.channels, found.space, value)
    if found.size == value.size and one(body.draw, False, True):
        body.when(made, body.scope.condition().raw)
    return body.narrowed(made)


def stages(body: Body, value: Value) -> Value:
    """One block at several places, with other values of its params."""
    block = pick(body, 1, 1 if value.space is None else 3)
    if block is None:
        return simple(body, value)
    for _ in range(body.some(3) + 1):
        statement, outputs = used(body, block, body.scope, (value,))
        found = outputs[""]
        value = body.put("stage", statement, found.channels, found.space, value)
        value = body.narrowed(value)
    return value


def two_inputs(body: Body, value: Value) -> Value:
    """A block of two inputs, perhaps given one value twice."""
    block = pick(body, 2, 3)
    if block is None:
        return simple(body, value)
    left, right = block.inputs.values()
    for _ in range(body.some(3)):
        value = body.anchored(value)
        others = [
            v for v in (*body.inputs, *body.named) if v.name and v.space == value.space
        ]
        if left.channels == right.channels:
            others = [v for v in others if v.channels == value.channels]
        other = one(body.draw, value, *others)
        pair = (value, other) if one(body.draw, True, False) else (other, value)
        statement, outputs = used(body, block, body.scope, pair)
        found = outputs[""]
        made = body.put("merge", statement, found.channels, found.space, *pair)
        value = body.narrowed(made)
    return value


def two_outputs(body: Body, value: Value) -> Value:
    """A block of several outputs, which are joined again."""
    block = pick(body, 1, 3, outputs=True)
    if block is None:
        return simple(body, value)
    for _ in range(body.some(2)):
        value = body.anchored(value)
        statement, outputs = used(body, block, body.scope, (value,))
        first = next(iter(outputs.values()))
        made = body.put("fork", statement, first.channels, first.space, value)
        value = body.narrowed(joined(body, made, outputs))
    return value


def tapped(body: Body, value: Value) -> Value:
    """A whole file as a node, whose taps are its outputs."""
    for contract in body.sketch.contracts:
        if contract.key == "spec" and list(contract.outputs) != [""]:
            value = body.anchored(value)
            statement, outputs = used(body, contract, body.scope, (value,))
            first = next(iter(outputs.values()))
            made = body.put("trunk", statement, first.channels, first.space, value)
            return body.narrowed(joined(body, made, outputs))
    return simple(body, value)


def joined(body: Body, made: Value, outputs: dict[str, Value]) -> Value:
    """The outputs of a node as one value."""
    body.named.pop()
    parts = [replace(v, name=f"{made.name}.{name}") for name, v in outputs.items()]
    body.named += parts
    keep = one(body.draw, "all", "first", "last")
    if keep != "all":
        return body.act(parts[0 if keep == "first" else -1])
    if len({part.size for part in parts}) == 1:
        return body.put("sum", "add", *parts[0].size, *parts)
    found = parts[:1]
    for part in parts[1:]:
        if part.space != found[0].space:
            fit = {"op": "resize", "mode": "nearest"}
            size = part.channels, found[0].space
            part = body.put("fit", fit, *size, part, found[0])
        found.append(part)
    key = tidy(" + ".join(f"({p.channels})" for p in found))
    return body.put("all", "concat", key, found[0].space, *found)


def used(
    body: Body, block: Contract, scope: Scope, given: tuple[Value, ...]
) -> tuple[dict[str, Any], dict[str, Value]]:
    """A statement that uses a block, and the values that it gives."""
    draw, made = body.draw, body.sketch.variables
    statement: dict[str, Any] = {block.key: block.name}
    params = block.params
    if len(block.family) > 1 and rarely(draw, 2):
        # A param names the block, which is one of several that are used alike.
        name = scope.named(block.family).name
        statement = {block.key: f"={name}"}
        params = {n: p for n, p in params.items() if n in block.common}
    if block.taps:
        statement["taps"] = True
    values: dict[str, str] = {}
    for own, value in zip(block.inputs.values(), given, strict=True):
        values[own.channels] = value.channels
        if own.space is not None:
            values[own.space] = value.space or ""
    for name, param in params.items():
        if param.default is not None and one(draw, False, True):
            values[param.key] = put(param.default.key, values)
            continue
        drawn = scope.given(param.role)
        statement[name] = drawn.raw
        values[param.key] = drawn.key
    fresh: dict[str, str] = {}

    def moved(key: str) -> str:
        for name in variables(key) - values.keys() - body.sketch.shared():
            if name not in fresh:
                fresh[name] = made.new(made.most[name])
        return put(key, {**fresh, **values})

    outputs = {
        name: Value(
            None, moved(v.channels), None if v.space is None else moved(v.space)
        )
        for name, v in block.outputs.items()
    }
    return statement, outputs
