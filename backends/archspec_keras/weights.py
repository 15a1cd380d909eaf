"""The function that loads weights into a model of a printed file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.ops.convolution import multiplier
from archspec.source.functions.dialect import Dialect
from archspec.source.layout import assignment
from archspec.source.literal import lit
from archspec.source.published import address, beside, stored, suffix, table
from archspec.source.text import Code, Table
from archspec.weights.layouts import ATTRIBUTES

WHOLE = 64
"""Digits of a SHA-256, of which Keras compares all."""

FITS = "A ValueError names all that is missing, surplus or of another shape."
LOADS = '''\
def load_weights(model: keras.Model{parameters}) -> None:
    """Loads {what}; names and layouts in it are PyTorch's.

    {fits}
    """
{path}    arrays = load_file(path).items()
    stored = {{key.replace(".", "_"): array for key, array in arrays}}
    fitting, wrong = [], []
    for layer in model.layers:
        for variable in layer.weights:
            key = f"{{{layer}}}_{{NAMES[variable.name]}}"
            array = stored.pop(key, None)
            if array is None:
                wrong.append(f"{{key}} is missing")
                continue
            if array.ndim > 1:
                array = array.transpose(*range(2, array.ndim), 1, 0)
{reshaped}\
            if array.shape != variable.shape:
                wrong.append(f"{{key}} is {{array.shape}}, not {{variable.shape}}")
            fitting.append((variable, array))
    wrong += [f"{{key}} is surplus" for key in stored]
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
    path = keras.utils.get_file(FILE, URL, file_hash=HASH)
    model.load_weights(path)'''
FETCHED = "    path = keras.utils.get_file(FILE, URL, file_hash=HASH)\n"
FETCH = "(FILES[name], URLS[name], file_hash=HASHES[name])"
BESIDE = """\
    path = Path(__file__).with_name(f"{name}.safetensors")
"""
"""Where the file of a net is, beside the module."""

IMPORTS = {
    "prod": "from math import prod",
    "Path": "from pathlib import Path",
    "load_file": "from safetensors.numpy import load_file",
}


def loading(dialect: Dialect, graph: Graph) -> Dialect:
    """The dialect of files that end with a function `load_weights`."""
    published = _published(graph)
    constants = {"WEIGHTS": beside(graph)}
    if published:
        constants = {
            "URL": address(graph),
            "HASH": f"HASH = {lit(graph.weights['hash'])}",
            "FILE": f"FILE = {lit(stored(graph))}",
        }
    if published == ".h5":
        return _ending(dialect, HDF5, constants)
    parameters = "" if published else ", path: str | Path = WEIGHTS"
    what = "the published weights" if published else "a safetensors file"
    path = FETCHED if published else ""
    return _named(dialect, [graph], constants, (parameters, what, path))


def loading_each(dialect: Dialect, graphs: Sequence[Graph]) -> Dialect:
    """The dialect of files of several nets whose weights a function loads by name."""
    published = _published(*graphs)
    constants = {}
    if published:
        constants = {
            "URLS": table("URLS", graphs, lambda graph: graph.weights["url"]),
            "HASHES": table("HASHES", graphs, lambda graph: graph.weights["hash"]),
            "FILES": table("FILES", graphs, stored),
        }
    if published == ".h5":
        return _ending(dialect, _each(HDF5), constants)
    what = "the published weights of a net" if published else "the weights of a net"
    path = BESIDE if not published else FETCHED
    held = _named(dialect, graphs, constants, (", name: str", what, path))
    text = _each(held.last["load_weights"])
    return replace(held, last={"load_weights": text})


def _each(text: str) -> str:
    """A text for one net as that for several, which it reads by name."""
    text = text.replace("(FILE, URL, file_hash=HASH)", FETCH)
    text = text.replace("(model: keras.Model)", "(model: keras.Model, name: str)")
    return text.replace("the published weights,", "the published weights of a net,")


def _published(*graphs: Graph) -> str:
    """The suffix of published files that a printed function can load."""
    found = suffix(*graphs)
    whole = all(len(graph.weights.get("hash", "")) == WHOLE for graph in graphs)
    return found if found == ".h5" or (found == ".safetensors" and whole) else ""


def _named(
    dialect: Dialect,
    graphs: Sequence[Graph],
    constants: Mapping[str, str],
    told: tuple[str, str, str],
) -> Dialect:
    """What finds weights by names: its parameters, what it loads, and where."""
    parameters, what, path = told
    names, shaped = _names(graphs)
    rows = tuple((key, Code(lit(name))) for key, name in names.items())
    own = {"NAMES": "\n".join(assignment("NAMES", Table(rows), 0))}
    layer = "layer.name"
    if aliases := _aliases(graphs):
        pairs = tuple((alias, Code(lit(name))) for alias, name in aliases.items())
        own["LAYERS"] = "\n".join(assignment("LAYERS", Table(pairs), 0))
        layer = "LAYERS.get(layer.name, layer.name)"
    text = LOADS.format(
        layer=layer,
        parameters=parameters,
        what=what,
        fits=FITS,
        path=path,
        reshaped=RESHAPED if shaped else "",
    )
    return _ending(dialect, text, {**constants, **own})


def _ending(dialect: Dialect, text: str, constants: Mapping[str, str]) -> Dialect:
    return replace(
        dialect,
        imports={**dialect.imports, **IMPORTS},
        constants=constants,
        last={"load_weights": text},
    )


def _names(graphs: Sequence[Graph]) -> tuple[dict[str, str], bool]:
    """Stored names by the attributes of layers, and whether some are in more axes.

    UnsupportedError where an attribute has several.
    """
    found: dict[str, str] = {}
    shaped = False
    for node, shapes in chain.from_iterable(graph.located() for graph in graphs):
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


def _aliases(graphs: Sequence[Graph]) -> dict[str, str]:
    """By layers whose names the spec gives, what weights are called instead.

    UnsupportedError where that differs between nets.
    """
    found: dict[str, str] = {}
    for graph in graphs:
        for node in graph.nodes:
            name = node.name.replace(".", "_")
            if not node.op.stored:
                continue
            if found.setdefault(node.layer(), name) != name:
                message = f"the layer {node.layer()!r} has other weights in another net"
                hint = "no loader of weights is printed for such nets"
                raise UnsupportedError(message, at=node.at, hint=hint)
    return {layer: name for layer, name in found.items() if layer != name}
