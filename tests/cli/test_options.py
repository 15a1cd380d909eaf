"""What several commands take, and how their errors end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from archspec.cli import options
from archspec.errors import ArchspecError, SpecError


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, {}),
        ([], {}),
        (["a=3", "b=0.5", "c=relu"], {"a": 3, "b": 0.5, "c": "relu"}),
        (["a=[1, 2]"], {"a": [1, 2]}),
        (["a=true", "b="], {"a": True, "b": None}),
        (["a==b"], {"a": "=b"}),
        (["a=1", "a=2"], {"a": 2}),
    ],
)
def test_values_of_params(given: list[str] | None, found: dict[str, Any]) -> None:
    assert options.params(given) == found


@pytest.mark.parametrize("item", ["a", "=3", "", "="])
def test_no_value_of_a_param(item: str) -> None:
    with pytest.raises(SpecError) as caught:
        options.params(["b=1", item])
    assert caught.value.message == f"--set {item}: expected NAME=VALUE"
    assert caught.value.code == "AS203"


def test_a_value_that_is_no_yaml() -> None:
    with pytest.raises(SpecError) as caught:
        options.params(["a=[1"])
    assert caught.value.message.startswith("--set a=[1: ")
    assert caught.value.at is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (None, None),
        ("224", (224, 224)),
        ("97x65", (97, 65)),
        ("97X65", (97, 65)),
        ("9999999", (9999999, 9999999)),
    ],
)
def test_an_image_size(text: str | None, size: tuple[int, int] | None) -> None:
    assert options.image_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "0", "-1", "3x", "x3", "1x2x3", "1.5", "3 x 4", "99999999", "٣"]
)
def test_no_image_size(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        options.image_size(text)
    assert caught.value.code == "AS203" and "or 97x65" in caught.value.message


def test_a_precision() -> None:
    assert [options.dtype(text) for text in ("float32", "float64")] == [
        *("float32", "float64")
    ]
    with pytest.raises(ArchspecError) as caught:
        options.dtype("float16")
    assert caught.value.code == "AS505"


class TestWritable:
    def test_what_may_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "old.pth").touch()
        options.writable(tmp_path / "new.pth", (".pth", ".h5"), False)
        options.writable(tmp_path / "new", None, False)
        options.writable(tmp_path / "old.pth", (".pth",), True)

    @pytest.mark.parametrize(
        ("name", "message", "code"),
        [
            ("new.npz", "expected a file that ends in .pth, .h5", "AS505"),
            ("old.pth", "old.pth exists", "AS190"),
            ("none/new.pth", "there is no folder", "AS190"),
        ],
    )
    def test_what_may_not(
        self, tmp_path: Path, name: str, message: str, code: str
    ) -> None:
        (tmp_path / "old.pth").touch()
        with pytest.raises(ArchspecError) as caught:
            options.writable(tmp_path / name, (".pth", ".h5"), False)
        assert message in caught.value.message
        assert caught.value.code == code
        assert bool(caught.value.hint) is (name != "new.npz")


def denied() -> None:
    raise PermissionError(13, "Permission denied", "net.py")


def unnamed() -> None:
    raise OSError(28, "No space left on device")


def wrong() -> None:
    raise SpecError("no such thing", code="AS301")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (wrong, "error: no such thing [AS301]"),
        (denied, "error: net.py: Permission denied [AS190]"),
        (unnamed, "error: No space left on device [AS190]"),
    ],
)
def test_errors_end_a_command(
    command: Callable[[], None], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught:
        options.ended(command)()
    assert caught.value.exit_code == 1
    assert capsys.readouterr() == ("", f"{told}\n")


def test_an_error_of_our_own_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        options.ended(lambda: print(1 // 0))()


class TestFilesToWrite:
    @pytest.mark.parametrize(
        ("text", "size"),
        [("2GB", 2 * 10**9), ("1.5 mb", 1_500_000), ("0.3KB", 300), ("1TB", 10**12)],
    )
    def test_sizes(self, text: str, size: int) -> None:
        assert options.shard(text, Path("w.safetensors"), False) == size
        assert options.shard(None, None, False) is None

    @pytest.mark.parametrize("text", ["", "2", "GB", "0GB", "-1GB", "1GiB", "0.0001KB"])
    def test_no_size(self, text: str) -> None:
        with pytest.raises(ArchspecError, match="expected a size such as 2GB"):
            options.shard(text, Path("w.safetensors"), False)

    @pytest.mark.parametrize("path", [None, Path("w.pth"), Path("w.weights.h5")])
    def test_files_that_have_no_parts(self, path: Path | None) -> None:
        with pytest.raises(ArchspecError, match=r"for files that end in \.safetensors"):
            options.shard("1GB", path, False)

    def test_parts_that_are_there(self, tmp_path: Path) -> None:
        path = tmp_path / "w[1].safetensors"
        for name in ("w[1]-00001-of-00003.safetensors", f"{path.name}.index.json"):
            (tmp_path / name).touch()
            with pytest.raises(ArchspecError, match="exists"):
                options.shard("1GB", path, False)
            assert options.shard("1GB", path, True) == 10**9
            (tmp_path / name).unlink()
        (tmp_path / "w1-00001-of-00003.safetensors").touch()
        assert options.shard("1GB", path, False) == 10**9

    def test_types(self) -> None:
        for text in (None, "float32", "float64", "float16", "bfloat16"):
            assert options.element(text) == text
        told = "expected float32, float64, float16 or bfloat16"
        with pytest.raises(ArchspecError, match=told):
            options.element("int8")
