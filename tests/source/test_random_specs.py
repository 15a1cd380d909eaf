"""Random specs: what is printed for them builds what they say, for every argument.

`KERAS_BACKEND=torch python tests/random_specs_run.py 0 20000` checks more of each, and
more of them; processes share that by numbers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from proofs import sampled
from random_specs import drawn, numbered
from random_specs_checks import Case, built, check, emitted
from random_specs_lint import lint, typed
from random_specs_text import loaded, written

from archspec.backend import backend
from archspec.errors import ArchspecError, UnsupportedError

TESTS = Path(__file__).parents[1]
SHRUNK = sorted((TESTS / "shrunk" / "printing").glob("*.yaml"))
COUNT = 300


@pytest.mark.parametrize(
    ("count", "more"),
    [(COUNT, ["--types", "8"]), (60, ["--hiding", "--backends", "torch"])],
)
def test_random_specs(count: int, more: list[str]) -> None:
    """On Keras' torch engine, which makes a layer in half of TensorFlow's time.

    All are built on both backends; their arguments take other values on one in turn.
    """
    command = [sys.executable, str(TESTS / "random_specs_run.py"), "0", str(count)]
    done = subprocess.run(
        [*command, "--quick", "--turns", *more],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "count"),
    sampled(
        [("onnx", 20), ("flax", 3), ("onnx", 60), ("flax", 12)],
        [("onnx", 20), ("flax", 3)],
    ),
)
def test_random_specs_on_others(kind: str, count: int) -> None:
    """JAX compiles for seconds what ONNX' evaluator runs at once."""
    command = [sys.executable, str(TESTS / "random_specs_run.py"), "0", str(count)]
    done = subprocess.run(
        [*command, "--quick", "--backends", kind], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Random specs that hypothesis shrinks."""
    return drawn(lambda choices: draw(st.sampled_from(choices)))


MOST = max(50, settings().max_examples // 2)


@pytest.mark.parametrize("examples", sampled([15, MOST], [15]))
def test_random_specs_on_tensorflow(examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=settings().max_examples <= 100,
        suppress_health_check=list(HealthCheck),
    )
    @given(specs())
    def holds(spec: dict[str, Any]) -> None:
        try:
            case = Case(written(spec))
        except ArchspecError:
            reject()
        try:
            found = built(backend("keras"), case.net)
        except UnsupportedError:
            reject()
        case.net.compare("keras: output", found, rounds=case.net.rounds())

    holds()


def test_nearly_all_random_specs_are_valid() -> None:
    valid = 0
    for number in range(200):
        try:
            loaded(written(numbered(number)))
            valid += 1
        except ArchspecError:
            continue
    assert valid >= 190


@pytest.mark.parametrize(
    "kind",
    sampled(["torch", "keras", "flax", "onnx"], ["torch", "keras"]),
)
@pytest.mark.parametrize("path", SHRUNK, ids=lambda path: path.stem)
def test_what_once_failed(path: Path, kind: str) -> None:
    check(Case(path.read_text(encoding="utf-8")), kind)


def test_what_once_was_unfit_to_read() -> None:
    graphs = [Case(path.read_text(encoding="utf-8")).net.graph for path in SHRUNK]
    names = ("torch", "keras")
    made = [emitted(backend(name), graph) for graph in graphs for name in names]
    texts = [source.text for source in made if source is not None]
    faults = [str(fault) for _, fault in (*lint(texts), *typed(texts))]
    assert len(texts) > 60 and not faults
