"""Random attributes for every op that reads one value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import strategies as st

from archspec.ops import OPS, Op, Shape

Draw = Callable[[st.SearchStrategy[Any]], Any]
Attributes = dict[str, Any]


def one(draw: Draw, *choices: Any) -> Any:
    """One of the choices; the first is the simplest."""
    return draw(st.sampled_from(choices))


def dividing(number: int) -> tuple[int, ...]:
    """The divisors of a number."""
    return tuple(n for n in range(1, number + 1) if number % n == 0)


def channels(draw: Draw) -> Any:
    """A number of channels, or a formula for one."""
    return one(draw, 2, 1, 3, 4, 6, "=width", "=width * 2", "=width + 1")


def padding(draw: Draw) -> Any:
    """Padding as convolutions and pools take it."""
    return one(draw, 0, 1, [0, 1], [[1, 0], [0, 1]], [[0, 1], [1, 1]], "same")


def conv2d(draw: Draw, shape: Shape) -> Attributes:
    groups = one(draw, 1, 1, *dividing(shape[0]))
    many = groups * one(draw, 1, 2) if groups > 1 else channels(draw)
    return {
        "channels": many,
        "kernel": one(draw, 1, 2, 3, [1, 3], [3, 2]),
        "stride": one(draw, 1, 2, [1, 2], [2, 1]),
        "padding": padding(draw),
        "dilation": one(draw, 1, 1, 2, [2, 1]),
        "groups": groups,
        "bias": one(draw, True, False),
    }


def conv_transpose2d(draw: Draw, shape: Shape) -> Attributes:
    return {
        "channels": channels(draw),
        "kernel": one(draw, 1, 2, 3, [2, 3]),
        "stride": one(draw, 1, 2, [1, 2], 3),
        "padding": one(draw, 0, 1, [0, 1]),
        "output_padding": one(draw, 0, 0, 1),
        "bias": one(draw, True, False),
    }


def norm(draw: Draw, shape: Shape) -> Attributes:
    return {"eps": one(draw, 1e-5, 1e-3), "affine": one(draw, True, False)}


def batch_norm(draw: Draw, shape: Shape) -> Attributes:
    kind = one(draw, None, "biased", "unbiased")
    extra = {} if kind is None else {"running_var": kind}
    return {**norm(draw, shape), "momentum": one(draw, 0.1, 0.3), **extra}


def local_response_norm(draw: Draw, shape: Shape) -> Attributes:
    size, k = one(draw, 1, 2, 3, 5), one(draw, 1.0, 2.0)
    return {"size": size, "alpha": one(draw, 1e-4, 0.5), "k": k}


def pool(draw: Draw, shape: Shape) -> Attributes:
    found = {"kernel": one(draw, 2, 1, 3, [2, 3]), "padding": padding(draw)}
    stride = one(draw, None, 1, 2, [2, 1])
    if stride is not None:
        found["stride"] = stride
    if found["padding"] != "same":
        found["ceil_mode"] = one(draw, False, True)
    return found


def avg_pool2d(draw: Draw, shape: Shape) -> Attributes:
    return {**pool(draw, shape), "count_include_pad": one(draw, True, False)}


def resize(draw: Draw, shape: Shape) -> Attributes:
    mode = {"mode": one(draw, "nearest", "nearest", "bilinear")}
    if one(draw, True, False):
        return {**mode, "size": one(draw, 3, 1, 5, [4, 7])}
    return {**mode, "scale": one(draw, 2.0, 3.0, [1.0, 2.0], 1.5, 0.7, 1.3, 2.3)}


def slice_(draw: Draw, shape: Shape) -> Attributes:
    start = draw(st.integers(0, shape[0] - 1))
    return {"start": start, "stop": draw(st.integers(start + 1, shape[0]))}


def pad(draw: Draw, shape: Shape) -> Attributes:
    return {
        "spatial": one(draw, 1, 0, [1, 0], [[0, 2], [1, 0]]),
        "channels": one(draw, 0, 1, [0, 2]),
    }


def adaptive(draw: Draw, shape: Shape) -> Attributes:
    return {"size": one(draw, 1, 2, [1, 3], 4)}


def none(draw: Draw, shape: Shape) -> Attributes:
    return {}


def rate(draw: Draw, shape: Shape) -> Attributes:
    return {"rate": 0.0}


OF_IMAGES: dict[str, Callable[[Draw, Shape], Attributes]] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "group_norm": lambda draw, shape: {
        **norm(draw, shape),
        "groups": one(draw, *dividing(shape[0])),
    },
    "local_response_norm": local_response_norm,
    "max_pool2d": pool,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive,
    "adaptive_max_pool2d": adaptive,
    "global_avg_pool2d": none,
    "global_max_pool2d": none,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": lambda draw, shape: {"factor": one(draw, 2, 1)},
    "channel_shuffle": lambda draw, shape: {"groups": one(draw, *dividing(shape[0]))},
}
OF_VECTORS: dict[str, Callable[[Draw, Shape], Attributes]] = {
    "linear": lambda draw, shape: {
        "features": channels(draw),
        "bias": one(draw, True, False),
    },
}
OF_BOTH: dict[str, Callable[[Draw, Shape], Attributes]] = {
    "batch_norm": batch_norm,
    "layer_norm": norm,
    "scale": lambda draw, shape: {"weight": one(draw, "weight", "gamma")},
    "leaky_relu": lambda draw, shape: {"negative_slope": one(draw, 0.25, 0.01)},
    "prelu": lambda draw, shape: {"shared": one(draw, True, False)},
    "elu": lambda draw, shape: {"alpha": one(draw, 1.0, 0.5)},
    "gelu": lambda draw, shape: {"approximate": one(draw, "none", "tanh")},
    "dropout": rate,
    "drop_path": rate,
    "slice": slice_,
    "flatten": lambda draw, shape: {"order": one(draw, "chw", "hwc")},
}


def example(op: type[Op]) -> Callable[[Draw, Shape], Attributes]:
    """The attributes of an op that has none to choose from here."""
    return lambda draw, shape: yaml.safe_load(f"{{{op.example}}}")


OF_BOTH |= {
    op.kind: example(op)
    for op in OPS
    if op.arity[0] == 1 and op.kind not in {*OF_IMAGES, *OF_VECTORS, *OF_BOTH}
}
