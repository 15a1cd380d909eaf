"""Each op on its own: torch and Keras agree, forward and gradients, in float64."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import numpy as np
import pytest
import yaml
from nets import errors, graph_of, images

from archspec.backend import backend as find
from archspec.errors import UnsupportedError
from archspec.ops import BY_KIND
from archspec.verify import native as verify

pytestmark = pytest.mark.filterwarnings(
    # torch may copy the input for an even kernel: slower, and the same numbers.
    "ignore:Using padding='same' with even kernel:UserWarning"
)
TOLERANCE = 1e-12

NATIVE = {native.kind: (native.forward, native.backward) for native in verify.NATIVE}
"""Native kernels that round in float64: their bounds, forward and gradients."""


def grid(**choices: list[Any]) -> list[dict[str, Any]]:
    """Every combination."""
    return [
        dict(zip(choices, values, strict=True)) for values in product(*choices.values())
    ]


SIZES = [[4, 9, 10], [4, 12, 7]]
SAME = [
    {"kernel": k, "stride": s, "padding": "same"}
    for k, s in product([1, 2, 3, 5, [2, 3]], [1, 2])
    if not (k == 1 and s == 2)
] + [{"kernel": 1, "stride": 2, "padding": "same"}]
POOLS = [
    *grid(kernel=[2, 3], stride=[None, 1, 2], padding=[0, 1], ceil_mode=[False, True]),
    {"kernel": [3, 2], "stride": [2, 1], "padding": [1, 0]},
    {"kernel": 3, "stride": 2, "padding": [[1, 0], [0, 1]]},
    {"kernel": 1, "stride": 2, "ceil_mode": True},
    {"kernel": 5, "stride": 3, "padding": 2, "ceil_mode": True},
    *SAME,
]
CASES: dict[str, list[dict[str, Any]]] = {
    "conv2d": [
        *(
            {"channels": 4, **case}
            for case in grid(
                kernel=[1, 2, 3, [3, 2]],
                stride=[1, 2, [1, 2]],
                padding=[0, 1, [0, 1], [[1, 0], [0, 2]]],
                dilation=[1, 2],
                groups=[1, 2],
                bias=[False],
            )
        ),
        *({"channels": 6, **case} for case in SAME),
        *({"channels": 8, "groups": 4, **case} for case in SAME),
        *(
            {"channels": 4, "groups": 4, "kernel": 3, **case}
            for case in grid(
                stride=[1, 2, [1, 2]], padding=[0, 1, [[1, 0], [0, 2]]], dilation=[1, 2]
            )
        ),
        {
            **{"channels": 8, "groups": 4, "kernel": 3},
            **{"stride": [2, 2], "padding": "same"},
        },
        {"channels": 4, "kernel": 3, "dilation": 2, "padding": "same"},
    ],
    "conv_transpose2d": [
        {"channels": 3, "kernel": k, "stride": s, "padding": p, "output_padding": o}
        for k, s, p, o in product(
            [1, 2, 3, 4, [3, 2]], [1, 2, 3, [2, 1]], [0, 1], [0, 1]
        )
        if o == 0 or s in (2, 3)
    ],
    "linear": [{"features": 5}, {"features": 3, "bias": False}],
    "batch_norm": [{}, {"eps": 1e-3, "momentum": 0.3}, {"affine": False}],
    "layer_norm": [{}, {"eps": 1e-6}, {"affine": False}],
    "group_norm": [{"groups": g} for g in (1, 2, 4)],
    "local_response_norm": [{"size": 5}, {"size": 2, "alpha": 0.5, "k": 2.0}],
    "scale": [{}, {"weight": "gamma"}],
    "max_pool2d": POOLS,
    "avg_pool2d": [
        *POOLS,
        *(
            {**pool, "count_include_pad": False}
            for pool in POOLS
            if pool.get("padding") != [[1, 0], [0, 1]]
        ),
    ],
    "adaptive_avg_pool2d": [{"size": s} for s in (1, 2, [3, 5], 7, 14)],
    "adaptive_max_pool2d": [{"size": s} for s in (1, 2, [3, 5], 7)],
    "global_avg_pool2d": [{}],
    "global_max_pool2d": [{}],
    "relu": [{}],
    "relu6": [{}],
    "leaky_relu": [{}, {"negative_slope": 0.3}, {"negative_slope": -0.3}],
    "prelu": [{}, {"shared": False}],
    "elu": [{}, {"alpha": 0.5}],
    "selu": [{}],
    "gelu": [{}, {"approximate": "tanh"}],
    "silu": [{}],
    "mish": [{}],
    "sigmoid": [{}],
    "hard_sigmoid": [{}],
    "hard_swish": [{}],
    "tanh": [{}],
    "softplus": [{}],
    "softmax": [{}],
    "log_softmax": [{}],
    "identity": [{}],
    "dropout": [{"rate": 0.5}],
    "drop_path": [{"rate": 0.5}],
    "slice": [{"stop": 2}, {"start": 1, "stop": 4}],
    "flatten": [{}, {"order": "hwc"}],
    "pad": [
        {"spatial": 1},
        {"spatial": [[0, 2], [1, 0]]},
        {"channels": [1, 2]},
        {"spatial": [1, 2], "channels": 1},
    ],
    "resize": [
        *grid(mode=["nearest", "bilinear"], size=[5, [18, 21]]),
        *grid(mode=["nearest", "bilinear"], scale=[2.0, 5, [2.0, 3.0]]),
        {"mode": "nearest", "scale": 1.5},
        {"mode": "nearest", "scale": 0.7},
    ],
    "pixel_shuffle": [{"factor": 2}],
    "channel_shuffle": [{"groups": 2}],
}
PAIRED = [op.kind for op in BY_KIND.values() if op.arity[0] > 1]
VECTORS = {
    *("batch_norm", "layer_norm", "scale", "relu", "prelu", "softmax", "log_softmax"),
    *("dropout", "drop_path", "slice", "flatten", "gelu", "identity"),
}
"""Ops that take vectors too."""


UNEVEN = {"kernel": 3, "stride": 2, "padding": [[1, 0], [0, 1]]}


def text(kind: str, attributes: dict[str, Any], shape: list[int]) -> str:
    """A net of one op."""
    node = json.dumps({"op": kind, **attributes})
    return f"inputs: {{image: {shape}}}\ngraph:\n  node: {node}\n"


def bounds(kind: str, attributes: dict[str, Any]) -> tuple[float, float]:
    mode = f"{kind} {attributes.get('mode')}"
    return NATIVE.get(kind, NATIVE.get(mode, (TOLERANCE, TOLERANCE)))


def cases() -> list[Any]:
    """Every combination; a test is what has an attribute's value that none before has."""
    found = []
    seen: set[tuple[str, str, str]] = set()
    for op in BY_KIND.values():
        if op.arity[0] > 1:
            continue
        kind = op.kind
        options = CASES.get(kind, [yaml.safe_load(f"{{{op.example}}}")])
        for attributes in options:
            shapes = [[4]] if kind == "linear" else SIZES
            shapes = [*shapes, [4]] if kind in VECTORS else shapes
            name = " ".join(f"{k}={v}" for k, v in attributes.items())
            for s in shapes:
                told = {(kind, k, str(v)) for k, v in {**attributes, "": s}.items()}
                # Together they decide how much is padded.
                padded = f"{attributes.get('stride')} {attributes.get('padding')}"
                told.add((kind, "stride padding", padded))
                marks = [pytest.mark.proof] if told <= seen else []
                seen |= told
                given = (kind, attributes, s)
                found.append(pytest.param(*given, id=f"{kind} {name} {s}", marks=marks))
    return found


