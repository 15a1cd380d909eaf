"""Arrays and variables on their way between archspec and jax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from numpy import asarray

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stored(model: Any) -> dict[str, Any]:
    """The variables of a module by their paths, but those of chance."""
    from flax import nnx

    state = nnx.to_flat_state(nnx.state(model))
    return {path_of(p): v for p, v in state if not isinstance(v, nnx.RngState)}


def path_of(parts: tuple[Any, ...]) -> str:
    """A path as text."""
    return ".".join(map(str, parts))


def tensors(arrays: Iterable[NDArray[Any]]) -> list[Any]:
    """Arrays of jax, channels last."""
    import jax.numpy as jnp

    return [jnp.array(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a) for a in arrays]


def first(value: Any) -> NDArray[Any]:
    """A value as an array, channels first."""
    found = asarray(value)
    return found.transpose(0, 3, 1, 2) if found.ndim == 4 else found
