"""The ops of the language; the registry is the tuple `OPS`."""

from archspec.ops.base import Op, Shape, Weighted, pair
from archspec.ops.basic import BatchNorm, Conv2d, GlobalAvgPool2d, Linear, Relu

__all__ = ["BY_KIND", "OPS", "Op", "Shape", "Weighted", "pair"]

OPS: tuple[type[Op], ...] = (Conv2d, Linear, BatchNorm, Relu, GlobalAvgPool2d)
BY_KIND: dict[str, type[Op]] = {op.kind: op for op in OPS}
