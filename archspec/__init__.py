"""archspec: a neural network as one spec, compiled into PyTorch and Keras models."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # of typing, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any, Literal, overload

    import keras
    import torch

    from archspec import errors
    from archspec.arguments import Dtype, Given, Size
    from archspec.graph import Graph
    from archspec.limits import Limits
    from archspec.opening import Readable, list_specs, load, loads
    from archspec.source.program import Source
    from archspec.spec import Spec
    from archspec.verify.own import verify_model

__all__ = [
    "Graph",
    "Limits",
    "Spec",
    "build",
    "codegen",
    "errors",
    "list_specs",
    "load",
    "loads",
    "verify_model",
]
__version__ = "0.1.0"
HOMES = {
    "Graph": "archspec.graph",
    "Limits": "archspec.limits",
    "Spec": "archspec.spec",
    "list_specs": "archspec.opening",
    "load": "archspec.opening",
    "loads": "archspec.opening",
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


if TYPE_CHECKING:

    @overload
    def build(
        spec: Readable | Spec, backend: Literal["torch"], **how: Any
    ) -> torch.nn.Module: ...
    @overload
    def build(
        spec: Readable | Spec, backend: Literal["keras"], **how: Any
    ) -> keras.Model: ...
    @overload
    def build(spec: Readable | Spec, backend: str, **how: Any) -> Any: ...


def build(
    spec: Readable | Spec,
    backend: str,
    *,
    size: int | Size | None = None,
    params: Mapping[str, Given] | None = None,
    taps: bool = False,
    limits: Limits | None = None,
    weights: str | Path | Mapping[str, Any] | Any | None = None,
    seed: int = 0,
    dtype: Dtype = "float32",
    device: Any = None,
    force_memory: bool = False,
    opset: int | None = None,
    optimize: Literal["inference"] | None = None,
    **more: Any,
) -> Any:
    """A model in one call: `load` and `Spec.build`, and what both take.

    >>> type(archspec.build("resnet20", "torch", num_classes=5)).__name__
    'ResNet20ForCIFAR'

    Args:
        spec: as for `load`, or a Spec.
        backend: `torch`, `keras`, `flax` or `onnx`.
        size, params, taps, limits: as for `load`.
        weights, seed, dtype, device, force_memory, opset, optimize: as for
            `Spec.build`.
        more: what there is to say of the weights, as for `Spec.build`; all other names
            are params of the file. `params` has those whose names are taken here.

    Raises what these two do.
    """
    from archspec.opening import loaded
    from archspec.weights.conversion import Reading

    how = {name: more.pop(name) for name in Reading.__annotations__ if name in more}
    found = loaded(spec, size=size, params=params, taps=taps, limits=limits, **more)
    return found.build(
        backend,
        weights=weights,
        seed=seed,
        dtype=dtype,
        device=device,
        force_memory=force_memory,
        opset=opset,
        optimize=optimize,
        **how,
    )


def codegen(
    spec: Readable | Spec | Iterable[Readable | Spec],
    backend: str,
    *,
    size: int | Size | None = None,
    params: Mapping[str, Given] | None = None,
    taps: bool = False,
    limits: Limits | None = None,
    with_weights: bool = False,
    with_taps: bool = False,
    opset: int | None = None,
    optimize: Literal["inference"] | None = None,
    **overrides: Given,
) -> Source:
    """The source that a backend prints, whose `text` is a whole module.

    >>> source = archspec.codegen(["resnet20", "resnet32"], "torch")
    >>> "def resnet20(" in source.text
    True

    Args:
        spec: as for `load`, or a Spec. Several give one source, with what they share
            once and a builder for each.
        backend: `torch`, `keras`, `flax` or `onnx`; no framework has to be installed.
        size, params, taps, limits, overrides: as for `load`, for every spec.
        with_weights, with_taps, opset, optimize: as for `Spec.codegen`.

    Raises what these two do.
    """
    from archspec.opening import listed, loaded
    from archspec.spec import family

    def read(one: Any) -> Spec:
        return loaded(
            one, size=size, params=params, taps=taps, limits=limits, **overrides
        )

    every = listed(spec)
    more = {"with_weights": with_weights, "with_taps": with_taps}
    if every is None:
        return read(spec).codegen(backend, opset=opset, optimize=optimize, **more)
    return family([*map(read, every)], backend, opset=opset, optimize=optimize, **more)
