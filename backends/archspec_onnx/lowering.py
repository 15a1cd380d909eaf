"""From ops to ONNX: a table from an op's kind to the call that is printed.

An op that is one node without weights is printed as such, `net("Relu", x, name=...)`;
any other is a call of a function of the printed file, which is in `templates`. Every
net takes images of any size, so what depends on a size is computed by nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.ops import Op, Shape, pair
from archspec.ops.base import forms
from archspec.ops.convolution import Conv2d, ConvTranspose2d
from archspec.ops.pooling import Adaptive, AvgPool2d
from archspec.ops.shaping import Pad
from archspec.source.expr import Arg, Expr, translated
from archspec.source.functions.dialect import Function, Lowering, Step
from archspec.source.functions.steps import pads
from archspec.source.outline import CHOSEN, OpUse
from archspec.source.text import Code, Display, Doc, flat
from archspec_onnx.calls import added, helper, listed, node, number, plain
from archspec_onnx.windows import (
    WINDOW,
    adaptive,
    four,
    global_pool,
    padding,
    pool,
    sliding,
)

FIXED: dict[str, tuple[str, ...]] = {
    "max_pool2d": ("ceil_mode",),
    "avg_pool2d": ("ceil_mode", "count_include_pad"),
    "prelu": ("shared",),
    "gelu": ("approximate",),
    "flatten": ("order",),
    "resize": ("mode", "scale", "size"),
    "scale": ("weight",),
    "batch_norm": ("momentum", "running_var"),
}
"""Attributes that can't be arguments."""
SIZED = ("kernel", "stride", "padding", "dilation", "output_padding")
"""Attributes that are no arguments where they are several numbers, or a word; those of
a convolution are, but not by a word, in one form each."""


