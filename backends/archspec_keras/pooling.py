"""Pools in Keras: some pad with -inf, some count what they average."""

from __future__ import annotations

from typing import Any

from archspec.ops import pair
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, call
from archspec_keras.steps import (
    PAD,
    Apply,
    Inits,
    Layer,
    Lowering,
    Step,
    Steps,
    first,
    sides,
)


def max_pool2d(use: OpUse, inits: Inits) -> Steps:
    """MaxPooling2D, after padding with -inf, which never wins."""
    op = first(use)
    made = call(
        "layers.MaxPooling2D",
        use["kernel"],
        strides=(stride(use), None),
        padding=("same" if op.padding == "same" else "valid", "valid"),
    )
    if op.padding == "same":
        return [Layer(made)]
    if op.ceil_mode:
        before = tuple(lo for lo, _ in op.sides(0, 0))
        pads = (("kernel", pair(op.kernel)), ("stride", op.steps()))
        ceil: Step = Apply(
            lambda x: Call("pad_up", (Code(x[0]),), (*pads, ("padding", before))),
            ("pad",),
        )
        return [ceil, Layer(made)]
    if op.padding == 0 or not any(map(any, op.sides(0, 0))):
        return [Layer(made)]
    (top, bottom), (left, right) = op.sides(0, 0)
    width = ((0, 0), (top, bottom), (left, right), (0, 0))
    infinite = (("constant_values", Code('float("-inf")')),)
    pad_: Step = Apply(
        lambda x: Call("ops.pad", (Code(x[0]), width), infinite), ("pad",)
    )
    return [pad_, Layer(made)]


def avg_pool2d(use: OpUse, inits: Inits) -> Steps:
    """AveragePooling2D; a printed function where not all of a window counts."""
    op = first(use)
    same = op.padding == "same"
    pads = not same and any(map(any, op.sides(0, 0)))
    if same or op.ceil_mode or (pads and not op.count_include_pad):
        counted = call(
            "",
            kernel=(pair(op.kernel), None),
            stride=(op.steps(), None),
            padding=(None if same else op.sides(0, 0), None),
            ceil_mode=(op.ceil_mode, False),
            count_padding=(op.count_include_pad and not same, False),
        )
        return [
            Apply(
                lambda x: Call("avg_pool", (Code(x[0]),), counted.kwargs),
                ("pad", "average_pool", "multiply"),
            )
        ]
    made = Layer(
        call("layers.AveragePooling2D", use["kernel"], strides=(stride(use), None))
    )
    if not pads:
        return [made]
    return [Layer(Call("layers.ZeroPadding2D", (sides(op.padding),)), PAD), made]


def stride(use: OpUse) -> Any:
    """A pool's stride, None where it is the kernel."""
    return None if use["stride"] == use["kernel"] else use["stride"]


def adaptive(kind: str) -> Lowering:
    """Adaptive pooling; a global pool where one value is left."""

    def lower(use: OpUse, inits: Inits) -> Steps:
        if pair(first(use).size) == (1, 1):
            made = Call(f"layers.Global{kind}Pooling2D", (), (("keepdims", True),))
        else:
            made = Call(f"layers.Adaptive{kind}Pooling2D", (use["size"],))
        return [Layer(made)]

    return lower
