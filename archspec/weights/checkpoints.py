"""torch checkpoints: a `state_dict` in a .pth file, read without running what is in it.

torch's `weights_only` reader builds tensors and plain containers and refuses whatever
else a pickle asks for.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.errors import WeightsError
from archspec.files import write_whole
from archspec.weights.archives import Archive, Stored, beginning, foreign

if TYPE_CHECKING:
    from numpy.typing import NDArray

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Where training scripts put the state_dict, beside epochs and optimizers."""

SAFE_SINCE = (2, 6)
"""Earlier releases of torch could be made to run code by a file (CVE-2025-32434)."""


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The tensors of a checkpoint; in torch's zip format they are mapped, not read."""
    torch = _torch(path)
    name = os.fspath(path)
    what = foreign(beginning(path))
    if what is not None and "HDF5" in what:
        raise WeightsError(
            f"{name!r} is no torch checkpoint: it is {what}", code="AS606"
        )
    try:
        held = torch.load(
            path,
            map_location="cpu",
            weights_only=True,
            mmap=zipfile.is_zipfile(path),
        )
    # What a hostile or damaged pickle makes torch raise is anyone's guess.
    except Exception as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise WeightsError(
            f"{name!r} is damaged, no torch checkpoint, or holds more than tensors; "
            f"nothing in it was run: {reason or type(error).__name__}",
            code="AS605",
            hint="store the model's state_dict() on its own",
        ) from error
    state, kind = held, "a torch checkpoint"
    for key in WRAPPERS:
        if isinstance(held, Mapping) and isinstance(held.get(key), Mapping):
            state, kind = held[key], f"a torch checkpoint, its {key!r}"
            break
    if not isinstance(state, Mapping):
        raise WeightsError(
            f"{name!r} holds no state_dict: {type(held).__name__}", code="AS605"
        )
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise WeightsError(
                f"{name!r} holds no state_dict: {key!r} is {type(value).__name__}",
                code="AS605",
                hint="store the model's state_dict() on its own",
            )
    yield Archive(kind, False, {k: _stored(torch, k, v) for k, v in state.items()})


def _stored(torch: Any, name: str, tensor: Any) -> Stored:
    def read() -> NDArray[Any]:
        # numpy has no bfloat16; each is a float32 too.
        plain = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        try:
            array: NDArray[Any] = plain.detach().numpy()
        except (TypeError, RuntimeError) as error:
            raise WeightsError(
                f"{name!r} is a {tensor.dtype} tensor: {error}", code="AS607"
            ) from error
        return array

    return Stored(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), read)


def save(path: str | os.PathLike[str], weights: Mapping[str, NDArray[Any]]) -> None:
    """Writes a state_dict, whole or not at all; ArchspecError if it can't."""
    torch = _torch(Path(path))
    import numpy as np

    state = {
        name: torch.from_numpy(np.require(array, requirements=["C", "W"]))
        for name, array in weights.items()
    }
    write_whole(path, partial(torch.save, state))


def _torch(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise WeightsError(
            f"{os.fspath(path)!r}: torch checkpoints need torch, which isn't installed",
            code="AS609",
            hint='pip install "archspec-nn[torch]"',
        ) from error
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < SAFE_SINCE:
        raise WeightsError(
            f"{os.fspath(path)!r}: torch {torch.__version__} can't read a .pth file "
            "safely (CVE-2025-32434)",
            code="AS609",
            hint="upgrade torch, or give a .safetensors file",
        )
    return torch
