"""Bad specs: each gets its code at its place; and every code has a bad spec."""

from __future__ import annotations

import ast
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from bad_specs import Case, cases, found, places
from proofs import sampled
from typer.testing import CliRunner

import archspec
from archspec.authoring.codes import codes, faults
from archspec.authoring.messages import render
from archspec.cli.app import application
from archspec.errors import ArchspecError

PACKAGE = Path(archspec.__file__).parent


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_a_bad_spec(case: Case, tmp_path: Path) -> None:
    errors = found(case, tmp_path)
    expected = [" ".join(pair) for pair in case.expected]
    assert places(case, errors, tmp_path) == expected
    for error in errors:
        text = render(error)
        assert "^" in text and f"[{error.code}]" in text


# Only `validate` compares a file's `expect` and warns.
WRITING = [case for case in cases() if case.expected[0][0] < "AS410"]
OF_EACH_CODE = {case.expected[0][0]: case for case in WRITING}


@pytest.mark.parametrize(
    "case",
    sampled(WRITING, OF_EACH_CODE.values()),
    ids=lambda case: case.name,
)
def test_a_bad_spec_writes_nothing(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    files = sorted(tmp_path.rglob("*"))
    command = ["codegen", "net.yaml", "-b", "torch", "-o", "net.py"]
    result = CliRunner().invoke(application(), command)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert f"[{case.expected[0][0]}]" in result.stderr
    assert not result.stdout
    assert sorted(tmp_path.rglob("*")) == files


def test_a_framework_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(application(), ["build", "resnet18", "-b", "torch"])
    assert result.exit_code == 1
    assert "[AS502]" in result.stderr and "pip install" in result.stderr


def test_there_are_many() -> None:
    assert len(list(cases())) >= 120


def test_independent_errors_are_all_named_and_no_other(tmp_path: Path) -> None:
    text = """\
blocks:
  unit: {graph: [{op: conv2d, channels: 8, kernel: 3, stirde: 2}, relu]}
graph:
  a: {block: unit}
  b: {block: unit, wdith: 2}
  c: {op: add, from: [a, b, d]}
  e: {op: conv2d, channels: 8, kernel: 11, from: input}
  f: {op: linear, features: =classes, from: e}
  g: {op: rellu, from: f}
"""
    case = Case("several", (), {"net.yaml": text})
    assert places(case, found(case, tmp_path), tmp_path) == [
        "AS206 2:55",
        "AS312 5:20",
        "AS306 6:29",
        "AS403 7:3",
        "AS301 8:30",
        "AS205 9:11",
    ]


class Harm:
    """What a hostile pickle would have done."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


WHOLE = safetensors.numpy.save(
    {"0.weight": np.ones((2, 2), np.int32), "0.bias": np.ones(2, np.float32)}
)
FILES = {
    "whole.safetensors": WHOLE,
    "damaged.safetensors": WHOLE[:-1],
    "other.safetensors": safetensors.numpy.save({"1.weight": np.ones((2, 2))}),
    "pickle.safetensors": pickle.dumps(Harm()),
    "text.safetensors.txt": b"no weights",
    "gone.safetensors": safetensors.numpy.save(
        {"0.weight": np.full((2, 2), np.nan, np.float32), "0.bias": np.ones(2, "f4")}
    ),
    "model.safetensors.index.json": b'{"weight_map": {"0.weight": "none.safetensors"}}',
    "hostile.pth": pickle.dumps({"0.weight": Harm()}),
}
TINY = ["--spec", "tiny.yaml", "-o", "out.safetensors"]
COMMANDS = {
    "AS100": ["explain", "AS999"],
    "AS190": ["codegen", "resnet18", "-b", "torch", "-o", "no/such/folder.py"],
    "AS501": ["build", "resnet18", "-b", "jaxx"],
    "AS504": ["build", "vgg16", "-b", "torch", "--set", "hidden=[9999999, 9]"],
    "AS505": ["build", "resnet18", "-b", "torch", "-o", "model.zip"],
    "AS516": ["codegen", "resnet18", "resnet18", "-b", "torch"],
    "AS601": ["weights", "convert", "other.safetensors", *TINY],
    "AS602": ["build", "resnet18", "-b", "torch", "--weights", "none.safetensors"],
    "AS604": ["weights", "inspect", "damaged.safetensors"],
    "AS605": ["weights", "convert", "hostile.pth", *TINY],
    "AS606": ["weights", "inspect", "text.safetensors.txt"],
    "AS607": ["weights", "convert", "whole.safetensors", *TINY],
    "AS610": ["weights", "convert", "other.safetensors", "--part", "ema", *TINY],
    "AS611": ["weights", "inspect", "http://example.com/net.pth"],
    "AS612": ["weights", "inspect", "torchvision"],
    "AS615": ["weights", "convert", "other.safetensors", "--new", "head", *TINY],
    "AS616": ["weights", "convert", "model.safetensors.index.json", *TINY],
    "AS620": ["weights", "convert", "gone.safetensors", "--strict", *TINY],
    "AS608": ["weights", "init", "resnet20", "-o", "x.pth", "--to", "keras"],
}


@pytest.mark.parametrize(("code", "command"), COMMANDS.items())
def test_a_bad_command(
    code: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    linear = "{op: linear, features: 2}"
    (tmp_path / "tiny.yaml").write_text(
        f"archspec: 1\nname: tiny\ninputs: {{x: [2]}}\ngraph: [{linear}]\n"
    )
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    result = CliRunner().invoke(application(), command)
    assert result.exit_code == 1
    assert f"[{code}]" in result.stderr
    assert not result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.yaml", *FILES}


LIMITS = {
    "AS102": "archspec: 1\n".encode("utf-16"),
    "AS107": b"",
    "AS120": b"#" * (2**20 + 1),
    "AS122": b"a: &a [" + b"1, " * 200 + b"]\nb: [" + b"*a, " * 99 + b"]",
    "AS123": b"a: [" + b"1, " * 100_001 + b"]",
}


@pytest.mark.parametrize(("code", "data"), LIMITS.items())
def test_a_file_that_is_none(code: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(data)
    with pytest.raises(ArchspecError) as caught:
        archspec.load(path)
    assert caught.value.code == code and caught.value.at is not None


FRAMEWORKS = {
    *("AS500", "AS502", "AS503", "AS506", "AS507", "AS515", "AS609"),
    *("AS510", "AS511", "AS512", "AS513", "AS514", "AS515"),
}
"""Raised by backends and weights; their tests are tests of these."""

PROOFS = {"AS517", "AS521", "AS522", "AS523"}
"""Raised by `verify`; so are their tests."""

REVISIONS = {"AS112"}
"""Raised by `diff` of what git has, which tests/cli/test_diff.py tries."""

EXTRAS = {"AS191"}
"""Raised where an extra is not installed; tests/editor/test_server.py takes it away."""

GENERAL = {"AS200", "AS400", "AS600", "AS700"}
"""What a subclass of ours is called that says nothing else; no site of ours does."""


def test_every_code_has_a_bad_spec() -> None:
    told = {code for case in cases() for code, _ in case.expected}
    told |= {*COMMANDS, *LIMITS, *FRAMEWORKS, *PROOFS, *REVISIONS}
    told |= {*EXTRAS, *GENERAL}
    told |= {code.name for code in codes().values() if code.spec}
    assert set(codes()) == told


@pytest.mark.parametrize("name", [c.name for c in codes().values() if c.spec])
def test_an_explained_example_gets_its_code(name: str) -> None:
    assert [error.code for error in faults(codes()[name].spec)] == [name]
    result = CliRunner().invoke(application(), ["explain", name.lower()])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{name}: ") and f"[{name}]" in result.stdout


OWN = ("SpecError", "ShapeError", "LimitError", "SpecWarning", "WeightsError")


def raised() -> Iterator[tuple[str, str]]:
    """Every place of our own code that makes an error, with its code."""
    for path in PACKAGE.rglob("*.py"):
        for tree in ast.walk(ast.parse(path.read_text())):
            if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
                continue
            if tree.func.id in OWN:
                given = {word.arg: word.value for word in tree.keywords}
                place = f"{path.relative_to(PACKAGE)}:{tree.lineno}"
                for value in ast.walk(given.get("code", ast.Constant(None))):
                    if isinstance(value, ast.Constant):
                        yield place, str(value.value)


def test_every_error_of_a_spec_or_of_weights_has_a_code_of_the_table() -> None:
    strange = {
        place: code
        for place, code in raised()
        # The builder passes on what an op said.
        if code not in codes() and not place.startswith("language/builder")
    }
    assert not strange
