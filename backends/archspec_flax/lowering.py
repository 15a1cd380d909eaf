"""From ops to Flax NNX: a table from an op's kind to what is printed for it.

What has weights or chance is a module; everything else is an expression in `__call__`,
since a stored partial would make equal nets unequal, and `jit` trace them again.
Images are channels last.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from archspec.ops import Op, Shape, pair
from archspec.ops.base import forms
from archspec.ops.convolution import Conv2d
from archspec.ops.pooling import Adaptive, Pool
from archspec.ops.shaping import Pad
from archspec.source.classes import Function
from archspec.source.outline import CHOSEN, OpUse
from archspec.source.text import Call, Code, Display, Doc, Infix, call, called, span

SIZES = ("kernel", "stride", "padding")
FIXED: dict[str, tuple[str, ...]] = {
    "batch_norm": ("running_var",),
    "conv_transpose2d": (*SIZES, "output_padding", "dilation", "groups"),
    "max_pool2d": ("ceil_mode", "dilation"),
    "avg_pool2d": ("ceil_mode", "count_include_pad"),
    "flatten": ("order",),
    "gelu": ("approximate",),
    "prelu": ("shared",),
    "resize": ("mode", "size", "scale"),
    "scale": ("weight",),
}
"""Attributes that can't be arguments, whatever the others are."""


def signature(op: Op, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """What of an op can't be an argument of a printed class."""
    fixed: dict[str, Any] = {"rank": len(shapes[0])}
    fixed["inits"] = frozenset(op.inits().items())
    named = [*FIXED.get(op.kind, ())]
    padding = getattr(op, "padding", 0)
    if isinstance(op, Conv2d):
        fixed |= forms(op, "kernel")
        named += [] if isinstance(padding, int) else ["padding"]
    if isinstance(op, Pool):
        named += [n for n in SIZES if not isinstance(getattr(op, n), int)]
    if isinstance(op, Adaptive):
        fixed |= forms(op, "size")
        named += ["size"] if pair(op.size) == (1, 1) else []
    if isinstance(op, Pad):
        fixed |= {"beside": op.beside(), **forms(op, "spatial")}
    return fixed | {name: getattr(op, name) for name in named}


# Modules


def group(*items: Doc) -> Doc:
    """A tuple."""
    return Display(items, "()")


def both(use: OpUse, name: str) -> Doc:
    """A height and a width as a tuple."""
    return group(*use.two(name))


def conv2d(use: OpUse) -> Call:
    """Conv, whose own padding is `same`."""
    padding = use["padding"]
    if padding == "same" or (padding in NOTHING and use["kernel"] in (1, (1, 1))):
        padding = "SAME"
    elif padding in NOTHING:
        padding = "VALID"
    return call(
        "nnx.Conv",
        use.channels[0],
        use["channels"],
        both(use, "kernel"),
        strides=(use["stride"], 1),
        padding=(padding, "SAME"),
        kernel_dilation=(use["dilation"], 1),
        feature_group_count=(use["groups"], 1),
        use_bias=(use["bias"], True),
    )


NOTHING: tuple[Any, ...] = (0, (0, 0), ((0, 0), (0, 0)))
"""Padding by nothing."""


def conv_transpose2d(use: OpUse) -> Call:
    """ConvTranspose; with groups, which that lacks, a Conv of a dilated image."""
    op: Any = use.ops[0]
    axes = zip(
        *map(pair, (op.kernel, op.dilation, op.padding, op.output_padding)), strict=True
    )
    sides = tuple((d * (k - 1) - p, d * (k - 1) - p + o) for k, d, p, o in axes)
    args = use.channels[0], use["channels"], both(use, "kernel")
    last = {"kernel_dilation": (op.dilation, 1), "use_bias": (use["bias"], True)}
    if op.groups == 1:
        strides, padding = (op.stride, 1), (sides, None)
        flip = {"transpose_kernel": (True, False)}
        return call(
            "nnx.ConvTranspose", *args, strides=strides, padding=padding, **last, **flip
        )
    last["feature_group_count"] = (op.groups, 1)
    stretched = {"padding": (sides, None), "input_dilation": (op.stride, 1)}
    return call("nnx.Conv", *args, **stretched, **last)


def norm(name: str, **options: str) -> Callable[[OpUse], Call]:
    """A norm, whose options are attributes; its fast variance is wrong far from 0."""

    def lower(use: OpUse) -> Call:
        momentum: Any = use.attributes.get("momentum")
        given = {"momentum": (1 - momentum, 0.99)} if momentum is not None else {}
        unbiased = use.attributes.get("running_var") == "unbiased"
        return call(
            "UnbiasedBatchNorm" if unbiased else f"nnx.{name}",
            use.channels[0],
            **{arg: (use[attribute], None) for arg, attribute in options.items()},
            **given,
            epsilon=(use["eps"], 1e-5 if name == "BatchNorm" else 1e-6),
            use_bias=(use["affine"], True),
            use_scale=(use["affine"], True),
            use_fast_variance=(False, True),
        )

    return lower


def scale(use: OpUse) -> Call:
    """Scale, which is told the name of its parameter."""
    name = () if use["weight"] == "weight" else (use["weight"],)
    return Call("Scale", (use.channels[0], *name))


def drop_path(use: OpUse) -> Call:
    """Dropout of whole images."""
    axes = tuple(range(1, len(use.shapes[0][0]) + 1))
    return call("nnx.Dropout", use["rate"], broadcast_dims=(axes, ()))


WEIGHTED: dict[str, Callable[[OpUse], Call]] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": lambda use: call(
        "nnx.Linear", use.channels[0], use["features"], use_bias=(use["bias"], True)
    ),
    "batch_norm": norm("BatchNorm"),
    "layer_norm": norm("LayerNorm"),
    "group_norm": norm("GroupNorm", num_groups="groups"),
    "scale": scale,
    "prelu": lambda use: Call("PReLU", () if use["shared"] else use.channels[:1]),
    "dropout": lambda use: Call("nnx.Dropout", (use["rate"],)),
    "drop_path": drop_path,
}
"""Modules; each takes `rngs`."""


