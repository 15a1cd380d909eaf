"""Every command is there, alone or with the others."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from archspec.cli.app import COMMANDS, application


def test_all_commands() -> None:
    help_ = CliRunner().invoke(application(), ["--help"]).stdout
    assert all(f"\n  {name} " in help_ for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_alone(name: str) -> None:
    """It starts sooner, and is asked in the same way."""
    alone = CliRunner().invoke(application(name), [name, "--help"])
    whole = CliRunner().invoke(application(), [name, "--help"])
    assert alone.exit_code == 0
    assert alone.stdout == whole.stdout
    other = next(known for known in COMMANDS if known != name)
    assert CliRunner().invoke(application(name), [other]).exit_code == 2


def test_no_such_command() -> None:
    result = CliRunner().invoke(application("biuld"), ["biuld"])
    assert result.exit_code == 2 and "biuld" in result.stderr
    nothing = CliRunner().invoke(application(), [])
    assert "Usage" in nothing.output
