"""From ops to Keras: a table from an op's kind to the steps that are printed.

Images are channels last. What a step says of an attribute holds for every value that
the attribute may have where it is an argument; `signature` names the attributes that
can't be one, since the steps depend on their values.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from archspec.ops import Op, Shape, pair
from archspec.ops.base import four_sides
from archspec.ops.convolution import Conv2d, ConvTranspose2d, multiplier
from archspec.ops.pooling import Adaptive, AdaptiveMaxPool2d, Pool
from archspec.ops.shaping import Resize
from archspec.source.expr import Arg, Expr, choice, equal, parts
from archspec.source.functions import Constants, Lowering, Step
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Doc, call, flat, span
from archspec_keras.initial import started, undrawn
from archspec_keras.steps import (
    applied,
    group,
    indexed,
    layer,
    padded,
    sided,
    sides,
    unpadded,
    zeros,
)

FIXED: dict[str, tuple[str, ...]] = {
    "batch_norm": ("running_var",),
    "conv_transpose2d": (
        *("kernel", "stride", "padding", "output_padding", "dilation", "groups"),
    ),
    "max_pool2d": ("ceil_mode", "dilation"),
    "avg_pool2d": ("ceil_mode", "count_include_pad"),
    "adaptive_max_pool2d": ("size",),
    "prelu": ("shared",),
    "gelu": ("approximate",),
    "flatten": ("order",),
    "resize": ("mode", "scale", "size"),
}
"""Attributes that can't be arguments, whatever the others are."""


