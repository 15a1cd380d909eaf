"""Backends and their engines by name."""

from __future__ import annotations

import pytest

from archspec.errors import BackendError
from archspec.verify.target import Target, parse


def test_targets() -> None:
    assert parse("keras") == Target("keras", "tensorflow")
    assert str(parse("torch")) == "torch"
    with pytest.raises(BackendError, match="no engine ''"):
        parse("keras:")
