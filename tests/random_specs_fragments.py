"""What people write between two values of a scope.

Each fragment reads one value, adds statements, and leaves nothing unread.
"""

from __future__ import annotations

from random_specs_body import Body, Statement, Value, down, formula
from random_specs_formulas import WIDEST, Drawn, constant, one, rarely, tidy, variables
from random_specs_uses import (
    densenet,
    long_chain,
    nested,
    repeated_op,
    stages,
    tapped,
    two_inputs,
    two_outputs,
    use,
)


def fragment(body: Body, value: Value) -> Value:
    """Something that people write."""
    if value.space is None:
        return one(body.draw, *OF_VECTORS)(body, value)  # type: ignore[no-any-return]  # a Value
    choices = CHAINS if body.listed else (*CHAINS, *GRAPHS)
    return one(body.draw, *choices)(body, value)  # type: ignore[no-any-return]  # a Value


# Chains


def plain(body: Body, value: Value) -> Value:
    """One op."""
    many = Body.conv, Body.act, Body.norm, drop, cut
    make = one(body.draw, *many, *many, *many, Body.causal)
    return make(body, value)  # type: ignore[no-any-return]  # a Value


def drop(body: Body, value: Value) -> Value:
    kind = one(body.draw, "dropout", "drop_path")
    return body.same(value, "drop", {"op": kind, "rate": body.rate()})


def cut(body: Body, value: Value) -> Value:
    """Zeros beside the channels, or channels cut off, by formulas."""
    if one(body.draw, True, False):
        given = body.scope.channels()
        statement = {"op": "pad", "channels": [0, given.raw]}
        if rarely(body.draw, 3):
            statement["channels"] = given.raw
            given = Drawn(None, f"2 * ({given.key})")
        key = tidy(f"({value.channels}) + ({given.key})")
        if body.largest(key) <= WIDEST:
            return body.put("pad", statement, key, value.space, value)
    size = body.scope.sizes.get("input.channels")
    if size == value.channels and variables(size):
        stop = Drawn("=(input.channels + 1) // 2", tidy(f"({size} + 1) // 2"))
    else:
        param = body.scope.param("channels")
        wide = Drawn(f"={param.name} * 2", tidy(f"{param.key} * 2"))
        value = body.conv(value, wide)
        stop = Drawn(f"={param.name}", param.key)
    statement = {"op": "slice", "stop": stop.raw}
    return body.put("cut", statement, stop.key, value.space, value)


def cell(body: Body, value: Value) -> Value:
    """Convolution, norm, activation, in some order."""
    make = {"n": Body.norm, "a": Body.act}
    stride = body.stride()
    for letter in one(body.draw, "cna", "ca", "nac", "cn"):
        if letter == "c":
            value = body.conv(value, None, stride)
        else:
            value = make[letter](body, value)
    return value


def smaller(body: Body, value: Value) -> Value:
    """A pool or a convolution with a stride."""
    if one(body.draw, True, False):
        return body.pool(value)
    return body.conv(value, None, body.stride())


def optional(body: Body, value: Value) -> Value:
    """A node, or a nested graph, that keeps the shape and may not be there."""
    make = one(body.draw, Body.act, Body.norm, drop)
    if one(body.draw, True, False):
        found: Value = make(body, value)
    else:
        inner = body.inner(value)
        made = make(inner, inner.inputs[0])
        if one(body.draw, False, True):
            made = inner.act(made)
        found = body.nest(inner, value, made)
    body.when(found, body.scope.condition().raw)
    return found


def alternatives(body: Body, value: Value) -> Value:
    """Two nodes of which one is there."""
    test = body.scope.condition()
    channels, stride = body.scope.channels(), body.stride()
    first = body.conv(value, channels, stride)
    body.when(first, test.raw)
    # It reads the first, or in its absence what that reads.
    second = body.conv(first, channels, stride, whole=True)
    body.when(second, f"=not ({test.raw[1:]})")
    return second


def squeezed(body: Body, value: Value) -> Value:
    """A convolution before another, where a param says how wide, and not null."""
    if body.scope.own is body.scope.root:  # null would remove it
        return plain(body, value)
    mid = body.scope.param("maybe")
    first = body.conv(value, Drawn(f"={mid.name}", mid.key), whole=True)
    body.when(first, f"={mid.name} != none")
    return body.conv(first, body.scope.channels(), body.stride(), whole=True)


