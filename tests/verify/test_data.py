"""What the data of a comparison are."""

from __future__ import annotations

import numpy as np
import pytest
from nets import graph_of

from archspec.verify.data import SCALE, Data

SPEC = """
archspec: 1
name: small
inputs: {image: [3, 8, 8]}
params: {widths: [4]}
graph:
  conv: {op: conv2d, channels: "=widths[0]", kernel: 3, stride: 2, padding: 1}
  bn: batch_norm
  relu: relu
  drop: {op: dropout, rate: 0.5}
  conv2: {op: conv2d, channels: "=widths[0]", kernel: 1}
  add: {op: add, from: [conv2, relu]}
  pool: global_avg_pool2d
  fc: {op: linear, features: 5}
taps: {c1: relu}
"""


class TestData:
    graph = graph_of(SPEC.strip())

    def test_weights_are_disturbed_and_conditioned(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = Data(self.graph, "float64", 3)
        first, scaled = data.weights("initial"), data.weights("conditioned")
        monkeypatch.setattr("archspec.verify.data.SCALE", 1)
        moved = data.weights("conditioned")
        assert np.array_equal(first["conv.weight"], moved["conv.weight"])
        for name in ("conv.bias", "bn.weight", "bn.running_mean", "bn.running_var"):
            assert np.abs(first[name] - moved[name]).min() > 0
        assert (moved["bn.running_var"] > 0).all()
        for name, array in scaled.items():
            factor = SCALE if name.startswith("conv2.") else 1
            assert np.array_equal(array, factor * moved[name])

    def test_the_seed_is_all(self) -> None:
        one, same, other = (Data(self.graph, "float64", seed) for seed in (1, 1, 2))
        for draw in ("images", "cotangents"):
            first = getattr(one, draw)(0)
            for name, array in first.items():
                assert np.array_equal(array, getattr(same, draw)(0)[name])
                assert not np.array_equal(array, getattr(other, draw)(0)[name])
                assert not np.array_equal(array, getattr(one, draw)(1)[name])
