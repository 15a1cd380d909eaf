"""Native kernels that round in float64: what is allowed, and of which op.

The layers stay native in printed code: their definition is exact, their kernel not.
What one rounds is allowed of that op alone, where it is proved by itself. Where whole
nets are compared in float64, another op stands in its place
(`archspec.passes.unrounded`), so that nothing behind it is excused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archspec.graph import Graph
from archspec.ops import Op
from archspec.passes.unrounded import key
from archspec.verify.target import Target


@dataclass(frozen=True, slots=True)
class Native:
    """An op whose native kernel holds a constant, or computes, in single precision.

    Attributes:
        kind: of the op; a resize with its mode.
        on: where, as targets are named.
        forward, backward: bounds of the relative error of outputs and gradients, beside
            the plain definition.
        why: what rounds.
        modelled: the rounding that describes it to the last bits, so that it needs no
            bound: a name in `archspec.reference.rounding.ROUNDED`.
        flat: whether nothing rounds, but a derivative is 0 at a kink, whatever the
            slopes are.
    """

    kind: str
    on: tuple[str, ...]
    forward: float
    backward: float
    why: str
    modelled: str = ""
    flat: bool = False


EXACT = 1e-12
STANDS = {
    "gelu": "a silu",
    "softplus": "a silu",
    "hard_sigmoid": "a sigmoid",
    "leaky_relu": "one with that slope",
    "resize bilinear": "nearest pixels, or means of windows,",
}
NATIVE: tuple[Native, ...] = (
    Native(
        "gelu",
        ("keras:tensorflow",),
        1e-8,
        1e-7,
        "single-precision constants",
        modelled="tensorflow",
    ),
    Native(
        "leaky_relu",
        ("keras:tensorflow",),
        2e-8,
        2e-8,
        "a single-precision slope",
        modelled="tensorflow",
    ),
    Native(
        "softplus",
        ("keras:torch",),
        1e-9,
        1e-8,
        "it is its input above 20",
        modelled="keras on torch",
    ),
    Native(
        "resize bilinear",
        ("keras:tensorflow",),
        2e-6,
        1e-6,
        "single-precision weights and sums",
    ),
    Native(
        "hard_sigmoid",
        ("torch", "torch:channels_last", "keras:torch"),
        EXACT,
        1e-7,
        "a single-precision 1/6 in the derivative",
    ),
    Native(
        "prelu",
        ("keras:tensorflow", "keras:jax", "keras:torch"),
        EXACT,
        EXACT,
        "its derivative at 0 is 0, neither 1 nor the slope",
        flat=True,
    ),
)


def rounding(graph: Graph, targets: Iterable[Target]) -> list[Native]:
    """What rounds in a net on one of these targets."""
    kinds = {key(node.op) for node in graph.nodes}
    names = {str(target) for target in targets}
    return [
        item
        for item in NATIVE
        if item.kind in kinds and names & {*item.on} and not item.flat
    ]


def replaced(native: Native, targets: Iterable[Target]) -> str:
    """For a reader: what is compared in an op's place where whole nets are."""
    on = ", ".join(str(target) for target in targets if str(target) in native.on)
    return (
        f"{native.kind} on {on} rounds in float64 ({native.why}): where whole nets are "
        f"compared in float64 {STANDS[native.kind]} stands in its place"
    )


def modelled(target: Target) -> str:
    """The rounding that describes kernels of a target, if one does."""
    names = (item.modelled for item in NATIVE if str(target) in item.on)
    return next(filter(None, names), "")


def allowance(op: Op, target: Target) -> Native | None:
    """What an op that is alone may be off on a target, beyond what is usual."""
    return next(
        (
            item
            for item in NATIVE
            if item.kind == key(op) and str(target) in item.on and not item.modelled
        ),
        None,
    )
