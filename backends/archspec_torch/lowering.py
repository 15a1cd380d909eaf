"""From ops to PyTorch: a table from an op's kind to what is printed for it.

Every op has a module form. An op without weights or state may have a functional form,
which `forward` prints where it reads better. A function stands where an entry would not
fit on a line; what is no name of torch is in `templates/helpers.txt`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from archspec.ops import Op, Shape, pair
from archspec.ops.base import forms, four_sides
from archspec.ops.normalization import GroupNorm
from archspec.ops.pooling import AvgPool2d, MaxPool2d
from archspec.ops.shaping import Pad
from archspec.source.classes import Function
from archspec.source.outline import CHOSEN, OpUse
from archspec.source.text import Call, Code, Display, Doc, Infix, call, called, span


def signature(op: Op, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """What of an op can't be an argument of a printed class."""
    fixed: dict[str, Any] = {"rank": len(shapes[0])}
    padding = getattr(op, "padding", 0)
    named = FIXED.get(op.kind, ())
    sides = padding if isinstance(padding, tuple) else ()
    whole = sides and all(isinstance(side, int) for side in sides)
    if whole and op.kind == "conv2d":
        pass  # a pair is as good as a number to torch's own layer
    elif padding == "same" or isinstance(padding, tuple):
        named = (*named, "padding", "kernel", "stride")
    if isinstance(op, Pad):
        fixed |= {"beside": op.beside(), **forms(op, "spatial")}
    return fixed | {name: getattr(op, name) for name in named}


FIXED: dict[str, tuple[str, ...]] = {
    "batch_norm": ("running_var",),
    "flatten": ("order",),
    "prelu": ("shared",),
    "resize": ("mode", "size", "scale"),
    "scale": ("weight",),
    "gelu": ("approximate",),
    "avg_pool2d": ("ceil_mode", "count_include_pad"),
}


def uneven(padding: Any) -> bool:
    """Whether four-sided padding differs between opposite sides."""
    return isinstance(padding, tuple) and any(a != b for a, b in four_sides(padding))


def evened(padding: Any) -> Any:
    """Padding as torch takes it: a number or a pair, where opposite sides agree."""
    if not isinstance(padding, tuple):
        return padding
    (top, _), (left, _) = four_sides(padding)
    return top if top == left else (top, left)


def last_first(sides: Sequence[Sequence[Doc]], *more: Doc) -> Display:
    """Four-sided padding in the order of F.pad: left, right, top, bottom, and more."""
    (top, bottom), (left, right) = sides
    return Display((left, right, top, bottom, *more), "()")


def conv2d(use: OpUse) -> Call:
    """Conv2d; a subclass where torch has no such padding."""
    padding = use["padding"]
    args: tuple[Doc, ...] = (use.channels[0], use["channels"], use["kernel"])
    rest = {
        "dilation": (use["dilation"], 1),
        "groups": (use["groups"], 1),
        "bias": (use["bias"], True),
    }
    if padding == "same":
        if all(pair(op.stride) == (1, 1) for op in ops(use)):
            found = {tuple(size - 1 for size in op.extent()) for op in ops(use)}
            high, wide = next(iter(found))
            if len(found) == 1 and high % 2 == wide % 2 == 0:  # which all tools read
                padding = high // 2 if high == wide else (high // 2, wide // 2)
            return call("nn.Conv2d", *args, padding=(padding, 0), **rest)
        return call("Conv2dSame", *args, stride=(use["stride"], 1), **rest)
    stride: dict[str, tuple[Doc, Any]] = {"stride": (use["stride"], 1)}
    if uneven(padding):
        sides = last_first(four_sides(padding))
        return call("PaddedConv2d", *args, sides=(sides, None), **stride, **rest)
    return call("nn.Conv2d", *args, **stride, padding=(evened(padding), 0), **rest)


def ops(use: OpUse) -> list[Any]:
    """The ops of all instances, for reading their attributes."""
    return list(use.ops)


