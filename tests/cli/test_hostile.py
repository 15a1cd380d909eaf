"""Random command lines end as they should; `tests/fuzz_commands.py` runs any number."""

from __future__ import annotations

from pathlib import Path

import fuzz_commands
import pytest


def test_random_command_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seconds, command = fuzz_commands.run(80, 0)
    assert seconds < 20, command  # a busy machine takes more than the two that it says
