"""Random outlines: what is printed computes what the outline says, and names it so."""

from __future__ import annotations

import itertools
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from nets import graph_of
from outlines import Drawer
from proofs import sampled
from spoken_functions import DIALECT, Interpreter, Names, engine

from archspec.graph import Graph
from archspec.source.functions.printing import Printer
from archspec.source.outline import Definition

DRAWN = 300
RULES = "E,F,I,UP,B,SIM,C4,RUF"


@cache
def graph(inputs: int) -> Graph:
    """A net that reads so many values; only its inputs and its name are printed."""
    names = ("image", "low", "high")[:inputs]
    given = ", ".join(f"{name}: [4, 8, 8]" for name in names)
    node = "relu" if inputs == 1 else f"{{op: concat, from: [{', '.join(names)}]}}"
    return graph_of(f"inputs: {{{given}}}\ngraph:\n  all: {node}\n")


def text_of(definitions: list[Definition]) -> str:
    read = graph(len(definitions[-1].inputs))
    return Printer(read, definitions, DIALECT).text(["Net.", "", "More."], "0" * 64)


def run(text: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is printed, as a module's names."""
    monkeypatch.setitem(sys.modules, "toy", engine())
    names: dict[str, Any] = {}
    exec(compile(text, "printed", "exec"), names)
    return names


@pytest.mark.parametrize("start", sampled(range(0, DRAWN, 50), [0, 150]))
def test_what_is_printed_computes_the_outline(
    start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(start, start + 50):
        text = text_of(Drawer(seed).net())
        net = Drawer(seed).net()[-1]  # as it was before a printer dropped anything
        inputs = ["p", "q", "r"][: len(net.inputs)]
        made = run(text, monkeypatch)["Net"]
        for c, n, flag in itertools.product((8, 5), (0, 3), (True, False)):
            words = {"c": c, "n": n, "flag": flag}
            wanted = Interpreter().definition(net, words, inputs, Names(""))
            given = {k: v for k, v in words.items() if k in made.__annotations__}
            found = made(*inputs, **given)
            assert list(found) == list(net.outputs), text
            assert list(found.values()) == wanted, f"{seed} {words}\n{text}"


@pytest.mark.parametrize("count", sampled([50, 200], [50]))
def test_what_is_printed_is_laid_out_and_has_no_lint(
    count: int, tmp_path: Path
) -> None:
    """A random outline may have values that nothing reads."""
    for seed in range(count):
        text = text_of(Drawer(seed).net())
        (tmp_path / f"drawn{seed}.py").write_text(text)
    for how in (["check", f"--select={RULES}", "--ignore=F841"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *how, "--isolated", str(tmp_path)]
        found = subprocess.run(ruff, capture_output=True, text=True)
        assert found.returncode == 0, found.stdout
