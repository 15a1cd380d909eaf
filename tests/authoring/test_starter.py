"""The first file of a net of one's own is valid."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from archspec.authoring.schema import schema
from archspec.authoring.starter import EDITOR
from archspec.cli.app import application
from archspec.language.reader import parse


@pytest.mark.parametrize("base", [None, "resnet18", "vgg11_bn", "families/resnet"])
def test_new(base: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    options = ["--from", base] if base else []
    result = run(application(), ["new", "mynet", *options])
    assert result.exit_code == 0 and EDITOR in result.stdout
    assert (tmp_path / "mynet.yaml").read_text().startswith(EDITOR)
    assert run(application(), ["validate", "--strict", "mynet.yaml"]).exit_code == 0
    Draft202012Validator(schema()).validate(
        parse((tmp_path / "mynet.yaml").read_text(), "mynet.yaml")
    )
    again = run(application(), ["new", "mynet", *options])
    assert again.exit_code == 1 and "exists" in again.stderr
    for bad in ("../evil", "a/b", ""):
        assert run(application(), ["new", bad]).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mynet.yaml"]
