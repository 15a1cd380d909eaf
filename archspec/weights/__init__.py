"""Canonical weights: a flat dict from torch's parameter names to torch's layouts.

Imports numpy: only what needs weights may import this package.
"""

from archspec.weights.choice import Wish
from archspec.weights.conversion import load, write
from archspec.weights.files import metadata, save
from archspec.weights.fit import check
from archspec.weights.initial import drawing, initial_weights

__all__ = [
    "Wish",
    "check",
    "drawing",
    "initial_weights",
    "load",
    "metadata",
    "save",
    "write",
]
