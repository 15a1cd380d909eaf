"""A net, and PyTorch with a fault in what it gives of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archspec_torch import TorchBackend

from archspec.graph import Graph
from archspec.passes.rewrite import rewrite
from archspec.source.program import Source
from archspec.verify.task import Bench

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


class Other(Bench):
    """A backend that takes an op for another: the name of a node, and attributes."""

    change: tuple[str, dict[str, Any]] | None = None

    def build(self, graph: Graph, weights: Any) -> Any:
        if self.change is None:
            return super().build(graph, weights)
        name, changes = self.change
        wrong = {
            node.name: [replace(node, op=node.op.model_copy(update=changes), texts={})]
            for node in graph.nodes
            if node.name == name
        }
        return super().build(rewrite(graph, wrong) if wrong else graph, weights)


def scaled(name: str, factor: float) -> Changed:
    return lambda made: {k: v * factor if k == name else v for k, v in made.items()}


class Altered(TorchBackend):
    """PyTorch, some words of whose printed text are others.

    Args:
        changes: what is written in the place of what.
        before: stands behind the imports.

    Attributes:
        hits: how often a word was found.
    """

    def __init__(self, changes: dict[str, str], before: str = "") -> None:
        super().__init__()
        self.changes = changes
        self.before = before
        self.hits = 0

    def emit(self, graph: Graph) -> Source:
        source = super().emit(graph)
        text = source.text
        for old, new in self.changes.items():
            self.hits += text.count(old)
            text = text.replace(old, new)
        first = re.search(r"^from torch import .*\n", text, re.MULTILINE)
        assert first is not None
        text = f"{text[: first.end()]}{self.before}{text[first.end() :]}"
        return replace(source, text=text)


class Edited:
    """Any backend, whose printed text has one part in the place of another."""

    def __init__(self, chosen: Any, right: str, wrong: str) -> None:
        self.chosen, self.right, self.wrong = chosen, right, wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chosen, name)

    def emit(self, graph: Graph) -> Source:
        source: Source = self.chosen.emit(graph)
        assert self.right in source.text, source.text
        return replace(source, text=source.text.replace(self.right, self.wrong))
