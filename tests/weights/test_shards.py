"""Weights in several files, as Hugging Face's libraries and Keras write them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import load_torch_model, save_torch_state_dict
from nets import graph_of
from safetensors.torch import save_file

from archspec.errors import WeightsError
from archspec.weights import initial_weights, load, shards
from archspec.weights.archives import Archive, Stored, opened
from archspec.weights.conversion import fitted
from archspec.weights.shards import LARGEST, MOST, SLOW, hint, inside, part

GRAPH = graph_of(
    "inputs: {image: [3, 8, 8]}\n"
    "graph: {conv: {op: conv2d, channels: 40, kernel: 3}, bn: batch_norm,"
    " pool: global_avg_pool2d, fc: {op: linear, features: 20}}"
)
INDEX = "model.safetensors.index.json"


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 40, 3)
        self.bn = torch.nn.BatchNorm2d(40)
        self.fc = torch.nn.Linear(40, 20)


def state(made: Any) -> dict[str, Any]:
    held = made.state_dict().items()
    return {k: v.numpy() for k, v in held if not k.endswith("num_batches_tracked")}


def same(found: Any, wanted: Any) -> bool:
    return found.keys() == wanted.keys() and all(
        np.array_equal(found[name], wanted[name]) for name in wanted
    )


@pytest.fixture
def made() -> Any:
    return Net()


@pytest.fixture
def folder(tmp_path: Path, made: Any) -> Path:
    """What huggingface_hub makes of the net."""
    save_torch_state_dict(made.state_dict(), tmp_path, max_shard_size=3000)
    assert len(list(tmp_path.glob("model-0000?-of-00003.safetensors"))) == 3
    return tmp_path


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_hugging_faces(tmp_path: Path, made: Any, safe: bool, prefix: str) -> None:
    held = {f"{prefix}{name}": value for name, value in made.state_dict().items()}
    save_torch_state_dict(held, tmp_path, max_shard_size=3000, safe_serialization=safe)
    theirs = torch.nn.ModuleDict({"module": Net()}) if prefix else Net()
    load_torch_model(theirs, tmp_path, safe=safe, weights_only=True)
    wanted = state(theirs["module"] if prefix else theirs)  # type: ignore[index]  # a dict
    index = INDEX if safe else "pytorch_model.bin.index.json"
    for given in (tmp_path / index, tmp_path, os.fspath(tmp_path)):
        assert same(load(given, GRAPH), wanted)
    with opened(tmp_path / index) as archive:
        kind = "a safetensors file" if safe else "a torch checkpoint"
        assert archive.kind == f"{kind}, in 3 parts"


def test_keras(tmp_path: Path) -> None:
    """A layer's variables may be in two files."""
    from archspec.backend import backend

    wanted = initial_weights(GRAPH, 3)
    model = backend("keras").build(GRAPH, wanted)
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=4400 / 2**30)
    index = json.loads((tmp_path / "m.weights.json").read_text())["weight_map"]
    assert any(isinstance(files, list) for files in index.values())
    for given in (tmp_path / "m.weights.json", tmp_path):
        assert same(load(given, GRAPH), wanted)
    for there in (True, False):
        with pytest.raises(WeightsError) as caught:
            load(tmp_path / "m_00001.weights.h5", GRAPH)
        told = f"it is a part: give {tmp_path / 'm.weights.json'}"
        assert (caught.value.hint == told) == there
        (tmp_path / "m.weights.json").unlink(missing_ok=True)


def test_a_part_alone(folder: Path) -> None:
    path = folder / "model-00002-of-00003.safetensors"
    with opened(path) as archive:
        assert archive.kind == "a safetensors file, part 2 of 3"
    for told in ("give", "get all parts and their index,"):
        with pytest.raises(WeightsError) as caught:
            load(path, GRAPH)
        assert caught.value.code == "AS601"
        assert caught.value.hint == f"it is part 2 of 3: {told} {folder / INDEX}"
        (folder / INDEX).unlink(missing_ok=True)
    names = ["conv.*", "bn.*", "fc.*"]
    assert fitted(path, GRAPH, allow_missing=names).initial