def signature(op: Op, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """What of an op can't be an argument of a printed function."""
    named = [*FIXED.get(op.kind, ())]
    fixed: dict[str, Any] = {"rank": len(shapes[0])}
    for name in SIZED:
        value = getattr(op, name, 0)
        if isinstance(value, tuple) and isinstance(op, Conv2d) and op.padding != "same":
            fixed |= forms(op, name)
        elif isinstance(value, tuple | str | None):
            named.append(name)
    if isinstance(op, Pad):
        fixed |= forms(op, "spatial")
    same = getattr(op, "padding", 0) == "same"
    if getattr(op, "ceil_mode", False) or (same and isinstance(op, AvgPool2d)):
        named += SIZED
    elif same:
        named.append("dilation")
    if isinstance(op, Adaptive):
        fixed |= forms(op, "size")
        named += ["size"] if pair(op.size) == (1, 1) else []
    named = [name for name in dict.fromkeys(named) if hasattr(op, name)]
    return fixed | {name: getattr(op, name) for name in named}


def divided(channels: Arg, groups: Arg) -> Arg:
    """A number of channels a group."""
    if flat(channels) == flat(groups):
        return 1
    return translated("a // b", {"a": channels, "b": groups}.__getitem__)


def conv2d(use: OpUse) -> Sequence[Step]:
    """Conv; with padding of its own size before it where `same` meets a dilation."""
    groups = use["groups"]
    shape = (use["channels"], divided(use.channels[0], groups), *use.two("kernel"))
    before, around = padding(use)
    told = sliding(use, WINDOW) | around
    told |= {} if groups == 1 else {"group": groups}
    return [*before, convolved("conv", use, shape, told)]


def convolved(
    name: str, use: OpUse, shape: Sequence[Arg], told: dict[str, Doc]
) -> Function:
    """The call that adds a convolution."""
    options: dict[str, tuple[Doc, Any]] = {k: (v, None) for k, v in told.items()}
    options["bias"] = (use["bias"], False)
    return helper(name, Display((*shape,), "()"), **options)


def conv_transpose2d(use: OpUse) -> Sequence[Step]:
    """ConvTranspose."""
    groups = use["groups"]
    shape = (use.channels[0], divided(use["channels"], groups), *use.two("kernel"))
    told: dict[str, Doc] = sliding(use, WINDOW)
    if pads(use["padding"]):
        told["pads"] = four(use)
    extra: Any = use["output_padding"]
    if isinstance(extra, Expr) or any(pair(extra)):
        told["output_padding"] = listed(*use.two("output_padding"))
    told |= {} if groups == 1 else {"group": groups}
    return [convolved("conv_transpose", use, shape, told)]


def linear(use: OpUse) -> Sequence[Step]:
    """Gemm, whose second factor is transposed as torch has it."""
    shape = Display((use["features"], use.channels[0]), "()")
    return [helper("linear", shape, bias=(use["bias"], True))]


def norm(fn: str, *attributes: str, rank: bool = False) -> Lowering:
    """A norm of so many channels."""

    def lower(use: OpUse) -> Sequence[Step]:
        image = {"image": (use.image, None)} if rank else {}
        args = (use.channels[0], *(use[name] for name in attributes))
        options: dict[str, tuple[Doc, Any]] = {
            "eps": (use["eps"], 1e-5),
            "affine": (use["affine"], True),
            **image,
        }
        return [helper(fn, *args, **options)]

    return lower


def local_response_norm(use: OpUse) -> Sequence[Step]:
    """LRN; of an even size, which ONNX Runtime refuses, its definition."""
    options = {name: (use[name], None) for name in ("alpha", "beta", "k")}
    return [helper("local_response_norm", use["size"], **options)]


def scale(use: OpUse) -> Sequence[Step]:
    """A product with a weight."""
    told = {"weight": (use["weight"], "weight"), "image": (use.image, None)}
    return [helper("scale", use.channels[0], **told)]


def prelu(use: OpUse) -> Sequence[Step]:
    """PRelu."""
    count = 1 if use["shared"] else use.channels[0]
    return [helper("prelu", count, image=(use.image, None))]


def sloped(op: str, attribute: str) -> Lowering:
    """A node with the attribute alpha."""
    return lambda use: [added(op, alpha=number(use[attribute]))]


def gelu(use: OpUse) -> Sequence[Step]:
    """Gelu."""
    if use["approximate"] == "none":
        return [added("Gelu")]
    return [added("Gelu", approximate=use["approximate"])]


def summed(use: OpUse) -> Sequence[Step]:
    """Add of two values, Sum of more."""
    return [added("Add" if len(use.shapes[0]) == 2 else "Sum")]


def multiplied(use: OpUse) -> Sequence[Step]:
    """Mul of two values; of more a chain."""
    return [added("Mul") if len(use.shapes[0]) == 2 else helper("multiply")]


def flatten(use: OpUse) -> Sequence[Step]:
    """Flatten, of an image with the channels last where its order is so."""
    hwc = use.image and use["order"] == "hwc"
    return [helper("flatten") if hwc else added("Flatten", axis=1)]


def pad(use: OpUse) -> Sequence[Step]:
    """Pad."""
    before, after = use.two("channels")
    (top, bottom), (left, right) = use.four("spatial")
    return [helper("pad", listed(0, before, top, left, 0, after, bottom, right))]


QUARTERS = 64
"""Up to this factor float32 multiplies sizes with quarters exactly."""


def resize(use: OpUse) -> Sequence[Step]:
    """Resize where it is exact; else pixels are gathered, or weighed by matrices."""
    op: Any = use.ops[0]
    factors = None if op.scale is None else op.factors()
    size = None if op.size is None else listed(*pair(op.size))
    if op.mode == "nearest":
        if factors and all(factor in (1, 2, 4, 8) for factor in factors):
            return [helper("resize_by", listed(*factors), "nearest")]
        told = None if factors is None else listed(*factors)
        return [helper("nearest", size=(size, None), factors=(told, None))]
    if factors is None:
        return [helper("resize_to", *([] if size is None else [size]))]
    if all(4 * factor % 1 == 0 and factor <= QUARTERS for factor in factors):
        return [helper("resize_by", listed(*factors), "linear")]
    return [helper("bilinear", listed(*factors))]


OPS = {
    "relu": '"Relu"',
    "relu6": '"Relu6"',
    "elu": '"Elu"',
    "selu": '"Selu"',
    "gelu": '"Gelu"',
    "silu": '"Silu"',
    "mish": '"Mish"',
    "sigmoid": '"Sigmoid"',
    "hard_sigmoid": '"HardSigmoid"',
    "hard_swish": '"HardSwish"',
    "tanh": '"Tanh"',
    "softplus": '"Softplus"',
    "softmax": '"Softmax"',
    "log_softmax": '"LogSoftmax"',
    "identity": '"Identity"',
}
"""What an argument that chooses an op is given."""
LOWERINGS: dict[str, Lowering] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": linear,
    "batch_norm": norm("batch_norm"),
    "layer_norm": norm("layer_norm", rank=True),
    "group_norm": norm("group_norm", "groups"),
    "local_response_norm": local_response_norm,
    "scale": scale,
    "max_pool2d": pool("MaxPool"),
    "avg_pool2d": pool("AveragePool"),
    "adaptive_avg_pool2d": adaptive("avg"),
    "adaptive_max_pool2d": adaptive("max"),
    "global_avg_pool2d": global_pool("GlobalAveragePool"),
    "global_max_pool2d": global_pool("GlobalMaxPool"),
    "relu": node("Relu"),
    "relu6": plain("relu6"),
    "leaky_relu": sloped("LeakyRelu", "negative_slope"),
    "prelu": prelu,
    "elu": sloped("Elu", "alpha"),
    "selu": node("Selu"),
    "gelu": gelu,
    "silu": plain("silu"),
    "mish": node("Mish"),
    "sigmoid": node("Sigmoid"),
    "hard_sigmoid": node("HardSigmoid", alpha=Code("1 / 6"), beta=0.5),
    "hard_swish": node("HardSwish"),
    "tanh": node("Tanh"),
    "softplus": node("Softplus"),
    "softmax": node("Softmax", axis=1),
    "log_softmax": node("LogSoftmax", axis=1),
    "identity": lambda use: [],
    "dropout": lambda use: [],
    "drop_path": lambda use: [],
    "add": summed,
    "subtract": node("Sub"),
    "multiply": multiplied,
    "concat": node("Concat", axis=1),
    "slice": lambda use: [helper("channel_slice", use["start"], use["stop"])],
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": lambda use: [
        added("DepthToSpace", blocksize=use["factor"], mode="CRD")
    ],
    "channel_shuffle": lambda use: [
        helper("channel_shuffle", use.channels[0], use["groups"])
    ],
    CHOSEN: lambda use: [helper("activation", use[CHOSEN])],
}


OPSET = 21
"""The version of ONNX' ops that is printed unless another one is asked for."""
OPSETS = range(18, 27)
"""Versions in which all that is printed means the same."""
SINCE = {"gelu": 20, "group_norm": 21}
"""Versions from which on there are ops, or ones that mean this."""


def unsupported(op: Op, shapes: tuple[Shape, ...], *, opset: int = OPSET) -> str | None:
    """Why ONNX can't express an op exactly, or None."""
    if op.kind not in LOWERINGS:
        return f"there is no lowering for {op.kind}"
    if isinstance(op, AvgPool2d) and op.padding == "same" and op.extent() != (1, 1):
        axes = zip(op.extent(), op.steps(), strict=True)
        if any(size == 1 and step > 1 for size, step in axes):
            return "padding same takes pixels away along the axis with windows of one"
    if isinstance(op, ConvTranspose2d):
        axes = zip(pair(op.output_padding), pair(op.stride), strict=True)
        if any(more >= step for more, step in axes if more):
            return "ONNX Runtime takes no output_padding as large as the stride"
    since = SINCE.get(op.kind, 0)
    return f"it is an op since opset {since}" if opset < since else None
