"""Flax NNX as a dialect of classes."""

from __future__ import annotations

from archspec.source.classes import Container, Dialect, Extra
from archspec.source.images import with_vectors, without_order
from archspec.source.module import definitions
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code
from archspec_flax.initial import Shared
from archspec_flax.lowering import FUNCTIONS, OPS, WEIGHTED, signature

_ATTRIBUTES = """
    append clear count eval extend index insert iter_children iter_modules
    perturb pop remove reverse set_attributes sow train
"""
RESERVED = frozenset(_ATTRIBUTES.split())
"""Names that a child can't have: the public attributes of nnx.Module and nnx.List."""


def sized(use: OpUse) -> bool:
    """Whether a module is told how many channels it reads."""
    drops = use.kind in ("dropout", "drop_path")
    return (
        use.kind in WEIGHTED
        and not drops
        and not (use.kind == "prelu" and bool(use["shared"]))
    )


DIALECT = Dialect(
    backend="flax",
    # `Shared` puts functions for those that are none.
    modules={
        kind: WEIGHTED.get(kind, lambda use: Code("x"))
        for kind in (*WEIGHTED, *FUNCTIONS)
    },
    functions=FUNCTIONS,
    imports={
        "Callable": "from collections.abc import Callable",
        "Path": "from pathlib import Path",
        "Sequence": "from collections.abc import Sequence",
        "partial": "from functools import partial",
        "Any": "from typing import Any",
        "jax": "import jax",
        "jnp": "import jax.numpy as jnp",
        "np": "import numpy as np",
        "nnx": "from flax import nnx",
    },
    helpers=definitions("archspec_flax"),
    signature=signature,
    sized=sized,
    ops=OPS,
    op="Layer",
    base="nnx.Module",
    initialised=False,
    tensor="jax.Array",
    call="__call__",
    sequential=Container("Sequential", other="nnx.List[Any]"),
    listing=Container("nnx.List", parent="nnx.List[Layer]"),
    chain="Chain",
    add=lambda name, child: Call("self.add", (name, child)),
    member="Layer",
    reserved=RESERVED,
    extra=Extra("rngs", ("*", "rngs: nnx.Rngs"), lambda use: use.kind in WEIGHTED),
    start=Shared,
    prepared=lambda graph: with_vectors(without_order(graph)),
    channels_last=True,
)
