"""Whether a comparison fits in memory, and how a net is made smaller when told to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.verify.data import BATCH
from archspec.verify.setting import Setting

ITEMSIZE = {"float32": 4, "float64": 8}
COPIES = {False: 4, True: 8}
"""Weights held at once: drawn, the model's, read back; in training also gradients,
momentum, the values before and after.
"""
KEPT = {False: 1, True: 4}
"""Activations held at once, of all nodes: in training with their gradients."""
FRAMEWORK = 2**30
"""What a process needs before it holds a net, in bytes."""
SMALLEST = 64
"""Pixels; below that a net of the zoo may have nothing left."""
WIDTHS = ("hidden", "widths", "width")
"""Params that hold numbers of channels or features, by name."""


def needed(graph: Graph, dtype: str, *, training: bool) -> int:
    """Bytes that a process needs at most, estimated from above."""
    weights = graph.parameter_count() + graph.buffer_count()
    activations = graph.activation_bytes(1) * BATCH * KEPT[training]
    return FRAMEWORK + ITEMSIZE[dtype] * (COPIES[training] * weights + activations)


def shrunk(setting: Setting, graph: Graph, room: int, *, training: bool) -> Setting:
    """The largest smaller net that fits: fewer pixels, then narrower layers.

    Raises:
        ArchspecError: none does.
    """
    for smaller in _smaller(setting, graph):
        try:
            found = smaller.graph()
        except ArchspecError:
            continue
        if needed(found, setting.dtype, training=training) <= room:
            return smaller
    raise ArchspecError(f"{setting.spec} does not fit in memory, not even shrunk")


def _smaller(setting: Setting, graph: Graph) -> Iterator[Setting]:
    shape = next((s for s in graph.inputs.values() if len(s) == 3), None)
    params: dict[str, Any] = dict(setting.params)
    for part in (1, 2, 4, 8, 16):
        narrow = _narrowed(graph.params, part)
        size = shape[1:] if shape else None
        while True:
            yield replace(setting, params={**params, **narrow}, size=size)
            if size is None or min(size) // 2 < SMALLEST:
                break
            size = (size[0] // 2, size[1] // 2)


def _narrowed(params: Mapping[str, Any], part: int) -> dict[str, Any]:
    """The widths of a net divided by a number."""
    made: dict[str, Any] = {}
    for name in WIDTHS:
        value = params.get(name)
        if isinstance(value, tuple):
            made[name] = [max(int(item) // part, 1) for item in value]
        elif isinstance(value, int) and not isinstance(value, bool):
            made[name] = max(value // part, 1)
    return made if part > 1 else {}
