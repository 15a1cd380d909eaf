"""Modules of printed files: with values, or of shapes alone, for weights to fill."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from archspec.graph import Value
from archspec.source.program import Source, execute


def made(source: Source, given: Mapping[str, Value], rngs: Any) -> Any:
    """What the entry of a file makes; without weights and chance it draws nothing."""
    make = getattr(execute(source), source.entry)
    # The metaclass of modules hides what they take.
    told = vars(make)["__init__"] if isinstance(make, type) else make
    drawn = {"rngs": rngs} if "rngs" in signature(told).parameters else {}
    return make(**given, **drawn)


def shaped(source: Source, given: Mapping[str, Value]) -> Any:
    """A module without values, made while its shapes are traced.

    Its keys are drawn outside of the trace. Within, Flax asks each count that it sets
    for what it lacks while traced, and JAX words the error out of all that was traced
    before: a net of a thousand layers takes minutes instead of seconds.
    """
    import jax
    from flax import nnx

    class Outside(nnx.RngStream):  # type: ignore[misc]  # Flax has no types here
        def __call__(self) -> jax.Array:
            with jax.ensure_compile_time_eval():
                return super().__call__()

    def traced() -> Any:
        with jax.ensure_compile_time_eval():
            rngs = nnx.Rngs(0)
        rngs.default.__class__ = Outside
        module = made(source, given, rngs)
        for _, part in nnx.iter_graph(module):
            if isinstance(part, Outside):  # a dropout's own
                part.__class__ = nnx.RngStream
        return module

    return nnx.eval_shape(traced)
