"""From ops to Keras: a table from an op's kind to the steps that are printed.

Images are channels last. What a step says of an attribute holds for every value that
the attribute may have where it is an argument; `signature` names the attributes that
can't be one, since the steps depend on their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.ops import Op, Shape, pair
from archspec.ops.base import forms
from archspec.ops.convolution import Conv2d, ConvTranspose2d, multiplier
from archspec.ops.init import FanInUniform
from archspec.ops.pooling import Adaptive, AdaptiveMaxPool2d, MaxPool2d, Pool
from archspec.ops.shaping import Resize
from archspec.source.expr import Arg, Expr, choice, equal
from archspec.source.functions.dialect import Function, Layer, Lowering, Name, Step
from archspec.source.functions.steps import (
    group,
    pads,
)
from archspec.source.outline import CHOSEN, OpUse
from archspec.source.text import Call, Doc, call
from archspec_keras.initial import undrawn
from archspec_keras.pooling import POOLS, SIZES, centred, strided, zeros
from archspec_keras.pooling import fixed as fixed_sizes
from archspec_keras.signs import ZeroPadded

Options = dict[str, tuple[Any, Any]]
"""A layer's keywords, each with its value and what Keras takes by itself."""

FIXED: dict[str, tuple[str, ...]] = {
    "batch_norm": ("running_var",),
    "conv_transpose2d": (*SIZES, "output_padding", "dilation", "groups"),
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
    fixed: dict[str, Any] = {"rank": len(shapes[0])}
    fixed["inits"] = frozenset(op.inits().items())
    named = [*FIXED.get(op.kind, ())]
    if isinstance(op, Conv2d):
        fixed["depthwise"] = multiplier(op, shapes)
        if fixed["depthwise"]:  # it stays one, whatever an argument says
            fixed |= {"groups": ..., "channels": ..., "in_channels": ...}
        elif shapes[0][0] == 1:  # as many groups as channels would make it one
            fixed["=groups"] = op.groups
        if isinstance(op.initial("bias"), FanInUniform):  # drawn for so many pixels
            fixed |= forms(op, "kernel")
        if isinstance(op.stride, tuple) or isinstance(op.dilation, tuple):
            named.append("stride")
            if op.stride == 1:
                fixed |= forms(op, "dilation")
            else:
                named.append("dilation")
        if op.padding == "same":  # of one that strides and dilates it would differ
            named += ["padding", "dilation", "stride"][: 2 + (op.dilation != 1)]
    if isinstance(op, Pool):
        named += fixed_sizes(op)
        fixed["zeros"] = isinstance(op, ZeroPadded)
    if isinstance(op, Adaptive) and pair(op.size) == (1, 1):
        named.append("size")
    return fixed | {name: getattr(op, name) for name in named}


def of(name: str, *args: str, **options: tuple[str, Any]) -> Lowering:
    """A layer from attributes; those by name come with what Keras takes by itself."""

    def lower(use: OpUse) -> Sequence[Step]:
        given = {key: (use[attr], usual) for key, (attr, usual) in options.items()}
        return [Layer(call(f"layers.{name}", *(use[arg] for arg in args), **given))]

    return lower


def plain(name: str, *args: Doc, **options: Doc) -> Lowering:
    """A layer that is the same whatever the attributes are."""
    return lambda use: [Layer(Call(f"layers.{name}", args, (*options.items(),)))]


def own(name: str, *attributes: str) -> Lowering:
    """A layer that the printed file defines."""
    return lambda use: [Layer(call(name, **{a: (use[a], None) for a in attributes}))]


def padded(use: OpUse) -> tuple[Sequence[Step], str]:
    """The layers that pad for a convolution, and its own `padding`."""
    op: Any = use.ops[0]
    padding: Any = use["padding"]
    if padding == "same" or not pads(padding):
        return [], "same" if padding == "same" else "valid"
    varied = any(isinstance(use[name], Expr) for name in (*SIZES, "dilation"))
    if not varied and use["stride"] in (1, (1, 1)) and centred(op):
        return [], "same"  # TensorFlow's, at any size of the image
    return [zeros(padding, "pad")], "valid"


def conv2d(use: OpUse) -> Sequence[Step]:
    """Conv2D or DepthwiseConv2D; what strides and dilates is a slice afterwards."""
    op: Any = use.ops[0]
    steps, padding = padded(use)
    depth = multiplier(op, use.shapes[0])
    stride, after = thinning(use, bool(depth))
    options: Options = {
        "strides": (stride, 1),
        "padding": (padding, "valid"),
        "dilation_rate": (use["dilation"], 1),
        "use_bias": (use["bias"], True),
    }
    if depth:
        options = {"depth_multiplier": (depth, 1), **options}
        made = call("layers.DepthwiseConv2D", use["kernel"], **options)
    else:
        options["groups"] = (use["groups"], 1)
        made = call("layers.Conv2D", use["channels"], use["kernel"], **options)
    return [*steps, Layer(made), *after]


def thinning(use: OpUse, depthwise: bool) -> tuple[Arg, Sequence[Step]]:
    """The stride of a convolution, and what strides behind it.

    No layer of Keras strides and dilates at once, nor does a depthwise one stride
    unequally.
    """
    stride, dilation = use["stride"], use["dilation"]
    if isinstance(dilation, Expr) and stride != 1:
        once = choice(stride, equal(dilation, 1), 1)
        return once, [strided(choice(1, equal(dilation, 1), stride), "stride")]
    down, across = use.two("stride")
    if (stride == 1 or dilation in (1, (1, 1))) and not (depthwise and down != across):
        return stride, []
    return 1, [strided(stride, "stride")]


def conv_transpose2d(use: OpUse) -> Sequence[Step]:
    """Conv2DTranspose without padding, and cropping."""
    op: Any = use.ops[0]
    axes = [*zip(pair(op.output_padding), pair(op.padding), strict=True)]
    extra = tuple(max(more - less, 0) for more, less in axes)
    # Keras' own choice is max(kernel, stride) - kernel, unless it is told.
    wider = any(k < s for k, s in zip(pair(op.kernel), pair(op.stride), strict=True))
    options: Options = {
        "strides": (op.stride, 1),
        "output_padding": (extra if any(extra) or wider else None, None),
        "use_bias": (use["bias"], True),
    }
    made = call("layers.Conv2DTranspose", use["channels"], op.kernel, **options)
    crop = tuple((less, max(less - more, 0)) for more, less in axes)
    if crop == tuple(map(pair, pair(op.padding))):
        crop = op.padding
    cropped = Layer(Call("layers.Cropping2D", (crop,)), "crop")
    return [Layer(made), *([cropped] if pads(crop) else [])]


def batch_norm(use: OpUse) -> Sequence[Step]:
    """BatchNormalization; a subclass where torch's running variance is asked for."""
    momentum: Any = use["momentum"]
    options: Options = {"momentum": (1 - momentum, 0.99), "epsilon": (use["eps"], 1e-3)}
    options |= dict.fromkeys(("center", "scale"), (use["affine"], True))
    unbiased = use["running_var"] == "unbiased"
    name = "UnbiasedBatchNormalization" if unbiased else "layers.BatchNormalization"
    return [Layer(call(name, **options))]


def scale(use: OpUse) -> Sequence[Step]:
    """A 1x1 depthwise convolution is a learned factor per channel."""
    if use.image:
        return [Layer(call("layers.DepthwiseConv2D", 1, use_bias=(False, True)))]
    shape = use.channels[0], None
    return [Layer(call("layers.EinsumDense", "bc,c->bc", output_shape=shape))]


def prelu(use: OpUse) -> Sequence[Step]:
    """PReLU with one slope for each channel, or one for all."""
    axes: tuple[int, ...] = (1, 2, 3) if use.image else (1,)
    axes = axes if use["shared"] else axes[:-1]
    return [Layer(call("layers.PReLU", shared_axes=(axes, ())))]


def adaptive(kind: str) -> Lowering:
    """Adaptive pooling; a global pool where one value is left."""
    whole = plain(f"Global{kind}Pooling2D", keepdims=True)
    some = of(f"Adaptive{kind}Pooling2D", "size")

    def lower(use: OpUse) -> Sequence[Step]:
        return (whole if use["size"] in (1, (1, 1)) else some)(use)

    return lower


def leaky_relu(use: OpUse) -> Sequence[Step]:
    """LeakyReLU; our own where the slope may be below 0, which Keras' refuses."""
    slope: Any = use["negative_slope"]
    if isinstance(slope, Expr) or slope < 0:
        return [Layer(Call("LeakyReLU", (slope,)))]
    return [Layer(call("layers.LeakyReLU", negative_slope=(slope, 0.3)))]


def flatten(use: OpUse) -> Sequence[Step]:
    """Flatten, after a Permute where the canonical order is channels first."""
    made = Layer(Call("layers.Flatten"))
    if use.image and use["order"] != "hwc":
        return [Layer(Call("layers.Permute", ((3, 1, 2),)), "permute"), made]
    return [made]


def pad(use: OpUse) -> Sequence[Step]:
    """Zeros around the image, and beside the channels."""
    steps: list[Step] = [zeros(use["spatial"])] if pads(use["spatial"]) else []
    if use.two("channels") != (0, 0):
        channels, suffix = group(*use.two("channels")), "channels" if steps else ""

        def padded(values: Sequence[Doc], name: Name) -> Doc:
            named = (("name", name(suffix)),)
            return Call("pad_channels", (values[0], channels), named)

        steps.append(Function(padded, (suffix,)))
    return steps


def resize(use: OpUse) -> Sequence[Step]:
    """UpSampling2D, or a layer that the printed file defines."""
    op: Any = use.ops[0]
    if op.scale is None:
        to = None if op.size is None else pair(op.size)
        return [Layer(call(f"{op.mode.title()}Resizing", size=(to, None)))]
    if op.mode == "nearest" and not op.repeats():
        return [Layer(Call("NearestScaling", (op.factors(),)))]
    height, width = map(int, op.factors())
    size = height if height == width else (height, width)
    mode = op.mode, "nearest"
    return [Layer(call("layers.UpSampling2D", size, interpolation=mode))]


def drop_path(use: OpUse) -> Sequence[Step]:
    """Dropout of whole images."""
    noise = (None, *[1] * len(use.shapes[0][0])), None
    return [Layer(call("layers.Dropout", use["rate"], noise_shape=noise))]


ACTIVATIONS = (
    *("selu", "silu", "mish", "sigmoid", "hard_sigmoid"),
    *("tanh", "softplus", "log_softmax"),
)
"""Those that have the same name in Keras, and no class of their own."""
NORM: dict[str, tuple[str, Any]] = {
    "epsilon": ("eps", 1e-3),
    "center": ("affine", True),
    "scale": ("affine", True),
}
LOWERINGS: dict[str, Lowering] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": of("Dense", "features", use_bias=("bias", True)),
    "batch_norm": batch_norm,
    "layer_norm": of("LayerNormalization", **NORM),
    "group_norm": of("GroupNormalization", "groups", **NORM),
    "local_response_norm": own(
        "LocalResponseNormalization", "size", "alpha", "beta", "k"
    ),
    "scale": scale,
    **POOLS,
    "adaptive_avg_pool2d": adaptive("Average"),
    "adaptive_max_pool2d": adaptive("Max"),
    "global_avg_pool2d": plain("GlobalAveragePooling2D"),
    "global_max_pool2d": plain("GlobalMaxPooling2D"),
    "relu": plain("ReLU"),
    "relu6": plain("ReLU", 6.0),
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": of("ELU", alpha=("alpha", 1.0)),
    "gelu": lambda use: [
        Layer(Call("layers.Activation", ("gelu",)))
        if use["approximate"] == "none"
        else Layer(Call("ApproximateGELU"))
    ],
    **{name: plain("Activation", name) for name in ACTIVATIONS},
    "hard_swish": plain("Activation", "hard_silu"),
    "softmax": plain("Softmax"),
    "identity": lambda use: [],
    "dropout": of("Dropout", "rate"),
    "drop_path": drop_path,
    "add": plain("Add"),
    "subtract": plain("Subtract"),
    "multiply": plain("Multiply"),
    "concat": plain("Concatenate"),
    "slice": lambda use: [Layer(Call("ChannelSlice", (use["start"], use["stop"])))],
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": own("PixelShuffle", "factor"),
    "channel_shuffle": own("ChannelShuffle", "groups"),
    CHOSEN: of("Activation", CHOSEN),
}
OPS = {
    **{name: f'"{name}"' for name in ("relu", "relu6", "elu", "gelu", *ACTIVATIONS)},
    "hard_swish": '"hard_silu"',
    "softmax": '"softmax"',
    "identity": '"linear"',
}
"""Ops that an argument may be: what Keras calls activations."""


