"""archspec.weights.checkpoints: torch's own files, read without running them."""

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
from nets import Arrays

from archspec.errors import ArchspecError, WeightsError
from archspec.weights.archives import Archive
from archspec.weights.checkpoints import opened, save

STATE = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}


def archive_of(path: Path, held: Any, **options: Any) -> Archive:
    torch.save(held, path, **options)
    with opened(path) as archive:
        return archive


def refused(path: Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught, opened(path):
        pass
    return caught.value


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict(tmp_path: Path, zipped: bool) -> None:
    made = archive_of(tmp_path / "w.pth", STATE, _use_new_zipfile_serialization=zipped)
    assert made.kind == "a torch checkpoint" and not made.layered
    assert list(made.tensors) == list(STATE) and made.metadata == {}
    for name, tensor in made.tensors.items():
        assert tensor.shape == tuple(STATE[name].shape) and tensor.dtype == "float32"
        assert np.array_equal(tensor.read(), STATE[name].numpy())


def test_zip_files_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    load = torch.load

    def noted(path: Path, **options: Any) -> Any:
        asked.append(options)
        return load(path, **options)

    monkeypatch.setattr(torch, "load", noted)
    for zipped in (True, False):
        archive_of(tmp_path / "w.pth", STATE, _use_new_zipfile_serialization=zipped)
        wanted = {"map_location": "cpu", "weights_only": True, "mmap": zipped}
        assert asked.pop() == wanted


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_what_training_scripts_wrap_it_in(tmp_path: Path, key: str) -> None:
    held = {"epoch": 3, "optimizer": {"lr": 0.1}, key: OrderedDict(STATE)}
    made = archive_of(tmp_path / "w.pth", held)
    assert made.kind == f"a torch checkpoint, its {key!r}"
    assert list(made.tensors) == list(STATE)


def test_the_first_wrapper_is_taken(tmp_path: Path) -> None:
    held = {"model": {"b": torch.ones(1)}, "state_dict": STATE}
    assert list(archive_of(tmp_path / "w.pth", held).tensors) == list(STATE)
    plain = {"model": torch.ones(1), "other": torch.ones(2)}
    made = archive_of(tmp_path / "w.pth", plain)
    assert list(made.tensors) == ["model", "other"]
    assert made.kind == "a torch checkpoint"


@pytest.mark.parametrize(
    ("held", "message", "hinted"),
    [
        (torch.zeros(3), "holds no state_dict: Tensor", False),
        ([1, 2], "holds no state_dict: list", False),
        ({"x": 1}, "holds no state_dict: 'x' is int", True),
        ({1: torch.zeros(2)}, "holds no state_dict: 1 is Tensor", True),
        ({"a": torch.zeros(2), "b": "text"}, "'b' is str", True),
    ],
)
def test_no_state_dict(
    tmp_path: Path, held: object, message: str, hinted: bool
) -> None:
    path = tmp_path / "w.pth"
    torch.save(held, path)
    error = refused(path)
    assert error.code == "AS605" and error.message.endswith(message)
    assert repr(str(path)) in error.message
    assert bool(error.hint) == hinted


class Harm:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("bad.pth")
    path.write_bytes(pickle.dumps({"x": Harm()}, protocol))
    error = refused(path)
    assert error.code == "AS605" and "nothing in it was run: " in error.message
    assert error.message.startswith("'bad.pth' is damaged, no torch checkpoint, or ")
    assert error.hint == "store the model's state_dict() on its own"
    torch.save({"a": torch.zeros(1), "x": Harm()}, path)
    assert refused(path).code == "AS605"
    assert os.listdir() == ["bad.pth"]


def test_the_reason_is_torchs_first_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.pth"
    path.touch()
    for said, told in (
        ("Bad magic. Do this.\nAnd that", "Bad magic"),
        ("First line\nSecond. Third", "First line"),
        ("", "RuntimeError"),
    ):

        def failing(*given: Any, said: str = said, **options: Any) -> None:
            raise RuntimeError(said)

        monkeypatch.setattr(torch, "load", failing)
        assert refused(path).message.endswith(f"nothing in it was run: {told}")


def test_an_hdf5_file(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    error = refused(path)
    assert error.code == "AS606"
    assert error.message == (
        f"{str(path)!r} is no torch checkpoint: it is an HDF5 file, as Keras's .h5 is"
    )


def test_element_types(tmp_path: Path) -> None:
    state = {
        "brain": torch.full((2,), 1.5, dtype=torch.bfloat16),
        "half": torch.full((2,), 1.5, dtype=torch.float16),
        "double": torch.ones(2, dtype=torch.float64, requires_grad=True),
        "eighth": torch.ones(2).to(torch.float8_e4m3fn),
    }
    made = archive_of(tmp_path / "w.pth", state).tensors
    kinds = {name: tensor.dtype for name, tensor in made.items()}
    assert kinds == {
        "brain": "bfloat16",
        "half": "float16",
        "double": "float64",
        "eighth": "float8_e4m3fn",
    }
    brain = made["brain"].read()
    assert brain.dtype == np.float32 and brain.tolist() == [1.5, 1.5]
    assert made["half"].read().dtype == np.float16
    assert made["double"].read().dtype == np.float64
    with pytest.raises(WeightsError, match=r"'eighth' is a torch.float8_e4m3fn") as e:
        made["eighth"].read()
    assert e.value.code == "AS607"


def test_written_whole(tmp_path: Path) -> None:
    frozen = np.ones(3)
    frozen.setflags(write=False)
    weights: Arrays = {
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "frozen": frozen,
        "number": np.array(3.5),
    }
    save(tmp_path / "w.pth", weights)
    found = torch.load(tmp_path / "w.pth", weights_only=True)
    assert list(found) == list(weights)
    for name, tensor in found.items():
        assert tensor.is_contiguous() and np.array_equal(tensor.numpy(), weights[name])
        assert tensor.numpy().shape == weights[name].shape
    with pytest.raises(ArchspecError, match="there is no folder"):
        save(tmp_path / "none" / "w.pth", weights)
    assert [path.name for path in tmp_path.iterdir()] == ["w.pth"]


def test_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", None)
    error = refused(tmp_path / "w.pth")
    assert error.code == "AS609" and error.hint == 'pip install "archspec-nn[torch]"'
    assert "torch checkpoints need torch, which isn't installed" in error.message
    with pytest.raises(WeightsError, match="isn't installed"):
        save(tmp_path / "v.pth", {})


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("2.5.1+cpu", False),
        ("1.13.1", False),
        ("2.6.0", True),
        ("2.10.0a0+git1", True),
        ("3.0", True),
    ],
)
def test_a_torch_that_a_file_makes_run_code(
    version: str, safe: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.pth"
    torch.save(STATE, path)
    monkeypatch.setattr(torch, "__version__", version)
    if safe:
        with opened(path) as archive:
            assert list(archive.tensors) == list(STATE)
        return
    error = refused(path)
    assert error.code == "AS609" and "CVE-2025-32434" in error.message
    assert f"torch {version} can't read" in error.message
    assert error.hint == "upgrade torch, or give a .safetensors file"
