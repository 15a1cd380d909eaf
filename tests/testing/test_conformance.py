"""Our own backends pass the suite that everybody's must: a sample of it here."""

from __future__ import annotations

import pytest

from archspec.graph import Graph
from archspec.source.program import Source
from archspec.testing.agreement import Rounding
from archspec.testing.blocks import Block
from archspec.testing.conformance import Conformance
from archspec.testing.printed import defined
from archspec.verify.native import NATIVE

pytestmark = pytest.mark.filterwarnings(
    # torch may copy the input for an even kernel: slower, and the same numbers.
    "ignore:Using padding='same' with even kernel:UserWarning"
)


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
class TestKerasWhole(TestKeras):
    variants = 60
    nets = 400
