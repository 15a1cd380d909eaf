"""Each definition against PyTorch's own function, over random attributes, in float64.

TensorFlow's `same` padding comes from JAX, which has it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from jax.lax import padtype_to_pads
from nets import graph_of
from torch.nn import functional as F

from archspec.ops import BY_KIND, Op, pair
from archspec.reference import FUNCTIONS, compute, evaluate, statistics
from archspec.testing.variants import Variant, variants

pytestmark = pytest.mark.filterwarnings(
    "ignore:Using padding='same' with even kernel:UserWarning"
)
TOLERANCE = 1e-12
Tensors = dict[str, Any]
Torch = Callable[[Any, list[Any], Tensors], Any]


def sides(op: Any, x: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding of a convolution or a pool, as pixels on each side."""
    if op.padding == "same":
        extent = [
            (k - 1) * d + 1
            for k, d in zip(
                pair(op.kernel), pair(getattr(op, "dilation", 1)), strict=True
            )
        ]
        stride = pair(op.kernel if op.stride is None else op.stride)
        down, across = padtype_to_pads(x.shape[2:], extent, stride, "SAME")
        return tuple(map(int, down)), tuple(map(int, across))  # type: ignore[return-value]  # two each
    first, second = pair(op.padding)
    return pair(first), pair(second)


def framed(x: Any, around: Any, value: float = 0.0) -> Any:
    (top, bottom), (left, right) = around
    return F.pad(x, (left, right, top, bottom), value=value)


def conv2d(op: Any, x: list[Any], w: Tensors) -> Any:
    padded = framed(x[0], sides(op, x[0]))
    rest = {"stride": op.stride, "dilation": op.dilation, "groups": op.groups}
    return F.conv2d(padded, w["weight"], w.get("bias"), **rest)


def conv_transpose2d(op: Any, x: list[Any], w: Tensors) -> Any:
    names = ("stride", "padding", "output_padding", "groups", "dilation")
    rest = {name: getattr(op, name) for name in names}
    return F.conv_transpose2d(x[0], w["weight"], w.get("bias"), **rest)


def even(op: Any, x: Any) -> bool:
    return all(a == b for a, b in sides(op, x))


def max_pool2d(op: Any, x: list[Any], w: Tensors) -> Any:
    """torch's own padding where it has such; it takes half of the kernel at most."""
    around, image = sides(op, x[0]), x[0]
    padding = tuple(a for a, _ in around)
    if not even(op, image) or any(
        2 * p > k for p, k in zip(padding, pair(op.kernel), strict=True)
    ):
        if op.ceil_mode:
            return None
        image, padding = framed(image, around, float("-inf")), (0, 0)
    return F.max_pool2d(
        image,
        op.kernel,
        op.stride,
        padding=padding,
        dilation=op.dilation,
        ceil_mode=op.ceil_mode,
    )


def avg_pool2d(op: Any, x: list[Any], w: Tensors) -> Any:
    around, image = sides(op, x[0]), x[0]
    if op.padding != "same" and even(op, image):
        return F.avg_pool2d(
            image,
            op.kernel,
            op.stride,
            padding=tuple(a for a, _ in around),
            ceil_mode=op.ceil_mode,
            count_include_pad=op.count_include_pad,
        )
    if op.ceil_mode:
        return None
    total = F.avg_pool2d(framed(image, around), op.kernel, op.stride)
    if op.padding != "same" and op.count_include_pad:
        return total
    ones = framed(torch.ones_like(image), around)
    return total / F.avg_pool2d(ones, op.kernel, op.stride)


def batch_norm(op: Any, x: list[Any], w: Tensors, training: bool = False) -> Any:
    parts = (w["running_mean"], w["running_var"], w.get("weight"), w.get("bias"))
    return F.batch_norm(x[0], *parts, training, op.momentum, op.eps)


def layer_norm(op: Any, x: list[Any], w: Tensors) -> Any:
    last = x[0].movedim(1, -1)
    made = F.layer_norm(last, last.shape[-1:], w.get("weight"), w.get("bias"), op.eps)
    return made.movedim(-1, 1)


def pad(op: Any, x: list[Any], w: Tensors) -> Any:
    (top, bottom), (left, right) = (pair(part) for part in pair(op.spatial))
    return F.pad(x[0], (left, right, top, bottom, *pair(op.channels)))


def resize(op: Any, x: list[Any], w: Tensors) -> Any:
    size = op.size if len(x) == 1 else tuple(x[1].shape[2:])
    scale = tuple(map(float, op.scale)) if isinstance(op.scale, tuple) else op.scale
    # torch places the pixels of float64 images in another way at some sizes.
    image = x[0].float() if op.mode == "nearest" else x[0]
    return F.interpolate(image, size=size, scale_factor=scale, mode=op.mode).double()


def elementwise(combined: Callable[[Any, Any], Any]) -> Torch:
    def run(op: Any, x: list[Any], w: Tensors) -> Any:
        total = x[0]
        for other in x[1:]:
            total = combined(total, other)
        return total

    return run


