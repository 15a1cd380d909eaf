"""`archspec weights`, and what is read is mapped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from commands import SMALL, command, done, refused, same, saved
from h5files import layer

import archspec
from archspec.backend import backend
from archspec.weights import load, metadata, save


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archspec.Spec:
    monkeypatch.chdir(tmp_path)
    return saved()


class TestCommands:
    def test_init(self, small: archspec.Spec) -> None:
        done("weights", "init", "small.yaml", "--seed", 3, "-o", "new.safetensors")
        wanted = archspec.weights.initial_weights(small.graph, 3)
        assert same(load("new.safetensors"), wanted)
        texts = metadata("new.safetensors")
        assert (texts["name"], texts["seed"]) == ("small", "3")
        assert texts["fingerprint"][:16] in small.codegen("torch").text
        assert "exists" in refused(
            "weights", "init", "small.yaml", "-o", "new.safetensors"
        )
        done("weights", "init", "small.yaml", "--force", "-o", "new.safetensors")

    def test_inspect(self, small: archspec.Spec) -> None:
        facts = json.loads(done("weights", "inspect", "small.safetensors", "--json"))
        rows = {row["name"]: row for row in facts["tensors"]}
        assert rows["conv.weight"]["shape"] == [4, 3, 3, 3]
        assert {row["dtype"] for row in rows.values()} == {"float32"}
        stored = small.graph.parameter_count() + small.graph.buffer_count()
        assert facts["values"] == stored
        assert facts["metadata"]["name"] == "small"
        text = done("weights", "inspect", "small.safetensors")
        assert re.search(r"^conv\.weight +4 x 3 x 3 x 3 +float32$", text, re.MULTILINE)
        assert f"10 tensors, {stored:,} values" in text

    def test_inspect_says_what_is_left_out(self, tmp_path: Path) -> None:
        path = tmp_path / "f.weights.h5"
        with h5py.File(path, "w") as file:
            layer(file, "dense", "fc", np.ones((2, 3), "f4"))
            layer(file, "rescaling", "scale")
        told = "left out, as they act on images: scale (Rescaling); "
        result = command("weights", "inspect", path)
        assert result.exit_code == 0 and f"note: {told}" in result.stderr
        held = json.loads(command("weights", "inspect", path, "--json").stdout)
        assert held["notes"][0].startswith(told)

    @pytest.mark.parametrize(
        ("suffix", "name"), [(".pth", "conv.weight"), (".weights.h5", "conv/kernel")]
    )
    def test_inspect_others(self, small: archspec.Spec, suffix: str, name: str) -> None:
        done(
            *("weights", "convert", "small.safetensors", "--spec", "small.yaml"),
            *("-o", f"small{suffix}"),
        )
        facts = json.loads(done("weights", "inspect", f"small{suffix}", "--json"))
        assert name in {row["name"] for row in facts["tensors"]}

    def test_what_another_net_made(self, small: archspec.Spec) -> None:
        Path("other.yaml").write_text(SMALL.replace("name: small", "name: other"))
        text = (
            Path("other.yaml")
            .read_text()
            .replace("kernel: 3}", "kernel: 3, stride: 2}")
        )
        Path("other.yaml").write_text(text)
        result = command(
            *("weights", "convert", "small.safetensors", "--spec", "other.yaml"),
            *("-o", "x.pth"),
        )
        assert "note: the file was made for 'small'" in result.stderr


class TestConvertAsJson:
    def test_all_names(self, small: archspec.Spec) -> None:
        names = [*small.graph.parameters(), *small.graph.buffers()]
        given = ("weights", "convert", "small.safetensors", "--spec", "small.yaml")
        facts = json.loads(done(*given, "--json", "--new", "fc", "-o", "new.pth"))
        assert facts["new"] == [name for name in names if name.startswith("fc.")]
        assert facts["taken"] == [n for n in names if not n.startswith("fc.")]
        assert facts["left_out"] == facts["notes"] == []
        assert (facts["seed"], facts["source"]) == (0, "canonical")
        assert facts["output"] == "new.pth"

    def test_what_does_not_fit(self, small: archspec.Spec) -> None:
        given = ("weights", "convert", "small.safetensors", "--spec", "resnet18")
        result = command(*given, "--json", "-o", "new.pth")
        facts = json.loads(result.stdout)
        wanted = archspec.load("resnet18").graph
        both = {**wanted.parameters(), **wanted.buffers()}
        assert (result.exit_code, facts["code"]) == (1, "AS601")
        assert facts["missing"].keys() == both.keys() - {"fc.weight", "fc.bias"}
        assert facts["wrong"] == {"fc.weight": [3, 8], "fc.bias": [3]}
        assert facts["surplus"].keys() == {
            *("conv.weight", "conv.bias", "deep.weight", "act.weight", "bn.weight"),
            *("bn.bias", "bn.running_mean", "bn.running_var"),
        }
        assert not Path("new.pth").exists()


class TestTypesAndParts:
    GIVEN = ("weights", "convert", "small.safetensors", "--spec", "small.yaml")

    def test_several_files(self, small: archspec.Spec) -> None:
        text = done(*self.GIVEN, "-o", "w.safetensors", "--shard", "0.3KB")
        index = "w.safetensors.index.json"
        assert text.startswith(f"{index}: 10 weights of small\n")
        assert same(load(index, small.graph), load("small.safetensors", small.graph))
        names = sorted(path.name for path in Path().glob("w*"))
        told = refused(*self.GIVEN, "-o", "w.safetensors", "--shard", "0.3KB")
        assert f"{names[0]} exists" in told
        assert sorted(path.name for path in Path().glob("w*")) == names
        assert names[0].startswith("w-00001-of-0000") and names[-1] == index

    def test_types(self, small: archspec.Spec) -> None:
        done(*self.GIVEN, "-o", "w.safetensors", "--dtype", "float16")
        dtypes = {array.dtype.name for array in load("w.safetensors").values()}
        assert dtypes == {"float16"}
        for name, told in (
            ("w.keras", "Keras' own files are float32 or float64 here"),
            ("w.h5", "HDF5 has no bfloat16"),
        ):
            assert told in refused(*self.GIVEN, "-o", name, "--dtype", "bfloat16")
            assert not Path(name).exists()


def test_mapped_pages_are_the_models_parameters(small: archspec.Spec) -> None:
    """Neither loading nor building copies; training leaves the file alone."""
    before = Path("small.safetensors").read_bytes()
    arrays = load("small.safetensors", small.graph)
    model = backend("torch").build(small.graph, arrays)
    own = model.state_dict()
    assert all(own[k].data_ptr() == a.ctypes.data for k, a in arrays.items())
    with torch.no_grad():
        model.conv.weight.add_(1)
    assert Path("small.safetensors").read_bytes() == before


class TestValues:
    """Weights that are no numbers are named, and with --strict refused."""

    @pytest.fixture
    def spoiled(self, small: archspec.Spec) -> str:
        weights = dict(load("small.safetensors", small.graph))
        weights["conv.weight"][0, 0, 0, 0] = float("nan")
        weights["bn.running_var"][1] = -1
        save("spoiled.safetensors", weights)
        return "spoiled.safetensors"

    def test_convert(self, spoiled: str) -> None:
        told = command(
            *("weights", "convert", spoiled, "--spec", "small.yaml", "-o", "f.pth")
        )
        assert told.exit_code == 0
        assert told.stderr.splitlines() == [
            "warning: NaN or infinity in conv.weight [AS620]",
            "warning: negative variances in bn.running_var [AS620]",
        ]
        assert Path("f.pth").exists()

    def test_strict(self, spoiled: str) -> None:
        told = refused(
            *("weights", "convert", spoiled, "--spec", "small.yaml", "--strict"),
            *("-o", "f.pth"),
        )
        assert "can't be used: NaN or infinity in conv.weight; negative" in told
        assert "[AS620]" in told and "--strict" in told
        assert not Path("f.pth").exists()
        strict = ("--strict", "--weights", spoiled, "-o", "f.safetensors")
        assert "AS620" in refused("build", "small.yaml", "-b", "torch", *strict)
        assert not Path("f.safetensors").exists()

    def test_build(self, spoiled: str) -> None:
        told = command("build", "small.yaml", "-b", "torch", "--weights", spoiled)
        assert told.exit_code == 1
        assert "warning: NaN or infinity in conv.weight [AS620]" in told.stderr
        assert "error: the output is not finite" in told.stderr
