"""The function that makes a model of another one's features."""

from __future__ import annotations

from dataclasses import replace

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.ops import Op
from archspec.ops.convolution import Conv2d
from archspec.source.family import Family
from archspec.source.functions.dialect import Dialect
from archspec.source.layout import assignment
from archspec.source.literal import lit
from archspec.source.text import Code, Table

ALONE = ("relu", "relu6", "silu", "add", "concat", "batch_norm", "max_pool2d")
"""Ops whose value is the output of the layer that has their name."""

TEXT = '''\
def features(model: keras.Model) -> keras.Model:
    """Makes a model of the feature maps of another; the layers are shared."""
    outputs = {name: model.get_layer(layer).output for name, layer in TAPS.items()}
    return keras.Model(model.input, outputs, name=f"{model.name}_features")'''


EACH = '''\
def features(model: keras.Model, name: str) -> keras.Model:
    """Makes a model of the feature maps of a net, by its name; layers are shared."""
    taps = TAPS[name].items()
    outputs = {key: model.get_layer(layer).output for key, layer in taps}
    return keras.Model(model.input, outputs, name=f"{model.name}_features")'''


def featured(dialect: Dialect, net: Graph | Family) -> Dialect:
    """The dialect of files that have a function `features`, for the nets' taps.

    UnsupportedError where no layer gives just what is tapped.
    """
    if isinstance(net, Graph):
        text, table = TEXT, _tapped(dialect, net)
    else:
        rows = ((graph.name, _tapped(dialect, graph)) for graph in net.graphs)
        text, table = EACH, Table(tuple(rows))
    return replace(
        dialect,
        constants={
            **dialect.constants,
            "TAPS": "\n".join(assignment("TAPS", table, 0)),
        },
        last={"features": text, **dialect.last},
    )


def _tapped(dialect: Dialect, graph: Graph) -> Table:
    """For each tap the name of the layer that gives it."""
    nodes = {node.name: node for node in graph.nodes}
    rows = []
    for name, value in graph.taps.items():
        node = nodes[value]
        if not _alone(node.op):
            told = f"the tap {name!r}, {node.op.kind}, may not be what one layer gives"
            hint = f"tap one of {', '.join(ALONE)}"
            raise UnsupportedError(told, at=node.at, hint=hint)
        rows.append((name, Code(lit(node.layer(dialect.separator)))))
    return Table(tuple(rows))


def _alone(op: Op) -> bool:
    if isinstance(op, Conv2d):  # one that strides and dilates has a layer behind it
        return op.groups == 1 and 1 in (op.stride, op.dilation)
    return op.kind in ALONE
