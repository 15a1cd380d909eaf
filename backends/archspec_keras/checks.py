"""What Keras asks of a graph beyond its ops, and the graph that is printed for it."""

from __future__ import annotations

import re
from dataclasses import replace

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.source.images import without_order

CALLED = re.compile(r"\bops\.(?:image\.)?(\w+)\(")
OPERATORS = ("add", "multiply", "power", "true_divide")
"""The names of what `local_response_norm` says with operators."""


def prepared(graph: Graph) -> Graph:
    """The graph that is printed.

    Keras takes the channels from input_shape: what those are computed from is no
    argument, but for a name alone, which is read from there.
    """
    texts = [t for k, t in graph.root.texts.items() if k.endswith(".channels")]
    computed = {n for t in texts if not t.isidentifier() for n in re.findall(r"\w+", t)}
    arguments = tuple(name for name in graph.arguments if name not in computed)
    return replace(without_order(graph), arguments=arguments)


def refuse_unread(graph: Graph) -> None:
    """Raises UnsupportedError for a layer with weights that only lends its size.

    A functional model holds the layers that its outputs are computed from, and no size
    is computed: it is known when the model is made.
    """
    live = set(graph.outputs.values())
    for node in reversed(graph.nodes):
        if node.name in live:
            live.update(node.op.computed_from(node.inputs))
    for node, shapes in graph.located():
        held = {**node.op.weights(*shapes), **node.op.buffers(*shapes)}
        if held and node.name not in live:
            raise UnsupportedError(
                f"Keras has no place for {node.name!r}: nothing reads its values, a "
                "resize only reads its size",
                at=node.at,
                hint="let the resize read what it reads",
            )


def refuse_names(graph: Graph, text: str) -> None:
    """Raises UnsupportedError where a name is another's, or one that Keras gives."""
    called = {"get_item", *CALLED.findall(text)}
    called.update(OPERATORS if "local_response_norm" in text else ())
    seen: dict[str, str] = {}
    places = dict.fromkeys(graph.inputs, graph.root.at)
    places |= {node.name: node.at for node in graph.nodes}
    for path, at in places.items():
        name, told = path.replace(".", "_"), ""
        if seen.setdefault(name, path) != path:
            told = f"{seen[name]!r} and {path!r} are both {name!r} in Keras"
        elif re.sub(r"_\d+$", "", name) in called:
            told = f"Keras names an op of its own {name!r}; another name, please"
        if told:
            raise UnsupportedError(told, code="AS507", at=at)
