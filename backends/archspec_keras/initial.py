"""Initial weights in Keras' words: an initializer for each weight that wants one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from archspec.ops import Op, Shape
from archspec.ops.convolution import Conv2d, ConvTranspose2d, multiplier
from archspec.ops.init import (
    AnyInit,
    Constant,
    FanInUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.source.expr import Arg, Expr
from archspec.source.functions.dialect import Constants, Layer
from archspec.source.layout import structure
from archspec.source.outline import OpUse
from archspec.source.scaling import fraction, scaling, whole
from archspec.source.text import Call, Doc, call, flat
from archspec.weights.layouts import ATTRIBUTES

USUAL: dict[str, AnyInit] = {
    "kernel": XavierUniform(),
    "gamma": Constant(value=1.0),
    **dict.fromkeys(("bias", "beta", "alpha"), Constant(value=0.0)),
}
"""What Keras starts from by itself."""


def started(use: OpUse, layer: Layer, constants: Constants) -> Layer:
    """A layer with the initializers of all weights that start otherwise.

    Keras draws the same numbers twice from one initializer; from its config every layer
    makes one of its own.
    """
    op, shapes, made = use.ops[0], use.shapes[0], layer.made
    found: list[tuple[str, Doc]] = []
    for name in dict.fromkeys(name for op in use.ops for name in op.weights(*shapes)):
        attribute, init = ATTRIBUTES[op.role(name)], op.initial(name)
        if attribute == "kernel" and made.fn == "layers.DepthwiseConv2D":
            attribute = "depthwise"
        if not (getattr(init, "gain", 1.0) ** 2):
            init = Constant(value=0.0)  # for VarianceScaling no scale is too little
        if init == USUAL.get(attribute):
            continue
        if attribute == "bias" and isinstance(init, FanInUniform):
            layer = replace(layer, reading=((f"{attribute}_initializer", bias(use)),))
            continue
        value: Doc
        if isinstance(init, Constant):
            plain = {0.0: "zeros", 1.0: "ones"}.get(init.value)
            value = plain or Call("initializers.Constant", (init.value,))
        else:
            config = Call("serialize", (words(init, multiplier(op, shapes)),))
            known = init.name.replace("kaiming", "he").replace("xavier", "glorot")
            value = constants.name(known.upper(), config)
        found.append((f"{attribute}_initializer", value))
    return replace(layer, made=replace(made, kwargs=(*made.kwargs, *found)))


def bias(use: OpUse) -> Callable[[Doc], Call]:
    """What draws a bias by the fan in of its kernel, for the value that is read."""
    op: Any = use.ops[0]
    kernel: tuple[Arg, ...] = ()
    if isinstance(op, Conv2d | ConvTranspose2d):
        kernel = use.two("kernel")
    told = [size for size in kernel if isinstance(size, int)]
    if len(told) == len(kernel):
        kernel = (prod(told),)
    factors = [f" * {_operand(size)}" for size in kernel if size != 1]
    if isinstance(op, Conv2d) and not multiplier(op, use.shapes[0]):
        divisors = [] if use["groups"] == 1 else [f" // {_operand(use['groups'])}"]
        factors = [*divisors, *factors]

    def drawn(value: Doc) -> Call:
        channels = f"{flat(value)}.shape[-1]"
        if isinstance(op, ConvTranspose2d):
            channels = _operand(use["channels"])
        fan = "".join([channels, *factors])
        if multiplier(op, use.shapes[0]):
            fan = "".join(factors).removeprefix(" * ") or "1"
        base = f"({fan})" if " " in fan else fan
        bound = f"{base}**-0.5" if fan.isalnum() else f"{base} ** -0.5"
        return Call("RandomUniform", (structure(f"-({bound})"), structure(bound)))

    return drawn


def _operand(arg: Arg) -> str:
    """An argument beside an operator."""
    plain = not isinstance(arg, Expr) or arg.is_name()
    return flat(arg) if plain else f"({flat(arg)})"


def undrawn(op: Op, shapes: tuple[Shape, ...]) -> str | None:
    """Why Keras can't draw an op's initial weights, or None."""
    several = multiplier(op, shapes) > 1
    for init in map(op.initial, op.weights(*shapes)):
        if several and isinstance(init, XavierNormal | XavierUniform):
            return f"there is no {init.name} for several outputs of a channel"
        if not isinstance(init, TruncNormal) or whole(init):
            continue
        if {init.mean - init.a, init.b - init.mean} != {2 * init.std}:
            return (
                "a normal distribution is cut at two standard deviations, "
                f"not at {init.a} and {init.b}"
            )
    return None


def words(init: AnyInit, depth: int) -> Call:
    """The initializer that draws from the same distribution."""
    found = scaling(init, depth)
    if found is not None:
        kind = "untruncated_normal" if found.normal else "uniform"
        args = (fraction(found.scale), found.mode, kind)
        return Call("VarianceScaling", args)
    if isinstance(init, Uniform):
        bounds = {"minval": (init.a, -0.05), "maxval": (init.b, 0.05)}
        return call("RandomUniform", **bounds)
    assert isinstance(init, Normal | TruncNormal)
    cut = isinstance(init, TruncNormal) and not whole(init)
    told = {"mean": (init.mean, 0.0), "stddev": (init.std, 0.05)}
    name = "TruncatedNormal" if cut else "RandomNormal"
    return call(name, **told)
