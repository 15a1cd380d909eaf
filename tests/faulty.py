"""A net, and PyTorch with a fault in what it gives of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec_torch import TorchBackend

NET = """archspec: 1
name: net
params: {width: 3}
inputs: {image: [2, 5, 6]}
graph:
  conv: {op: conv2d, channels: =width, kernel: [3, 2], stride: [2, 1]}
  bn: batch_norm
  act: tanh
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
"""


Changed = Callable[[dict[str, Any]], dict[str, Any]]


class Faulty(TorchBackend):
    """PyTorch with a fault in what it gives."""

    def __init__(self, what: str, changed: Changed) -> None:
        super().__init__()
        self.what = what
        self.changed = changed

    def forward(self, *args: Any, **more: Any) -> dict[str, Any]:
        made = super().forward(*args, **more)
        return self.changed(made) if self.what == "forward" else made

    def read_weights(self, *args: Any) -> dict[str, Any]:
        made = super().read_weights(*args)
        return self.changed(made) if self.what == "weights" else made

    def gradients(self, *args: Any, **more: Any) -> tuple[dict[str, Any], ...]:  # type: ignore[override]  # narrower than need be
        outputs, found = super().gradients(*args, **more)
        if self.what in ("outputs", "both"):
            outputs = self.changed(outputs)
        if self.what in ("gradients", "both"):
            found = self.changed(found)
        if self.what == "training" and more["training"]:
            found = self.changed(found)
        return outputs, found


def scaled(name: str, factor: float) -> Changed:
    return lambda made: {k: v * factor if k == name else v for k, v in made.items()}
