"""torch's checkpoints: tensors come out of them, and nothing else happens."""

from __future__ import annotations

import argparse
import datetime
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archspec.errors import WeightsError
from archspec.weights import checkpoints, load
from archspec.weights.checkpoints import save

STATE = OrderedDict(
    {
        "conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2),
        "scale": torch.tensor(3.5),
        "bn.num_batches_tracked": torch.tensor(7),
    }
)


class Harm:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "w.pth"


def refusal(path: Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught, checkpoints.opened(path):
        pass
    assert repr(str(path)) in caught.value.message
    return caught.value


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("wrap", "kind"),
    [
        (lambda state: state, "a torch checkpoint"),
        (lambda state: {"state_dict": state}, "a torch checkpoint, its 'state_dict'"),
        (
            lambda state: {"epoch": 3, "model_state_dict": state, "lr": 0.1},
            "a torch checkpoint, its 'model_state_dict'",
        ),
        (
            lambda state: {"optimizer": {"lr": 1}, "model": state},
            "a torch checkpoint, its 'model'",
        ),
        (
            lambda state: {"model": {"x": 1}, "state_dict": state},
            "a torch checkpoint, its 'state_dict'",
        ),
    ],
)
def test_a_state_dict(path: Path, wrap: Any, kind: str, zipped: bool) -> None:
    torch.save(wrap(STATE), path, _use_new_zipfile_serialization=zipped)
    with checkpoints.opened(path) as found:
        assert (found.kind, found.layered, found.metadata) == (kind, False, {})
        assert list(found.tensors) == list(STATE)
        assert [(s.shape, s.dtype) for s in found.tensors.values()] == [
            ((2, 3, 2, 2), "float32"),
            ((), "float32"),
            ((), "int64"),
        ]
        for name, stored in found.tensors.items():
            assert np.array_equal(stored.read(), STATE[name].numpy())


def test_a_tensor_that_is_called_as_wrappers_are(path: Path) -> None:
    torch.save({"model": torch.ones(2), "state_dict": torch.zeros(2)}, path)
    assert set(load(path)) == {"model", "state_dict"}


def test_a_map_of_the_file_and_not_the_file(path: Path) -> None:
    torch.save(STATE, path)
    before = path.read_bytes()
    load(path)["conv.weight"][:] = 1
    assert path.read_bytes() == before


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_are_mapped(path: Path, zipped: bool) -> None:
    """A large file takes no memory until its values are touched."""
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    with checkpoints.opened(path) as found:
        array: Any = found.tensors["scale"].read()
    while isinstance(array, np.ndarray):
        array = array.base
    owner = getattr(array, "obj", array)  # as_strided keeps what it views
    assert isinstance(getattr(owner, "base", owner), object)
    assert load(path)["scale"].flags.writeable


def test_a_parameter_and_bfloat16(path: Path) -> None:
    half = torch.tensor([1.5, 3.0e38, -0.1], dtype=torch.bfloat16)
    torch.save({"x": torch.nn.Parameter(torch.ones(2)), "half": half}, path)
    with checkpoints.opened(path) as found:
        assert found.tensors["half"].dtype == "bfloat16"
        values = found.tensors["half"].read()
        assert values.dtype == np.float32
        assert np.array_equal(values, half.float().numpy())
        assert np.array_equal(found.tensors["x"].read(), np.ones(2, np.float32))


def test_a_tensor_that_numpy_lacks(path: Path) -> None:
    torch.save({"eighth": torch.ones(3).to(torch.float8_e4m3fn)}, path)
    with checkpoints.opened(path) as found:
        assert found.tensors["eighth"].dtype == "float8_e4m3fn"
        with pytest.raises(WeightsError) as caught:
            found.tensors["eighth"].read()
    assert caught.value.message == (
        "'eighth' holds float8_e4m3fn values, which numpy can't read"
    )
    assert caught.value.code == "AS607"


@pytest.mark.parametrize("zipped", [True, False])
def test_views_of_storages(path: Path, zipped: bool) -> None:
    whole = torch.arange(24.0)
    held = {
        "turned": whole.reshape(4, 6).t(),
        "part": whole[5:9],
        "each": whole[1::3],
        "empty": torch.zeros(0, 3),
        "flags": torch.tensor([True, False]),
        "small": torch.tensor([-3, 4], dtype=torch.int8),
    }
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    with checkpoints.opened(path) as found:
        for name, tensor in held.items():
            array = found.tensors[name].read()
            assert np.array_equal(array, tensor.numpy()), name
            assert array.flags.c_contiguous


