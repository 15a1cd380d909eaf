"""Native kernels that round in float64, with how far that was measured to reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archspec.graph import Graph
from archspec.ops import Op
from archspec.reference.rounding import ROUNDED
from archspec.verify.target import Target


@dataclass(frozen=True, slots=True)
class Native:
    """An op whose native kernel holds a constant, or computes, in single precision.

    Attributes:
        kind: of the op; a resize with its mode.
        on: where, as targets are named.
        forward, backward: bounds of the relative error of outputs and gradients.
        why: what rounds.
        flat: whether a derivative may be 0 at a kink, whatever the slopes are.
    """

    kind: str
    on: tuple[str, ...]
    forward: float
    backward: float
    why: str
    flat: bool = False


EXACT = 1e-12
NATIVE: tuple[Native, ...] = (
    Native("gelu", ("keras:tensorflow",), 1e-8, 1e-7, "single-precision constants"),
    Native("leaky_relu", ("keras:tensorflow",), 2e-8, 2e-8, "a single-precision slope"),
    Native(
        "resize bilinear", ("keras:tensorflow",), 1e-6, 1e-6, "single-precision weights"
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
"""The layers stay native in printed code: their definition is exact, their kernel not.
"""


def key(op: Op) -> str:
    """What the table calls an op."""
    mode = getattr(op, "mode", "")
    return f"{op.kind} {mode}" if mode else op.kind


def rounding(graph: Graph, targets: Iterable[Target]) -> list[Native]:
    """What rounds in a net on one of these targets."""
    kinds = {key(node.op) for node in graph.nodes}
    names = {str(target) for target in targets}
    return [
        item
        for item in NATIVE
        if item.kind in kinds and names & {*item.on} and not item.flat
    ]


def rounded(graph: Graph, natives: Iterable[Native]) -> dict[str, float]:
    """How far each value of a net may be off for what rounds before it.

    The values of nodes only; for one that nothing rounds before, `EXACT`.
    """
    forward = {item.kind: item.forward for item in natives}
    found: dict[str, float] = {}
    for node in graph.nodes:
        before = (found.get(name, EXACT) for name in node.inputs)
        found[node.name] = max(forward.get(key(node.op), EXACT), *before)
    return found


def modelled(target: Target) -> str:
    """The rounding that describes a target's kernels, if one does.

    A name in `archspec.reference.rounding.ROUNDED`.
    """
    return "tensorflow" if str(target) == "keras:tensorflow" else ""


def allowance(op: Op, target: Target) -> Native | None:
    """What an op that is alone may be off on a target, beyond what is usual.

    Nothing where a rounding describes it.
    """
    if op.kind in ROUNDED.get(modelled(target), {}):
        return None
    found = (item for item in NATIVE if item.kind == key(op) and str(target) in item.on)
    return next(found, None)
