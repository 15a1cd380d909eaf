"""Keras' files made with intent: refused soon, nothing run, nothing else read or written."""

from __future__ import annotations

import json
import os
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fuzz_keras
import h5py
import numpy as np
import pytest
from fuzz_weights import Harm, guarded
from h5files import layer, legacy, value

from archspec.errors import WeightsError
from archspec.weights import archives, hdf5, load

Write = Callable[[h5py.File], None]
SECRET = "secret.h5"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder in which nothing may be written; one's own process reads the files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hdf5, "_survives", lambda path: True)
    with h5py.File(SECRET, "w") as file:
        layer(file, "dense", "fc", value(1))
        file["x"] = value(1)
    yield
    assert {*os.listdir()} <= {SECRET, "f.h5", "f.keras", "saved"}


def refused(name: str, settings: str = "") -> WeightsError:
    with guarded(), pytest.raises(WeightsError) as caught:
        load(name)
    assert caught.value.code in ("AS602", "AS604", "AS606", "AS607", "AS616")
    assert len(str(caught.value)) < 500 and str(caught.value).isprintable()
    return caught.value


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


@pytest.mark.parametrize(
    "put", [in_itself, by_a_detour, the_root, twice, deep, no_numbers]
)
def test_groups_that_go_round(put: Write) -> None:
    with h5py.File("f.h5", "w") as file:
        layer(file, "dense", "fc", value(1))
        put(file)
    refused("f.h5")


# .keras: archives


def inner() -> bytes:
    held = BytesIO()
    with h5py.File(held, "w") as file:
        layer(file, "dense", "fc", value(1))
    return held.getvalue()


