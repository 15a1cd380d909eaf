"""Initial weights in flax's words, and what a file says once for many layers.

    Conv = partial(
        nnx.Conv, use_bias=False, kernel_init=nnx.initializers.normal(0.01)
    )

    def max_pool(x: jax.Array) -> jax.Array:
        '''Max pooling as a layer of a list.'''
        return nnx.max_pool(x, (2, 2), strides=(2, 2))

The second is what stands in a list of layers for an op that is no module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archspec.graph import Graph
from archspec.ops.convolution import Conv2d, ConvTranspose2d
from archspec.ops.init import (
    AnyInit,
    Constant,
    Normal,
    TruncNormal,
    Uniform,
)
from archspec.source.expr import named, names_of
from archspec.source.layout import header, statement
from archspec.source.outline import CHOSEN, Definition, OpUse, annotation, walk
from archspec.source.partials import Partials
from archspec.source.scaling import Scaling, fraction, scaling, whole
from archspec.source.text import STEP, WIDTH, Call, Code, Doc, Names, call
from archspec_flax.lowering import FUNCTIONS, WEIGHTED

INITS = {"kernel": "kernel_init", "bias": "bias_init", "factor": "scale_init"}
INITS |= {"offset": "bias_init", "slope": "init", "scale": "init"}
"""The argument for what a parameter starts from, by its role."""
USUAL: dict[str, AnyInit] = {
    **dict.fromkeys(("bias", "offset"), Constant(value=0.0)),
    **dict.fromkeys(("factor", "scale"), Constant(value=1.0)),
    "slope": Constant(value=0.25),
}
"""What layers start from by themselves."""

LAYERS = {
    "slice": "Some of the channels",
    "leaky_relu": "Leaky ReLU",
    "elu": "ELU",
    "gelu": "GELU by the error function",
    "local_response_norm": "Local response norm",
    "max_pool2d": "Max pooling",
    "avg_pool2d": "Average pooling",
    "adaptive_avg_pool2d": "Average pooling to a size",
    "adaptive_max_pool2d": "Max pooling to a size",
    "global_avg_pool2d": "The mean over the image",
    "global_max_pool2d": "The maximum over the image",
    "flatten": "Flattening",
    "pad": "Padding with zeros",
    "resize": "Resizing",
    "pixel_shuffle": "A pixel shuffle",
    "channel_shuffle": "A channel shuffle",
}
"""What the functions are called that stand in a list of layers."""
OFTEN = 4
"""As many of the layers that one call makes count for what partials save."""
WINDOW = ("strides", "padding", "kernel_dilation", "feature_group_count")
"""What is read best where a layer is made."""


class Shared:
    """What stands before the classes: partials of layers, and functions for lists."""

    def __init__(
        self,
        graph: Graph,
        definitions: list[Definition],
        titles: Mapping[int, str],
        names: Names,
    ) -> None:
        targets = (line.target for made in definitions for line in walk(made.lines))
        uses = [use for use in targets if isinstance(use, OpUse)]
        made = [
            replace(made, kwargs=tuple(o for o in made.kwargs if o[0] not in WINDOW))
            for use in uses
            if use.kind in WEIGHTED
            for made in [started(use)] * len(use.ops[:OFTEN])
        ]
        self.names = names
        self.partials = Partials(made, names, str, WIDTH)
        self.functions: dict[tuple[str, ...], str] = {}

    def child(self, use: OpUse, made: Doc) -> Doc:
        """The module of an op, or the function that stands for it in a list."""
        if use.kind in WEIGHTED:
            return self.partials.short(started(use))
        if use.kind == CHOSEN:
            return use[CHOSEN]  # a function already
        given = {k: v for k, v in use.attributes.items() if names_of(v)}
        attributes: dict[str, Any] = dict(use.attributes)
        for key, value in given.items():
            pair = any(isinstance(found, tuple) for found in use.values(key))
            kind = "list" if pair else getattr(value, "kind", "")
            attributes[key] = named(key, kind)
        made = FUNCTIONS[use.kind](replace(use, attributes=attributes), ["x"])
        if made == Code("x"):
            return Code("nnx.identity")
        if isinstance(made, Call) and made.args == (Code("x"),) and not made.kwargs:
            return Code(str(made.fn))
        typed = [f"{key}: {annotation([*use.values(key)])}" for key in given]
        lines = [
            *header("def {}", ["x: jax.Array", *typed], "jax.Array", 0),
            f'{STEP * " "}"""{LAYERS[use.kind]} as a layer of a list."""',
            *statement("return ", made, STEP),
        ]
        text = tuple(lines)
        if text not in self.functions:
            self.functions[text] = self.names.take(use.kind.removesuffix("2d"))
        name = Code(self.functions[text])
        return Call("Applied", (name, *given.values())) if given else name

    def rules(self) -> list[str]:
        """The text."""
        found = ["\n".join(self.partials.lines())]
        for lines, name in self.functions.items():
            found.append("\n".join(lines).replace("def {}", f"def {name}"))
        return ["\n\n\n".join(filter(None, found))]

    def last(self, net: Definition) -> list[str]:
        """Layers are told in their constructors what they start from."""
        return []


def started(use: OpUse) -> Call:
    """The call of a layer with what its parameters start from."""
    made, found = WEIGHTED[use.kind](use), list[tuple[str, Doc]]()
    for name in dict.fromkeys(n for op in use.ops for n in op.weights(*use.shapes[0])):
        role, init = use.ops[0].role(name), use.ops[0].initial(name)
        if init != USUAL.get(role):
            found.append((INITS[role], words(use, init, role == "bias")))
    return replace(made, kwargs=(*made.kwargs, *found))


def words(use: OpUse, init: AnyInit, of_bias: bool) -> Call:
    """The initializer that draws from the same distribution."""
    known, op = scaling(init), use.ops[0]
    if known is not None and not known.scale:
        return Call("nnx.initializers.constant", (0.0,))
    if known is not None:
        if of_bias:
            return Call("fan_in_uniform", (fans(use)[0],))
        if isinstance(op, ConvTranspose2d) and op.groups > 1:
            return by_fan(use, known)
        args = (
            fraction(known.scale),
            known.mode,
            "normal" if known.normal else "uniform",
        )
        return Call("nnx.initializers.variance_scaling", args)
    if isinstance(init, Constant):
        return Call("nnx.initializers.constant", (init.value,))
    if isinstance(init, Uniform):
        return Call("uniform", (init.a, init.b))
    assert isinstance(init, Normal | TruncNormal)
    if not init.std:
        return Call("nnx.initializers.constant", (init.mean,))
    made = Call("nnx.initializers.normal", (init.std,))
    if isinstance(init, TruncNormal) and not whole(init):
        low, high = ((end - init.mean) / init.std for end in (init.a, init.b))
        ends = {"lower": (low, -2.0), "upper": (high, 2.0)}
        made = call("nnx.initializers.truncated_normal", init.std, **ends)
    return Call("shifted", (init.mean, made)) if init.mean else made


def fans(use: OpUse) -> tuple[Any, Any]:
    """Fan in and fan out as torch counts them; expressions where arguments decide."""
    (read, *_), op = use.channels, use.ops[0]
    if not isinstance(op, Conv2d | ConvTranspose2d):
        return read, use["features"]
    high, wide = use.two("kernel")
    size: Any = high * wide  # type: ignore[operator]  # numbers or expressions
    made: Any = use["channels"]
    groups: Any = use["groups"]
    if isinstance(op, ConvTranspose2d):  # whose kernel is [in, out / groups, ...]
        read, made = made, read
    within: Any = read if groups == 1 else read // groups
    return within * size, made * size


def by_fan(use: OpUse, known: Scaling) -> Call:
    """What is drawn by a fan that flax can't count from the shape that it has."""
    fan_in, fan_out = fans(use)
    scale, fan = known.scale, {"fan_in": fan_in, "fan_out": fan_out}.get(known.mode)
    if fan is None:
        scale, fan = 2 * scale, fan_in + fan_out
    made = fraction(scale), fan, "normal" if known.normal else "uniform"
    return Call("by_fan", made)
