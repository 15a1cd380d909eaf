"""Weights in Python: arrays, tensors of any framework, a state_dict, a model.

    >>> Spec.build("keras", weights=torch_model.state_dict())

No framework is imported: a tensor is what says so of itself. Tensors are copied, so
that no model shares its memory with the one that they come from; numpy's arrays aren't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.errors import WeightsError
from archspec.weights.archives import BRAIN, GIVEN, Archive, Stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEPTH = 8
"""How deep the weights may stand in other mappings."""


def array(name: str, tensor: Any) -> NDArray[Any]:
    """The values of an array, or of a tensor on any device; bfloat16 as float32.

    Raises WeightsError, with the name, where there are none.
    """
    if isinstance(tensor, np.ndarray):
        return _plain(tensor)
    if not _is_tensor(tensor):
        kind = type(tensor).__name__
        raise WeightsError(f"{name!r} is a {kind}, no array or tensor", code="AS607")
    try:
        return np.array(_plain(_read(tensor)))
    except Exception as error:  # each framework has errors of its own
        told = f"{error}".partition("\n")[0]
        raise WeightsError(
            f"{name!r}, a {type(tensor).__name__}, gives no array: {told}",
            code="AS607",
            hint="give dense tensors that hold values",
        ) from error


def arrays(held: Any) -> dict[str, NDArray[Any]]:
    """The arrays of a mapping from names to tensors, or of a model with such names."""
    given = _state(held)
    if not isinstance(given, Mapping):
        raise _no_weights(held)
    return {name: array(name, tensor) for name, tensor in given.items()}


def archive(held: Any) -> Archive:
    """What is given in Python as a file is: with its sets of weights, and where.

    Args:
        held: a mapping from names to tensors, or one that holds such somewhere, as
            `torch.load` gives it; a torch module; a Keras model.

    Raises:
        WeightsError: it is none of these.
    """
    if isinstance(getattr(held, "layers", None), list):
        found = list(_variables(held))
        if len(dict(found)) < len(found):
            raise WeightsError("two layers of the model have one name", code="AS606")
        return Archive("a Keras model", True, _stored(dict(found)))
    held = _state(held)
    if not isinstance(held, Mapping):
        raise _no_weights(held)
    parts = {path: _stored(tensors) for path, tensors in _parts(held)}
    if not parts:
        raise WeightsError(
            f"{GIVEN} hold no mapping from names to tensors", code="AS605"
        )
    return Archive.of("a mapping", parts)


def _no_weights(held: Any) -> WeightsError:
    return WeightsError(
        f"a {type(held).__name__} is no weights",
        code="AS605",
        hint="give a file, a mapping from names to arrays or tensors, such as a "
        "state_dict(), or a model of torch or Keras",
    )


def _state(held: Any) -> Any:
    """The state_dict of a torch module; anything else as it is."""
    state = getattr(held, "state_dict", None)
    return state() if callable(state) else held


def _variables(model: Any) -> Iterator[tuple[str, Any]]:
    """The variables of a Keras model's layers, named as those of its files are."""
    for layer in model.layers:
        if isinstance(getattr(layer, "layers", None), list):
            yield from _variables(layer)
            continue
        for variable in layer.weights:
            yield f"{layer.name}/{variable.name}", variable


def _parts(held: Mapping[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All mappings from names to tensors in a mapping, and where they stand in it."""
    seen: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("", held, 0)]
    for path, of, depth in waiting:
        if id(of) in seen or depth > DEPTH:
            continue
        seen.add(id(of))
        items = [(key, value) for key, value in of.items() if isinstance(key, str)]
        tensors = {key: value for key, value in items if _is_tensor(value)}
        if tensors or not (of or path):
            yield path, tensors
        lead = f"{path}." if path else ""
        inner = [(f"{lead}{key}", _state(v)) for key, v in items if key not in tensors]
        waiting += [(k, v, depth + 1) for k, v in inner if isinstance(v, Mapping)]


def _is_tensor(value: Any) -> bool:
    """Whether this is an array or tensor, rather than a number of numpy or a model."""
    ways = ("__array__", "detach", "__dlpack__")
    own = hasattr(value, "shape") and hasattr(value, "dtype")
    return own and any(hasattr(value, way) for way in ways) and not _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, np.generic)


def _stored(tensors: Mapping[str, Any]) -> dict[str, Stored]:
    found = {}
    for name, tensor in tensors.items():
        dtype = getattr(tensor.dtype, "name", None) or str(tensor.dtype)
        read: Callable[[], NDArray[Any]] = partial(array, name, tensor)
        shape = tuple(int(length) for length in tensor.shape)
        found[name] = Stored(shape, dtype.rpartition(".")[2], read)
    return found


def _read(tensor: Any) -> Any:
    if hasattr(tensor, "detach"):  # torch's
        tensor = tensor.detach().cpu()
        brain = str(tensor.dtype).endswith(BRAIN)
        return (tensor.float() if brain else tensor).numpy()
    if hasattr(tensor, "__array__"):
        return np.asarray(tensor)
    return np.from_dlpack(tensor)


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Values of a type that all frameworks take from numpy."""
    if values.dtype.name == BRAIN:  # of ml_dtypes, which jax and TensorFlow use
        return values.astype(np.float32)
    native = values.dtype.newbyteorder("=")
    return values if values.dtype == native else values.astype(native)
