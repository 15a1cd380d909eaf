"""Flax passes the suite of all backends."""

from __future__ import annotations

from typing import ClassVar

from archspec.testing.conformance import Conformance


class TestFlax(Conformance):
    backend = "flax"
    own: ClassVar[frozenset[str]] = frozenset(("rngs",))
    variants: ClassVar[int] = 12
    nets: ClassVar[int] = 20
