"""Prints a net as functions, for Keras and for ONNX in Python: a `Dialect` says which.

`dialect` says what a framework gives, and `steps` what its lowerings are made of.
Behind that, `printing` writes a module, `body` the statements of one function, `calls`
what they call, and `labels` what layers are called.
"""

from __future__ import annotations

from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.source.choices import spell
from archspec.source.docstring import docstring, shared
from archspec.source.family import Family
from archspec.source.functions.dialect import Dialect
from archspec.source.functions.printing import Printer
from archspec.source.generalise import outline
from archspec.source.program import Source


def emit(net: Graph | Family, dialect: Dialect) -> Source:
    """The source of a graph's net, or of a family's; never imports a framework.

    Every op must have a lowering: `archspec.backend.refuse_unsupported` comes first.
    """
    family = net if isinstance(net, Family) else None
    graph = net.whole() if isinstance(net, Family) else net
    prepared, last = dialect.prepared(graph), dialect.channels_last
    ops, aliased = dialect.ops.keys(), dialect.aliased
    definitions = outline(prepared, dialect.signature, ops, aliased=aliased)
    spell(definitions, dialect.ops, dialect.op)
    printer = Printer(prepared, definitions, dialect, family)
    doc = shared(family, last) if family else docstring(graph, channels_last=last)
    text = printer.text(doc, family.fingerprint() if family else fingerprint(graph))
    entries = tuple(printer.entries)
    return Source(text, printer.entry, graph.name, dialect.backend, entries)
