"""Messages have colours at a terminal, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from archspec.cli import colours

PLAIN = """\
my net.yaml:4:5: error: there is no op 'rellu', error: 3 [AS205]
  4 |   b: rellu
    |      ^^^^^
    hint: did you mean 'relu'?
    in body
warning: odd [AS701]
  7 | x
    | ^"""
COLOURED = """\
my net.yaml:4:5: <R>error<>: there is no op 'rellu', error: 3 [AS205]
  4 |   b: rellu
    |      <R>^^^^^<>
    <C>hint<>: did you mean 'relu'?
    in body
<Y>warning<>: odd [AS701]
  7 | x
    | <Y>^<>"""
MARKS = {
    "<>": colours.END,
    "<R>": colours.RED,
    "<Y>": colours.YELLOW,
    "<C>": colours.CYAN,
}


def test_what_is_coloured() -> None:
    wanted = COLOURED
    for mark, escape in MARKS.items():
        wanted = wanted.replace(mark, escape)
    assert colours.coloured(PLAIN) == wanted


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TERM": "xterm"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_a_pipe(
    variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with open(os.devnull, "w") as stream:
        assert colours.wanted(stream) is expected


@pytest.mark.parametrize(("no", "there"), [("", True), ("1", False)])
def test_a_terminal(no: str, there: bool) -> None:
    ours, theirs = pty.openpty()
    plain = {k: v for k, v in os.environ.items() if k != "FORCE_COLOR"}
    subprocess.run(
        [sys.executable, "-m", "archspec", "explain", "AS999"],
        stderr=theirs,
        env={**plain, "TERM": "xterm", "NO_COLOR": no},
    )
    said = os.read(ours, 1000).decode()
    os.close(ours)
    os.close(theirs)
    assert said.startswith(f"{colours.RED}error{colours.END}: " if there else "error: ")
