"""Prints Python with a function for each block: for Keras, and for ONNX in Python.

`source` prints an outline in a `Dialect`, which holds all that differs between two
frameworks. `body` writes the statements of one function, `calls` what they call,
`labels` what layers are called.
"""

from archspec.source.functions.dialect import (
    Constants,
    Dialect,
    Frame,
    Lowering,
    Name,
    Step,
)
from archspec.source.functions.printing import source

__all__ = ["Constants", "Dialect", "Frame", "Lowering", "Name", "Step", "source"]
