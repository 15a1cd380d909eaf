"""The commands that read specs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archspec.backend import backends
from archspec.cli.app import application
from archspec.ops import BY_KIND

HEAD = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"


def test_warnings_are_errors_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}params: {{width: 3}}\ngraph: [relu]\n")
    run = CliRunner().invoke
    found = run(application(), ["validate", str(path)])
    assert found.exit_code == 0
    assert "warning: no formula reads the param 'width' [AS701]" in found.stderr
    assert run(application(), ["validate", "--strict", str(path)]).exit_code == 1
    facts = json.loads(run(application(), ["validate", "--json", str(path)]).stdout)
    assert [fact["severity"] for fact in facts] == ["warning"]


@pytest.mark.parametrize("kind", BY_KIND)
def test_an_ops_page(kind: str) -> None:
    result = CliRunner().invoke(application(), ["ops", kind])
    assert result.exit_code == 0
    for name in backends():
        shown = result.stdout.partition(f"in {name}:\n")[2]
        assert shown.startswith("    ")
    for name in BY_KIND[kind].model_fields:
        assert f"\n  {name}: " in result.stdout