def archive(*members: tuple[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    held = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(held, "w", kind) as packed:
        warnings.simplefilter("ignore")  # of two members with one name
        packed.writestr("config.json", "{}")
        for name, data in members:
            packed.writestr(name, data)
    return held.getvalue()


def patched(data: bytes, old: bytes, new: bytes, at: int = -1) -> bytes:
    """With a field of the last, or first, header of a member changed."""
    place = data.rindex(old) if at < 0 else data.index(old)
    return data[:place] + new + data[place + len(new) :]


W = "model.weights.h5"
WHOLE = archive((W, inner()))
CENTRAL = b"PK\x01\x02"
LAST = WHOLE.rindex(CENTRAL)


def field(offset: int, new: bytes, data: bytes = WHOLE) -> bytes:
    """A field of the weights' entry in the list of members."""
    place = data.rindex(CENTRAL) + offset
    return data[:place] + new + data[place + len(new) :]


DEFLATED = zipfile.ZIP_DEFLATED
ARCHIVES: dict[str, bytes] = {
    "a path up": archive((f"../../{W}", inner())),
    "an absolute path": archive((f"/{W}", inner())),
    "a drive": archive((f"C:\\{W}", inner())),
    "another case": archive((W.upper(), inner())),
    "a folder": archive((f"{W}/", b"")),
    "no weights": archive(),
    "two of them": archive((W, inner()), (W, inner())),
    "a pickle": archive((W, pickle.dumps(Harm()))),
    "pickled arrays": archive(("model.weights.npz", pickle.dumps(Harm()))),
    "an archive": archive((W, WHOLE)),
    "nothing": archive((W, b"")),
    "a bomb": archive((W, bytes(1 << 26)), kind=DEFLATED),
    "a bomb of bzip2": archive((W, bytes(1 << 26)), kind=zipfile.ZIP_BZIP2),
    "a bomb of lzma": archive((W, bytes(1 << 26)), kind=zipfile.ZIP_LZMA),
    "a bomb in HDF5": archive((W, inner() + bytes(1 << 25)), kind=DEFLATED),
    "encrypted": field(8, b"\x01\x00"),
    "strongly encrypted": field(8, b"\x41\x00"),
    "patched data": field(8, b"\x20\x00"),
    "an unknown compression": field(10, b"\x63\x00"),
    "another checksum": field(16, b"\x00\x00\x00\x00"),
    "a smaller size": field(20, b"\x10\x00\x00\x00\x10\x00\x00\x00"),
    "a size beyond the end": field(20, b"\xff\xff\xff\x7f\xff\xff\xff\x7f"),
    "another place": field(42, b"\x00\x00\x00\x00"),
    "a place beyond the end": field(42, b"\xff\xff\xff\x7f"),
    "a needed version": field(6, b"\xff\x00"),
    "another name inside": patched(WHOLE, W.encode(), b"model.weights.xx", 0),
    "no list": WHOLE[:LAST],
    "half": WHOLE[: len(WHOLE) // 2],
    "no end": WHOLE[:-10],
    "a list elsewhere": WHOLE[:-6] + b"\x01\x00\x00\x00" + WHOLE[-2:],
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive(name: str) -> None:
    Path("f.keras").write_bytes(ARCHIVES[name])
    refused("f.keras")
    assert not Path("harmed").exists()


CONFIGS: dict[str, bytes] = {
    "deep": b"[" * 200_000,
    "deep objects": b'{"config":' * 100_000 + b"1" + b"}" * 100_000,
    "no text": b"\xff\xfe\x00",
    "numbers": b'{"config": {"layers": [1e999, -1, NaN, ' + b"9" * 4000 + b"]}}",
    "large": b'{"config": {"layers": [' + b'{"class_name":0},' * 200_000 + b"{}]}}",
    "beyond reason": b" " * (1 << 27),
    "code": json.dumps(
        {"class_name": "Lambda", "config": {"function": "cnVu", "name": "x"}}
    ).encode(),
    "a class of the system": json.dumps(
        {"module": "os", "class_name": "mkdir", "config": {"name": "harmed"}}
    ).encode(),
    "names": json.dumps(
        {"config": {"layers": [{"class_name": "Dense", "config": {"name": "../x"}}]}}
    ).encode(),
    "twice in itself": json.dumps(
        {"config": {"layers": [{"config": []}] * 9}}
    ).encode(),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_settings(name: str) -> None:
    """They name layers at most: the weights are what they are."""
    held = BytesIO()
    with zipfile.ZipFile(held, "w", DEFLATED) as packed:
        packed.writestr("config.json", CONFIGS[name])
        packed.writestr(W, inner())
    Path("f.keras").write_bytes(held.getvalue())
    with guarded():
        found = load("f.keras")
    assert list(found) == ["fc/kernel"]
    assert not Path("harmed").exists()


def test_many_members() -> None:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as packed:
        for number in range(20_000):
            packed.writestr(str(number), b"")
        packed.writestr("config.json", "{}")
    Path("f.keras").write_bytes(held.getvalue())
    refused("f.keras")


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


@pytest.mark.parametrize("name", [W, "config.json"])
@pytest.mark.parametrize("what", ["fifo", "device", "folder", "link"])
def test_a_folder_with_what_is_no_file(name: str, what: str) -> None:
    folder = Path("saved")
    folder.mkdir()
    (folder / W).write_bytes(inner())
    (folder / "config.json").write_text("{}")
    (folder / name).unlink()
    match what:
        case "fifo":
            os.mkfifo(folder / name)
        case "device":
            (folder / name).symlink_to("/dev/zero")
        case "folder":
            (folder / name).mkdir()
        case _:
            (folder / name).symlink_to("/nowhere")
    if name == W:
        assert refused("saved").code == "AS616"
        return
    with guarded():
        assert list(load("saved")) == ["fc/kernel"]


def test_damaged_files() -> None:
    """As `python tests/fuzz_keras.py 60` does: processes of their own read them."""
    outcomes = fuzz_keras.run(60)
    assert sum(outcomes.values()) - outcomes["slowest, ms"] == 60