@pytest.mark.parametrize(("kind", "attributes", "shape"), cases())
def test_op(kind: str, attributes: dict[str, Any], shape: list[int]) -> None:
    attributes = {k: v for k, v in attributes.items() if v is not None}
    forward, backward = errors(graph_of(text(kind, attributes, shape)))
    most = bounds(kind, attributes)
    assert forward <= most[0]
    assert backward <= most[1]


@pytest.mark.parametrize("kind", PAIRED)
@pytest.mark.parametrize("shapes", [((4, 5, 6), (4, 5, 6)), ((4, 5, 6), (4, 1, 1))])
def test_ops_of_two(kind: str, shapes: Any) -> None:
    if kind == "concat":
        shapes = ((4, 5, 6), (3, 5, 6))
    a, b = (list(shape) for shape in shapes)
    for first, second in (("a", "b"), ("b", "a")):
        graph = graph_of(
            f"inputs: {{a: {a}, b: {b}}}\n"
            f"graph: {{node: {{op: {kind}, from: [{first}, {second}]}}}}\n"
        )
        assert max(errors(graph)) <= TOLERANCE


@pytest.mark.parametrize(
    ("backend", "kind", "attributes", "reason"),
    [
        ("keras", "max_pool2d", {"kernel": 2, "dilation": 2}, "no dilation"),
        ("keras", "conv_transpose2d", {"channels": 4, "kernel": 2, "groups": 2}, "gr"),
        (
            "keras",
            "conv_transpose2d",
            {"channels": 4, "kernel": 2, "dilation": 2},
            "dil",
        ),
        ("keras", "resize", {"mode": "bilinear", "scale": 1.5}, "broken factor"),
        (
            "keras",
            "conv2d",
            {"channels": 4, "kernel": 3, "stride": 2, "dilation": 2, "padding": "same"},
            "stride and dilate",
        ),
        (
            "keras",
            "conv2d",
            {
                **{"channels": 8, "groups": 4, "kernel": 3},
                **{"stride": [1, 2], "padding": "same"},
            },
            "one stride for both axes",
        ),
        *(
            (name, "avg_pool2d", {**UNEVEN, "ceil_mode": True}, "ceil_mode")
            for name in ("torch", "keras")
        ),
        ("torch", "avg_pool2d", {**UNEVEN, "count_include_pad": False}, "leave out"),
    ],
)
def test_refused(backend: str, kind: str, attributes: Any, reason: str) -> None:
    graph = graph_of(text(kind, attributes, [4, 9, 10]))
    with pytest.raises(UnsupportedError, match=reason) as caught:
        find(backend).emit(graph)
    assert str(caught.value.at) == "net.yaml:5:3"


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_resize_to_another(mode: str) -> None:
    graph = graph_of(
        "inputs: {a: [2, 5, 6], b: [3, 13, 7]}\n"
        f"graph: {{node: {{op: resize, mode: {mode}, from: [a, b]}},\n"
        "  both: {op: concat, from: [node, b]}}\n"
    )
    assert max(errors(graph)) <= bounds("resize", {"mode": mode})[0]


@pytest.mark.parametrize("factor", [2, 3, 25, 29, 41, 61, 82])
def test_nearest_in_single_precision(factor: int) -> None:
    """No pixel is another one, where 1 / factor is rounded down as well.

    In float32: some of torch's kernels place float64 images by exact positions.
    """
    graph = graph_of(text("resize", {"scale": factor}, [2, 9, 10]))
    given = {name: image.astype("float32") for name, image in images(graph).items()}
    made = {}
    for name in ("torch", "keras"):
        chosen = find(name)
        model = chosen.build(graph, {}, dtype="float32")
        made[name] = chosen.forward(graph, model, given)[""]
    assert np.array_equal(made["keras"], made["torch"])


@pytest.mark.parametrize("shape", [[4, 5, 6], [4]])
@pytest.mark.parametrize("kind", ["batch_norm", "layer_norm"])
def test_norms_in_training(kind: str, shape: list[int]) -> None:
    graph = graph_of(f"inputs: {{image: {shape}}}\ngraph: {{node: {kind}}}\n")
    assert max(errors(graph, training=True)) <= TOLERANCE
