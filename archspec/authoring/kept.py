"""The params that a resolved spec keeps: those whose every use is the plain name.

`num_classes` in `features: =num_classes`, also through blocks that are handed it. What
a formula computes from a param is fixed in the resolved text; were such a param kept,
another value would reach one place and not the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from archspec.graph import Graph, Scope
from archspec.language.formula import names
from archspec.nodes import file_of, unseen


@dataclass(frozen=True, slots=True)
class Kept:
    """Params, and where they stand in place of a value.

    Attributes:
        params: their names, in the order of the file.
        inputs: by an input's name, the param that its channels are.
        attributes: by a node's name and an attribute's, the param that it is.
    """

    params: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)
    attributes: dict[tuple[str, str], str] = field(default_factory=dict)


def kept(graph: Graph) -> Kept:
    """What can be kept of a graph's arguments."""
    root, wanted = graph.root, set(graph.arguments)
    inputs: dict[str, str] = {}
    for key, text in root.texts.items():
        if text in wanted:
            inputs[key.removesuffix(".channels")] = text
        else:
            wanted -= names(text)
    for text in root.defaults.values():
        wanted -= names(text)
    found: dict[tuple[str, str], str] = {}
    computed: set[str] = set()
    for node in graph.nodes:
        for key, text in node.texts.items():
            param = origin(text, node.scope)
            if param is not None:
                found[node.name, key] = param
                continue
            for name in names(text):
                computed |= node.scope.taints.get(name, frozenset())
    wanted -= computed
    used = {param for param in (*inputs.values(), *found.values()) if param in wanted}
    return Kept(
        tuple(name for name in graph.params if name in used),
        {name: param for name, param in inputs.items() if param in used},
        {place: param for place, param in found.items() if param in used},
    )


def origin(text: str, scope: Scope) -> str | None:
    """The whole net's param that a formula is, by whatever names it was handed on."""
    at: Scope | None = scope
    while at is not None and text.isidentifier():
        if text in at.params and at.parent is None:
            return text
        if text in at.params:
            if text in at.texts:
                text, at = at.texts[text], at.parent
            elif text in at.defaults:
                param, text = text, at.defaults[text]
                at = file_of(at) if text in unseen(at.params, param) else at
            else:
                return None
        elif at.kind == "block":
            at = file_of(at)
        else:
            at = at.parent if at.kind == "graph" else None
    return None