def conv_transpose2d(use: OpUse) -> Call:
    """ConvTranspose2d."""
    return call(
        "nn.ConvTranspose2d",
        use.channels[0],
        use["channels"],
        use["kernel"],
        stride=(use["stride"], 1),
        padding=(use["padding"], 0),
        output_padding=(use["output_padding"], 0),
        groups=(use["groups"], 1),
        bias=(use["bias"], True),
        dilation=(use["dilation"], 1),
    )


def batch_norm(use: OpUse) -> Call:
    """BatchNorm1d or 2d; a subclass where the biased running variance is asked for."""
    rank = "2d" if len(use.shapes[0][0]) == 3 else "1d"
    biased = use["running_var"] == "biased"
    return call(
        f"BiasedBatchNorm{rank}" if biased else f"nn.BatchNorm{rank}",
        use.channels[0],
        eps=(use["eps"], 1e-5),
        momentum=(use["momentum"], 0.1),
        affine=(use["affine"], True),
    )


def layer_norm(use: OpUse) -> Call:
    """LayerNorm over the channels, of an image or a vector."""
    name = "LayerNorm2d" if len(use.shapes[0][0]) == 3 else "nn.LayerNorm"
    return call(
        name,
        use.channels[0],
        eps=(use["eps"], 1e-5),
        elementwise_affine=(use["affine"], True),
    )


def max_pool2d(use: OpUse) -> Call:
    """MaxPool2d, after padding with -inf where torch has no such padding."""
    padding = use["padding"]
    rest = {
        "stride": (stride(use), None),
        "dilation": (use["dilation"], 1),
    }
    if padding == "same":
        return call("MaxPool2dSame", use["kernel"], **rest)
    ceil = (use["ceil_mode"], False)
    if uneven(padding):
        pad = Call(
            "nn.ConstantPad2d", (last_first(four_sides(padding)), Code('float("-inf")'))
        )
        return Call("nn.Sequential", (pad, call("nn.MaxPool2d", use["kernel"], **rest)))
    return call(
        "nn.MaxPool2d",
        use["kernel"],
        stride=rest["stride"],
        padding=(evened(padding), 0),
        dilation=rest["dilation"],
        ceil_mode=ceil,
    )


def stride(use: OpUse) -> Any:
    """A pool's stride, None where it is the kernel."""
    return None if use["stride"] == use["kernel"] else use["stride"]


def avg_pool2d(use: OpUse) -> Call:
    """AvgPool2d, after padding with zeros where torch has no such padding."""
    padding = use["padding"]
    if padding == "same":
        return call("AvgPool2dSame", use["kernel"], stride=(stride(use), None))
    if uneven(padding):
        pad = Call("nn.ZeroPad2d", (last_first(four_sides(padding)),))
        pool = call("nn.AvgPool2d", use["kernel"], stride=(stride(use), None))
        return Call("nn.Sequential", (pad, pool))
    return call(
        "nn.AvgPool2d",
        use["kernel"],
        stride=(stride(use), None),
        padding=(evened(padding), 0),
        ceil_mode=(use["ceil_mode"], False),
        count_include_pad=(use["count_include_pad"], True),
    )


def flatten(use: OpUse) -> Call:
    """Flatten; a small module for the order of a Keras Flatten."""
    hwc = use["order"] == "hwc" and len(use.shapes[0][0]) == 3
    return Call("FlattenHWC" if hwc else "nn.Flatten")


def hwc(use: OpUse) -> bool:
    """Whether a flatten has to move the channels last."""
    return use["order"] == "hwc" and len(use.shapes[0][0]) == 3


def pad(use: OpUse) -> Call:
    """Zero padding of an image, and of its channels."""
    if any(op.beside() for op in ops(use)):
        width = last_first(use.four("spatial"), *use.two("channels"))
        return Call("nn.ConstantPad3d", (width, 0.0))
    return Call("nn.ZeroPad2d", (last_first(use.four("spatial")),))


