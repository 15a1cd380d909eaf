"""HDF5 files made with intent: refused soon, and nothing else read or written."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fuzz_keras
import h5py
import numpy as np
import pytest
from fuzz_weights import guarded
from h5files import layer, legacy, value
from hostile import SECRET, nothing_else, refused
from proofs import sampled

from archspec.errors import WeightsError
from archspec.weights import archives, hdf5, load

Write = Callable[[h5py.File], None]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder in which nothing may be written; this very process reads the files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hdf5, "_survives", lambda path: True)
    with nothing_else():
        yield


# HDF5: what stands where a tensor, a group or a text should


def elsewhere(group: Any, name: str) -> None:
    group[name] = h5py.ExternalLink(SECRET, "x")


def of_the_system(group: Any, name: str) -> None:
    group[name] = h5py.ExternalLink("/etc/passwd", "/")


def by_another_name(group: Any, name: str) -> None:
    group.file["other"] = value(1)
    group[name] = h5py.SoftLink("/other")


def to_nowhere(group: Any, name: str) -> None:
    group[name] = h5py.SoftLink("/nowhere")


def to_itself(group: Any, name: str) -> None:
    group[name] = h5py.SoftLink(f"{group.name}/{name}")


def outside(group: Any, name: str) -> None:
    group.create_dataset(name, (8,), "u1", external=[("/etc/passwd", 0, 8)])


def virtual(group: Any, name: str) -> None:
    made = h5py.VirtualLayout((2,), "f4")
    made[:] = h5py.VirtualSource(SECRET, "x", (2,))
    group.create_virtual_dataset(name, made)


def a_type(group: Any, name: str) -> None:
    group[name] = np.dtype("f4")


def never_written(group: Any, name: str) -> None:
    group.create_dataset(name, (2**40,), "f4", chunks=(1024,))


def filled_up(group: Any, name: str) -> None:
    data = group.create_dataset(name, (2**40,), "f4", chunks=(1024,), fillvalue=1)
    data[:1024] = 2


def a_bomb(group: Any, name: str) -> None:
    """A terabyte of zeros in a megabyte."""
    piece = zlib.compress(bytes(1 << 22))
    shape = (1 << 30, 1 << 10)
    options = {"chunks": (1 << 10, 1 << 10), "compression": "gzip"}
    data = group.create_dataset(name, shape, "f4", **options)
    for number in range(64):
        data.id.write_direct_chunk((number << 10, 0), piece)


def a_whole_bomb(group: Any, name: str) -> None:
    piece = zlib.compress(bytes(1 << 22))
    options = {"chunks": (1 << 20,), "compression": "gzip"}
    data = group.create_dataset(name, (1 << 29,), "f4", **options)
    for number in range(1 << 9):
        data.id.write_direct_chunk((number << 20,), piece)


def a_bomb_of_a_piece(group: Any, name: str) -> None:
    options = {"chunks": (1 << 28,), "maxshape": (None,), "compression": "gzip"}
    data = group.create_dataset(name, (4,), "f4", **options)
    data.id.write_direct_chunk((0,), zlib.compress(bytes(1 << 22)))


def a_short_piece(group: Any, name: str) -> None:
    options = {"chunks": (1 << 10,), "compression": "gzip", "shuffle": True}
    data = group.create_dataset(name, (1 << 10,), "f4", **options)
    data.id.write_direct_chunk((0,), zlib.compress(bytes(10)))


def of_any_length(group: Any, name: str) -> None:
    group.create_dataset(name, (3,), h5py.vlen_dtype("f4"))[0] = [1, 2]


def words(group: Any, name: str) -> None:
    group[name] = ["a", "b"]


def records(group: Any, name: str) -> None:
    group[name] = np.zeros(3, [("a", "f4"), ("b", "S4")])


def references(group: Any, name: str) -> None:
    group.create_dataset(name, (3,), h5py.ref_dtype)[:] = group.ref


def choices(group: Any, name: str) -> None:
    kind = h5py.enum_dtype({"a": 0, "b": 1}, "i1")
    group.create_dataset(name, (3,), kind, compression="lzf")


TENSORS = (
    *(elsewhere, of_the_system, by_another_name, to_nowhere, to_itself, outside),
    *(virtual, a_type, never_written, filled_up, a_bomb, a_whole_bomb),
    *(a_bomb_of_a_piece, a_short_piece, of_any_length, words, records, references),
    choices,
)
GROUPS = (
    *(elsewhere, of_the_system, by_another_name, to_nowhere, to_itself, outside),
    *(virtual, a_type, never_written),
)


@pytest.mark.parametrize("put", TENSORS, ids=lambda put: put.__name__)
@pytest.mark.parametrize("where", ["numbered", "legacy", "whole", "loose"])
def test_in_place_of_a_tensor(put: Callable[[Any, str], None], where: str) -> None:
    with h5py.File("f.h5", "w") as file:
        if where in ("numbered", "loose"):
            group = layer(file, "dense", "fc", value(1))
            if where == "loose":
                group = file.create_group("layers/dense/cell")
            else:
                del group["0"]
            put(group, "0")
        else:
            root = file.create_group("model_weights") if where == "whole" else file
            root.attrs["layer_names"] = [b"fc"]
            legacy(root, "fc", "fc/kernel:0")
            del root["fc/fc/kernel:0"]
            put(root["fc/fc"], "kernel:0")
    refused("f.h5")


@pytest.mark.parametrize("put", GROUPS, ids=lambda put: put.__name__)
@pytest.mark.parametrize(
    "name", ["layers", "layers/dense", "layers/dense/vars", "model_weights", "fc"]
)
def test_in_place_of_a_group(put: Callable[[Any, str], None], name: str) -> None:
    with h5py.File("f.h5", "w") as file:
        above, _, last = name.rpartition("/")
        if name == "fc":
            file.attrs["layer_names"] = [b"fc"]
        elif name != "layers":
            layer(file, "conv2d", "other", value(1))
        put(file.require_group(above or "/"), last)
    refused("f.h5")


def as_references(file: h5py.File) -> Any:
    return np.array([file.ref, file.ref], h5py.ref_dtype)


def as_regions(file: h5py.File) -> Any:
    data = file.create_dataset("data", (3,))
    return np.array([data.regionref[:2]], h5py.regionref_dtype)


TEXTS: dict[str, Callable[[h5py.File], Any]] = {
    "references": as_references,
    "regions": as_regions,
    "numbers": lambda file: [1, 2],
    "one number": lambda file: 3,
    "one text": lambda file: "fc",
    "a parent": lambda file: [b".."],
    "itself": lambda file: [b"."],
    "a path up": lambda file: [b"../../etc/passwd"],
    "an absolute path": lambda file: [b"/fc"],
    "no name": lambda file: [b""],
    "slashes": lambda file: [b"///"],
    "no text": lambda file: [b"\xff\xfe"],
    "control": lambda file: np.array(["\x1b[2J"], h5py.string_dtype()),
    "long": lambda file: [b"x" * 60_000],
    "twice": lambda file: [b"fc", b"fc"],
    "many": lambda file: np.array([b"fc"] * 16_000),
    "records": lambda file: np.zeros(3, [("a", "f4")]),
}


@pytest.mark.parametrize("held", TEXTS)
@pytest.mark.parametrize("attribute", ["layer_names", "weight_names"])
def test_in_place_of_names(held: str, attribute: str) -> None:
    with h5py.File("f.h5", "w") as file:
        file.attrs["layer_names"] = [b"fc"]
        legacy(file, "fc", "fc/kernel:0")
        where = file if attribute == "layer_names" else file["fc"]
        where.attrs[attribute] = TEXTS[held](file)
    refused("f.h5")


@pytest.mark.parametrize("held", [*TEXTS][:4] + [*TEXTS][11:14] + [*TEXTS][-2:])
def test_in_place_of_a_layers_name(held: str) -> None:
    """What is no text is no name: the layer is called by its class."""
    with h5py.File("f.h5", "w") as file:
        group = layer(file, "dense", None, value(1))
        made = TEXTS[held](file)
        group.attrs["name"] = made[0] if isinstance(made, list) else made
    with guarded():
        try:
            assert len(load("f.h5")) == 1
        except WeightsError as error:
            assert error.code == "AS607"


def in_itself(file: h5py.File) -> None:
    file["layers/dense/cell"] = file["layers"]


def by_a_detour(file: h5py.File) -> None:
    file["a/b"] = value(1)
    file["layers/dense/cell"] = file["a"]
    file["a/c"] = file["layers/dense"]


def the_root(file: h5py.File) -> None:
    file["layers/dense/all"] = file["/"]


def twice(file: h5py.File) -> None:
    file["layers/dense_1"] = file["layers/dense"]


def deep(file: h5py.File) -> None:
    group = file["layers/dense"]
    for _ in range(3000):
        group = group.create_group("layers")
    group["x"] = value(1)


def no_numbers(file: h5py.File) -> None:
    file["layers/dense/vars/../../../x"] = value(1)
    file["layers/dense/vars"].move("0", "zero\x07")


def no_text(file: h5py.File) -> None:
    h5py.h5g.create(file["layers"].id, b"\xff\xfe")
    h5py.h5g.create(file["layers/dense"].id, b"\xff")
    h5py.h5g.create(file["layers/dense/vars"].id, b"\xff")


def no_text_for_a_number(file: h5py.File) -> None:
    file["layers/dense/vars"].id.move(b"0", b"\xff")


@pytest.mark.parametrize(
    "put",
    [
        in_itself,
        by_a_detour,
        the_root,
        twice,
        deep,
        no_numbers,
        no_text,
        no_text_for_a_number,
    ],
)
def test_groups_that_go_round(put: Write) -> None:
    with h5py.File("f.h5", "w") as file:
        layer(file, "dense", "fc", value(1))
        put(file)
    refused("f.h5")


# What changes, and what is no file


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def cut_off(path: Path) -> None:
    os.truncate(path, 100)


def another(path: Path) -> None:
    path.with_name("saved").write_bytes(path.read_bytes())
    os.replace(path.with_name("saved"), path)


@pytest.mark.parametrize("change", [longer, cut_off, another])
@pytest.mark.parametrize("at", ["before it is read", "between two tensors"])
def test_a_file_that_changes(
    change: Callable[[Path], None], at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("f.h5")
    with h5py.File(path, "w") as file:
        layer(file, "dense", "fc", value(1, 5000, 10), value(2))
    if at == "before it is read":

        def look(path: Path) -> bool:
            change(path)
            return True

        monkeypatch.setattr(hdf5, "_survives", look)
        assert refused("f.h5").code == "AS604"
        return
    with pytest.raises(WeightsError) as caught, archives.opened(path) as found:
        for number, stored in enumerate(found.tensors.values()):
            if number == 1:
                change(path)
            stored.read()
    assert caught.value.code == "AS604"


@pytest.mark.parametrize("count", sampled([20, 60], [20]))
def test_damaged_files(count: int) -> None:
    """As `python tests/fuzz_keras.py 60` does: processes of their own read them."""
    outcomes = fuzz_keras.run(count)
    assert sum(outcomes.values()) - outcomes["slowest, ms"] == count