# Expressions


def operand(text: str) -> str:
    """An expression that an operator or a method can follow."""
    tree = ast.parse(text, mode="eval").body
    return f"({text})" if isinstance(tree, ast.BinOp) else text


def infix(symbol: str) -> Function:
    """An operator between all operands."""
    return lambda use, x: Infix(
        tuple(Code(operand(text)) for text in x), (symbol,) * (len(x) - 1)
    )


def applied(fn: str, *names: str, **options: tuple[str, Any]) -> Function:
    """A function of a value and attributes; those by name come with what is usual."""

    def lower(use: OpUse, x: Sequence[str]) -> Doc:
        args = (use[name] for name in names)
        given = {key: (use[name], usual) for key, (name, usual) in options.items()}
        return call(fn, Code(x[0]), *args, **given)

    return lower


def over(method: str, *, keepdims: bool = False) -> Function:
    """A reduction of the image."""
    last = ", keepdims=True" if keepdims else ""
    return lambda use, x: Code(f"{operand(x[0])}.{method}((1, 2){last})")


def flattened(use: OpUse, x: Sequence[str]) -> Doc:
    """Flattening, after moving the channels first where the order says so."""
    read, moved = operand(x[0]), use.image and use["order"] != "hwc"
    first = ".transpose(0, 3, 1, 2)" if moved else ""
    return Code(f"{read}{first}.reshape({read}.shape[0], -1)")


def around(use: OpUse) -> Doc:
    """Padding as two sides for each axis."""
    return group(*(group(*axis) for axis in use.four("padding")))


def windows(use: OpUse) -> tuple[Doc, Doc, Doc]:
    """Kernel, strides and padding of a pool, which are None for `same`."""
    stride = "kernel" if use["stride"] is None else "stride"
    sides = None if use["padding"] == "same" else around(use)
    return both(use, "kernel"), both(use, stride), sides


def native(name: str, use: OpUse, x: Sequence[str]) -> Call:
    """A pool of flax's own; its strides have to be given, in a tuple."""
    kernel, strides, _ = windows(use)
    padding: Any = use["padding"]
    options: dict[str, tuple[Doc, Any]] = {"strides": (strides, None)}
    if padding == "same":
        options["padding"] = ("SAME", "VALID")
    elif padding not in NOTHING:
        options["padding"] = (around(use), None)
    return call(f"nnx.{name}", Code(x[0]), kernel, **options)


def max_pool(use: OpUse, x: Sequence[str]) -> Doc:
    """Max pooling; a function of the file where flax has no such windows."""
    read = Code(x[0]), *windows(use)
    if use["dilation"] not in (1, (1, 1)):
        ceil = {"ceil_mode": (use["ceil_mode"], False)}
        return call("dilated_max_pool", *read, both(use, "dilation"), **ceil)
    if use["ceil_mode"]:
        return Call("ceil_max_pool", read)
    return native("max_pool", use, x)


