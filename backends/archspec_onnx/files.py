"""Files of ONNX models: with their weights, beside them, or as text.

A small model is one file. The weights of a large one are in a second file beside it,
`net.onnx.data`, since protobuf ends at 2 GiB. Where `net.safetensors` lies beside
`net.onnx` and holds the very weights, the model is structure alone and reads them from
there: a safetensors file is a header and then the numbers, as ONNX wants them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from archspec.errors import ArchspecError, BackendError, said
from archspec.files import write_together, write_whole

APART = 2**30
"""Bytes of weights from which on they are in a file beside the model."""
SPOKEN = 2**22
"""Bytes of weights up to which a text says them."""
ALIGNED = 2**12
"""External weights start at multiples of this, so that they can be mapped."""
SMALL = 2**10
"""Bytes of a tensor that stays in the model: constants, mostly."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor's bytes are: a file beside the model, an offset and a length."""

    file: str
    offset: int
    length: int


def save(model: Any, path: str) -> None:
    """Writes a model (.onnx) or its text (.onnx.txt).

    ArchspecError where the disk is full, or what is in the way isn't ours.
    """
    sizes = weights(model)
    total = sum(sizes.values())
    stem = path.removesuffix(".txt").removesuffix(".onnx")
    places = stored(model, Path(f"{stem}.safetensors"))
    if path.endswith(".txt"):
        _save_text(model, path, total, places)
    elif places or total <= APART:
        write_whole(path, serialized(model, places), size=total)
    else:
        save_apart(model, Path(path))


def weights(model: Any) -> dict[str, int]:
    """The bytes of the tensors that may be outside of the model's file."""
    held = model.graph.initializers.values()
    sizes = {value.name: int(value.const_value.nbytes) for value in held}
    return {name: size for name, size in sizes.items() if "/" not in name}


def serialized(model: Any, places: Mapping[str, Place]) -> bytes:
    """The bytes of a model, of which some weights are elsewhere."""
    import onnx_ir as ir

    with elsewhere(model, places):
        made: bytes = ir.to_proto(model).SerializeToString()
    return made


def save_apart(model: Any, path: Path) -> None:
    """Writes a model, and its weights into a file beside it."""
    data = path.with_name(f"{path.name}.data")
    if data.exists() and not path.exists():
        raise ArchspecError(
            f"{data} exists, and is for the weights of {path.name}",
            code="AS190",
            hint="move it away, or choose another name",
        )
    places: dict[str, Place] = {}
    offset = 0
    for name, size in weights(model).items():
        if size < SMALL:
            continue
        places[name] = Place(data.name, offset, size)
        offset += -(-size // ALIGNED) * ALIGNED

    def write(draft: Path) -> None:
        with draft.open("wb") as file:
            _fill(file, model, places)

    structure = serialized(model, places)
    # Whoever sees the model finds its weights: they take their place first.
    write_together({data: write, path: structure}, size=offset)


def _fill(file: BinaryIO, model: Any, places: Mapping[str, Place]) -> None:
    for name, place in places.items():
        file.seek(place.offset)
        file.write(model.graph.initializers[name].const_value.tobytes())


def stored(model: Any, path: Path) -> dict[str, Place]:
    """Where a safetensors file has all weights of a model; empty if it hasn't.

    It counts only if names, types, shapes and bytes are the same.
    """
    held = weights(model)
    if not held or not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < 2**27:
                return {}
            header = json.loads(file.read(length))
            found = {}
            for name in held:
                told = header.get(name)
                if told is None:
                    return {}
                start, end = told["data_offsets"]
                tensor = model.graph.initializers[name].const_value
                kind = {"F32": "FLOAT", "F64": "DOUBLE"}.get(told["dtype"])
                file.seek(8 + length + start)
                same = kind == tensor.dtype.name and [*tensor.shape] == told["shape"]
                if not same or file.read(end - start) != tensor.tobytes():
                    return {}
                found[name] = Place(path.name, 8 + length + start, end - start)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # no such file, or none that we wrote
    return found


def opened(path: str) -> Any:
    """The onnx.ModelProto of a file, with what is beside it; else BackendError."""
    import onnx

    try:
        model = onnx.load(path)
    except Exception as error:  # of protobuf, of onnx, of the system
        raise BackendError(
            f"{path} is no whole ONNX model: {said(error)}", code="AS523"
        ) from error
    if not model.graph.output:  # protobuf takes an empty file, and what ends early
        raise BackendError(f"{path} is no whole ONNX model", code="AS523")
    return model


def beside(path: str) -> tuple[str, ...]:
    """The files that a model needs in its folder, as `net.onnx.data`."""
    import onnx

    if not path.endswith(".onnx"):
        return ()
    proto = onnx.load(path, load_external_data=False)
    found = {
        entry.value: None
        for tensor in proto.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return tuple(found)


@contextmanager
def elsewhere(model: Any, places: Mapping[str, Place]) -> Iterator[None]:
    """A model whose weights are external meanwhile."""
    import onnx_ir as ir

    held = model.graph.initializers
    kept = {name: held[name].const_value for name in places}
    try:
        for name, place in places.items():
            tensor = kept[name]
            held[name].const_value = ir.ExternalTensor(
                place.file,
                place.offset,
                place.length,
                tensor.dtype,
                shape=tensor.shape,
                name=name,
            )
        yield
    finally:
        for name, tensor in kept.items():
            held[name].const_value = tensor


def _save_text(model: Any, path: str, total: int, places: Mapping[str, Place]) -> None:
    import onnx.printer
    import onnx_ir as ir

    if not places and total > SPOKEN:
        raise BackendError(
            f"{path}: a text of {total:,} bytes of weights is none to read",
            code="AS505",
            hint="build the .safetensors of the same name first: the text refers to it",
        )
    with elsewhere(model, places):
        write_whole(path, onnx.printer.to_text(ir.to_proto(model)) + "\n")
