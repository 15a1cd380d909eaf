"""Our own backends pass the suite that everybody's must: a sample of it here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archspec.graph import Graph
from archspec.source.program import Source
from archspec.testing.agreement import Rounding
from archspec.testing.blocks import Block
from archspec.testing.conformance import Conformance
from archspec.testing.printed import defined
from archspec.verify.native import NATIVE

pytestmark = [
    # torch may copy the input for an even kernel: slower, and the same numbers.
    pytest.mark.filterwarnings(
        "ignore:Using padding='same' with even kernel:UserWarning"
    ),
    # Random nets have softmaxes of one channel, which Keras wonders at.
    pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning"),
]


def rounding(target: str) -> Rounding:
    """What was measured of the native kernels of a target, as `verify` has it."""
    return {n.kind: (n.forward, n.backward) for n in NATIVE if target in n.on}


class TestTorch(Conformance):
    backend = "torch"
    rounding = rounding("torch")
    variants = 5
    nets = 20


class TestKeras(Conformance):
    backend = "keras"
    rounding = rounding("keras:tensorflow")
    own = frozenset(("x", "name"))
    variants = 3
    nets = 10

    def block(self, source: Source, block: Block) -> tuple[Graph, Source]:
        """A model around the block's function, which takes a value and a name."""
        shape = (*block.shape[1:], block.shape[0])
        given = {**block.arguments}
        if "name" in defined(source)[block.entry]:
            given["name"] = "held"
        said = "".join(f", {name}={value!r}" for name, value in given.items())
        text = f"""{source.text}

def held():
    x = keras.Input({shape}, name="image")
    return keras.Model(x, {block.entry}(x{said}))
"""
        return block.held, Source(text, "held", source.name, source.backend)


@pytest.mark.proof
class TestTorchWhole(TestTorch):
    variants = 100
    nets = 1000


@pytest.mark.proof
class TestTorchChannelsLast(TestTorch):
    engine = "channels_last"
    rounding = rounding("torch:channels_last")
    variants = 40
    nets = 200


@pytest.mark.proof
class TestKerasWhole(TestKeras):
    variants = 60
    nets = 400


ELSEWHERE = """
from testing.test_conformance import TestKeras, pytestmark, rounding

class TestEngine(TestKeras):
    engine = {engine!r}
    rounding = rounding("keras:{engine}")
    variants = 6
    nets = 20

del TestKeras
"""


@pytest.mark.proof
@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_keras_elsewhere(engine: str, tmp_path: Path) -> None:
    """On its other engines, each in a process of its own."""
    (tmp_path / "test_engine.py").write_text(ELSEWHERE.format(engine=engine))
    root = Path(__file__).parents[2]
    path = [*map(str, (root, root / "backends", root / "tests")), *sys.path]
    made = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
