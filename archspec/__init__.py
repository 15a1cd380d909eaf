"""archspec: a neural network as one spec, compiled into PyTorch and Keras models."""

from __future__ import annotations

from importlib import import_module
from os import PathLike

TYPE_CHECKING = False  # of typing, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from archspec import errors
    from archspec.graph import Graph
    from archspec.language.expand import Given
    from archspec.source.program import Source
    from archspec.spec import Spec, load
    from archspec.verify.own import verify_model

__all__ = ["Graph", "Spec", "build", "codegen", "errors", "load", "verify_model"]
__version__ = "0.1.0"
HOMES = {
    "Graph": "archspec.graph",
    "Spec": "archspec.spec",
    "load": "archspec.spec",
    "verify_model": "archspec.verify.own",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used: the command line starts sooner."""
    if name == "errors":
        return import_module("archspec.errors")
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def build(spec: str | Path, backend: str, **params: Given) -> Any:
    """`load(spec, **params).build(backend)`."""
    from archspec.spec import load

    return load(spec, params=params).build(backend)


def codegen(
    spec: str | Path | Sequence[str | Path], backend: str, **params: Given
) -> Source:
    """`load(spec, **params).codegen(backend)`; its `text` is the source.

    Several specs give one source, with what they share once and a builder for each.
    """
    from archspec.spec import family, load

    if isinstance(spec, (str, PathLike)):
        return load(spec, params=params).codegen(backend)
    return family([load(one, params=params) for one in spec], backend)
