"""docs/cli.md is what the commands say, and its text is in order."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from archspec.cli import manual
from archspec.cli.app import COMMANDS, application

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    told = "python -m archspec.cli.manual > docs/cli.md"
    assert PAGE.read_text() == manual.page(), told


def test_every_command_has_a_section() -> None:
    text = manual.page()
    for name in COMMANDS:
        assert f"\n## archspec {name}" in text
    assert "\n## archspec weights convert\n" in text
    assert "None" not in text and "NoneType" not in text


def test_help_knows_every_option() -> None:
    for section in manual.page().split("\n## archspec ")[1:]:
        name = section.partition("\n")[0]
        said = CliRunner().invoke(application(), [*name.split(), "--help"]).stdout
        options = re.findall(r"`(--[a-z-]+)`", section.partition("|---|")[2])
        assert options or name in ("explain", "ops", "weights published")
        assert all(option in said for option in options), name


def test_rows() -> None:
    text = manual.page()
    for row in (
        "| `SPEC` | A .yaml file, or a net of the zoo. |",
        "| `--output`, `-o` `TEXT` | A file, or -. Default: `-`. |",
        "| `--force` | Overwrite the file. |",
        r"| `--adapt-input` `sum\|repeat` | The first convolution to other input |",
        r"| `--input-size` `N\|HxW` | Another image size, pixels. |",
        "| `--seed` `NUMBER` | Of the initial weights. Default: `0`. |",
    ):
        assert row.replace(" |", "") in text.replace(" |", ""), row
