"""A spec in Python: read with other params, sizes and ends, compared, printed, built."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from nets import SMALL
from typer.testing import CliRunner

import archspec
from archspec import memory
from archspec.cli.app import application
from archspec.errors import (
    ArchspecError,
    BackendError,
    ExpectWarning,
    SpecError,
    SpecErrors,
    WeightsError,
)
from archspec.weights import initial_weights, save, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path / "small.yaml"


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
        for device in ("cpu", torch.device("cpu")):
            model = archspec.load(path).build("torch", dtype="float64", device=device)
            found = {(p.dtype, p.device.type) for p in model.parameters()}
            assert found == {(torch.float64, "cpu")}

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


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"seed": None}, "seed: expected a whole number"),
    ({"seed": "0"}, "seed: expected a whole number"),
    ({"seed": 1.5}, "seed: expected a whole number"),
    ({"force_memory": "no"}, "force_memory: expected True or False"),
    ({"nosuch": 5}, "unexpected keyword argument 'nosuch'"),
    ({"news": ["fc"]}, "did you mean 'new'"),
    ({"new": ["fc"]}, "new says how weights are read, and none are given"),
    ({"new": 5}, "new: expected strings"),
    ({"weights": {}, "nosuch": 5}, "unexpected keyword argument 'nosuch'"),
    ({"weights": {}, "seed": "0"}, "seed: expected a whole number"),
    ({"weights": {}, "allow_missing": 5}, "allow_missing: expected strings"),
    ({"weights": {}, "allow_extra": [5]}, "allow_extra: expected strings"),
    ({"weights": {}, "source": 5}, "source: expected a string"),
    ({"weights": {}, "wish": 5}, "wish: expected an archspec.weights.Wish"),
    ({"weights": {}, "adapt_input": "x"}, "adapt_input: expected 'sum', 'repeat'"),
    ({"weights": {}, "strict": 1}, "strict: expected True or False"),
]


class TestArguments:
    """What is given is looked at first; only ArchspecErrors come after that."""

    @pytest.mark.parametrize(("how", "words"), WRONG)
    def test_of_build(self, path: Path, how: dict[str, Any], words: str) -> None:
        with pytest.raises(TypeError, match=re.escape(words)):
            archspec.load(path).build("torch", **how)
        if "keyword" not in words and "did you" not in words:  # it may be a param's
            with pytest.raises(TypeError, match=re.escape(words)):
                archspec.build(path, "torch", **how)

    @pytest.mark.parametrize("name", [None, 5, [], {}, b"torch"])
    def test_no_name_of_a_backend(self, path: Path, name: Any) -> None:
        spec = archspec.load(path)
        for call in (spec.build, spec.codegen):
            with pytest.raises(TypeError, match=r"^backend: expected a string such"):
                call(name)

    def test_of_the_others(self, path: Path) -> None:
        spec = archspec.load(path)
        other: Any = "yes"
        for calls in (
            lambda: spec.codegen("torch", with_weights=other),
            lambda: spec.codegen("torch", with_taps=other),
            lambda: spec.show(other),
            lambda: spec.with_pretrained(b"x"),  # type: ignore[arg-type]  # wrong on purpose
            lambda: archspec.verify_model(5, spec.build("torch")),  # type: ignore[arg-type]  # wrong on purpose
            lambda: archspec.verify_model(path, None, seed=other),
            lambda: archspec.verify_model(path, None, size=other),
            lambda: archspec.verify_model(path, None, rename=other),
            lambda: archspec.codegen([5], "torch"),  # type: ignore[list-item]  # wrong on purpose
            lambda: archspec.codegen(spec, "torch", size=8),
            lambda: archspec.build(spec, "torch", width=8),
        ):
            with pytest.raises(TypeError):
                calls()
        with pytest.raises(ArchspecError) as caught:
            spec.show(0)
        assert caught.value.code == "AS505"

    @pytest.mark.parametrize("dtype", ["float16", None, np.float32, "f", []])
    def test_no_such_type(self, path: Path, dtype: Any) -> None:
        with pytest.raises(
            ArchspecError, match="expected float32 or float64"
        ) as caught:
            archspec.load(path).build("torch", dtype=dtype)
        assert caught.value.code == "AS505"

    @pytest.mark.parametrize("raised", [RuntimeError, MemoryError, OSError, KeyError])
    def test_what_a_framework_raises(
        self, path: Path, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*args: Any, **more: Any) -> Any:
            raise raised("some text")

        monkeypatch.setattr(torch.nn.Module, "load_state_dict", fails)
        with pytest.raises(
            BackendError, match=f"torch can't build small: {raised.__name__}"
        ) as caught:
            archspec.load(path).build("torch")
        assert caught.value.code == "AS500"
        assert isinstance(caught.value.__cause__, raised)


class TestExpect:
    """What a file expects of itself otherwise is told where a net is made of it."""

    def test_it_is_told(self, path: Path) -> None:
        wrong = SMALL.replace("params: 137", "params: 138").replace(
            "macs: 5204", "macs: 1"
        )
        path.write_text(wrong)
        spec = archspec.load(path)
        told = "expected params 138, the net has 137 [AS410]"
        for call in (
            lambda: spec.build("torch"),
            lambda: spec.codegen("torch"),
            lambda: spec.codegen("keras", with_taps=True),
            lambda: archspec.build(path, "torch"),
            lambda: archspec.codegen([path], "torch"),
        ):
            with pytest.warns(ExpectWarning) as caught:
                call()
            first, second = (str(item.message) for item in caught)
            assert first == f"{path}:11:18: {told}" and "macs" in second
            assert isinstance(caught[0].message, ExpectWarning)
            assert caught[0].message.told.at is not None
        archspec.load(path, width=6).build("torch")  # of which it says nothing

    def test_validate(self, path: Path) -> None:
        """Errors are raised, warnings are what it gives."""
        assert archspec.load(path).validate() == []
        path.write_text(SMALL.replace("width: 4", "width: 4, unused: 1"))
        (warning,) = archspec.load(path).validate()
        assert warning.code == "AS701" and "[AS701]" in str(warning)
        wrong = SMALL.replace("params: 137", "params: 138")
        with pytest.raises(SpecError, match=r"the net has 137 \[AS410\]$"):
            archspec.loads(wrong).validate()
        with pytest.raises(SpecErrors) as caught:
            archspec.loads(wrong.replace("macs: 5204", "macs: 1")).validate()
        assert [error.code for error in caught.value.errors] == ["AS410", "AS410"]

    def test_the_commands(self, path: Path) -> None:
        path.write_text(SMALL.replace("params: 137", "params: 138"))
        for command in ("build", "codegen"):
            for _ in range(2):
                args = [command, str(path), "-b", "torch"]
                found = CliRunner().invoke(application(), args)
                assert found.exit_code == 0 and found.stdout
                told = f"{path}:11:18: warning: expected params 138, the net has 137 [AS410]\n"
                assert found.stderr.startswith(told) and "^^^" in found.stderr


class TestInOneCall:
    """`archspec.build` and `archspec.codegen` take what loads, and what builds."""

    def test_build(self, path: Path) -> None:
        spec = archspec.load(path, width=6)
        wanted = initial_weights(spec.graph, 7)
        for model in (
            archspec.build(path, "torch", width=6, seed=7),
            archspec.build(path, "torch", params={"width": 6}, weights=wanted),
            archspec.build(spec, "torch", seed=7, dtype="float64", device="cpu"),
            archspec.build(
                path,
                "torch",
                width=6,
                weights={k: v for k, v in wanted.items() if k != "fc.bias"},
                new=["fc.bias"],
                seed=7,
            ),
        ):
            found = state(model)
            assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
        backbone = archspec.build(path, "torch", taps=True, size=8)
        assert set(state(backbone)) == {"stem.weight", "stem.bias"}

    def test_codegen(self, path: Path) -> None:
        spec = archspec.load(path, width=6)
        text = spec.codegen("torch", with_taps=True).text
        assert archspec.codegen(spec, "torch", with_taps=True).text == text
        assert archspec.codegen(path, "torch", width=6, with_taps=True).text == text
        other = archspec.loads(SMALL.replace("name: small", "name: other"))
        both = archspec.codegen(iter([spec, other]), "torch").text
        assert "def small(" in both and "def other(" in both
        with pytest.raises(BackendError, match="there is no net to print"):
            archspec.codegen([], "torch")


class TestShown:
    """What a person sees in a session or a notebook."""

    def test_repr(self, path: Path) -> None:
        told = "image 3 x 16 x 12, 3 nodes, 137 parameters, 5,204 MACs>"
        assert repr(archspec.load(path)) == f"<Spec small: {told}"
        assert repr(archspec.load(path).graph) == f"<Graph small: {told}"
        spec = archspec.load(path, width=6, size=(16, 12), taps=True)
        assert repr(spec).startswith("<Spec small width=6 size=(16, 12) taps=True: ")

    def test_html(self, path: Path) -> None:
        path.write_text(SMALL.replace("name: small", "name: small\ntitle: a <b> & c"))
        spec = archspec.load(path)
        found = spec._repr_html_()
        assert found == spec.graph._repr_html_()
        assert "a &lt;b&gt; &amp; c" in found and found.count("<tr>") == 4
        rows = ElementTree.fromstring(f"<div>{found}</div>".replace("<br>", "")).iter(
            "tr"
        )
        assert [row[0].text for row in rows] == ["layer", "stem", "pool", "fc"]

    def test_facts(self, path: Path) -> None:
        spec = archspec.load("resnet18", num_classes=10)
        found: Any = spec.preprocessing
        assert found["mean"] == [0.485, 0.456, 0.406]
        assert "mean" not in archspec.load("resnet18", in_channels=1).preprocessing
        assert spec.fingerprint == archspec.load("resnet18", num_classes=10).fingerprint
        assert spec.fingerprint != archspec.load("resnet18").fingerprint
        assert len(spec.fingerprint) == 64


CLASSED = SMALL.replace("classes: 5", "num_classes: 5").replace(
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
