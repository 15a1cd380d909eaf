"""archspec_onnx.exact: every op is its definition to the last digits of float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx.helper
import pytest
import torch
from archspec_onnx import exact
from archspec_onnx.exact import EXACT, evaluator, said
from nets import randomised
from onnx_cases import CASES, SINGLE, Case, check, named, resizes, single
from onnx_models import TOLERANCES, error
from torch.nn import functional as F


@pytest.mark.parametrize(
    "value", [1e-5, 0.01, 1 / 3, 1 / 6, 0.2, 1e-12, 7.25, 123456.0]
)
def test_attributes_say_what_was_meant(value: float) -> None:
    assert said(np.float32(value)) == value
    assert said(np.float32(-value)) == -value


# Each for itself, against torch in float64: no two of its numbers are the same.


def drawn(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def tensors(arrays: Iterable[Any]) -> Any:
    return map(torch.tensor, arrays)


def same(found: Any, wanted: Any) -> None:
    assert found.dtype == np.float64 and found.shape == tuple(wanted.shape)
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=0, atol=1e-12)


convolved: Any = F.conv2d
transposed: Any = F.conv_transpose2d
"""With or without a bias, which torch' types don't take in one call."""
IMAGE = drawn(2, 6, 9, 11)
VALUES = np.linspace(-4, 4, 33)
"""With 0, and the corners of what is clipped."""


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "pads"),
    [
        ((3, 2), (1, 2), (2, 3), (1, 0, 2, 3)),
        ((2, 4), (3, 1), (1, 2), (0, 4, 3, 1)),
        ((1, 3), None, None, None),
        ((3, 1), (2, 1), None, (1, 1, 0, 2)),
    ],
)
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_a_convolution(
    kernel: Any, stride: Any, dilation: Any, pads: Any, groups: int
) -> None:
    weight, bias = drawn(12, 6 // groups, *kernel, seed=1), drawn(12, seed=2)
    told: Any = {
        "strides": stride,
        "dilations": dilation,
        "pads": pads,
        "group": groups,
    }
    top, left, bottom, right = pads or (0, 0, 0, 0)
    padded = F.pad(torch.tensor(IMAGE), (left, right, top, bottom))
    for given in ((weight,), (weight, bias)):
        wanted = convolved(
            padded,
            *tensors(given),
            stride=stride or 1,
            dilation=dilation or 1,
            groups=groups,
        )
        same(exact.conv(IMAGE, *given, auto_pad="NOTSET", **told), wanted)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "pads"),
    [
        ((4, 3), (3, 2), (1, 1), (0, 1, 1, 1)),
        ((2, 3), (1, 1), (1, 2), (0, 2, 1, 2)),
        ((3, 2), (2, 1), (3, 1), (3, 0, 3, 1)),
        ((1, 1), (2, 4), (1, 1), (0, 0, 0, 0)),
    ],
)
def test_same_of_a_convolution(
    kernel: Any, stride: Any, dilation: Any, pads: Any
) -> None:
    """ceil(size / stride) windows, which 9 x 11 pixels hold with so many more."""
    weight = drawn(4, 6, *kernel, seed=1)
    told: Any = {"strides": stride, "dilations": dilation, "group": 1}
    found = exact.conv(IMAGE, weight, auto_pad="SAME_UPPER", pads=None, **told)
    same(found, exact.conv(IMAGE, weight, auto_pad="NOTSET", pads=pads, **told))
    sizes = zip((9, 11), stride, strict=True)
    assert found.shape[2:] == tuple(-(-size // step) for size, step in sizes)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "pads", "extra"),
    [
        ((3, 2), (2, 3), (1, 2), (1, 0, 2, 1), (1, 2)),
        ((2, 4), (3, 1), (2, 1), (0, 2, 1, 3), None),
        ((3, 1), None, None, None, None),
    ],
)
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_a_transposed_convolution(
    kernel: Any, stride: Any, dilation: Any, pads: Any, extra: Any, groups: int
) -> None:
    weight, bias = drawn(6, 4, *kernel, seed=1), drawn(4 * groups, seed=2)
    told: Any = {
        "strides": stride,
        "dilations": dilation,
        "pads": pads,
        "group": groups,
    }
    top, left, bottom, right = pads or (0, 0, 0, 0)
    for given in ((weight,), (weight, bias)):
        whole = transposed(
            torch.tensor(IMAGE),
            *tensors(given),
            stride=stride or 1,
            dilation=dilation or 1,
            output_padding=extra or 0,
            groups=groups,
        )
        high, wide = whole.shape[2:]
        wanted = whole[:, :, top : high - bottom, left : wide - right]
        same(exact.conv_transpose(IMAGE, *given, output_padding=extra, **told), wanted)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((3, 4), (2, 3), (1, 2)),
        ((2, 5), None, (0, 2)),
        ((3, 2), (4, 5), (1, 0)),
        ((4, 4), (3, 3), (2, 2)),
    ],
)
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_an_average_pool(
    kernel: Any, stride: Any, padding: Any, ceil: bool, counted: bool
) -> None:
    found = exact.average_pool(
        IMAGE,
        auto_pad="NOTSET",
        ceil_mode=int(ceil),
        count_include_pad=int(counted),
        dilations=None,
        kernel_shape=kernel,
        pads=padding * 2,
        strides=stride,
    )
    wanted = F.avg_pool2d(
        torch.tensor(IMAGE), kernel, stride or 1, padding, ceil, counted
    )
    same(found, wanted)


ROW = np.arange(1.0, 7.0).reshape(1, 1, 6)
"""1 2 3 4 5 6."""


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"kernel_shape": [2], "dilations": [3]}, [2.5, 3.5, 4.5]),
        ({"kernel_shape": [2], "strides": [2]}, [1.5, 3.5, 5.5]),
        ({"kernel_shape": [2], "pads": [1, 0]}, [1, 1.5, 2.5, 3.5, 4.5, 5.5]),
        ({"kernel_shape": [2], "pads": [0, 1]}, [1.5, 2.5, 3.5, 4.5, 5.5, 6]),
        (
            {"kernel_shape": [2], "pads": [1, 0], "count_include_pad": 1},
            [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
        ),
        ({"kernel_shape": [3], "strides": [2], "auto_pad": "SAME_UPPER"}, [2, 4, 5.5]),
        ({"kernel_shape": [4], "strides": [3], "ceil_mode": 1}, [2.5, 5]),
        # The last window would start behind the image: there is none.
        (
            {"kernel_shape": [2], "strides": [6], "ceil_mode": 1, "pads": [0, 1]},
            [1.5],
        ),
        ({"kernel_shape": [1], "strides": [5], "ceil_mode": 1}, [1, 6]),
    ],
)
def test_means_of_a_row(told: dict[str, Any], wanted: list[float]) -> None:
    usual: Any = {"auto_pad": "NOTSET", "ceil_mode": 0, "count_include_pad": 0}
    usual |= dict.fromkeys(("dilations", "pads", "strides"))
    assert exact.average_pool(ROW, **usual | told).tolist() == [[wanted]]


@pytest.mark.parametrize("shape", [(2, 6, 3, 4), (5, 6)])
def test_norms(shape: tuple[int, ...]) -> None:
    x, eps = drawn(*shape), 0.25
    scale, bias, mean = (drawn(6, seed=seed) for seed in (1, 2, 3))
    var = mean**2 + 1
    image, s, b, m, v = map(torch.tensor, (x, scale, bias, mean, var))
    found = exact.batch_normalization(x, scale, bias, mean, var, epsilon=eps)
    same(found, F.batch_norm(image, m, v, s, b, eps=eps))
    for groups in (1, 2, 3):
        found = exact.group_normalization(
            x, scale, bias, epsilon=eps, num_groups=groups
        )
        same(found, F.group_norm(image, groups, s, b, eps))
    last = x.reshape(*shape[:1], -1, 6)
    found = exact.layer_normalization(last, scale, bias, epsilon=eps)
    same(found, F.layer_norm(torch.tensor(last), (6,), s, b, eps))


@pytest.mark.parametrize("size", [1, 3, 5, 13])
def test_a_local_response_norm(size: int) -> None:
    told = {"alpha": 0.5, "beta": 0.7}
    found = exact.local_response_normalization(IMAGE, bias=1.5, size=size, **told)
    same(found, F.local_response_norm(torch.tensor(IMAGE), size, k=1.5, **told))


ACTIVATIONS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "LeakyRelu": ({"alpha": 0.3}, lambda x: F.leaky_relu(x, 0.3)),
    "Elu": ({"alpha": 0.3}, lambda x: F.elu(x, 0.3)),
    "Selu": ({"alpha": 1.0, "gamma": 1.0}, F.selu),
    "HardSigmoid": ({"alpha": 1 / 6, "beta": 0.5}, F.hardsigmoid),
    "HardSwish": ({}, F.hardswish),
}


@pytest.mark.parametrize("op", ACTIVATIONS)
def test_activations(op: str) -> None:
    told, wanted = ACTIVATIONS[op]
    same(EXACT[op](VALUES, **told), wanted(torch.tensor(VALUES)))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate: str) -> None:
    found = exact.gelu(VALUES, approximate=approximate)
    same(found, F.gelu(torch.tensor(VALUES), approximate=approximate))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_computed_has_the_type_of_what_is_read(dtype: Any) -> None:
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    told = [onnx.helper.make_tensor_value_info(name, kind, [3]) for name in "xy"]
    node = onnx.helper.make_node("Gelu", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "net", told[:1], told[1:])
    opset = onnx.helper.make_opsetid("", 20)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9)
    (found,) = evaluator(model).run(None, {"x": np.array([-1, 0, 1], dtype)})
    assert found.dtype == dtype and found[1] == 0


# In models, against the definitions.


@pytest.mark.parametrize("case", CASES, ids=named)
def test_an_op(case: Case) -> None:
    check(case, "reference")


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_resize_to_another_image(mode: str) -> None:
    resizes(mode, "reference")


@pytest.mark.parametrize(
    ("op", "kernel", "stride"),
    [case for case in SINGLE if case[0] != "avg_pool2d" or case[1] == "1"],
)
def test_same_of_single_pixels(op: str, kernel: str, stride: str) -> None:
    graph = single(op, kernel, stride)
    found = error(graph, graph, "reference", randomised(graph))
    assert found <= TOLERANCES["reference"][1]
