"""Types of the values in weight files, and arrays as values of another type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.errors import WeightsError
from archspec.weights.archives import BRAIN, widened

if TYPE_CHECKING:
    from numpy.typing import NDArray

CODES = {"float32": "f4", "float64": "f8", "float16": "f2"}
KINDS = (*CODES, BRAIN)
"""What weights may be stored as."""
NOT_A_NUMBER = 0x7FC0


def stored_as(array: NDArray[Any], kind: str | None) -> str:
    """The type of a tensor in a file: what isn't floating point stays what it is."""
    own = array.dtype.name
    return kind if kind is not None and array.dtype.kind == "f" else own


def width(kind: str) -> int:
    """Bytes of a value."""
    return 2 if kind == BRAIN else np.dtype(kind).itemsize


def encoded(name: str, array: NDArray[Any], kind: str | None) -> NDArray[Any]:
    """The values of a tensor as a file has them: flat, little-endian, C order.

    Args:
        name: of the tensor.
        array: its values.
        kind: one of `KINDS`, or None for what they are.

    Returns:
        The values; bfloat16 as uint16.

    Raises:
        WeightsError: a finite value has no finite one there.
    """
    stored = stored_as(array, kind)
    flat = np.asarray(array, order="C").ravel()
    if stored == array.dtype.name:
        return flat.astype(array.dtype.newbyteorder("<"), copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        made = narrowed(flat) if stored == BRAIN else flat.astype(f"<{CODES[stored]}")
    finite = np.isfinite(widened(made) if stored == BRAIN else made)
    if not finite.all() and np.isfinite(flat[~finite]).any():
        most = np.abs(flat[np.isfinite(flat)]).max()
        raise WeightsError(
            f"{name!r} has values that are too large for {stored}: {most:.6g}",
            code="AS607",
            hint=f"--dtype {BRAIN if stored == 'float16' else 'float64'} takes larger",
        )
    return made


def known(kind: str | None) -> None:
    """Raises WeightsError for what weights can't be stored as."""
    if kind is not None and kind not in KINDS:
        raise WeightsError(
            f"weights can't be stored as {kind!r}",
            code="AS607",
            hint=f"known are {', '.join(KINDS)}",
        )


def narrowed(array: NDArray[Any]) -> NDArray[Any]:
    """The nearest bfloat16 of each value, of two the even one, as uint16."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = array.astype(np.float32)
    bits = single.view(np.uint32)
    up = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    made: NDArray[Any] = ((bits + up) >> np.uint32(16)).astype(np.uint16)
    return np.where(np.isnan(single), NOT_A_NUMBER, made).astype("<u2")
