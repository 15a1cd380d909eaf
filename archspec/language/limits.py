"""How much a spec may ask for before it is refused."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds on untrusted input; pass another instance to raise one.

    Attributes:
        file_bytes: size of one file.
        depth: nesting of mappings and lists.
        nodes: nodes of the graph.
        integer: magnitude of an integer.
        list_length: entries of one list or mapping.
        alias_nodes: YAML values that aliases may expand to, in one file.
    """

    file_bytes: int = 2**20
    depth: int = 64
    nodes: int = 1_000_000
    integer: int = 2**53
    list_length: int = 100_000
    alias_nodes: int = 10_000


DEFAULT = Limits()
