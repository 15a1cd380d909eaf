"""Starts Keras on one of its engines, in single or in double precision."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

from archspec.errors import BackendError


def start(engine: str, dtype: str) -> None:
    """Imports Keras on an engine; before anything else has imported it.

    On JAX and on torch, Keras computes some ops in float32 whatever it is given. Where
    float64 is wanted, the table in Keras that says so is mended, in this process only.

    Raises:
        BackendError: the engine is missing, Keras runs on another one already, or
            float64 is rounded to float32 all the same.
    """
    if find_spec(engine) is None:
        raise BackendError(
            f"Keras on {engine} needs {engine}, which is not installed",
            hint=f"pip install {engine}",
        )
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = engine
        if dtype == "float64":
            os.environ["JAX_ENABLE_X64"] = "1"
    from archspec_keras.backend import framework

    keras = framework()
    found = keras.backend.backend()
    if found != engine:
        raise BackendError(f"Keras runs on {found} in this process, not on {engine}")
    if dtype == "float64":
        _keep_double(engine, keras)


def _keep_double(engine: str, keras: Any) -> None:
    from keras.src.backend.common import dtypes

    table = getattr(dtypes, "BIT64_TO_BIT32_DTYPE", None)
    if engine != "tensorflow" and isinstance(table, dict):
        table["float64"] = "float64"
    kept = keras.backend.result_type("float64", "float32")
    one = keras.ops.mean(keras.ops.convert_to_tensor([1.0], dtype="float64"))
    if kept != "float64" or keras.backend.standardize_dtype(one.dtype) != "float64":
        raise BackendError(f"Keras on {engine} rounds float64 to float32")