def unsupported(op: Op, shapes: tuple[Shape, ...]) -> str | None:
    """Why Keras can't express an op exactly, or None."""
    if op.kind not in LOWERINGS:
        return f"there is no lowering for {op.kind}"
    dilated = max(pair(getattr(op, "dilation", 1))) > 1
    strides = {*pair(getattr(op, "stride", 1) or 1)}
    match op:
        case ConvTranspose2d() if op.groups > 1 or dilated:
            return "Conv2DTranspose has no groups, and on TensorFlow no dilation"
        case Conv2d(padding="same") if dilated and strides != {1}:
            return "Conv2D doesn't stride and dilate at once, which `same` would need"
        case Conv2d(padding="same") if multiplier(op, shapes) and len(strides) > 1:
            return (
                "DepthwiseConv2D has one stride for both axes, so `same` would differ"
            )
        case MaxPool2d() if dilated:
            return "MaxPooling2D has no dilation"
        case Pool(ceil_mode=True) if any(low != high for low, high in op.sides(1, 1)):
            return "ceil_mode doesn't go with padding that differs between two sides"
        case AdaptiveMaxPool2d() if hanging(op, shapes):
            return (
                "TensorFlow's gradient of AdaptiveMaxPooling2D is memory that nobody "
                "wrote where it makes one row or column of many, or many of one"
            )
        case Resize(mode="bilinear") if any(f % 1 for f in op.factors()):
            return "bilinear by a broken factor; say the size, or a whole factor"
    return undrawn(op, shapes)


def hanging(op: AdaptiveMaxPool2d, shapes: tuple[Shape, ...]) -> bool:
    """Whether it pools with windows of two sizes of which one fits in nowhere.

    Of a pool that gives nothing TensorFlow's gradient is left as it lies in memory.
    """
    axes = zip(shapes[0][1:], pair(op.size), strict=True)
    return pair(op.size) != (1, 1) and any(-(-n // o) + 1 > n for n, o in axes)
