"""From ops to Keras: a table from an op's kind to the statements that are printed.

A lowering gives steps, each applied to the result of the one before. A step is a layer
with a name, or an expression over the values that it reads. Images are channels last.
"""

from __future__ import annotations

import struct
from typing import Any

from archspec.ops import Op, Shape, pair
from archspec.ops.convolution import Conv2d, ConvTranspose2d, multiplier
from archspec.ops.pooling import AdaptiveMaxPool2d, Pool
from archspec.ops.shaping import Pad, Resize
from archspec.source.expr import Expr, parts
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Doc, call, flat
from archspec_keras.pooling import adaptive, avg_pool2d, max_pool2d
from archspec_keras.steps import (
    Apply,
    Inits,
    Layer,
    Lowering,
    Steps,
    first,
    padded,
    sides,
)


def signature(op: Op, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """What of an op can't be an argument of a printed function."""
    fixed: dict[str, Any] = {
        "rank": len(shapes[0]),
        "inits": frozenset(op.inits().items()),
    }
    named = list(FIXED.get(op.kind, ()))
    if isinstance(op, Conv2d):
        depthwise = multiplier(op, shapes)
        fixed |= {"depthwise": depthwise, "padded": type(op.padding).__name__}
        if not isinstance(op.padding, int):
            named.append("padding")
        if depthwise:  # it stays one, whatever an argument says
            fixed |= {"groups": ..., "channels": ..., "in_channels": ...}
        # Keras can't stride and dilate at once: one of the two is never an argument.
        if max(pair(op.dilation)) == 1 or max(pair(op.stride)) > 1:
            named.append("dilation")
        if max(pair(op.dilation)) > 1 or (depthwise and isinstance(op.stride, tuple)):
            named.append("stride")
    if isinstance(op, Pool):
        plain = op.padding == 0 and not op.ceil_mode
        free = ("kernel", "stride") if plain else ()
        named += [name for name in type(op).model_fields if name not in free]
        fixed["plain"] = plain
    if isinstance(op, Pad):
        fixed["beside"] = op.beside()
    return fixed | {name: getattr(op, name) for name in named}


FIXED: dict[str, tuple[str, ...]] = {
    "batch_norm": ("running_var",),
    "conv_transpose2d": ("padding", "output_padding", "stride", "kernel"),
    "flatten": ("order",),
    "pad": ("spatial",),
    "prelu": ("shared",),
    "resize": ("mode", "size", "scale"),
    "gelu": ("approximate",),
    "adaptive_avg_pool2d": ("size",),
    "adaptive_max_pool2d": ("size",),
}


def strided_dilation(op: Conv2d) -> bool:
    """Whether it strides and dilates, which Keras does not in one layer."""
    return max(pair(op.stride)) > 1 and max(pair(op.dilation)) > 1


def unequal(stride: Any) -> bool:
    """Whether it differs between the axes, which a depthwise convolution's may not."""
    down, across = pair(stride)
    return down != across


def conv2d(use: OpUse, inits: Inits) -> Steps:
    """Conv2D or DepthwiseConv2D; what strides and dilates is a slice afterwards."""
    op = first(use)
    steps, padding = padded(use)
    stride, dilation = use["stride"], use["dilation"]
    depth = multiplier(op, use.shapes[0])
    sliced = strided_dilation(op) or (depth and unequal(op.stride))
    rest: dict[str, tuple[Doc, Any]] = {
        "strides": (1 if sliced else stride, 1),
        "padding": (padding, "valid"),
        "dilation_rate": (dilation, 1),
        "use_bias": (use["bias"], True),
    }
    made: Call
    if depth:
        multiple: dict[str, tuple[Doc, Any]] = {"depth_multiplier": (depth, 1)}
        made = call("layers.DepthwiseConv2D", use["kernel"], **multiple, **rest)
    else:
        groups: dict[str, tuple[Doc, Any]] = {"groups": (use["groups"], 1)}
        made = call("layers.Conv2D", use["channels"], use["kernel"], **rest, **groups)
    steps.append(Layer(inits(use, made)))
    if sliced:
        down, across = pair(op.stride)
        steps.append(
            Apply(lambda x: Code(f"{x[0]}[:, ::{down}, ::{across}, :]"), ("get_item",))
        )
    return steps


def conv_transpose2d(use: OpUse, inits: Inits) -> Steps:
    """Conv2DTranspose without padding, and cropping."""
    op = first(use)
    extra = [
        max(o - p, 0)
        for o, p in zip(pair(op.output_padding), pair(op.padding), strict=True)
    ]
    # Keras' own choice is max(kernel, stride) - kernel, unless it is told.
    told = any(extra) or any(
        k < s for k, s in zip(pair(op.kernel), pair(op.stride), strict=True)
    )
    output: tuple[Doc, Any] = ((extra[0], extra[1]) if told else None, None)
    made = call(
        "layers.Conv2DTranspose",
        use["channels"],
        use["kernel"],
        strides=(use["stride"], 1),
        output_padding=output,
        use_bias=(use["bias"], True),
    )
    steps: Steps = [Layer(inits(use, made))]
    crop = tuple(
        (p, max(p - o, 0))
        for o, p in zip(pair(op.output_padding), pair(op.padding), strict=True)
    )
    if any(map(any, crop)):
        steps.append(Layer(Call("layers.Cropping2D", (sides(crop),)), "crop"))
    return steps


def batch_norm(use: OpUse, inits: Inits) -> Steps:
    """BatchNormalization; a subclass where torch's running variance is asked for."""
    momentum = use["momentum"]
    unbiased = use["running_var"] == "unbiased"
    keep: Doc = 1 - momentum  # type: ignore[operator]  # a number or an Expr
    made = call(
        "UnbiasedBatchNormalization" if unbiased else "layers.BatchNormalization",
        momentum=(keep, 0.99),
        epsilon=(use["eps"], 1e-3),
        center=(use["affine"], True),
        scale=(use["affine"], True),
    )
    return [Layer(inits(use, made))]


def normalised(name: str, *args: str) -> Lowering:
    """Layer norm and group norm."""

    def lower(use: OpUse, inits: Inits) -> Steps:
        made = call(
            name,
            *(use[arg] for arg in args),
            epsilon=(use["eps"], 1e-3),
            center=(use["affine"], True),
            scale=(use["affine"], True),
        )
        return [Layer(inits(use, made))]

    return lower


def local_response_norm(use: OpUse, inits: Inits) -> Steps:
    """A function that the printed file defines: Keras has no such layer."""
    args = tuple((name, use[name]) for name in ("size", "alpha", "beta", "k"))
    autos = ("square", "pad", "get_item", "stack", "sum", "multiply", "add", "power")
    names = (*autos, "true_divide")
    return [Apply(lambda x: Call("local_response_norm", (Code(x[0]),), args), names)]


def scale(use: OpUse, inits: Inits) -> Steps:
    """A 1x1 depthwise convolution is a learned factor per channel."""
    if len(use.shapes[0][0]) == 3:
        made = call("layers.DepthwiseConv2D", 1, use_bias=(False, True))
        return [Layer(inits(use, made))]
    made = Call(
        "layers.EinsumDense", ("bc,c->bc",), (("output_shape", use.channels[0]),)
    )
    return [Layer(inits(use, made))]


def sized(use: OpUse) -> bool:
    """Whether a layer is told how many channels it reads: a factor per feature is."""
    return use.kind == "scale" and len(use.shapes[0][0]) == 1


def prelu(use: OpUse, inits: Inits) -> Steps:
    """PReLU with one slope for each channel, or one for all."""
    image = len(use.shapes[0][0]) == 3
    axes = ([1, 2] if image else []) + ([3 if image else 1] if use["shared"] else [])
    shared = (("shared_axes", tuple(axes)),) if axes else ()
    return [Layer(inits(use, Call("layers.PReLU", (), shared)))]


def leaky_relu(use: OpUse, inits: Inits) -> Steps:
    """LeakyReLU; an op where the slope is below 0, as an argument may be."""
    slope: Any = use["negative_slope"]
    if isinstance(slope, Expr) or slope < 0:
        given = (("negative_slope", slope),)
        return [
            Apply(
                lambda x: Call("ops.leaky_relu", (Code(x[0]),), given), ("leaky_relu",)
            )
        ]
    return [Layer(call("layers.LeakyReLU", negative_slope=(slope, 0.3)))]


def gelu(use: OpUse, inits: Inits) -> Steps:
    """The exact one is Keras' activation; the other an op."""
    if first(use).approximate == "none":
        return [Layer(Call("layers.Activation", ("gelu",)))]
    exact = (("approximate", True),)
    return [Apply(lambda x: Call("ops.gelu", (Code(x[0]),), exact), ("gelu",))]


def drop_path(use: OpUse, inits: Inits) -> Steps:
    """Dropout of whole images."""
    rank = len(use.shapes[0][0])
    noise: Doc = (None, *[1] * rank)
    return [Layer(Call("layers.Dropout", (use["rate"],), (("noise_shape", noise),)))]


def slice_(use: OpUse, inits: Inits) -> Steps:
    """Some of the channels."""
    start, stop = bound(use["start"]), bound(use["stop"])
    return [Apply(lambda x: Code(f"{x[0]}[..., {start}:{stop}]"), ("get_item",))]


def bound(value: Any) -> str:
    """A bound of a slice."""
    if isinstance(value, Expr):
        return value.code()
    return str(value) if value else ""


def flatten(use: OpUse, inits: Inits) -> Steps:
    """Flatten, after a Permute where the canonical order is channels first."""
    made = Layer(Call("layers.Flatten"))
    if len(use.shapes[0][0]) == 1 or first(use).order == "hwc":
        return [made]
    return [Layer(Call("layers.Permute", ((3, 1, 2),)), "permute"), made]


def pad(use: OpUse, inits: Inits) -> Steps:
    """Zeros around the image, or also beside the channels."""
    op = first(use)
    (top, bottom), (left, right) = op.sides()
    if not op.beside():
        return [Layer(Call("layers.ZeroPadding2D", (sides(op.spatial),)))]
    before, after = (flat(part) for part in parts(use["channels"]))
    spatial = f"({top}, {bottom}), ({left}, {right})"
    width = Code(f"((0, 0), {spatial}, ({before}, {after}))")
    return [Apply(lambda x: Call("ops.pad", (Code(x[0]), width)), ("pad",))]


def resize(use: OpUse, inits: Inits) -> Steps:
    """UpSampling2D, or a function that the printed file defines."""
    op = first(use)
    if op.scale is not None:
        factors = op.scale if isinstance(op.scale, tuple) else (op.scale, op.scale)
        if op.mode == "bilinear" or all(map(repeats, factors)):
            height, width = map(int, factors)
            size = height if height == width else (height, width)
            mode = {"interpolation": (op.mode, "nearest")}
            return [Layer(call("layers.UpSampling2D", size, **mode))]
        scale = tuple(map(float, factors))
        return [Apply(lambda x: Call("scale_nearest", (Code(x[0]), scale)), ("take",))]
    fn = f"resize_{op.mode}"
    fixed = None if op.size is None else pair(op.size)
    autos = ("take",) if op.mode == "nearest" else ("resize",)
    return [
        Apply(
            lambda x: Call(fn, (Code(x[0]), fixed or Code(f"static_size({x[1]})"))),
            autos,
        )
    ]


def repeats(factor: float) -> bool:
    """Whether PyTorch's nearest neighbour repeats each pixel `factor` times.

    It multiplies positions by 1 / factor in single precision; where that is rounded
    down, the last of some pixel's repetitions shows the pixel before it.
    """
    (step,) = struct.unpack("f", struct.pack("f", 1 / factor))
    return factor == int(factor) and step >= 1 / factor


def layer(name: str, *args: Doc, **options: Doc) -> Lowering:
    """A layer with fixed arguments."""
    made = Call(f"layers.{name}", args, tuple(options.items()))
    return lambda use, inits: [Layer(made)]


def activation(name: str) -> Lowering:
    """An activation that has no layer class of its own."""
    return layer("Activation", name)


def helper(name: str, attribute: str, *autos: str) -> Lowering:
    """A function that the printed file defines."""

    def lower(use: OpUse, inits: Inits) -> Steps:
        value = use[attribute]
        return [Apply(lambda x: Call(name, (Code(x[0]), value)), autos)]

    return lower


def attributed(name: str, **attributes: tuple[str, Any]) -> Lowering:
    """A layer whose keywords are attributes; each with Keras' default."""

    def lower(use: OpUse, inits: Inits) -> Steps:
        options = {key: (use[attr], usual) for key, (attr, usual) in attributes.items()}
        return [Layer(call(f"layers.{name}", **options))]

    return lower


LOWERINGS: dict[str, Lowering] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": lambda use, inits: [
        Layer(
            inits(
                use,
                call("layers.Dense", use["features"], use_bias=(use["bias"], True)),
            )
        )
    ],
    "batch_norm": batch_norm,
    "layer_norm": normalised("layers.LayerNormalization"),
    "group_norm": normalised("layers.GroupNormalization", "groups"),
    "local_response_norm": local_response_norm,
    "scale": scale,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive("Average"),
    "adaptive_max_pool2d": adaptive("Max"),
    "global_avg_pool2d": layer("GlobalAveragePooling2D"),
    "global_max_pool2d": layer("GlobalMaxPooling2D"),
    "relu": layer("ReLU"),
    "relu6": layer("ReLU", 6.0),
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": attributed("ELU", alpha=("alpha", 1.0)),
    "selu": activation("selu"),
    "gelu": gelu,
    "silu": activation("silu"),
    "mish": activation("mish"),
    "sigmoid": activation("sigmoid"),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_silu"),
    "tanh": activation("tanh"),
    "softplus": activation("softplus"),
    "softmax": layer("Softmax"),
    "log_softmax": activation("log_softmax"),
    "identity": lambda use, inits: [],
    "dropout": lambda use, inits: [Layer(Call("layers.Dropout", (use["rate"],)))],
    "drop_path": drop_path,
    "add": layer("Add"),
    "subtract": layer("Subtract"),
    "multiply": layer("Multiply"),
    "concat": layer("Concatenate"),
    "slice": slice_,
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": helper("pixel_shuffle", "factor", "reshape", "transpose"),
    "channel_shuffle": helper("channel_shuffle", "groups", "take"),
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
        if strided_dilation(op):
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