def resize(use: OpUse) -> Call:
    """Upsample, which shrinks as well."""
    return call(
        "nn.Upsample",
        size=(use["size"], None),
        scale_factor=(factor(use), None),
        mode=(use["mode"], "nearest"),
    )


def factor(use: OpUse) -> Any:
    """A resize's scale as floats, as torch annotates it."""
    found = use["scale"]
    if isinstance(found, tuple):
        return tuple(float(str(item)) for item in found)
    return float(found) if isinstance(found, int) else found


def beside(use: OpUse, first: int) -> tuple[int, ...]:
    """The shape that lines up one number for each image, or each channel."""
    return (-1, *(1,) * (len(use.shapes[0][0]) - first))


def scale(use: OpUse) -> Call:
    """Scale; another class where the spec names its parameter."""
    shape = {"shape": (beside(use, 1), (-1, 1, 1))}
    if use["weight"] == "weight":
        return call("Scale", use.channels[0], **shape)
    return call("NamedScale", use.channels[0], use["weight"], **shape)


def simple(name: str) -> Callable[[OpUse], Call]:
    """A module without arguments."""
    return lambda use: Call(name)


MODULES: dict[str, Callable[[OpUse], Call]] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": lambda use: call(
        "nn.Linear", use.channels[0], use["features"], bias=(use["bias"], True)
    ),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": lambda use: call(
        "nn.GroupNorm",
        use["groups"],
        use.channels[0],
        eps=(use["eps"], 1e-5),
        affine=(use["affine"], True),
    ),
    "local_response_norm": lambda use: call(
        "nn.LocalResponseNorm",
        use["size"],
        alpha=(use["alpha"], 1e-4),
        beta=(use["beta"], 0.75),
        k=(use["k"], 1.0),
    ),
    "scale": scale,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": lambda use: Call("nn.AdaptiveAvgPool2d", (use["size"],)),
    "adaptive_max_pool2d": lambda use: Call("nn.AdaptiveMaxPool2d", (use["size"],)),
    "global_avg_pool2d": simple("GlobalAvgPool2d"),
    "global_max_pool2d": simple("GlobalMaxPool2d"),
    "relu": simple("nn.ReLU"),
    "relu6": simple("nn.ReLU6"),
    "leaky_relu": lambda use: call(
        "nn.LeakyReLU", negative_slope=(use["negative_slope"], 0.01)
    ),
    "prelu": lambda use: (
        Call("nn.PReLU") if use["shared"] else Call("nn.PReLU", (use.channels[0],))
    ),
    "elu": lambda use: call("nn.ELU", alpha=(use["alpha"], 1.0)),
    "selu": simple("nn.SELU"),
    "gelu": lambda use: call("nn.GELU", approximate=(use["approximate"], "none")),
    "silu": simple("nn.SiLU"),
    "mish": simple("nn.Mish"),
    "sigmoid": simple("nn.Sigmoid"),
    "hard_sigmoid": simple("nn.Hardsigmoid"),
    "hard_swish": simple("nn.Hardswish"),
    "tanh": simple("nn.Tanh"),
    # torch's own threshold of 20 drops exp(-20) = 2e-9 of the sum.
    "softplus": lambda use: Call("nn.Softplus", (), (("threshold", 40.0),)),
    "softmax": lambda use: Call("nn.Softmax", (), (("dim", 1),)),
    "log_softmax": lambda use: Call("nn.LogSoftmax", (), (("dim", 1),)),
    "identity": simple("nn.Identity"),
    "dropout": lambda use: call("nn.Dropout", p=(use["rate"], 0.5)),
    "drop_path": lambda use: call(
        "DropPath", use["rate"], shape=(beside(use, 0), (-1, 1, 1, 1))
    ),
    "slice": lambda use: Call("ChannelSlice", (use["start"], use["stop"])),
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": lambda use: Call("nn.PixelShuffle", (use["factor"],)),
    "channel_shuffle": lambda use: Call("ChannelShuffle", (use["groups"],)),
    CHOSEN: lambda use: Call(called(use[CHOSEN])),
}
OPS = {
    "relu": "nn.ReLU",
    "relu6": "nn.ReLU6",
    "leaky_relu": "nn.LeakyReLU",
    "elu": "nn.ELU",
    "selu": "nn.SELU",
    "gelu": "nn.GELU",
    "silu": "nn.SiLU",
    "mish": "nn.Mish",
    "sigmoid": "nn.Sigmoid",
    "hard_sigmoid": "nn.Hardsigmoid",
    "hard_swish": "nn.Hardswish",
    "tanh": "nn.Tanh",
    "identity": "nn.Identity",
}
"""Ops that an argument may be: classes that take no arguments."""


