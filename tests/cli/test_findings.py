"""Errors in the words of CI services, and how many there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archspec.cli import findings
from archspec.errors import ArchspecError, Location, SpecError, SpecWarning

TEXT = "first\n  key: value\n"


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ArchspecError]:
    monkeypatch.chdir(tmp_path)
    Path("a,b.yaml").write_text(TEXT)
    at = Location("a,b.yaml", 2, 8)
    return [
        SpecError("100% wrong", code="AS201", at=at, hint="mend it"),
        SpecWarning("odd", code="AS701", at=at, notes=("from c.yaml:1:1",)),
        ArchspecError("no place", code="AS190"),
    ]


def test_githubs_commands(found: list[ArchspecError]) -> None:
    """As `@actions/core` writes them: properties and text are escaped unlike."""
    at = "file=a%2Cb.yaml,line=2,col=8,endColumn=13"
    assert findings.github(found).splitlines() == [
        f"::error {at},title=AS201::100%25 wrong%0Ahint: mend it",
        f"::warning {at},title=AS701::odd%0Afrom c.yaml:1:1",
        "::error title=AS190::no place",
    ]
    assert findings.github([]) == ""


def test_sarif(found: list[ArchspecError]) -> None:
    log = json.loads(findings.sarif(found))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    first, second, third = run["results"]
    assert {item["ruleId"] for item in (first, second, third)} == rules
    assert [first["level"], second["level"]] == ["error", "warning"]
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a%2Cb.yaml"},
                "region": {"startLine": 2, "startColumn": 8, "endColumn": 13},
            }
        }
    ]
    assert "locations" not in third
    assert json.loads(findings.sarif([]))["runs"][0]["results"] == []


def test_how_many(found: list[ArchspecError]) -> None:
    assert findings.counted([]) == []
    assert findings.counted(found) == ["Found 2 errors and 1 warning in 2 files"]
    assert findings.counted(found[1:2]) == ["Found 1 warning in 1 file"]