def test_one_part_of_one(tmp_path: Path, made: Any) -> None:
    state = made.state_dict()
    del state["fc.bias"]
    for count, hinted in ((1, False), (2, True)):
        path = tmp_path / f"model-00001-of-{count:05}.safetensors"
        save_file(state, path)
        with pytest.raises(WeightsError) as caught:
            load(path, GRAPH)
        assert ("part 1 of" in (caught.value.hint or "")) == hinted


def test_texts_are_those_of_the_first_part(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.glob("*.safetensors"))):
        with opened(path) as archive:
            held = {k: torch.from_numpy(t.read()) for k, t in archive.tensors.items()}
        save_file(held, path, {"number": str(number)})
    with opened(folder / INDEX) as archive:
        assert archive.metadata == {"number": "0"}


def refused(path: Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert caught.value.code == "AS616"
    return caught.value


def test_a_part_that_is_missing(folder: Path) -> None:
    name = "model-00001-of-00003.safetensors"
    (folder / name).unlink()
    error = refused(folder / INDEX)
    assert error.notes == (f"missing: {name}",)
    assert "names 3 files, of which 1 are missing" in error.message


@pytest.mark.parametrize(
    "name",
    [
        *("../model-00001-of-00003.safetensors", "/etc/passwd", "", ".", ".."),
        *("sub/x.safetensors", "..\\x.safetensors", "x\0.safetensors", "x\n", INDEX),
        *(3, None, [], [3], {"a": 1}, "x" * 300),
    ],
)
def test_files_elsewhere(folder: Path, name: Any) -> None:
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"]["fc.bias"] = name
    (folder / INDEX).write_text(json.dumps(index))
    error = refused(folder / INDEX)
    assert "which is no name of a weight file beside it" in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[" * 100_000, "no index"),
        ("[]", "has no weight_map"),
        ("{}", "has no weight_map"),
        ('{"weight_map": []}', "has no weight_map"),
        ('{"weight_map": {}}', "has no weight_map"),
        (b"\xff\xfe\x00", "no index"),
        (json.dumps({"weight_map": {f"{n}": f"{n}.bin" for n in range(MOST + 1)}}), "names 1,001 files"),
        (json.dumps({"weight_map": {f"{n}": f"{n}.h5" for n in range(SLOW + 1)}}), "names 101 files"),
        (" " * (LARGEST + 1), "more than 16,777,216 bytes"),
    ],
)  # fmt: skip
def test_no_index(tmp_path: Path, text: Any, told: str) -> None:
    path = tmp_path / INDEX
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert told in refused(path).message


def test_a_tensor_in_two_files(folder: Path, made: Any) -> None:
    index = json.loads((folder / INDEX).read_text())["weight_map"]
    for name in set(index.values()):
        held = {key: made.state_dict()[key] for key in index if index[key] == name}
        save_file({**held, "fc.bias": made.state_dict()["fc.bias"]}, folder / name)
    assert "'fc.bias' is in two files of" in refused(folder / INDEX).message


def test_an_index_of_other_files(folder: Path) -> None:
    index = json.loads((folder / INDEX).read_text())
    names = sorted(set(index["weight_map"].values()))
    turned = dict(zip(names, [*names[1:], names[0]], strict=True))
    index["weight_map"] = {k: turned[v] for k, v in index["weight_map"].items()}
    (folder / INDEX).write_text(json.dumps(index))
    error = refused(folder / INDEX)
    assert f"says of {len(index['weight_map'])} tensors" in error.message


def test_what_no_index_names_is_surplus(folder: Path) -> None:
    index = json.loads((folder / INDEX).read_text())["weight_map"]
    with opened(folder / index["fc.bias"]) as archive:
        held = {k: torch.from_numpy(t.read()) for k, t in archive.tensors.items()}
    save_file({**held, "more": torch.zeros(1)}, folder / index["fc.bias"])
    with pytest.raises(WeightsError, match="0 missing, 1 surplus"):
        load(folder, GRAPH)


