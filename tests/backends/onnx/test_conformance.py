"""The ONNX backend passes the suite of all backends, on both engines."""

from __future__ import annotations

import pytest

from archspec.graph import Graph
from archspec.source.program import Source
from archspec.testing.blocks import Block
from archspec.testing.conformance import Conformance
from archspec.testing.printed import defined


class TestReference(Conformance):
    backend = "onnx"
    engine = "reference"
    own = frozenset({"net", "x", "name"})
    variants = 3
    nets = 6

    def block(self, source: Source, block: Block) -> tuple[Graph, Source]:
        """A model around the block's function, which takes a net, a value and more."""
        axes = ', "H", "W"' if len(block.shape) == 3 else ""
        given = {**block.arguments}
        if "name" in defined(source)[block.entry]:
            given["name"] = "held"
        said = "".join(f", {name}={value!r}" for name, value in given.items())
        text = f"""{source.text}

def held(weights, dtype):
    net = Net(weights, dtype)
    x = net.input("image", "N", {block.shape[0]}{axes})
    made = {block.entry}(net, x{said})
    return net.model([x], [net.output(made)], name="held")
"""
        return block.held, Source(text, "held", source.name, source.backend)


class TestRuntime(TestReference):
    engine = "ort"
    dtype = "float32"


@pytest.mark.proof
class TestReferenceWhole(TestReference):
    variants = 40
    nets = 200


@pytest.mark.proof
class TestRuntimeWhole(TestRuntime):
    variants = 40
    nets = 200
