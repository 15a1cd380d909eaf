"""torch's checkpoints: tensors come out of them, and nothing else happens."""

from __future__ import annotations

import os
import pickle
import sys
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


def test_tensors_are_mapped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file takes no memory until its values are touched."""
    seen: list[bool] = []
    read = torch.load

    def watched(*args: Any, mmap: bool, **options: Any) -> Any:
        seen.append(mmap)
        return read(*args, mmap=mmap, **options)

    monkeypatch.setattr(torch, "load", watched)
    for zipped in (True, False):
        torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
        load(path)
    assert seen == [True, False]


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
    assert "'eighth' is a torch.float8_e4m3fn tensor: " in caught.value.message
    assert caught.value.code == "AS607"


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (torch.zeros(3), "Tensor"),
        ([1, 2], "list"),
        ({"x": 1}, "'x' is int"),
        ({1: torch.zeros(2)}, "1 is Tensor"),
        ({"a": torch.zeros(2), "model": {"x": "y"}}, "'x' is str"),
    ],
)
def test_no_state_dict(path: Path, held: object, what: str) -> None:
    torch.save(held, path)
    error = refusal(path)
    assert error.message == f"{str(path)!r} holds no state_dict: {what}"
    assert error.code == "AS605"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps({"x": Harm()}, protocol))
    error = refusal(path)
    assert "nothing in it was run: " in error.message
    assert error.message.count("\n") == 0
    assert (error.code, error.hint) == (
        "AS605",
        "store the model's state_dict() on its own",
    )
    assert not Path("harmed").exists()


def test_a_hostile_checkpoint(path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(3), "x": Harm()}, path)
    assert "nothing in it was run: " in refusal(path).message
    assert not Path("harmed").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_every_truncation(path: Path, zipped: bool) -> None:
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        error = refusal(path)
        assert error.code == "AS605"
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


def test_torch_is_not_installed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(STATE, path)
    monkeypatch.setitem(sys.modules, "torch", None)
    error = refusal(path)
    assert "torch checkpoints need torch, which isn't installed" in error.message
    assert (error.code, error.hint) == ("AS609", 'pip install "archspec-nn[torch]"')
    with pytest.raises(WeightsError, match="isn't installed"):
        save(path, {})


@pytest.mark.parametrize("version", ["1.13.1", "2.4.0", "2.5.1+cpu"])
def test_a_torch_that_a_file_makes_run_code(
    version: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({}, path)
    monkeypatch.setattr(torch, "__version__", version)
    error = refusal(path)
    assert f"torch {version} can't read a .pth file safely" in error.message
    assert "CVE-2025-32434" in error.message
    assert error.code == "AS609"


@pytest.mark.parametrize("version", ["2.6.0", "2.6.0+cpu", "2.10.0", "3.0.0"])
def test_a_torch_that_is_safe(
    version: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({}, path)
    monkeypatch.setattr(torch, "__version__", version)
    assert load(path) == {}
