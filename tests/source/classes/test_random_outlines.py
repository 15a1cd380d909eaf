"""Random outlines: what is printed computes what the outline says, whatever it is."""

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
from spoken import DIALECT, Interpreter, engine

from archspec.graph import Graph
from archspec.source.classes import printed
from archspec.source.outline import Definition
from archspec.source.prune import prune

DRAWN = 300
RULES = "E,F,I,UP,SIM,C4,RUF,B007"


@cache
def graph(inputs: int) -> Graph:
    """A net that reads so many values; all that is printed of it is its docstring."""
    names = ("image", "low", "high")[:inputs]
    given = ", ".join(f"{name}: [4, 8, 8]" for name in names)
    node = "relu" if inputs == 1 else f"{{op: concat, from: [{', '.join(names)}]}}"
    return graph_of(f"inputs: {{{given}}}\ngraph:\n  all: {node}\n")


def text_of(definitions: list[Definition]) -> str:
    """The file; first what the printed words don't need is dropped, as ever."""
    prune(definitions, DIALECT.sized)
    return printed(graph(len(definitions[-1].inputs)), definitions, DIALECT).text


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
        definitions = Drawer(seed).net()
        net = definitions[-1]
        text = text_of(definitions)
        inputs = ["p", "q", "r"][: len(net.inputs)]
        for c, n, flag in itertools.product((8, 5), (0, 3), (True, False)):
            words = {"c": c, "n": n, "flag": flag}
            wanted = Interpreter().definition(net, words, inputs)
            found = run(text, monkeypatch)["Net"](**words)(*inputs)
            if isinstance(found, dict):
                assert list(found) == list(net.outputs), text
                found = tuple(found.values())
            found = found if isinstance(found, tuple) else (found,)
            assert list(found) == wanted, f"{seed} {words}\n{text}"


@pytest.mark.parametrize("count", sampled([50, 200], [50]))
def test_what_is_printed_is_laid_out_and_has_no_lint(
    count: int, tmp_path: Path
) -> None:
    """A random outline may have values that nothing reads, and absent children."""
    for seed in range(count):
        text = text_of(Drawer(seed).net())
        (tmp_path / f"drawn{seed}.py").write_text(text)
    for how in (["check", f"--select={RULES}", "--ignore=F841"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *how, "--isolated", str(tmp_path)]
        found = subprocess.run(ruff, capture_output=True, text=True)
        assert found.returncode == 0, found.stdout