def flatten(op: Any, x: list[Any], w: Tensors) -> Any:
    last = x[0].movedim(1, -1) if op.order == "hwc" else x[0]
    return torch.flatten(last, 1)


TORCH: dict[str, Torch] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": lambda op, x, w: F.linear(x[0], w["weight"], w.get("bias")),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": lambda op, x, w: F.group_norm(
        x[0], op.groups, w.get("weight"), w.get("bias"), op.eps
    ),
    "local_response_norm": lambda op, x, w: F.local_response_norm(
        x[0], op.size, op.alpha, op.beta, op.k
    ),
    "scale": lambda op, x, w: x[0] * w[op.weight].reshape(-1, *[1] * (x[0].ndim - 2)),
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": lambda op, x, w: F.adaptive_avg_pool2d(x[0], op.size),
    "adaptive_max_pool2d": lambda op, x, w: F.adaptive_max_pool2d(x[0], op.size),
    "global_avg_pool2d": lambda op, x, w: F.adaptive_avg_pool2d(x[0], 1).flatten(1),
    "global_max_pool2d": lambda op, x, w: F.adaptive_max_pool2d(x[0], 1).flatten(1),
    "relu": lambda op, x, w: F.relu(x[0]),
    "relu6": lambda op, x, w: F.relu6(x[0]),
    "leaky_relu": lambda op, x, w: F.leaky_relu(x[0], op.negative_slope),
    "prelu": lambda op, x, w: F.prelu(x[0], w["weight"]),
    "elu": lambda op, x, w: F.elu(x[0], op.alpha),
    "selu": lambda op, x, w: F.selu(x[0]),
    "gelu": lambda op, x, w: F.gelu(x[0], approximate=op.approximate),
    "silu": lambda op, x, w: F.silu(x[0]),
    "mish": lambda op, x, w: F.mish(x[0]),
    "sigmoid": lambda op, x, w: torch.sigmoid(x[0]),
    "hard_sigmoid": lambda op, x, w: F.hardsigmoid(x[0]),
    "hard_swish": lambda op, x, w: F.hardswish(x[0]),
    "tanh": lambda op, x, w: torch.tanh(x[0]),
    "softplus": lambda op, x, w: F.softplus(x[0], threshold=40),
    "softmax": lambda op, x, w: F.softmax(x[0], 1),
    "log_softmax": lambda op, x, w: F.log_softmax(x[0], 1),
    "identity": lambda op, x, w: x[0],
    "dropout": lambda op, x, w: F.dropout(x[0], op.rate, training=False),
    "drop_path": lambda op, x, w: F.dropout(x[0], op.rate, training=False),
    "add": elementwise(torch.add),
    "subtract": elementwise(torch.sub),
    "multiply": elementwise(torch.mul),
    "concat": lambda op, x, w: torch.cat(x, 1),
    "slice": lambda op, x, w: x[0].narrow(1, op.start, op.stop - op.start),
    "flatten": flatten,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": lambda op, x, w: F.pixel_shuffle(x[0], op.factor),
    "channel_shuffle": lambda op, x, w: F.channel_shuffle(x[0], op.groups),
}


def test_every_op_has_a_definition() -> None:
    assert set(FUNCTIONS) == set(BY_KIND) == set(TORCH)


def data(op: Op, shapes: Any, seed: int = 0) -> tuple[list[Any], dict[str, Any]]:
    """Random inputs and stored values of an op."""
    draw = np.random.default_rng(seed)
    x = [3 * draw.normal(size=(3, *shape)) for shape in shapes]
    stored = {**op.weights(*shapes), **op.buffers(*shapes)}
    w = {name: draw.normal(size=shape) for name, shape in stored.items()}
    if "running_var" in w:
        w["running_var"] = draw.uniform(0.5, 2, w["running_var"].shape)
    return x, w


def apart(found: Any, wanted: Any) -> float:
    assert found.shape == wanted.shape
    scale = np.max(np.abs(wanted))
    return float(np.max(np.abs(found - wanted)) / (scale or 1.0))


def checked(variant: Variant) -> bool:
    """Compares one variant; False where torch has nothing to compare with."""
    op = BY_KIND[variant.kind].model_validate(dict(variant.attributes))
    x, w = data(op, variant.shapes)
    tensors = {name: torch.from_numpy(value) for name, value in w.items()}
    wanted = TORCH[variant.kind](op, [torch.from_numpy(value) for value in x], tensors)
    if wanted is None or not torch.isfinite(wanted).all():
        return False
    with np.errstate(invalid="raise", over="raise"):
        found = compute(op, *x, stored=w)
    if variant.kind == "resize" and op.mode == "nearest":  # type: ignore[attr-defined]  # resize's own
        wanted = wanted.float().double()
        found = found.astype(np.float32).astype(np.float64)
    assert found.dtype == np.float64
    assert found.shape[1:] == op.shape(*variant.shapes)
    error = apart(found, wanted.numpy())
    assert error <= TOLERANCE, f"{variant}: {error:.1e}"
    return True


