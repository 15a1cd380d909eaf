"""Files that are made with intent: what a refusal of one is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import pytest
from fuzz_weights import guarded
from h5files import layer, value

from archspec.errors import WeightsError
from archspec.weights import load

SECRET = "secret.h5"
CODES = ("AS602", "AS604", "AS606", "AS607", "AS616")


@contextmanager
def nothing_else() -> Iterator[None]:
    """In this folder no other files come into being than tests' own."""
    with h5py.File(SECRET, "w") as file:
        layer(file, "dense", "fc", value(1))
        file["x"] = value(1)
    yield
    assert {*os.listdir()} <= {SECRET, "f.h5", "f.keras", "saved"}


def refused(name: str) -> WeightsError:
    """The refusal of a file: soon, short, and to be printed as it is."""
    with guarded(), pytest.raises(WeightsError) as caught:
        load(name)
    assert caught.value.code in CODES
    assert len(str(caught.value)) < 500 and str(caught.value).isprintable()
    return caught.value
