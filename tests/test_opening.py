"""How a spec comes in: from the zoo, a file, a text, a dict; and what is refused."""

from __future__ import annotations

import io
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from nets import SMALL

import archspec
from archspec.errors import ArchspecError, LimitError, ShapeError, SpecError
from archspec.limits import Limits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path / "small.yaml"


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
            archspec.loads(SMALL.replace("padding: 1, ", ""), size=(2, 2))

    def test_taps_are_a_backbone(self, path: Path) -> None:
        spec = archspec.load(path, taps=True)
        assert spec.graph.outputs == {"c1": "stem"}
        assert spec.codegen("torch").entry == "SmallBackbone"
        assert [node.name for node in spec.graph.nodes] == ["stem"]
        assert spec.whole is not None and len(spec.whole.nodes) == 3
        assert spec.overridden
        path.write_text(SMALL.replace("taps: {c1: stem}\n", ""))
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


def refused(call: Any, *args: Any, **more: Any) -> ArchspecError:
    with pytest.raises(ArchspecError) as caught:
        call(*args, **more)
    return caught.value


class TestTexts:
    """Specs that are in no file."""

    def test_a_text_a_dict_and_a_file(self, path: Path) -> None:
        named = PurePath(path)
        raw = yaml.safe_load(SMALL)
        wanted = archspec.load(path).fingerprint
        with path.open() as text, path.open("rb") as data:
            for found in (
                archspec.loads(SMALL),
                archspec.loads(SMALL.encode()),
                archspec.load(raw),
                archspec.load(named),
                archspec.load(text),
                archspec.load(data),
                archspec.load(io.StringIO(SMALL)),
                archspec.load(io.BytesIO(SMALL.encode())),
            ):
                assert found.fingerprint == wanted
                assert found.unexpected() == [] and not found.overridden
        other = archspec.loads(SMALL, size=8, width=6, taps=True)
        assert other.graph.shapes() == {"image": (3, 8, 8), "stem": (6, 4, 4)}

    def test_what_they_may_extend(self, path: Path) -> None:
        """The zoo; an open file also what lies beside it."""
        base = "archspec: 1\nname: mine\nextends: {}\n"
        assert archspec.loads(base.format("resnet20")).graph.nodes
        local = base.format("small.yaml")
        for call, given in (
            (archspec.loads, local),
            (archspec.load, io.StringIO(local)),
            (archspec.load, yaml.safe_load(local)),
        ):
            error = refused(call, given)
            assert error.code == "AS110", error
        mine = path.with_name("mine.yaml")
        mine.write_text(local)
        with mine.open() as file:
            assert archspec.load(file).name == "mine"
        outside = path.parent / "inner" / "mine.yaml"
        outside.parent.mkdir()
        outside.write_text(base.format("../small.yaml"))
        with outside.open() as file:
            assert refused(archspec.load, file).code == "AS110"

    def test_an_error_has_its_line(self) -> None:
        """Nobody can look it up elsewhere."""
        wrong = SMALL.replace("kernel: 3", "kernle: 3")
        error = refused(archspec.loads, wrong)
        assert str(error.at) == "<string>:7:40"
        assert error.notes[0].startswith("in stem: {op: conv2d, channels: =width, ker")
        error = refused(archspec.load, yaml.safe_load(wrong))
        assert error.at is not None and error.at.file == "<dict>"
        assert error.notes[0] == 'in "kernle": 3,'

    def test_a_large_file_is_not_read(self) -> None:
        class Endless(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                assert 0 <= size <= 2**21
                return b" " * size

        assert refused(archspec.load, Endless()).code == "AS120"


class TestArguments:
    """What is given is looked at before anything is done with it."""

    @pytest.mark.parametrize("spec", [None, 1, True, b"resnet20", [], object()])
    def test_no_spec(self, spec: Any) -> None:
        with pytest.raises(TypeError, match=r"^spec: expected the name of a net"):
            archspec.load(spec)
        with pytest.raises(TypeError, match=r"^text: expected a string or bytes"):
            archspec.loads(5 if isinstance(spec, bytes) else spec)  # type: ignore[arg-type]  # wrong on purpose

    @pytest.mark.parametrize("spec", ["", ".", "x\0y.yaml", "\ud800.yaml", "é" * 5000])
    def test_no_file(self, spec: str) -> None:
        for given in (spec, Path(spec)):
            assert refused(archspec.load, given).code == "AS101"

    @pytest.mark.parametrize(
        "size",
        [
            8,
            (8, 8),
            [8, 8],
            np.int64(8),
            (np.int32(8), 8),
            np.array([8, 8]),
            torch.Size((8, 8)),
        ],
    )
    def test_sizes(self, size: Any) -> None:
        found = archspec.loads(SMALL, size=size)
        assert found.graph.inputs == {"image": (3, 8, 8)}
        assert [type(n) for n in found.graph.inputs["image"]] == [int] * 3

    @pytest.mark.parametrize(
        "size", [0, -64, (-64, 64), (64, 0), 10**9, pytest.param(10**5000, id="huge")]
    )
    def test_sizes_out_of_range(self, size: Any) -> None:
        assert refused(archspec.loads, SMALL, size=size).code == "AS203"

    @pytest.mark.parametrize(
        "size",
        ["64", (64.0, 64), 64.0, True, (64,), (3, 64, 64), (64, None), {}, "8x8"],
    )
    def test_no_sizes(self, size: Any) -> None:
        with pytest.raises(TypeError, match=r"^size: expected pixels"):
            archspec.loads(SMALL, size=size)

    def test_params_of_numpy(self) -> None:
        text = SMALL.replace("width: 4", "width: 4, a: [1, 2], b: 0.5, c: true")
        found = archspec.loads(
            text,
            width=np.int64(6),
            a=np.array([3, 4]),
            b=np.float32(0.25),
            params={"c": np.bool_(False), "classes": torch.tensor(7)},
        )
        values = {"width": 6, "a": (3, 4), "b": 0.25, "c": False, "classes": 7}
        assert found.graph.params == values
        assert all(type(found.graph.params[k]) is type(v) for k, v in values.items())

    @pytest.mark.parametrize("value", [object(), b"x", {1}, 1j, len, [object()]])
    def test_no_params(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"^width: expected a bool, an int"):
            archspec.loads(SMALL, width=value)

    @pytest.mark.parametrize("params", [[], 5, "width", {1: 2}, [("width", 3)]])
    def test_no_mapping_of_params(self, params: Any) -> None:
        with pytest.raises(TypeError, match=r"^params: expected"):
            archspec.loads(SMALL, params=params)

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (float("inf"), "AS108"),
            (10**400, "AS124"),
            ([[1.5, float("nan")]], "AS108"),
            ({"a": 1}, "AS314"),
            (None, "AS314"),
        ],
    )
    def test_params_out_of_range(self, value: Any, code: str) -> None:
        assert refused(archspec.loads, SMALL, width=value).code == code

    def test_a_list_that_holds_itself(self) -> None:
        value: list[Any] = []
        value.append(value)
        assert refused(archspec.loads, SMALL, width=value).code == "AS121"

    @pytest.mark.parametrize("taps", [None, 0, 1, "yes", []])
    def test_no_flag(self, taps: Any) -> None:
        with pytest.raises(TypeError, match=r"^taps: expected True or False"):
            archspec.loads(SMALL, taps=taps)

    def test_limits(self) -> None:
        given: Any
        for given in (5, {"nodes": 5}, "nodes=5", Limits(nodes="5"), Limits(nodes=5.0)):  # type: ignore[arg-type]  # wrong on purpose
            with pytest.raises(TypeError, match=r"^limits: "):
                archspec.loads(SMALL, limits=given)
        assert refused(archspec.loads, SMALL, limits=Limits(nodes=-5)).code == "AS505"


def test_the_zoo() -> None:
    names = archspec.list_specs()
    assert "resnet18" in names and list(names) == sorted(names)
    assert not any("/" in name for name in names)
