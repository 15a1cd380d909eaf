"""Toynet: modules that compute with numpy, one class for each op of archspec.

    net = toynet.Sequential(toynet.Conv2d(3, channels=8, kernel=3), toynet.Relu())

A layer's first argument is the number of channels that it reads, where it has weights;
the others are the op's attributes. Called, it computes. Images are [N, C, H, W].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from archspec import reference
from archspec.ops import OPS, Op

Array = NDArray[Any]


class Module:
    """Children and arrays are its attributes; `forward` says what a call computes."""

    def forward(self, *xs: Array) -> Array:
        raise NotImplementedError

    def __call__(self, *xs: Array) -> Array:
        return self.forward(*xs)

    def state(self) -> dict[str, Array]:
        """Every array by its path."""
        found: dict[str, Array] = {}
        for name, value in vars(self).items():
            if isinstance(value, Module):
                found |= {f"{name}.{key}": item for key, item in value.state().items()}
            elif isinstance(value, np.ndarray):
                found[name] = value
        return found

    def put(self, path: str, value: Array) -> None:
        """Another array in place of one."""
        *parts, last = path.split(".")
        owner: Any = self
        for part in parts:
            owner = getattr(owner, part)
        setattr(owner, last, value)


class List(Module):
    """Numbered children."""

    def __init__(self, layers: Iterable[Module] = ()) -> None:
        self.extend(layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(vars(self).values())

    def __getitem__(self, place: Any) -> Any:
        return [*self][place]

    def append(self, layer: Module) -> None:
        setattr(self, str(len(vars(self))), layer)

    def extend(self, layers: Iterable[Module]) -> None:
        for layer in layers:
            self.append(layer)


class Sequential(List):
    """Children that are called in turn."""

    def __init__(self, *layers: Module) -> None:
        super().__init__(layers)

    def forward(self, *xs: Array) -> Array:
        (x,) = xs
        for layer in self:
            x = layer(x)
        return x


class Layer(Module):
    """One op, with its weights as attributes, all zero at first."""

    op: ClassVar[type[Op]]

    def __init__(self, channels: int = 1, /, **attributes: Any) -> None:
        self._op = self.op(**attributes)
        shape = (channels, 1, 1)
        stored = {**self._op.weights(shape), **self._op.buffers(shape)}
        for name, size in stored.items():
            setattr(self, name, np.zeros(size))

    def forward(self, *xs: Array) -> Array:
        stored = {name: v for name, v in vars(self).items() if name != "_op"}
        return reference.compute(self._op, *xs, stored=stored)


globals().update({op.__name__: type(op.__name__, (Layer,), {"op": op}) for op in OPS})
