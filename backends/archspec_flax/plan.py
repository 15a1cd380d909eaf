"""How a net's weights are split over devices: a function of path and shape.

It stands in a file of its own, since nothing of it belongs into the model's.
"""

from __future__ import annotations

from math import prod

from numpy import empty

from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.source.module import module
from archspec.source.program import Source
from archspec.source.text import prose
from archspec.weights.nnx import places

LARGE = 4096
"""Numbers of a kernel from which on it is split."""
IMPORTS = {
    "math": "import math",
    "jax": "import jax",
    "nnx": "from flax import nnx",
    **{
        n: f"from jax.sharding import {n}"
        for n in ("Mesh", "NamedSharding", "PartitionSpec")
    },
}
CODE = f'''\
def partition_spec(
    path: tuple[str | int, ...], shape: tuple[int, ...], devices: int
) -> PartitionSpec:
    """Kernels of at least {LARGE:,} numbers are split by their output channels.

    What these don't divide into, for the devices along "model", every device has.
    """
    large = path[-1] == "kernel" and math.prod(shape) >= {LARGE}
    if large and shape[-1] % devices == 0:
        return PartitionSpec(*[None] * (len(shape) - 1), "model")
    return PartitionSpec()


def shard(model: nnx.Module, mesh: Mesh) -> None:
    """Lays a model's state out on a mesh with the axes "data" and "model".

    To be called once before training, and at the end of each jitted step, whose results
    lie anywhere otherwise.
    """
    for path, variable in nnx.to_flat_state(nnx.state(model)):
        spec = partition_spec(path, variable.shape, mesh.shape["model"])
        place = NamedSharding(mesh, spec)
        value = variable.get_value()
        variable.set_value(jax.lax.with_sharding_constraint(value, place))'''


def plan(graph: Graph) -> Source:
    """The file for a net; its docstring says what is split over how many devices."""
    shapes = {p.path: p.into(empty(p.shape, "V0")).shape for p in places(graph)}
    sizes = {path: prod(shape) for path, shape in shapes.items()}
    kernels = [path for path in shapes if path.endswith(".kernel")]
    large = [path for path in kernels if sizes[path] >= LARGE]
    doc = [f"How the weights of {prose(graph.title or graph.name)} lie on a mesh.", ""]
    for devices in (2, 4, 8):
        split = [p for p in large if shapes[p][-1] % devices == 0]
        part = 100 * sum(sizes[p] for p in split) / max(sum(sizes.values()), 1)
        doc.append(
            f'{devices} devices along "model" split {len(split)} of {len(kernels)} '
            f"kernels, {part:.0f} % of all numbers."
        )
    text = module(doc, [CODE], IMPORTS, {}, fingerprint(graph))
    return Source(text, "shard", graph.name, "flax")
