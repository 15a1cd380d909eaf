"""TensorFlow's rounded constants against TensorFlow, to the last bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from archspec.ops.activation import Gelu, LeakyRelu, Softplus, Tanh
from archspec.reference import compute
from archspec.reference.rounding import ROUNDED

X = np.linspace(-12, 12, 2000).reshape(-1, 4)


@pytest.mark.parametrize(
    "op",
    [
        Gelu(),
        Gelu(approximate="tanh"),
        LeakyRelu(negative_slope=0.1),
        LeakyRelu(negative_slope=0.01),
    ],
    ids=repr,
)
def test_as_tensorflow_rounds(op: Any) -> None:
    import tensorflow as tf

    if op.kind == "gelu":
        found = tf.nn.gelu(X, approximate=op.approximate == "tanh").numpy()
    else:
        found = tf.nn.leaky_relu(X, op.negative_slope).numpy()
    wide = X.astype(np.longdouble)
    scale = np.maximum(np.abs(wide), 1e-3)
    rounded = compute(op, wide, rounding="tensorflow")
    assert np.max(np.abs(found - rounded) / scale) <= 1e-15
    plain = compute(op, wide)
    assert 1e-10 <= np.max(np.abs(plain - rounded) / scale) <= 1e-7


def test_as_keras_on_torch_rounds() -> None:
    """torch.nn.functional.softplus, whose threshold Keras leaves at 20."""
    x = np.array([[19.0, 20.0, 20.5, 21.0, 50.0, -3.0]])
    wanted = torch.nn.functional.softplus(torch.tensor(x)).numpy()
    found = compute(Softplus(), x.astype(np.longdouble), rounding="keras on torch")
    assert np.max(np.abs(found - wanted)) <= 1e-14
    assert 1e-10 <= np.max(np.abs(compute(Softplus(), x) - wanted)) <= 1e-8


def test_others_are_as_they_are() -> None:
    assert set(ROUNDED["tensorflow"]) == {"gelu", "leaky_relu"}
    assert set(ROUNDED["keras on torch"]) == {"softplus"}
    assert np.array_equal(compute(Tanh(), X, rounding="tensorflow"), np.tanh(X))
