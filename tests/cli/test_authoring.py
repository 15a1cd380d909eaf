"""The commands that help to write a spec; `new` is in authoring/test_starter.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import done, refused

from archspec.authoring.codes import explain, listing
from archspec.authoring.schema import schema


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_schema_is_printed_or_written() -> None:
    text = done("schema")
    assert json.loads(text) == json.loads(json.dumps(schema()))
    assert done("schema", "-o", "-") == text
    assert done("schema", "-o", "a.json") == ""
    assert Path("a.json").read_text(encoding="utf-8") == text
    Path("a.json").write_text("mine")
    assert "a.json exists" in refused("schema", "-o", "a.json")
    assert Path("a.json").read_text() == "mine"
    done("schema", "-o", "a.json", "--force")
    assert Path("a.json").read_text(encoding="utf-8") == text


def test_codes_are_explained() -> None:
    assert done("explain") == listing()
    assert done("explain", "AS402") == done("explain", "as402") == explain("AS402")
    assert "there is no code 'AS999'" in refused("explain", "AS999")


def test_new() -> None:
    told = done("new", "mynet")
    assert told.startswith("wrote mynet.yaml; try: archspec validate mynet.yaml\n")
    Path("mynet.yaml").write_text("mine")
    assert "mynet.yaml exists" in refused("new", "mynet")
    assert Path("mynet.yaml").read_text() == "mine"
    done("new", "mynet", "--force")
    done("validate", "--strict", "mynet.yaml")