# Graphs with branches


def residual(body: Body, value: Value) -> Value:
    """A shortcut around a few nodes, projected where the shape changes."""
    value = body.anchored(value)
    channels, stride = body.scope.channels(), body.stride()
    main = body.conv(value, channels, stride)
    if one(body.draw, True, False):
        main = body.norm(main)
    if one(body.draw, False, True):
        main = body.conv(body.act(main), channels)
    if rarely(body.draw, 4):
        main = gate(body, main)
        if main.channels != channels.key:
            main = body.conv(main, channels)
    shortcut = value
    if main.size != value.size or rarely(body.draw, 4):
        shortcut = projection(body, value, main, channels, stride)
    made = body.put("add", "add", main.channels, main.space, main, shortcut)
    return body.act(made) if one(body.draw, True, False) else made


def projection(
    body: Body, value: Value, main: Value, channels: Drawn, stride: Drawn
) -> Value:
    """A shortcut of the shape of `main`, perhaps only where it is needed."""
    here = body.written(value.channels)
    tests = [f"{formula(stride)} != 1"] if stride.raw != 1 else []
    if here is not None and main.channels != value.channels:
        tests.append(f"{here} != {formula(channels)}")
    known = main.channels == value.channels or here is not None
    if "input." in f"{channels.raw} {stride.raw}" or one(body.draw, True, False):
        made = body.conv(value, channels, stride, pointwise=True)
    else:
        inner = body.inner(value, listed=True)
        found = inner.conv(inner.inputs[0], channels, stride, pointwise=True)
        made = body.nest(inner, value, inner.norm(found), stem="downsample")
    if tests and known and one(body.draw, True, True, False):
        body.when(made, "=" + " or ".join(tests))
    return made


def branches(body: Body, value: Value) -> Value:
    """Several ways from one value, joined."""
    value = body.anchored(value)
    how = one(body.draw, "concat", "add", "multiply", "subtract")
    stride, channels = body.stride(), body.scope.channels()
    made: list[Value] = []
    for n in range(2 if how == "subtract" else body.some(2) + 1):
        kind = one(body.draw, "conv", "cell", "pool", "use")
        if kind == "pool" and how == "concat":
            found = body.pool(value, stride)
        elif kind == "use" and n:
            found = body.anchored(use(body, value))
            found = matched(body, found, channels, made[0], how != "concat")
        else:
            own = channels if how != "concat" else body.scope.channels()
            found = body.conv(value, own, stride)
            if kind == "cell":
                found = body.act(body.norm(found))
        made.append(found)
    key = made[0].channels
    if how == "concat":
        key = tidy(" + ".join(f"({v.channels})" for v in made))
    return body.narrowed(body.put("join", how, key, made[0].space, *made))


def matched(
    body: Body, value: Value, channels: Drawn, other: Value, equal: bool
) -> Value:
    """A value brought to the size of another, and perhaps to its channels."""
    if equal and value.channels != other.channels:
        value = body.conv(value, channels, pointwise=True)
    if value.space == other.space:
        return value
    statement = {"op": "resize", "mode": "nearest"}
    return body.put("fit", statement, value.channels, other.space, value, other)


def gate(body: Body, value: Value) -> Value:
    """A squeeze and excitation."""
    value = body.anchored(value)
    squeeze = {"op": "adaptive_avg_pool2d", "size": 1}
    found = body.put("squeeze", squeeze, value.channels, "1", value)
    found = body.act(body.conv(found, body.scope.channels(), pointwise=True))
    said = body.written(value.channels)
    if said is not None:
        wide = Drawn(f"={said}", value.channels)
    elif value.channels.isdigit():
        wide = constant(int(value.channels))
    else:  # No formula says it: both are brought to the same.
        wide = body.scope.channels()
    found = body.conv(found, wide, pointwise=True)
    found = body.same(found, "gate", one(body.draw, "sigmoid", "hard_sigmoid"))
    if wide.key != value.channels:
        value = body.conv(value, wide, pointwise=True)
    return body.put("scale", "multiply", value.channels, value.space, value, found)


def dense(body: Body, value: Value) -> Value:
    """What is new beside what was there."""
    value = body.anchored(value)
    new = body.conv(value, body.scope.channels())
    if one(body.draw, False, True):
        new = body.act(new)
    order = (value, new) if one(body.draw, True, False) else (new, value)
    key = tidy(f"({value.channels}) + ({new.channels})")
    return body.narrowed(body.put("cat", "concat", key, value.space, *order))


