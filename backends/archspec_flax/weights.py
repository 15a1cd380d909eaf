"""The function that loads weights into a module of a printed file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.ops.convolution import ConvTranspose2d
from archspec.source.classes import Dialect
from archspec.source.layout import assignment
from archspec.source.literal import lit
from archspec.source.published import beside
from archspec.source.text import Code, Table
from archspec.weights.nnx import LEAVES

LOADS = '''\
def load_weights(model: nnx.Module, {parameter}) -> None:
    """Loads {what}; names and layouts in it are PyTorch's.

    A ValueError names all that is missing, surplus or of another shape.
    """
{path}    arrays, fitting, wrong = load_file(path), [], []
    state = nnx.state(model, nnx.Not(nnx.RngState))
    for parts, variable in nnx.to_flat_state(state):
        *place, leaf = map(str, parts)
        key = ".".join([*place, NAMES[leaf]])
        array = arrays.pop(key, None)
        if array is None:
            wrong.append(f"{{key}} is missing")
            continue
        if array.ndim > 1:
            array = array.transpose(*range(2, array.ndim), 1, 0)
        if array.shape != variable.shape:
            wrong.append(f"{{key}} is {{array.shape}}, not {{variable.shape}}")
        fitting.append((variable, array))
    wrong += [f"{{key}} is surplus" for key in arrays]
    if wrong:
        raise ValueError(f"these weights don't fit: {{'; '.join(wrong)}}")
    for variable, array in fitting:
        variable.set_value(jnp.asarray(array, variable.dtype))
    nnx.update(model, state)'''
NAMED = """\
    path = Path(__file__).with_name(f"{name}.safetensors")
"""
IMPORTS = {"load_file": "from safetensors.numpy import load_file"}


def loading(dialect: Dialect, graphs: Sequence[Graph], *, several: bool) -> Dialect:
    """The dialect of files that end with `load_weights`; of `several` it takes a name.

    UnsupportedError for a net that it couldn't load.
    """
    rows = tuple((leaf, Code(lit(name))) for leaf, name in _names(graphs).items())
    constants = {"NAMES": "\n".join(assignment("NAMES", Table(rows), 0))}
    told = "name: str", "the weights of a net, by its name", NAMED
    if not several:
        constants["WEIGHTS"] = beside(graphs[0])
        told = "path: str | Path = WEIGHTS", "a safetensors file", ""
    parameter, what, path = told
    return replace(
        dialect,
        imports={**dialect.imports, **IMPORTS},
        constants=constants,
        last={"load_weights": LOADS.format(parameter=parameter, what=what, path=path)},
    )


def _names(graphs: Sequence[Graph]) -> dict[str, str]:
    """What stored tensors are called, by the attributes of layers."""
    found: dict[str, str] = {}
    for node, shapes in chain.from_iterable(graph.located() for graph in graphs):
        hint = "no loader of weights is printed for such a net"
        if isinstance(node.op, ConvTranspose2d) and node.op.groups > 1:
            told = "a transposed convolution of groups keeps its kernel in parts"
            raise UnsupportedError(told, at=node.at, hint=hint)
        for name in (*node.op.weights(*shapes), *node.op.buffers(*shapes)):
            leaf = LEAVES.get(node.op.role(name), name)
            other = found.setdefault(leaf, name)
            if other != name:
                told = f"weights named {other!r} and {name!r} are both a {leaf}"
                raise UnsupportedError(told, at=node.at, hint=hint)
    return found
