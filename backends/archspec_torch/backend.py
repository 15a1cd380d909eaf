"""What archspec asks of PyTorch; torch is imported when a model is wanted."""

from __future__ import annotations

from archspec.graph import Graph
from archspec.source.generalise import outline
from archspec.source.program import Source
from archspec_torch.lowering import signature
from archspec_torch.printing import Printer


class TorchBackend:
    """Prints and runs PyTorch models."""

    name = "torch"
    framework = "torch"

    def emit(self, graph: Graph) -> Source:
        """The source of a module; never imports torch."""
        return Printer(graph, outline(graph, signature)).source()
