"""What Keras asks of a graph beyond its ops, and the graph that is printed for it."""

from __future__ import annotations

import re
from dataclasses import replace

from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.nodes import EMPTY
from archspec.ops.shaping import Flatten

CALLED = re.compile(r"\bops\.(?:image\.)?(\w+)\(")
OPERATORS = ("add", "multiply", "power", "true_divide")
"""The names of what `local_response_norm` says with operators."""


def prepared(graph: Graph) -> Graph:
    """The graph that is printed: it computes the same.

    Keras takes the channels from input_shape: what those are computed from is no
    argument, but for a name alone, which is read from there. A single pixel, which
    stays one at every size of image, is flattened without reordering.
    """
    texts = [t for k, t in graph.root.texts.items() if k.endswith(".channels")]
    computed = {n for t in texts if not t.isidentifier() for n in re.findall(r"\w+", t)}
    arguments = tuple(name for name in graph.arguments if name not in computed)
    following, shapes = loose(graph), graph.shapes()
    nodes = []
    for node in graph.nodes:
        read = node.inputs[0]
        if node.op.flattens and shapes[read][1:] == (1, 1) and read not in following:
            node = replace(node, op=Flatten(order="hwc"), texts=EMPTY)
        nodes.append(node)
    return replace(graph, arguments=arguments, nodes=tuple(nodes))


def loose(graph: Graph) -> frozenset[str]:
    """The images whose height and width follow from those of the net's inputs."""
    found = {name for name, shape in graph.inputs.items() if len(shape) == 3}
    for node in graph.nodes:
        sizing = node.op.sized_by(node.inputs)
        if len(node.shape) == 3 and not found.isdisjoint(sizing):
            found.add(node.name)
    return frozenset(found)


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
        name = path.replace(".", "_")
        if name in seen:
            raise UnsupportedError(
                f"{seen[name]!r} and {path!r} are both {name!r} in Keras",
                code="AS507",
                at=at,
            )
        seen[name] = path
        if re.sub(r"_\d+$", "", name) in called:
            raise UnsupportedError(
                f"Keras names an op of its own {name!r}; another name, please",
                code="AS507",
                at=at,
            )