@pytest.mark.parametrize("kind", BY_KIND)
def test_a_definition(kind: str) -> None:
    made = [checked(variant) for variant in variants(BY_KIND[kind], 150)]
    assert sum(made) >= 0.8 * len(made)


@pytest.mark.parametrize("shape", [(3, 4, 5), (6,)])
@pytest.mark.parametrize("affine", ["true", "false"])
def test_batch_norm_in_training(shape: tuple[int, ...], affine: str) -> None:
    node = f"{{op: batch_norm, momentum: 0.3, eps: 0.1, affine: {affine}}}"
    graph = graph_of(f"inputs: {{x: {[*shape]}}}\ngraph: {{n: {node}}}\n")
    op: Any = graph.nodes[0].op
    (x,), w = data(op, [shape])
    weights = {f"n.{name}": value for name, value in w.items()}
    values = evaluate(graph, weights, {"x": x}, training=True)
    tensors = {name: torch.from_numpy(value.copy()) for name, value in w.items()}
    wanted = batch_norm(op, [torch.from_numpy(x)], tensors, training=True)
    assert apart(values["n"], wanted.numpy()) <= TOLERANCE
    moved = statistics(graph, weights, values, "unbiased")
    assert list(moved) == ["n.running_mean", "n.running_var"]
    for name in ("running_mean", "running_var"):
        assert apart(moved[f"n.{name}"], tensors[name].numpy()) <= TOLERANCE
    # Keras' and Flax' definition: the mean square, not the estimate of the variance.
    n = x.size // shape[0]
    biased = statistics(graph, weights, values, "biased")["n.running_var"]
    old = w["running_var"] * 0.7
    new = moved["n.running_var"] - old
    assert apart(biased, old + new * (n - 1) / n) <= TOLERANCE


@pytest.mark.parametrize("kind", ["dropout", "drop_path"])
def test_what_drops_in_training(kind: str) -> None:
    graph = graph_of(
        f"inputs: {{x: [2, 3, 3]}}\ngraph: {{n: {{op: {kind}, rate: 0.75}}}}\n"
    )
    x = np.ones((4, 2, 3, 3))
    shape = x.shape if kind == "dropout" else (4, 1, 1, 1)
    kept = np.random.default_rng(0).integers(0, 2, shape).astype(float)
    values = evaluate(graph, {}, {"x": x}, training=True, kept={"n": kept})
    assert np.array_equal(values["n"], 4 * kept * x)
    assert np.array_equal(evaluate(graph, {}, {"x": x})["n"], x)
    with pytest.raises(ValueError, match="'n' keeps is chance"):
        evaluate(graph, {}, {"x": x}, training=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("kind", BY_KIND)
def test_any_float_type(kind: str, dtype: Any) -> None:
    """The type stays, and a narrower one is only rounded."""
    variant = next(iter(variants(BY_KIND[kind], 1)))
    op = BY_KIND[kind].model_validate(dict(variant.attributes))
    x, w = data(op, variant.shapes)
    wide = [value.astype(np.longdouble) for value in x]
    with np.errstate(invalid="ignore"):
        extended = {k: v.astype(np.longdouble) for k, v in w.items()}
        wanted = compute(op, *wide, stored=extended)
        narrow = {name: value.astype(dtype) for name, value in w.items()}
        found = compute(op, *(value.astype(dtype) for value in x), stored=narrow)
    assert found.dtype == dtype
    error = apart(found.astype(np.longdouble), wanted)
    assert error <= 200 * np.finfo(dtype).eps


def test_erf_in_extended_precision() -> None:
    """DLMF, table 7.23 of Abramowitz and Stegun 7.1, to the digits that it gives."""
    from archspec.reference.activation import erf

    wanted = {
        "0.5": "0.5204998778130465376827466538919645287",
        "1": "0.8427007929497148693412206350826092593",
        "2": "0.9953222650189527341620692563672529287",
        "3": "0.9999779095030014145586272238704176796",
    }
    for place, value in wanted.items():
        x = np.array([np.longdouble(place), -np.longdouble(place)])
        assert np.all(np.abs(erf(x)) == np.abs(erf(x))[0])
        error = erf(x)[0] - np.longdouble(value)
        assert abs(error) <= 8 * np.finfo(np.longdouble).eps
        assert erf(x)[1] == -erf(x)[0]
    for dtype in (np.float32, np.float64, np.longdouble):
        assert np.all(erf(np.array([6.99, 7, 1024, np.inf], dtype)) >= 1 - 4e-16)
        assert np.array_equal(erf(np.array([7, 1024, -np.inf], dtype)), [1, 1, -1])


@pytest.mark.parametrize("name", ["x", "op", "stored", "kept"])
def test_a_weight_may_have_any_name(name: str) -> None:
    graph = graph_of(
        f"inputs: {{x: [2]}}\ngraph: {{n: {{op: scale, weight: {name}}}}}\n"
    )
    (stored,) = graph.parameters()
    values = evaluate(graph, {stored: np.array([2.0, 3.0])}, {"x": np.ones((1, 2))})
    assert values["n"].tolist() == [[2.0, 3.0]]