def test_a_tensor_that_repeats_its_values(path: Path) -> None:
    """It would take any memory that a file asks for."""
    torch.save({"x": torch.zeros(3).expand(1 << 30, 3)}, path)
    with (
        checkpoints.opened(path) as found,
        pytest.raises(WeightsError, match="repeats its values") as caught,
    ):
        found.tensors["x"].read()
    assert caught.value.hint == "store what .contiguous() gives"


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (torch.zeros(3), "it is one tensor"),
        ([1, 2], "it is a list of 2"),
        ({"x": 1}, "its 'x' is an int"),
        ({1: torch.zeros(2)}, "its first key is no text"),
        ({"model": {"x": "y"}}, "its 'model' is a dict of 1"),
        (argparse.Namespace(x=1), "it is <argparse.Namespace>"),
    ],
)
def test_no_state_dict(path: Path, held: object, what: str) -> None:
    torch.save(held, path)
    error = refusal(path)
    wanted = f"{str(path)!r} holds no mapping from names to tensors: {what}"
    assert error.message.startswith(wanted)
    assert error.code == "AS605"


class Kept(torch.nn.Module):
    """A module that is stored as a whole, with things that are no tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)
        )
        self.fc = torch.nn.Linear(4, 2)
        self.scale = torch.nn.Parameter(torch.ones(4))
        self.note = argparse.Namespace(rate=0.1)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"epoch": 1, "net": x}])
def test_a_module_that_was_stored_as_a_whole(
    path: Path, wrap: Any, zipped: bool
) -> None:
    """torch can read it only by running it."""
    model = Kept()
    torch.save(wrap(model), path, _use_new_zipfile_serialization=zipped)
    with checkpoints.opened(path) as found:
        assert set(found.tensors) == set(model.state_dict())
        for name, tensor in model.state_dict().items():
            assert np.array_equal(found.tensors[name].read(), tensor.numpy())


@pytest.mark.parametrize("zipped", [True, False])
def test_things_beside_tensors(path: Path, zipped: bool) -> None:
    model = Kept()
    optimiser = torch.optim.Adam(model.parameters())
    sum(p.sum() for p in model.parameters()).backward()  # type: ignore[union-attr]  # a tensor
    optimiser.step()
    held = {
        "state_dict": model.state_dict(),
        "optimizer": optimiser.state_dict(),
        "args": argparse.Namespace(lr=0.1),
        "best": np.float64(0.5),
        "history": np.arange(3),
        "when": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        "where": Path("x"),
        "rest": [{"deep": {"er": (1, None, "x", b"y", {3, 4})}}],
        "_extra_state": None,
    }
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    with checkpoints.opened(path) as found:
        assert list(found.parts) == ["", "state_dict"]  # the history is an array
        assert set(found.tensors) == set(model.state_dict())


def test_several_sets_of_weights(path: Path) -> None:
    torch.save({"model": STATE, "model_ema": STATE, "lr": 1}, path)
    with checkpoints.opened(path) as found:
        assert list(found.parts) == ["model", "model_ema"]


@pytest.mark.parametrize("depth", [checkpoints.DEPTH, checkpoints.DEPTH + 2])
def test_tensors_far_inside(path: Path, depth: int) -> None:
    held: Any = STATE
    for _ in range(depth):
        held = {"in": held}
    torch.save(held, path)
    if depth > checkpoints.DEPTH:
        assert "no mapping" in refusal(path).message
        return
    with checkpoints.opened(path) as found:
        assert set(found.tensors) == set(STATE)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps({"x": Harm()}, protocol))
    error = refusal(path)
    assert error.message.count("\n") == 0
    assert error.code == "AS605" and error.hint is not None
    assert error.hint.startswith("nothing in it was run")
    assert not Path("harmed").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_hostile_checkpoint(path: Path, zipped: bool) -> None:
    """What it calls is not called: its tensors are as good as any."""
    held = {"conv.weight": torch.zeros(3), "x": Harm()}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    assert list(load(path)) == ["conv.weight"]
    assert not Path("harmed").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_every_truncation(path: Path, zipped: bool) -> None:
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        error = refusal(path)
        assert error.code in ("AS605", "AS607")
        assert not error.message.endswith(": ")


def test_hdf5(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    error = refusal(path)
    assert "is no torch checkpoint: it is an HDF5 file" in error.message
    assert error.code == "AS606"


def test_torch_reads_what_is_written(path: Path) -> None:
    arrays = {
        "turned": np.arange(6.0).reshape(2, 3).T,
        "half": np.arange(4, dtype=np.float16),
        "scalar": np.array(2.5, np.float32),
    }
    arrays["half"].flags.writeable = False
    save(path, arrays)
    found = torch.load(path, weights_only=True)
    assert list(found) == list(arrays)
    for name, tensor in found.items():
        assert np.array_equal(tensor.numpy(), arrays[name])
        assert tensor.numpy().dtype == arrays[name].dtype
        assert tensor.shape == arrays[name].shape
        assert tensor.is_contiguous()


@pytest.mark.parametrize("mapped", [True, False])
def test_torch_maps_what_is_written(path: Path, mapped: bool) -> None:
    arrays = {"a": np.arange(5.0), "b": np.ones((2, 3), np.float32)}
    save(path, arrays)
    found = torch.load(path, weights_only=True, mmap=mapped)
    assert all(np.array_equal(found[k].numpy(), v) for k, v in arrays.items())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_torch_is_not_installed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(STATE, path)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert np.array_equal(load(path)["scale"], np.float32(3.5))
    save(path, {"x": np.ones(2)})
    assert list(load(path)) == ["x"]


def test_an_archive_that_is_compressed(path: Path) -> None:
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert "is compressed, as torch's never are" in refusal(path).message


def test_an_archive_without_its_storages(path: Path) -> None:
    """Nor is that of a tensor there which has no values to read."""
    torch.save({"full": torch.ones(2), "empty": torch.zeros(0, 3)}, path)
    with zipfile.ZipFile(path) as archive:
        kept = {n: archive.read(n) for n in archive.namelist() if "/data/" not in n}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in kept.items():
            archive.writestr(name, data)
    with checkpoints.opened(path) as found:
        for tensor in found.tensors.values():
            with pytest.raises(WeightsError, match="beyond its values") as caught:
                tensor.read()
            assert caught.value.code == "AS605"


def test_an_archive_whose_storage_is_short(path: Path) -> None:
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data[:8] if name.endswith("data/0") else data)
    with pytest.raises(WeightsError, match="reaches beyond its values"):
        load(path)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes(path: Path, seed: int) -> None:
    """Whatever a byte is changed to: tensors come out of it, or a refusal."""
    draw = np.random.default_rng(seed)
    held = {"state_dict": STATE, "args": argparse.Namespace(x=[1, 2])}
    torch.save(held, path, _use_new_zipfile_serialization=bool(seed % 2))
    whole = bytearray(path.read_bytes())
    for _ in range(50):
        changed = bytearray(whole)
        for place in draw.integers(0, len(whole), draw.integers(1, 9)):
            changed[place] = draw.integers(0, 256)
        path.write_bytes(changed)
        try:
            load(path)
        except WeightsError as error:
            assert error.code.startswith("AS60"), error


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported program of two layers."""
    path = tmp_path_factory.mktemp("program") / "f.pt2"
    made = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.export.save(torch.export.export(made, (torch.zeros(2, 3, 5, 5),)), path)
    return path


