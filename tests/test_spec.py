"""A spec in Python: read with other params, sizes and ends, compared, printed, built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import archspec
from archspec import memory
from archspec.errors import (
    BackendError,
    LimitError,
    ShapeError,
    SpecError,
    WeightsError,
)
from archspec.limits import Limits
from archspec.weights import initial_weights, save, write

TEXT = """
archspec: 1
name: small
params: {width: 4, classes: 5}
inputs: {image: [3, 16, 12]}
graph:
  stem: {op: conv2d, channels: =width, kernel: 3, padding: 1, stride: 2}
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
taps: {c1: stem}
expect: {params: 137, buffers: 0, macs: 5204, output: [5]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(TEXT)
    return tmp_path / "small.yaml"


def write_spec(path: Path, old: str, new: str) -> archspec.Spec:
    assert TEXT.count(old) == 1
    path.write_text(TEXT.replace(old, new))
    return archspec.load(path)


class TestLoad:
    def test_a_file_and_a_net_of_the_zoo(self, path: Path) -> None:
        for given in (path, str(path)):
            spec = archspec.load(given)
            assert (spec.name, spec.overridden, spec.whole) == ("small", False, None)
            assert spec.unexpected() == []
        assert archspec.load("resnet18").name == "resnet18"

    def test_other_params(self, path: Path) -> None:
        for spec in (
            archspec.load(path, params={"width": 6, "classes": 2}),
            archspec.load(path, width=6, classes=2),
            archspec.load(path, params={"width": 9, "classes": 2}, width=6),
        ):
            assert spec.graph.params == {"width": 6, "classes": 2}
            assert spec.overridden
        with pytest.raises(SpecError, match="did you mean 'width'"):
            archspec.load(path, widht=6)

    def test_another_size(self, path: Path) -> None:
        """The net of a file, whatever `expect` says of the file's own size."""
        spec = archspec.load(path, size=(8, 10))
        assert spec.graph.inputs == {"image": (3, 8, 10)}
        assert spec.overridden and spec.unexpected() == []
        with pytest.raises(ShapeError):
            archspec.load(write_spec(path, "padding: 1, ", "").unit.file, size=(2, 2))

    def test_taps_are_a_backbone(self, path: Path) -> None:
        spec = archspec.load(path, taps=True)
        assert spec.graph.outputs == {"c1": "stem"}
        assert spec.codegen("torch").entry == "SmallBackbone"
        assert [node.name for node in spec.graph.nodes] == ["stem"]
        assert spec.whole is not None and len(spec.whole.nodes) == 3
        assert spec.overridden
        path.write_text(TEXT.replace("taps: {c1: stem}\n", ""))
        with pytest.raises(SpecError, match="small has no taps") as caught:
            archspec.load(path, taps=True)
        assert caught.value.code == "AS307"

    def test_a_backbone_is_called_one(self) -> None:
        spec = archspec.load("resnet50", taps=True)
        for kind in ("torch", "keras"):
            assert spec.codegen(kind).entry == "ResNet50Backbone"

    def test_limits(self, path: Path) -> None:
        with pytest.raises(LimitError):
            archspec.load(path, limits=Limits(nodes=2))
        assert archspec.load(path, limits=Limits(nodes=3)).graph.nodes


@pytest.mark.parametrize(
    ("old", "new", "message", "code"),
    [
        ("params: 137", "params: 138", "expected params 138, the net has 137", "AS410"),
        ("macs: 5204", "macs: 1", "expected macs 1, the net has 5204", "AS410"),
        ("output: [5]", "output: [6]", "expected output [6], the net has [5]", "AS410"),
        ("buffers: 0", "buffers: 1", "expected buffers 1, the net has 0", "AS410"),
    ],
)
def test_what_a_file_expects(
    path: Path, old: str, new: str, message: str, code: str
) -> None:
    (error,) = write_spec(path, old, new).unexpected()
    assert (error.message, error.code) == (message, code)
    assert str(error.at).startswith(f"{path}:11:")


def test_outputs_by_name(path: Path) -> None:
    text = "output: {y: [5], f: [4, 8, 6]}}\noutputs: {y: fc, f: stem"
    assert write_spec(path, "output: [5]", text).unexpected() == []
    (error,) = write_spec(path, "output: [5]", text.replace("8", "7")).unexpected()
    assert "the net has" in error.message


def test_show(path: Path) -> None:
    spec = archspec.load(path)
    assert spec.show().startswith("small\n\nlayer ")
    assert "\nparameters: 137\n" in spec.show()


class TestCodegen:
    def test_source(self, path: Path) -> None:
        assert "class Small(nn.Module)" in archspec.load(path).codegen("torch").text

    def test_no_such_backend(self, path: Path) -> None:
        with pytest.raises(BackendError, match="did you mean 'torch'"):
            archspec.load(path).codegen("torhc")


def state(model: Any) -> dict[str, Any]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


class TestBuild:
    def test_initial_weights_are_those_of_the_seed(self, path: Path) -> None:
        spec = archspec.load(path)
        for seed in (0, 3):
            found = state(spec.build("torch", seed=seed))
            wanted = initial_weights(spec.graph, seed)
            assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
        assert not state(spec.build("torch"))["fc.bias"].any()

    def test_precision_and_device(self, path: Path) -> None:
        model = archspec.load(path).build("torch", dtype="float64", device="meta")
        found = {(p.dtype, p.device.type) for p in model.parameters()}
        assert found == {(torch.float64, "meta")}

    def test_weights_of_a_file_and_of_a_mapping(self, path: Path) -> None:
        spec = archspec.load(path)
        wanted = initial_weights(spec.graph, 7)
        file = path.with_name("w.safetensors")
        write(file, spec.graph, wanted)
        for given in (file, str(file), wanted):
            found = state(spec.build("torch", weights=given))
            assert all(np.array_equal(found[name], wanted[name]) for name in wanted)

    def test_weights_that_do_not_fit(self, path: Path) -> None:
        spec = archspec.load(path)
        wanted = initial_weights(spec.graph)
        del wanted["fc.bias"]
        with pytest.raises(WeightsError, match="1 missing, 0 surplus"):
            spec.build("torch", weights=wanted)

    def test_a_backbone_takes_its_part_of_the_whole(self, path: Path) -> None:
        whole, part = archspec.load(path), archspec.load(path, taps=True)
        weights = initial_weights(whole.graph, 7)
        own = {name: weights[name] for name in ("stem.weight", "stem.bias")}
        files = {
            name: path.with_name(f"{name}.safetensors") for name in ("whole", "own")
        }
        write(files["whole"], whole.graph, weights)
        write(files["own"], part.graph, own)
        given: Any
        for given in (*files.values(), weights, own):
            found = state(part.build("torch", weights=given))
            assert set(found) == set(own)
            assert all(np.array_equal(found[name], own[name]) for name in own)
        headless = {k: v for k, v in weights.items() if k != "fc.bias"}
        save(path.with_name("some.safetensors"), headless)
        read = part.read_weights(path.with_name("some.safetensors"))
        assert read.keys() == own.keys()
        assert not part.fit_weights(path.with_name("some.safetensors")).initial
        save(path.with_name("some.safetensors"), {"fc.bias": weights["fc.bias"]})
        with pytest.raises(WeightsError, match="2 missing, 0 surplus"):
            part.read_weights(path.with_name("some.safetensors"))
        with pytest.raises(WeightsError, match="0 missing, 1 surplus"):
            part.build("torch", weights={**weights, "neck.bias": np.zeros(2)})
        with pytest.raises(WeightsError):
            whole.build("torch", weights=files["own"])

    def test_memory(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory, "available", lambda: 100)
        with pytest.raises(BackendError, match=r"needs 0\.0 GiB"):
            archspec.load(path).build("torch")
        assert archspec.load(path).build("torch", force_memory=True) is not None


CLASSED = TEXT.replace("classes: 5", "num_classes: 5").replace(
    "=classes", "=num_classes"
)


class TestAnotherHead:
    """What `--new head` means, and what is said where it is wanted."""

    @pytest.fixture
    def spec(self, path: Path) -> archspec.Spec:
        path.write_text(CLASSED)
        return archspec.load(path)

    def test_the_layers_that_depend_on_the_classes(self, spec: archspec.Spec) -> None:
        assert spec.head() == ("fc",)
        for name, layers in {
            "resnet50": ["fc"],
            "vgg16": ["classifier.6"],
            "keras_vgg16": ["predictions"],
            "resnetv2_50": ["head.fc"],
            "resnet20": ["fc"],
        }.items():
            assert list(archspec.load(name).head()) == layers, name
        assert archspec.load("resnet18", num_classes=7, size=(65, 97)).head() == ("fc",)

    @pytest.mark.parametrize("name", ["fpn_resnet50", "small", "backbone"])
    def test_no_such_layers(self, name: str, path: Path) -> None:
        named = str(path) if name == "small" else "resnet18"
        spec = archspec.load(
            "fpn_resnet50" if name == "fpn_resnet50" else named, taps=name == "backbone"
        )
        with pytest.raises(WeightsError) as caught:
            spec.head()
        assert "no weights that depend on a param 'num_classes'" in str(caught.value)
        assert caught.value.code == "AS615"

    def test_other_classes(self, spec: archspec.Spec, path: Path) -> None:
        """The rest is the file's, and the head as the net of the seed starts."""
        weights = initial_weights(spec.graph, 7)
        file = path.with_name("w.safetensors")
        write(file, spec.graph, weights)
        for classes in (5, 9):  # of the same number, too
            other = archspec.load(path, num_classes=classes)
            found = state(other.build("torch", weights=file, new=["head"], seed=3))
            start = initial_weights(other.graph, 3)
            for name in found:
                wanted = start if name.startswith("fc.") else weights
                assert np.array_equal(found[name], wanted[name])
        with pytest.raises(WeightsError) as caught:
            other.build("torch", weights=file)
        assert caught.value.hint == "--new head starts fc anew"
        with pytest.raises(WeightsError) as caught:
            archspec.load(path, width=6).build("torch", weights=file)
        assert caught.value.hint is None

    def test_both_ends(self, spec: archspec.Spec, path: Path) -> None:
        weights = initial_weights(spec.graph, 7)
        text = CLASSED.replace("params: {", "params: {c: 3, ").replace("[3,", "[=c,")
        path.write_text(text)
        other = archspec.load(path, num_classes=2, c=1)
        with pytest.raises(WeightsError) as caught:
            other.read_weights(weights)
        assert caught.value.hint == (
            "--adapt-input sum takes stem.weight to 1 channel; "
            "--new head starts fc anew"
        )
        found = other.fit_weights(weights, new="head", adapt_input="sum")
        assert found.initial == ("fc.weight", "fc.bias") and found.passed_over == ()
        assert list(found.lines()) == [
            "taken: 2 of 4 weights, read as canonical",
            "new, from seed 0: fc.weight, fc.bias",
        ]

    def test_layers_and_patterns(self, spec: archspec.Spec) -> None:
        weights = initial_weights(spec.graph, 7)
        start = initial_weights(spec.graph, 0)
        for new in ("stem", "stem.*", "stem.weight"):
            found = spec.read_weights(weights, new=[new])
            assert np.array_equal(found["stem.weight"], start["stem.weight"])
            assert np.array_equal(found["fc.weight"], weights["fc.weight"])
        for given in ({}, {"fc.0.weight": np.ones((3, 3))}):  # a head of another kind
            body = {name: weights[name] for name in ("stem.weight", "stem.bias")}
            found = spec.read_weights({**body, **given}, new=["fc"])
            assert np.array_equal(found["fc.weight"], start["fc.weight"])
        with pytest.raises(WeightsError, match="1 surplus"):
            spec.read_weights({**weights, "fcs.weight": np.ones(3)}, new=["fc"])
        with pytest.raises(WeightsError) as caught:
            spec.read_weights(weights, new=["stam"])
        assert caught.value.hint == "did you mean 'stem'?"

    def test_types_stay_those_of_the_file(self, spec: archspec.Spec) -> None:
        weights = initial_weights(spec.graph, 7)
        half = {name: array.astype("float16") for name, array in weights.items()}
        found = spec.read_weights(half, new=["head"])
        assert {array.dtype.name for array in found.values()} == {"float16"}