def split(body: Body, value: Value) -> Value:
    """Two halves of the channels, one of which is worked on."""
    param = body.scope.param("channels")
    double = Drawn(f"={param.name} * 2", tidy(f"{param.key} * 2"))
    if value.channels != double.key:
        value = body.conv(value, double, pointwise=True)
    value = body.anchored(value)
    half = Drawn(f"={param.name}", param.key)
    lower: Statement = {"op": "slice", "stop": half.raw}
    low = body.put("low", lower, half.key, value.space, value)
    upper: Statement = {"op": "slice", "start": half.raw, "stop": double.raw}
    high = body.put("high", upper, half.key, value.space, value)
    high = body.conv(high, half)
    joined = body.put("cat", "concat", double.key, value.space, low, high)
    if one(body.draw, False, True):
        joined = body.same(joined, "mix", {"op": "channel_shuffle", "groups": 2})
    return body.narrowed(joined)


def widened(body: Body, value: Value) -> Value:
    """A shortcut of pooling and zeros, as in the first ResNets."""
    value = body.anchored(value)
    param, stride = body.scope.param("channels"), body.stride()
    total = tidy(f"({value.channels}) + ({param.key})")
    here = body.written(value.channels)
    if here is None or body.largest(total) > WIDEST:
        return cell(body, value)
    main = body.conv(value, Drawn(f"={here} + {param.name}", total), stride)
    pool: Statement = {"op": "avg_pool2d", "kernel": 1, "stride": stride.raw}
    short = body.put(
        "short", pool, value.channels, down(value.space, stride.key), value
    )
    zeros: Statement = {"op": "pad", "channels": [0, f"={param.name}"]}
    short = body.put("zeros", zeros, total, short.space, short)
    return body.put("add", "add", total, main.space, main, short)


def again(body: Body, value: Value) -> Value:
    """A value further up, read once more."""
    like = [v for v in (*body.inputs, *body.named) if v.size == value.size and v.name]
    if value.name is None or not like:
        return cell(body, value)
    kind = one(body.draw, "add", "multiply", "subtract")
    other = one(body.draw, *like)
    return body.put("again", kind, value.channels, value.space, value, other)


def pyramid(body: Body, value: Value) -> Value:
    """Down and up again, to meet what stayed."""
    value = body.anchored(value)
    channels = body.scope.channels()
    high = body.conv(value, channels)
    low = body.conv(high, channels, constant(2))
    resize = {"op": "resize", "mode": one(body.draw, "nearest", "bilinear")}
    up = body.put("up", resize, low.channels, high.space, low, high)
    return body.put("meet", "add", high.channels, high.space, high, up)


def chosen(body: Body, value: Value) -> Value:
    """What is read depends on a param."""
    value = body.anchored(value)
    channels = body.scope.channels()
    left = body.conv(value, channels)
    right = body.conv(value, channels)
    if body.numbered:
        return body.put("pick", "add", left.channels, left.space, left, right)
    test = body.scope.condition().raw[1:]
    pick = f'="{left.name}" if {test} else "{right.name}"'
    kind = one(body.draw, "add", "concat")
    key = left.channels if kind == "add" else tidy(f"({left.channels}) * 2")
    joined = body.put("pick", kind, key, left.space, left, right)
    body.statements[joined.name or ""] = {"op": kind, "from": [pick, right.name]}
    # Where the test fails nothing else would read the left one.
    total = tidy(f"({key}) + ({left.channels})")
    made = body.put("both", "concat", total, left.space, joined, left)
    return body.narrowed(made)


# Vectors


def layer(body: Body, value: Value) -> Value:
    """A linear layer and what follows it."""
    made = body.linear(value)
    follow = one(body.draw, None, Body.act, Body.norm, drop)
    return made if follow is None else follow(body, made)


CHAINS = (
    *(plain, cell, use, nested, optional, smaller, alternatives, repeated_op, use),
    *(nested, long_chain, use, squeezed, densenet),
)
GRAPHS = (
    *(residual, branches, gate, dense, split, widened, two_inputs, two_outputs),
    *(
        stages,
        again,
        pyramid,
        chosen,
        two_inputs,
        two_outputs,
        stages,
        tapped,
        residual,
    ),
)
OF_VECTORS = (layer, use, nested, optional)
