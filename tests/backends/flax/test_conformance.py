"""Flax passes the suite of all backends: a sample of it here."""

from __future__ import annotations

from typing import ClassVar

import pytest

from archspec.testing.conformance import Conformance


@pytest.mark.proof
class TestFlax(Conformance):
    backend = "flax"
    own: ClassVar[frozenset[str]] = frozenset(("rngs",))
    variants: ClassVar[int] = 20
    nets: ClassVar[int] = 100