def signature(op: Op, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """What of an op can't be an argument of a printed function."""
    fixed: dict[str, Any] = {
        "rank": len(shapes[0]),
        "inits": frozenset(op.inits().items()),
    }
    named = [*FIXED.get(op.kind, ())]
    if isinstance(op, Conv2d):
        fixed["depthwise"] = depthwise = multiplier(op, shapes)
        if depthwise:  # it stays one, whatever an argument says
            fixed |= {"groups": ..., "channels": ..., "in_channels": ...}
        if isinstance(op.dilation, tuple):
            named += ["stride", "dilation"]
        if isinstance(op.stride, tuple):
            named.append("stride")
        if op.padding == "same":  # of one that strides and dilates it would differ
            named += ["padding", "dilation", "stride"][: 2 + (op.dilation != 1)]
    if isinstance(op, Pool):
        sizes = ("kernel", "stride", "padding")
        named += [name for name in sizes if not isinstance(getattr(op, name), int)]
    if isinstance(op, Adaptive):
        fixed["global"] = pair(op.size) == (1, 1)
        if fixed["global"]:
            named.append("size")
    if op.kind == "scale":
        fixed["weight"] = ...
    return fixed | {name: getattr(op, name) for name in named}


def first(use: OpUse) -> Any:
    """The op of one instance, for what all have in common."""
    return use.ops[0]


def image(use: OpUse) -> bool:
    """Whether it reads an image."""
    return len(use.shapes[0][0]) == 3


def unequal(stride: Any) -> bool:
    """Whether it differs between the axes, which a depthwise convolution's may not."""
    down, across = pair(stride)
    return down != across


def conv2d(use: OpUse, constants: Constants) -> Sequence[Step]:
    """Conv2D or DepthwiseConv2D; what strides and dilates is a slice afterwards."""
    op = first(use)
    steps, padding = padded(use, op.extent())
    depth = multiplier(op, use.shapes[0])
    stride, thinning = strided(use, bool(depth))
    rest: dict[str, tuple[Doc, Any]] = {
        "strides": (stride, 1),
        "padding": (padding, "valid"),
        "dilation_rate": (use["dilation"], 1),
        "use_bias": (use["bias"], True),
    }
    if depth:
        rest = {"depth_multiplier": (depth, 1), **rest}
        made = call("layers.DepthwiseConv2D", use["kernel"], **rest)
    else:
        rest["groups"] = (use["groups"], 1)
        made = call("layers.Conv2D", use["channels"], use["kernel"], **rest)
    return [*steps, layer(started(use, made, constants)), *thinning]


def strided(use: OpUse, depthwise: bool) -> tuple[Arg, Sequence[Step]]:
    """The stride of a convolution, and what strides behind it.

    No layer of Keras strides and dilates at once, nor does a depthwise one stride
    unequally.
    """
    stride, dilation = use["stride"], use["dilation"]
    if isinstance(dilation, Expr) and stride != 1:
        once = choice(stride, equal(dilation, 1), 1)
        return once, [applied("thinned", stride, dilation)]
    alone = isinstance(dilation, Expr) or max(pair(dilation)) == 1
    if (alone or stride == 1) and not (depthwise and unequal(first(use).stride)):
        return stride, []
    down, across = map(flat, parts(stride))
    return 1, [indexed(f":, ::{down}, ::{across}, :")]


def conv_transpose2d(use: OpUse, constants: Constants) -> Sequence[Step]:
    """Conv2DTranspose without padding, and cropping."""
    op = first(use)
    sides = [*zip(pair(op.output_padding), pair(op.padding), strict=True)]
    extra = tuple(max(more - less, 0) for more, less in sides)
    # Keras' own choice is max(kernel, stride) - kernel, unless it is told.
    wide = zip(pair(op.kernel), pair(op.stride), strict=True)
    told = any(extra) or any(kernel < stride for kernel, stride in wide)
    made = call(
        "layers.Conv2DTranspose",
        use["channels"],
        use["kernel"],
        strides=(use["stride"], 1),
        output_padding=(extra if told else None, None),
        use_bias=(use["bias"], True),
    )
    steps = [layer(started(use, made, constants))]
    crop = tuple((less, max(less - more, 0)) for more, less in sides)
    if any(map(any, crop)):
        steps.append(layer(Call("layers.Cropping2D", (sided(crop),)), "crop"))
    return steps


def weighted(name: str, *args: str, **options: tuple[str, Any]) -> Lowering:
    """A layer with weights, from attributes; options come with Keras' defaults."""

    def lower(use: OpUse, constants: Constants) -> Sequence[Step]:
        given = {key: (use[attr], usual) for key, (attr, usual) in options.items()}
        made = call(f"layers.{name}", *(use[arg] for arg in args), **given)
        return [layer(started(use, made, constants))]

    return lower


def batch_norm(use: OpUse, constants: Constants) -> Sequence[Step]:
    """BatchNormalization; a subclass where torch's running variance is asked for."""
    unbiased = use["running_var"] == "unbiased"
    momentum: Any = use["momentum"]
    made = call(
        "UnbiasedBatchNormalization" if unbiased else "layers.BatchNormalization",
        momentum=(1 - momentum, 0.99),
        epsilon=(use["eps"], 1e-3),
        center=(use["affine"], True),
        scale=(use["affine"], True),
    )
    return [layer(started(use, made, constants))]


def scale(use: OpUse, constants: Constants) -> Sequence[Step]:
    """A 1x1 depthwise convolution is a learned factor per channel."""
    made = call("layers.DepthwiseConv2D", 1, use_bias=(False, True))
    if not image(use):
        shape = (("output_shape", use.channels[0]),)
        made = Call("layers.EinsumDense", ("bc,c->bc",), shape)
    return [layer(started(use, made, constants))]


def prelu(use: OpUse, constants: Constants) -> Sequence[Step]:
    """PReLU with one slope for each channel, or one for all."""
    axes = ((1, 2) if image(use) else ()) + (
        ((3,) if image(use) else (1,)) if use["shared"] else ()
    )
    made = call("layers.PReLU", shared_axes=(axes, ()))
    return [layer(started(use, made, constants))]


def window(name: str, use: OpUse, padding: str) -> Step:
    """A pool with windows; its stride is the kernel unless it is told."""
    stride = None if use["stride"] == use["kernel"] else use["stride"]
    told: dict[str, tuple[Doc, Any]] = {
        "strides": (stride, None),
        "padding": (padding, "valid"),
    }
    return layer(call(f"layers.{name}", use["kernel"], **told))


def windowed(use: OpUse) -> dict[str, Doc]:
    """What printed functions that count windows are told."""
    kernel, stride = use["kernel"], use["stride"]
    return {"kernel": twice(kernel), "stride": twice(stride or kernel)}


def twice(size: Any) -> Doc:
    """A height and a width."""
    return group(size, size) if isinstance(size, Expr) else pair(size)


def max_pool2d(use: OpUse, constants: Constants) -> Sequence[Step]:
    """MaxPooling2D, after padding with -inf, which never wins."""
    padding: Any = use["padding"]
    if padding == "same":
        return [window("MaxPooling2D", use, "same")]
    made = window("MaxPooling2D", use, "valid")
    if use["ceil_mode"]:
        before = (low for low, _ in sides(padding))
        return [applied("pad_up", **windowed(use), padding=group(*before)), made]
    if unpadded(use):
        return [made]
    around = ((0, 0), *(group(*side) for side in sides(padding)), (0, 0))
    infinite = Code('float("-inf")')
    return [applied("ops.pad", group(*around), constant_values=infinite), made]


def avg_pool2d(use: OpUse, constants: Constants) -> Sequence[Step]:
    """AveragePooling2D; a printed function where not all of a window counts."""
    padding: Any = use["padding"]
    same, pads = padding == "same", not unpadded(use)
    counts = bool(use["count_include_pad"]) and not same
    if same or use["ceil_mode"] or (pads and not counts):
        around = None if same else group(*(group(*s) for s in sides(padding)))
        told: dict[str, tuple[Doc, Any]] = {
            "padding": (around, None),
            "ceil_mode": (use["ceil_mode"], False),
            "count_padding": (counts, False),
        }
        made = call("", **told)
        return [applied("avg_pool", **windowed(use), **dict(made.kwargs))]
    made = window("AveragePooling2D", use, "valid")
    return [zeros(padding, "pad"), made] if pads else [made]


def adaptive(kind: str) -> Lowering:
    """Adaptive pooling; a global pool where one value is left."""

    def lower(use: OpUse, constants: Constants) -> Sequence[Step]:
        if pair(first(use).size) == (1, 1):
            kept = (("keepdims", True),)
            return [layer(Call(f"layers.Global{kind}Pooling2D", (), kept))]
        return [layer(Call(f"layers.Adaptive{kind}Pooling2D", (use["size"],)))]

    return lower


def leaky_relu(use: OpUse, constants: Constants) -> Sequence[Step]:
    """LeakyReLU; an op where the slope may be negative, which the layer refuses."""
    slope: Any = use["negative_slope"]
    if isinstance(slope, Expr) or slope < 0:
        return [applied("ops.leaky_relu", slope)]
    return [layer(call("layers.LeakyReLU", negative_slope=(slope, 0.3)))]


def gelu(use: OpUse, constants: Constants) -> Sequence[Step]:
    """The exact one is Keras' activation; the other an op."""
    if use["approximate"] == "none":
        return [layer(Call("layers.Activation", ("gelu",)))]
    return [applied("ops.gelu", approximate=True)]


def drop_path(use: OpUse, constants: Constants) -> Sequence[Step]:
    """Dropout of whole images."""
    noise: Doc = (None, *[1] * len(use.shapes[0][0]))
    return [layer(Call("layers.Dropout", (use["rate"],), (("noise_shape", noise),)))]


def slice_(use: OpUse, constants: Constants) -> Sequence[Step]:
    """Some of the channels."""
    return [indexed(f"..., {span(use['start'], use['stop'])}")]


def flatten(use: OpUse, constants: Constants) -> Sequence[Step]:
    """Flatten, after a Permute where the canonical order is channels first."""
    made = layer(Call("layers.Flatten"))
    if not image(use) or use["order"] == "hwc":
        return [made]
    return [layer(Call("layers.Permute", ((3, 1, 2),)), "permute"), made]


def pad(use: OpUse, constants: Constants) -> Sequence[Step]:
    """Zeros around the image, and beside the channels."""
    spatial, channels = use["spatial"], parts(use["channels"])
    steps = []
    if isinstance(spatial, Expr) or any(map(any, four_sides(spatial))):
        steps.append(zeros(spatial))
    if channels != (0, 0):
        none = (0, 0)
        steps.append(applied("ops.pad", group(none, none, none, group(*channels))))
    return steps


def resize(use: OpUse, constants: Constants) -> Sequence[Step]:
    """UpSampling2D, or a function that the printed file defines."""
    op = first(use)
    if op.scale is not None:
        factors = op.scale if isinstance(op.scale, tuple) else (op.scale, op.scale)
        if op.mode == "bilinear" or all(map(repeats, factors)):
            height, width = map(int, factors)
            size = height if height == width else (height, width)
            mode = {"interpolation": (op.mode, "nearest")}
            return [layer(call("layers.UpSampling2D", size, **mode))]
        return [applied("scale_nearest", tuple(map(float, factors)))]
    if op.size is not None:
        return [applied(f"resize_{op.mode}", pair(op.size))]
    return [
        lambda values, name: Call(
            f"resize_{op.mode}", (values[0], Call("static_size", (values[1],)))
        )
    ]


def repeats(factor: float) -> bool:
    """Whether PyTorch's nearest neighbour repeats each pixel `factor` times.

    It multiplies positions by 1 / factor in single precision; where that is rounded
    down, the last of some pixel's repetitions shows the pixel before it.
    """
    (step,) = struct.unpack("f", struct.pack("f", 1 / factor))
    return factor == int(factor) and step >= 1 / factor


def plain(name: str, *args: Doc) -> Lowering:
    """A layer with fixed arguments."""
    return lambda use, constants: [layer(Call(f"layers.{name}", args))]


def activation(name: str) -> Lowering:
    """An activation that has no layer class of its own."""
    return plain("Activation", name)


def helper(name: str, *attributes: str) -> Lowering:
    """A function that the printed file defines."""
    return lambda use, constants: [applied(name, **{a: use[a] for a in attributes})]


AFFINE = {"center": ("affine", True), "scale": ("affine", True)}
LOWERINGS: dict[str, Lowering] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": weighted("Dense", "features", use_bias=("bias", True)),
    "batch_norm": batch_norm,
    "layer_norm": weighted("LayerNormalization", epsilon=("eps", 1e-3), **AFFINE),
    "group_norm": weighted(
        "GroupNormalization", "groups", epsilon=("eps", 1e-3), **AFFINE
    ),
    "local_response_norm": helper("local_response_norm", "size", "alpha", "beta", "k"),
    "scale": scale,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive("Average"),
    "adaptive_max_pool2d": adaptive("Max"),
    "global_avg_pool2d": plain("GlobalAveragePooling2D"),
    "global_max_pool2d": plain("GlobalMaxPooling2D"),
    "relu": plain("ReLU"),
    "relu6": plain("ReLU", 6.0),
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": lambda use, constants: [
        layer(call("layers.ELU", alpha=(use["alpha"], 1.0)))
    ],
    "selu": activation("selu"),
    "gelu": gelu,
    "silu": activation("silu"),
    "mish": activation("mish"),
    "sigmoid": activation("sigmoid"),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_silu"),
    "tanh": activation("tanh"),
    "softplus": activation("softplus"),
    "softmax": plain("Softmax"),
    "log_softmax": activation("log_softmax"),
    "identity": lambda use, constants: [],
    "dropout": lambda use, constants: [layer(Call("layers.Dropout", (use["rate"],)))],
    "drop_path": drop_path,
    "add": plain("Add"),
    "subtract": plain("Subtract"),
    "multiply": plain("Multiply"),
    "concat": plain("Concatenate"),
    "slice": slice_,
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": helper("pixel_shuffle", "factor"),
    "channel_shuffle": helper("channel_shuffle", "groups"),
}