def test_an_exported_program(program: Path) -> None:
    wanted = torch.export.load(program).state_dict
    found = load(program)
    assert set(found) | {"1.num_batches_tracked"} == set(wanted)
    assert all(np.array_equal(found[k], wanted[k].detach()) for k in found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"as_int": 3}', b'"as_int": 9}'),  # beyond the values
        (b'"as_int": 3}', b'"as_int":-3}'),
        (b'"as_int": 3}', b'"as_int":{}}'),
        (b'"weight_0"', b'"../../.."'),
        (b'"config"', b'"conFig"'),
        (b'"dtype": 7', b'"dtype":99'),
        (b'{"config', b"[" * 8),
    ],
)
def test_a_program_that_is_damaged(
    program: Path, path: Path, old: bytes, new: bytes
) -> None:
    data = program.read_bytes()
    assert old in data and len(old) == len(new)
    path.write_bytes(data.replace(old, new))
    try:
        assert set(load(path)) < set(load(program))  # what is no tensor is missing
    except WeightsError as error:
        assert error.code in ("AS605", "AS607")


def test_a_storage_within_a_pickle(path: Path) -> None:
    """pickle.dump of tensors: each storage is a file of its own, read once."""
    whole = torch.arange(6.0)
    held = {"a": whole[2:5], "b": whole.reshape(2, 3).t(), "c": whole.bfloat16()}
    path.write_bytes(pickle.dumps(held))
    found = load(path)
    for name, tensor in held.items():
        assert np.array_equal(found[name], tensor.float().numpy())
    found["a"][:] = 9  # writable, and nobody else's


@pytest.mark.parametrize("inner", [b"", b"x", pickle.dumps({"x": 1}), b"N." * 5])
def test_bytes_that_are_no_storage(path: Path, inner: bytes) -> None:
    class Loaded:
        def __reduce__(self) -> tuple[object, tuple[bytes]]:
            return torch.storage._load_from_bytes, (inner,)

    class Built:
        def __reduce__(self) -> tuple[object, ...]:
            of: tuple[object, ...] = (Loaded(), 0, (2,), (1,), False, OrderedDict())
            return torch._utils._rebuild_tensor_v2, of

    path.write_bytes(pickle.dumps({"x": Built()}))
    assert refusal(path).code == "AS605"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype="float32").reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype="float64").reshape(3, 4)),
        np.arange(24, dtype="int64").reshape(2, 3, 4)[:, ::2].transpose(2, 0, 1),
        np.zeros((0, 3), "float16"),
        np.array(2.5),
    ],
)
def test_arrays_of_numpy(path: Path, array: Any, protocol: int) -> None:
    path.write_bytes(pickle.dumps({"x": array}, protocol))
    found = load(path)["x"]
    assert found.dtype == array.dtype and np.array_equal(found, array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, []], object),
        np.array(["a"]),
        np.arange(3, dtype=">f4"),
        np.zeros(2, [("a", "f4")]),
    ],
)
def test_arrays_that_hold_no_numbers(path: Path, array: Any) -> None:
    path.write_bytes(pickle.dumps({"x": array}))
    assert refusal(path).code == "AS605"
