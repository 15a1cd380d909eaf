"""archspec_flax.making: modules of shapes alone are as those with values."""

from __future__ import annotations

from typing import Any

import jax
import pytest
from archspec_flax import making
from flax import nnx
from nets import graph_of

from archspec.backend import backend
from archspec.source.program import Source

NET = """archspec: 1
name: net
inputs: {image: [3, 9, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  bn: batch_norm
  drop: {op: dropout, rate: 0.5}
  again: {op: conv2d, channels: 2, kernel: 1}
"""


def test_keys_are_drawn_outside_of_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside, each of them took as long as all before it together."""

    def made(source: Source, given: Any, rngs: nnx.Rngs) -> Any:
        keys.extend([rngs.params(), rngs.dropout()])
        return real(source, given, rngs)

    real, keys = making.made, list[Any]()
    monkeypatch.setattr(making, "made", made)
    source = backend("flax").emit(graph_of(NET))
    module = making.shaped(source, {})
    assert len(keys) == 2 and not any(isinstance(k, jax.core.Tracer) for k in keys)
    leaves = jax.tree.leaves(nnx.state(module))
    assert leaves and all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves)


def test_what_is_shaped_is_what_is_made() -> None:
    """The same classes and shapes, those of chance too, but no values."""
    source = backend("flax").emit(graph_of(NET))
    shaped = making.shaped(source, {})
    real = making.made(source, {}, nnx.Rngs(0))
    nodes = [type(node) for _, node in nnx.iter_graph(shaped)]
    assert nodes == [type(node) for _, node in nnx.iter_graph(real)]
    assert nnx.RngStream in nodes
    found, wanted = (
        {path: leaf.shape for path, leaf in nnx.to_flat_state(nnx.state(module))}
        for module in (shaped, real)
    )
    assert found == wanted