def underived(op: AdaptiveMaxPool2d, shape: Shape) -> bool:
    """Whether Keras would pool a window of more pixels than there are.

    It pools with windows of two sizes, of which only one may be needed; of a pool that
    gives nothing TensorFlow's gradient is left as it lies in memory.
    """
    size = pair(op.size)
    return size != (1, 1) and any(
        -(-n // o) + 1 > n for n, o in zip(shape[1:], size, strict=True)
    )


def unsupported(op: Op, shapes: tuple[Shape, ...]) -> str | None:
    """Why Keras can't express an op exactly, or None."""
    if op.kind not in LOWERINGS:
        return f"there is no lowering for {op.kind}"
    if (undrawn_ := undrawn(op, shapes)) is not None:
        return undrawn_
    if isinstance(op, ConvTranspose2d) and (
        op.groups > 1 or max(pair(op.dilation)) > 1
    ):
        return "Conv2DTranspose has no groups, and on TensorFlow no dilation"
    if isinstance(op, AdaptiveMaxPool2d) and underived(op, shapes[0]):
        return (
            "TensorFlow's gradient of AdaptiveMaxPooling2D is memory that nobody wrote "
            "where it makes one row or column of many, or many of one"
        )
    if isinstance(op, Pool) and max(pair(getattr(op, "dilation", 1))) > 1:
        return "MaxPooling2D has no dilation"
    if isinstance(op, Conv2d) and op.padding == "same":
        if max(pair(op.stride)) > 1 and max(pair(op.dilation)) > 1:
            return "Conv2D doesn't stride and dilate at once, which `same` would need"
        if multiplier(op, shapes) and unequal(op.stride):
            return (
                "DepthwiseConv2D has one stride for both axes, so `same` would differ"
            )
    uneven = isinstance(op, Pool) and any(lo != hi for lo, hi in op.sides(1, 1))
    if uneven and getattr(op, "ceil_mode", False):
        return "ceil_mode doesn't go with padding that differs between two sides"
    if isinstance(op, Resize) and op.mode == "bilinear" and op.scale is not None:
        factors = op.scale if isinstance(op.scale, tuple) else (op.scale,)
        if any(f != int(f) for f in factors):
            return "bilinear by a broken factor; say the size, or a whole factor"
    return None