def infix(symbol: str) -> Function:
    """An operator between all operands."""
    return lambda use, x: Infix(
        tuple(Code(operand(text)) for text in x), (symbol,) * (len(x) - 1)
    )


def operand(text: str) -> str:
    """An expression that an operator or a method can follow."""
    if text.isidentifier() or not isinstance(
        ast.parse(text, mode="eval").body, ast.BinOp
    ):
        return text
    return f"({text})"


def resized(use: OpUse, x: Sequence[str]) -> Doc:
    """interpolate, to another value's size where there is one."""
    if len(x) == 1:
        return Call("F.interpolate", (Code(x[0]),), resize(use).kwargs)
    size: Doc = Code(f"{operand(x[1])}.shape[-2:]")
    mode = call("", mode=(use["mode"], "nearest")).kwargs
    return Call("F.interpolate", (Code(x[0]),), (("size", size), *mode))


def cut(use: OpUse, x: Sequence[str]) -> Doc:
    """Some of the channels."""
    return Code(f"{operand(x[0])}[:, {span(use['start'], use['stop'])}]")


def flattened(use: OpUse, x: Sequence[str]) -> Doc:
    """flatten, after moving the channels last where the order says so."""
    value = f"{operand(x[0])}.permute(0, 2, 3, 1)" if hwc(use) else x[0]
    return Call("torch.flatten", (Code(value), 1))


FUNCTIONS: dict[str, Function] = {
    "add": infix("+"),
    "subtract": infix("-"),
    "multiply": infix("*"),
    "concat": lambda use, x: Call(
        "torch.cat", (Display(tuple(map(Code, x)), "()"),), (("dim", 1),)
    ),
    "slice": cut,
    "relu": lambda use, x: Call("F.relu", (Code(x[0]),)),
    "sigmoid": lambda use, x: Call("torch.sigmoid", (Code(x[0]),)),
    "flatten": flattened,
    "global_avg_pool2d": lambda use, x: Code(f"{operand(x[0])}.mean((2, 3))"),
    "global_max_pool2d": lambda use, x: Code(f"{operand(x[0])}.amax((2, 3))"),
    "identity": lambda use, x: Code(x[0]),
    "resize": resized,
    "pad": lambda use, x: Call("F.pad", (Code(x[0]), pad(use).args[0])),
}
"""Functional forms; those of ops that read two values have no module form."""


def unsupported(op: Op, shapes: tuple[Shape, ...]) -> str | None:
    """Why PyTorch can't express an op exactly, or None."""
    if op.kind not in MODULES and op.kind not in FUNCTIONS:
        return f"there is no lowering for {op.kind}"
    if isinstance(op, AvgPool2d) and uneven(op.padding) and not op.count_include_pad:
        return "an average can't leave out padding that differs between two sides"
    if isinstance(op, AvgPool2d | MaxPool2d) and uneven(op.padding) and op.ceil_mode:
        return "ceil_mode doesn't go with padding that differs between two sides"
    if isinstance(op, GroupNorm) and prod(shapes[0]) == op.groups:
        return "GroupNorm wants more than one value in a group, for one image too"
    return None
