"""Which class or function of a file makes the model, and what is said where none does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from archspec.errors import ArchspecError
from archspec.verify.entry import entry, split

FILE = """
import beside

class Unit:
    pass

class Res_Net18:
    def __init__(self, num_classes=10):
        self.made = num_classes

def other(**options):
    return "other"

def failing():
    text = "x"
    raise ValueError("no\\nway")

number = 3
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("class Outside: pass\n")
    (tmp_path / "net.py").write_text(FILE)
    return tmp_path / "net.py"


def test_a_place() -> None:
    assert split("a/b.py") == (Path("a/b.py"), "")
    assert split("a/b.py:Net") == (Path("a/b.py"), "Net")
    assert split("C:/b.py") == (Path("C:/b.py"), "")


def test_what_is_found(path: Path) -> None:
    given = {"num_classes": 3, "input_shape": (3, 4)}
    assert entry(str(path), ("ResNet18", "resnet18"), given)().made == 3
    assert entry(str(path), ("x", "resnet18"), {})().made == 10
    assert entry(f"{path}:other", ("ResNet18",), given)() == "other"
    assert type(entry(f"{path}:Unit", ("ResNet18",), given)()).__name__ == "Unit"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "net.py:Res_net18",
            "no class or function 'Res_net18' (did you mean 'Res_Net18",
        ),
        ("net.py:number", "no class or function 'number'"),
        ("net.py", "NAME; it has Unit, Res_Net18, other, failing)"),
        ("none.py", "there is no file"),
        ("net.txt", "is no Python file"),
        ("long.py", "long.py has more than 16 MiB"),
        ("bad.py", "bad.py:2: SyntaxError"),
        ("raises.py", "raises.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("ends.py", "ends.py:2: SystemExit: 3"),
    ],
)
def test_what_is_not_found(name: str, told: str, path: Path) -> None:
    folder = path.parent
    (folder / "net.txt").write_text("")
    with (folder / "long.py").open("wb") as file:
        file.truncate(2**40)
    (folder / "bad.py").write_text("x = 1\ndef\n")
    (folder / "raises.py").write_text("import nowhere\n")
    (folder / "ends.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(ArchspecError) as caught:
        entry(str(folder / name), ("Nothing",), {})
    assert told in str(caught.value)


def test_what_raises_when_it_is_made(path: Path) -> None:
    make = entry(f"{path}:failing", (), {})
    with pytest.raises(ArchspecError) as caught:
        make()
    assert str(caught.value) == f"{path}:16: ValueError: no [AS523]"


def test_a_file_that_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the second in which it was written, to the same length: as `sed` does."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "edited.py"
    for number in "12":
        path.write_text(f"def net():\n    return {number}\n", encoding="utf-8")
        os.utime(path, (1e9, 1e9))
        assert entry(str(path), ("net",), {})() == int(number)
    assert [*tmp_path.iterdir()] == [path]