class TestFolders:
    def test_one_file(self, tmp_path: Path, made: Any) -> None:
        torch.save(made.state_dict(), tmp_path / "w.pth")
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "README.md").write_text("")
        assert same(load(tmp_path, GRAPH), state(made))

    @pytest.mark.parametrize("name", ["last.ckpt", "best.pth.tar", "w.th", "W.PTH"])
    def test_of_any_name(self, tmp_path: Path, made: Any, name: str) -> None:
        torch.save({"state_dict": made.state_dict()}, tmp_path / name)
        assert same(load(tmp_path, GRAPH), state(made))

    def test_none(self, tmp_path: Path) -> None:
        assert refused(tmp_path).message.endswith("has no weight file")

    def test_several(self, tmp_path: Path, made: Any) -> None:
        for name in ("a.pth", "b.pth"):
            torch.save(made.state_dict(), tmp_path / name)
        error = refused(tmp_path)
        assert error.message.endswith("has 2 weight files")
        assert (error.notes, error.hint) == (("a.pth", "b.pth"), "give one of them")

    def test_a_trainers_folder(
        self, tmp_path: Path, made: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """transformers takes model.safetensors, whatever lies beside it."""
        save_file(made.state_dict(), tmp_path / "model.safetensors")
        for name in ("pytorch_model.bin", "optimizer.pt", "training_args.bin"):
            torch.save({}, tmp_path / name)
        assert same(load(tmp_path, GRAPH), state(made))
        assert "model.safetensors is read" in caplog.text


@contextmanager
def lettered(path: Path) -> Iterator[Archive]:
    """A made-up format: a file holds scalars, whose names are its letters."""
    text = path.read_text()
    held = {x: Stored((), "float32", partial(np.full, (), ord(x))) for x in text}
    layered = text.isupper()
    yield Archive(f"letters, its {text!r}", layered, held, {"first": text[0]})


def together(folder: Path, files: dict[str, str], index: Any) -> Archive:
    """What an index makes of files of letters."""
    for name, letters in files.items():
        (folder / name).write_text(letters)
    path = folder / "x.index.json"
    path.write_text(json.dumps({"weight_map": index}))
    with shards.opened(path, lettered) as archive:
        return archive


TWO = {"1.x": "ab", "2.x": "cd"}


@pytest.mark.parametrize(
    "index",
    [
        {"a": "1.x", "b": "1.x", "c": "2.x", "d": "2.x"},
        {"a": "1.x", "c": "2.x"},  # not all of them have to be named
        {"a": ["1.x"], "b": ["1.x", "2.x"], "c": ["1.x", "2.x"]},
    ],
)
def test_what_is_in_all_files(tmp_path: Path, index: Any) -> None:
    found = together(tmp_path, TWO, index)
    assert (found.kind, found.layered) == ("letters, in 2 parts", False)
    assert found.metadata == {"first": "a"}
    values = {name: held.read() for name, held in found.tensors.items()}
    assert values == {"a": 97, "b": 98, "c": 99, "d": 100} and list(values) == [*"abcd"]


@pytest.mark.parametrize(
    ("files", "index", "told", "notes"),
    [
        (
            {"1.x": "ab", "2.x": "cb"},
            {"a": "1.x", "c": "2.x"},
            "'b' is in two files of 'x.index.json': '1.x' and '2.x'",
            (),
        ),
        (
            {"1.x": "ab", "2.x": "CD"},
            {"a": "1.x", "C": "2.x"},
            "'x.index.json' names files of two kinds",
            (),
        ),
        (
            TWO,
            {"a": "1.x", "b": "2.x", "e": "2.x"},
            "'x.index.json' says of 2 tensors that they are in files which don't have "
            "them",
            ("not there: b", "not there: e"),
        ),
        (
            {"1.x": "ab"},
            {"a": "1.x", "c": "2.x", "d": "3.x"},
            "'x.index.json' names 3 files, of which 2 are missing",
            ("missing: 2.x", "missing: 3.x"),
        ),
    ],
)
def test_files_that_are_not_those_of_the_index(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    index: Any,
    told: str,
    notes: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError) as caught:
        together(Path(), files, index)
    assert (caught.value.message, caught.value.notes) == (told, notes)
    assert caught.value.code == "AS616"
    if "missing" in told:
        assert caught.value.hint == "they should be in the same folder"


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("a b.x", True),
        ("...", True),
        ("x" * 200, True),
        ("", False),
        (".", False),
        ("..", False),
        ("a/b", False),
        ("a\\b", False),
        ("a\nb", False),
        ("x" * 256, False),
        ("x.json", False),
        (3, False),
        ([], False),
        (["1.x", 3], False),
    ],
)
def test_names_of_files_in_an_index(tmp_path: Path, name: Any, beside: bool) -> None:
    files = {"1.x": "a"} | ({name: "b"} if beside else {})
    index = {"a": "1.x", "b": name}
    if beside:
        assert set(together(tmp_path, files, index).tensors) == {"a", "b"}
        return
    with pytest.raises(WeightsError, match="no name of a weight file beside it"):
        together(tmp_path, files, index)


