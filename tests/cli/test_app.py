"""Every command is there, alone or with the others."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from archspec import __version__
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
    assert "Did you mean 'build'?" in result.stderr


def test_nothing_said() -> None:
    """The commands to begin with, each of which there is, in 80 columns."""
    result = CliRunner().invoke(application(), [])
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()[2:7]]
    assert len({line[1] for line in lines} & COMMANDS.keys()) == 5
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_a_version_and_short_help() -> None:
    run = CliRunner().invoke
    assert run(application(), ["--version"]).stdout == f"archspec {__version__}\n"
    for command in ([], ["show"], ["weights", "convert"]):
        short, long = (run(application(), [*command, o]) for o in ("-h", "--help"))
        assert short.exit_code == 0 and short.stdout == long.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("show cifar_", {"cifar_resnet18"}),
        ("ops batch", {"batch_norm"}),
        ("build resnet18 -b keras:", {"keras:jax", "keras:tensorflow"}),
        ("expl", {"explain"}),
        ("show resnet18 --set num_c", {"num_classes=", "num_classes=1000"}),
        ("validate vgg11 resnet18 --set num_classes=", {"num_classes=1000"}),
        ("show resnet18 --set depths=", {"depths=[2,2,2,2]"}),
        ("show resnet18 --set zero_init_residual=", {"zero_init_residual=false"}),
    ],
)
def test_a_shell_completes(
    words: str, found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f"archspec {words}"
    result = CliRunner().invoke(
        application(),
        prog_name="archspec",
        env={
            "_ARCHSPEC_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        },
    )
    assert found <= set(result.stdout.split())
