"""archspec: a neural network as one spec, compiled into PyTorch and Keras models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec import errors
from archspec.graph import Graph
from archspec.language.net import Given
from archspec.spec import Spec, load

if TYPE_CHECKING:
    from archspec.source.program import Source

__all__ = ["Graph", "Spec", "build", "codegen", "errors", "load"]
__version__ = "0.1.0"


def build(spec: str | Path, backend: str, **params: Given) -> Any:
    """`load(spec, **params).build(backend)`."""
    return load(spec, params=params).build(backend)


def codegen(spec: str | Path, backend: str, **params: Given) -> Source:
    """`load(spec, **params).codegen(backend)`; its `text` is the source."""
    return load(spec, params=params).codegen(backend)
