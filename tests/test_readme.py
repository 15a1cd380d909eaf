"""What the README shows is what archspec does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import archspec
from archspec.authoring.lint import warnings
from archspec.cli.app import application

README = Path(__file__).parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "tiny.yaml").write_text(blocks("yaml")[0])
    monkeypatch.chdir(tmp_path)
    return "tiny.yaml"


def test_the_spec_is_twelve_lines_and_prints_the_code(spec: str) -> None:
    assert len(blocks("yaml")[0].splitlines()) == 12
    assert archspec.load(spec).codegen("torch").text == blocks("python")[0]


def test_the_spec_is_as_archspec_wants_it(spec: str) -> None:
    found = archspec.load(spec)
    assert not found.unexpected() and not warnings(found)


def test_it_is_soon_read() -> None:
    assert len(README.read_text().splitlines()) < 120


def test_the_message(spec: str) -> None:
    text = Path(spec).read_text().replace("pool: global_avg_pool2d", "pool: relu6")
    Path(spec).write_text(text)
    result = CliRunner().invoke(application(), ["validate", spec])
    assert result.exit_code == 1
    assert result.stderr == blocks("text")[0]


def test_the_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(blocks("python")[1], "README.md", "exec"), names)
    assert "keras.Model" in str(names["source"])


def test_the_commands() -> None:
    runner = CliRunner()
    for line in blocks("sh")[0].splitlines():
        command = line.partition("#")[0].split()
        known = runner.invoke(application(), [command[1], "--help"])
        assert known.exit_code == 0, line
        for option in (word for word in command if word.startswith("--")):
            assert option in known.stdout, line