@pytest.mark.parametrize(("suffix", "most"), [("x", MOST), ("h5", SLOW)])
def test_how_many_files_an_index_may_name(
    tmp_path: Path, suffix: str, most: int
) -> None:
    for count, told in ((most, "are missing"), (most + 1, f"it names {most + 1:,}")):
        index = {f"{n}": f"{n}.{suffix}" for n in range(count)}
        with pytest.raises(WeightsError, match=told):
            together(tmp_path, {}, index)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("m-00002-of-00003.bin", "part 2 of 3"),
        ("a-b-00001-of-00001.safetensors", "part 1 of 1"),
        ("m-0002-of-0003.bin", ""),
        ("m.bin", ""),
        ("m_00001.weights.h5", ""),
    ],
)
def test_the_part_that_a_name_says(name: str, told: str) -> None:
    assert part(Path("folder", name)) == told


@pytest.mark.parametrize(
    ("name", "index", "there", "told"),
    [
        ("m-00002-of-00003.x", "m.x.index.json", True, "it is part 2 of 3: give {}"),
        (
            "m-00001-of-00002.x",
            "m.x.index.json",
            False,
            "it is part 1 of 2: get all parts and their index, {}",
        ),
        ("m-00001-of-00001.x", "m.x.index.json", True, None),
        ("m_00001.weights.h5", "m.weights.json", True, "it is a part: give {}"),
        ("m_00001.weights.h5", "m.weights.json", False, None),
        ("m.x", "m.x.index.json", True, None),
    ],
)
def test_what_to_give_in_place_of_a_part(
    tmp_path: Path, name: str, index: str, there: bool, told: str | None
) -> None:
    if there:
        (tmp_path / index).write_text("")
    assert hint(tmp_path / name) == (told and told.format(tmp_path / index))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("a.x", "a.x"),
        ("a.X b.txt", "a.X"),
        ("a.ckpt", "a.ckpt"),
        ("a.th", "a.th"),
        ("a.pth.tar", "a.pth.tar"),
        ("i.index.json", "i.index.json"),
        ("i.index.json 1.x 2.x", "i.index.json"),  # whose parts these are
        ("b.x model.safetensors.x", 2),
        ("i.index.json 3.x", 2),
        ("", 0),
        ("a.txt config.json", 0),
    ],
)
def test_the_one_file_of_a_folder(tmp_path: Path, names: str, found: str | int) -> None:
    index = json.dumps({"weight_map": {"a": "1.x", "b": ["1.x", "2.x"]}})
    for name in names.split():
        (tmp_path / name).write_text(index)
    (tmp_path / "inner.x").mkdir()
    if isinstance(found, str):
        assert inside(tmp_path, (".x",)) == tmp_path / found
        return
    with pytest.raises(WeightsError) as caught:
        inside(tmp_path, (".x",))
    told = f"has {found} weight files" if found else "has no weight file"
    assert caught.value.message == f"the folder {str(tmp_path)!r} {told}"
    assert caught.value.hint == ("give one of them" if found else None)
    assert len(caught.value.notes) == found


def test_what_transformers_would_take_of_a_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It looks for these names, in this order."""
    order = [
        "pytorch_model.bin.index.json",
        "pytorch_model.bin",
        "model.safetensors.index.json",
        "model.safetensors",
    ]
    (tmp_path / "a.bin").write_text("")
    for name in order:
        (tmp_path / name).write_text(json.dumps({"weight_map": {"a": "1.x"}}))
        caplog.clear()
        assert inside(tmp_path, (".bin", ".safetensors")) == tmp_path / name
        told = f"note: of the files in {str(tmp_path)!r} {name} is read"
        assert caplog.messages == [told]
