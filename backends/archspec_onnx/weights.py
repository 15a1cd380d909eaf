"""The function that loads the weights that a printed function takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archspec.graph import Graph
from archspec.source.functions.dialect import Dialect
from archspec.source.published import beside

BESIDE = '''\
def load_weights(path: str | Path = WEIGHTS) -> dict[str, np.ndarray]:
    """Loads a safetensors file, for a net, which says what doesn't fit it."""
    return load_file(path)'''
SEVERAL = '''\
def load_weights(name: str) -> dict[str, np.ndarray]:
    """Loads the weights of a net, from beside this module, by its name."""
    return load_file(Path(__file__).with_name(f"{name}.safetensors"))'''
IMPORTS = {
    "Path": "from pathlib import Path",
    "load_file": "from safetensors.numpy import load_file",
}


def loading(dialect: Dialect, graphs: Sequence[Graph], *, several: bool) -> Dialect:
    """The dialect of files that end with `load_weights`, which may take a name."""
    constants = {} if several else {"WEIGHTS": beside(graphs[0])}
    return replace(
        dialect,
        imports={**dialect.imports, **IMPORTS},
        constants={**dialect.constants, **constants},
        last={**dialect.last, "load_weights": SEVERAL if several else BESIDE},
    )
