"""The function that loads weights into a model of a printed file."""

from __future__ import annotations

from dataclasses import replace

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.ops.convolution import multiplier
from archspec.source.functions.dialect import Dialect
from archspec.source.literal import lit
from archspec.source.published import address, beside, stored, suffix
from archspec.source.text import Code, Table, assignment
from archspec.weights.layouts import ATTRIBUTES

WHOLE = 64
"""Digits of a SHA-256, of which Keras compares all."""

FITS = "A ValueError names all that is missing, surplus or of another shape."
LOADS = '''\
def load_weights(model: keras.Model{parameters}) -> None:
    """Loads {what}; names and layouts in it are PyTorch's.

    {fits}
    """
    arrays = load_file({path}).items()
    stored = {{name.replace(".", "_"): array for name, array in arrays}}
    fitting, wrong = [], []
    for layer in model.layers:
        for variable in layer.weights:
            name = f"{{layer.name}}_{{NAMES[variable.name]}}"
            array = stored.pop(name, None)
            if array is None:
                wrong.append(f"{{name}} is missing")
                continue
            if array.ndim > 1:
                array = array.transpose(*range(2, array.ndim), 1, 0)
{reshaped}\
            if array.shape != variable.shape:
                wrong.append(f"{{name}} is {{array.shape}}, not {{variable.shape}}")
            fitting.append((variable, array))
    wrong += [f"{{name}} is surplus" for name in stored]
    if wrong:
        raise ValueError(f"these weights don't fit: {{'; '.join(wrong)}}")
    for variable, array in fitting:
        variable.assign(array)'''
RESHAPED = """\
            alone = array.ndim == 1 or array.shape[:3] == (*variable.shape[:2], 1)
            if alone and array.size == prod(variable.shape):
                array = array.reshape(variable.shape)
"""
"""For what Keras keeps in more axes: depthwise kernels, slopes and factors."""
HDF5 = '''\
def load_weights(model: keras.Model) -> None:
    """Loads the published weights, which are downloaded once and checked.

    A ValueError says so where a layer's weights are of another number or shape.
    """
    model.load_weights(keras.utils.get_file(FILE, URL, file_hash=HASH))'''
FETCHED = "keras.utils.get_file(FILE, URL, file_hash=HASH)"

IMPORTS = {
    "prod": "from math import prod",
    "Path": "from pathlib import Path",
    "load_file": "from safetensors.numpy import load_file",
}


def loading(dialect: Dialect, graph: Graph) -> Dialect:
    """The dialect of files that end with a function `load_weights`."""
    published = suffix(graph) in (".safetensors", ".h5")
    published = published and (
        suffix(graph) == ".h5" or len(graph.weights["hash"]) == WHOLE
    )
    constants = {"WEIGHTS": beside(graph)}
    if published:
        constants = {
            "URL": address(graph),
            "HASH": f"HASH = {lit(graph.weights['hash'])}",
            "FILE": f"FILE = {lit(stored(graph))}",
        }
    text = HDF5
    if not (published and suffix(graph) == ".h5"):
        names, shaped = _names(graph)
        rows = tuple((key, Code(lit(name))) for key, name in names.items())
        constants["NAMES"] = "\n".join(assignment("NAMES", Table(rows), 0))
        text = LOADS.format(
            parameters="" if published else ", path: str | Path = WEIGHTS",
            what="the published weights" if published else "a safetensors file",
            fits=FITS,
            path="path",
            reshaped=RESHAPED if shaped else "",
        )
        if published:
            text = text.replace('    """\n', f'    """\n    path = {FETCHED}\n', 1)
    return replace(
        dialect,
        imports={**dialect.imports, **IMPORTS},
        constants=constants,
        last={"load_weights": text},
    )


def _names(graph: Graph) -> tuple[dict[str, str], bool]:
    """Stored names by the attributes of layers, and whether some are in more axes.

    UnsupportedError where an attribute has several.
    """
    found: dict[str, str] = {}
    shaped = False
    for node, shapes in graph.located():
        image = len(shapes[0]) > 1
        shaped |= image and node.op.kind in ("prelu", "scale")
        shaped |= bool(multiplier(node.op, shapes))
        for name in (*node.op.weights(*shapes), *node.op.buffers(*shapes)):
            key = ATTRIBUTES[node.op.role(name)]
            other = found.setdefault(key, name)
            if other != name:
                message = f"weights named {other!r} and {name!r} are both a {key}"
                hint = "no loader of weights is printed for such a net"
                raise UnsupportedError(message, at=node.at, hint=hint)
    return found, shaped
