"""Weights that torch.nn.utils.prune has masked, as their modules compute them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from archspec.weights.archives import Stored

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unmasked(tensors: Mapping[str, Stored]) -> Mapping[str, Stored]:
    """The tensors, `weight` in place of `weight_orig` and `weight_mask`."""
    found: dict[str, Stored] = {}
    for name, tensor in tensors.items():
        plain = name[:-5] if name.endswith(("_orig", "_mask")) else name
        whole, mask = (tensors.get(f"{plain}{end}") for end in ("_orig", "_mask"))
        own = (whole, mask) if whole and mask and plain not in tensors else None
        if own is None or own[0].shape != own[1].shape:
            found[name] = tensor
        else:
            found[plain] = replace(own[0], read=partial(_product, *own))
    return found


def _product(whole: Stored, mask: Stored) -> NDArray[Any]:
    values = whole.read()
    masked: NDArray[Any] = values * mask.read().astype(values.dtype)
    return masked