def avg_pool(use: OpUse, x: Sequence[str]) -> Doc:
    """Average pooling; a function of the file where not all of a window counts."""
    same, padding = use["padding"] == "same", use["padding"]
    counted = bool(use["count_include_pad"]) and not same
    if not use["ceil_mode"] and (counted or padding in NOTHING):
        return native("avg_pool", use, x)
    kernel, strides, sides = windows(use)
    return call(
        "avg_pool",
        Code(x[0]),
        kernel,
        strides,
        padding=(sides, None),
        ceil_mode=(use["ceil_mode"], False),
        count_padding=(counted, False),
    )


def adaptive(kind: str) -> Function:
    """Adaptive pooling; a reduction where one value is left."""
    whole = over("mean" if kind == "avg" else "max", keepdims=True)

    def lower(use: OpUse, x: Sequence[str]) -> Doc:
        if use["size"] in (1, (1, 1)):
            return whole(use, x)
        return Call(f"adaptive_{kind}_pool", (Code(x[0]), both(use, "size")))

    return lower


def padded(use: OpUse, x: Sequence[str]) -> Doc:
    """Zeros around the image, and beside the channels."""
    sides = *(group(*axis) for axis in use.four("spatial")), both(use, "channels")
    return Call("jnp.pad", (Code(x[0]), group((0, 0), *sides)))


def resized(use: OpUse, x: Sequence[str]) -> Doc:
    """A resize to a size, to another value's, or by factors."""
    op: Any = use.ops[0]
    if op.scale is None:
        size: Doc = Code(f"{operand(x[-1])}.shape[1:3]")
        size = size if len(x) > 1 else pair(op.size)
        return Call(f"resize_{op.mode}", (Code(x[0]), size))
    if op.mode == "nearest" and op.repeats():
        high, wide = map(int, op.factors())
        times = f".repeat({high}, axis=1).repeat({wide}, axis=2)"
        return Code(f"{operand(x[0])}{times}")
    return Call(f"scale_{op.mode}", (Code(x[0]), op.factors()))


def gelu(use: OpUse, x: Sequence[str]) -> Doc:
    """GELU, of which the approximate one is flax's own choice."""
    exact = use["approximate"] == "none"
    return call("nnx.gelu", Code(x[0]), approximate=(not exact, True))


ACTIVATIONS = (
    *("relu", "relu6", "selu", "silu", "sigmoid", "hard_sigmoid", "hard_swish"),
    *("tanh", "softplus", "softmax", "log_softmax"),
)
"""Those that flax has by the same name."""
FUNCTIONS: dict[str, Function] = {
    "add": infix("+"),
    "subtract": infix("-"),
    "multiply": infix("*"),
    "concat": lambda use, x: Call(
        "jnp.concat", (Display(tuple(map(Code, x))),), (("axis", -1),)
    ),
    "slice": lambda use, x: Code(
        f"{operand(x[0])}[..., {span(use['start'], use['stop'])}]"
    ),
    **{name: applied(f"nnx.{name}") for name in ACTIVATIONS},
    "mish": applied("jax.nn.mish"),
    "leaky_relu": applied("leaky_relu", negative_slope=("negative_slope", 0.01)),
    "elu": applied("nnx.elu", alpha=("alpha", 1.0)),
    "gelu": gelu,
    "local_response_norm": applied(
        "local_response_norm",
        "size",
        alpha=("alpha", 1e-4),
        beta=("beta", 0.75),
        k=("k", 1.0),
    ),
    "max_pool2d": max_pool,
    "avg_pool2d": avg_pool,
    "adaptive_avg_pool2d": adaptive("avg"),
    "adaptive_max_pool2d": adaptive("max"),
    "global_avg_pool2d": over("mean"),
    "global_max_pool2d": over("max"),
    "identity": lambda use, x: Code(x[0]),
    "flatten": flattened,
    "pad": padded,
    "resize": resized,
    "pixel_shuffle": applied("pixel_shuffle", "factor"),
    "channel_shuffle": applied("channel_shuffle", "groups"),
    CHOSEN: lambda use, x: Call(called(use[CHOSEN]), (Code(x[0]),)),
}
"""Everything without weights: what `__call__` says."""


OPS = {
    **{n: f"nnx.{n}" for n in (*ACTIVATIONS, "elu") if not n.endswith("softmax")},
    "mish": "jax.nn.mish",
    "leaky_relu": "leaky_relu",
    "gelu": "gelu",
    "identity": "nnx.identity",
}
"""Ops that an argument may be: functions of a value alone."""


def unsupported(op: Op, shapes: tuple[Shape, ...]) -> str | None:
    """Why flax can't express an op exactly, or None."""
    if op.kind not in WEIGHTED and op.kind not in FUNCTIONS:
        return f"there is no lowering for {op.kind}"
    return None
