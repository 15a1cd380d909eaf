"""Random graphs: all backends agree on all of them, forward and gradients.

`pytest tests/backends/test_property.py --hypothesis-profile=thousands` draws 5000 new ones
for Keras; with `-m proof` for Flax, which compiles each, and for ONNX, forward only.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import specs
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from nets import Arrays, cotangents, graph_of, images, randomised

from archspec.backend import backend, trainer, trains
from archspec.errors import ArchspecError, UnsupportedError
from archspec.graph import Graph
from archspec.verify.native import rounding
from archspec.verify.target import parse_all

pytestmark = [
    # Of one channel a softmax gives 1, which is what torch gives, without a word.
    pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning"),
    # torch may copy the input for an even kernel: slower, and the same numbers.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),
]
TOLERANCE = 1e-12
ILL_CONDITIONED = 1e-6
HUGE = 1e100
"""Squares of larger numbers overflow."""
SHRUNK = Path(__file__).parents[1] / "shrunk"


def apart(found: Arrays, wanted: Arrays, least: float = 0.0) -> float:
    """The largest difference, against the largest array; zeros are equal.

    Values far below `least` are zeros that rounding moved.
    """
    assert list(found) == list(wanted)
    assert all(found[k].shape == wanted[k].shape for k in wanted)
    scale = max(least, *(float(np.linalg.norm(b)) for b in wanted.values()))
    difference = max(float(np.linalg.norm(found[k] - wanted[k])) for k in wanted)
    assert np.isfinite(scale + difference)
    return difference / (scale or 1.0)


def run(
    graph: Graph,
    name: str,
    training: bool,
    weights: Arrays,
    given: Arrays,
    against: Arrays,
) -> tuple[Arrays, Arrays]:
    chosen = backend(name)
    copies = {k: v.copy() for k, v in weights.items()}
    model = chosen.build(graph, copies, dtype="float64")
    if not trains(chosen):
        return chosen.forward(graph, model, given), {}
    return trainer(chosen).gradients(graph, model, given, against, training=training)


def shaken(values: Arrays) -> Arrays:
    """Each number one or two units in the last place larger or smaller."""
    draw = np.random.default_rng(0)
    return {
        k: v * (1 + 4e-16 * draw.choice((-1, 1), size=v.shape))
        for k, v in values.items()
    }


def agree(graph: Graph, training: bool, name: str = "keras") -> None:
    """Torch and another give equal outputs and gradients, or the net shakes by itself.

    The floor is torch with images and weights changed in the last bits, and cotangents
    thrice as large, which other bits of gradients are rounded for: what that moves, no
    other framework can be expected to hold. Nor can one be held to a net whose numbers
    outgrow float64, such as a tower of squares.
    """
    weights, given, against = randomised(graph), images(graph, 3), cotangents(graph, 3)
    torch = run(graph, "torch", training, weights, given, against)
    if not all(np.max(np.abs(v)) <= HUGE for part in torch for v in part.values()):
        return
    thrice = {k: 3 * v for k, v in against.items()}
    moved, gradients = run(
        graph, "torch", training, shaken(weights), shaken(given), thrice
    )
    floor = moved, {k: v / 3 for k, v in gradients.items()}
    found = run(graph, name, training, weights, given, against)
    natives = rounding(graph, parse_all(f"torch,{name}"))
    # A gradient of zero is the sum of cotangents that cancel, to 1e-16 of their size, or
    # to what a kernel rounds.
    size = max(float(np.linalg.norm(c)) for c in against.values())
    cancelling = size * (1e-2 if natives else 1e-4)
    for n, title in enumerate(("outputs", "gradients")[: 1 + bool(found[1])]):
        least = cancelling if n else 0.0
        shake = apart(floor[n], torch[n], least)
        if shake > ILL_CONDITIONED:
            continue
        bounds = [
            100 * (native.backward if n else native.forward) for native in natives
        ]
        limit = max(TOLERANCE, 100 * shake, *bounds)
        assert apart(found[n], torch[n], least) <= limit, title


EXAMPLES = settings().max_examples
THOUSANDS = settings().max_examples > 300


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=not THOUSANDS,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(specs(), st.booleans())
def test_random_graphs(text: str, training: bool) -> None:
    graph = graph_of(text)
    try:
        agree(graph, training)
    except UnsupportedError:
        reject()


ALWAYS_THE_SAME = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
OTHERS = {"flax": (3, 300), "onnx": (15, 1000)}
"""How many graphs of each other backend there are, and as a proof."""
KERAS = [("keras", 30), pytest.param("keras", 100, marks=pytest.mark.proof)]
FEW = [pytest.param(name, few) for name, (few, _) in OTHERS.items()]
MANY = [
    pytest.param(name, max(many, EXAMPLES * THOUSANDS), marks=pytest.mark.proof)
    for name, (_, many) in OTHERS.items()
]


@pytest.mark.parametrize(
    ("name", "examples"),
    [*FEW, pytest.param("keras", 300, marks=pytest.mark.proof), *MANY],
)
def test_random_graphs_on_others(name: str, examples: int) -> None:
    @settings(ALWAYS_THE_SAME, max_examples=examples, derandomize=not THOUSANDS)
    @given(specs(), st.booleans() if trains(backend(name)) else st.just(False))
    def holds(text: str, training: bool) -> None:
        try:
            agree(graph_of(text), training, name)
        except UnsupportedError:
            reject()

    holds()


def outputs(graph: Graph, name: str, dtype: str) -> Arrays:
    chosen, given = backend(name), images(graph, 3)
    copies = {k: v.astype(dtype) for k, v in randomised(graph).items()}
    model = chosen.build(graph, copies, dtype=dtype)
    given = {k: v.astype(dtype) for k, v in given.items()}
    made = chosen.forward(graph, model, given)
    assert {str(array.dtype) for array in made.values()} == {dtype}
    return {k: v.astype("float64") for k, v in made.items()}


def normalises_one_value(graph: Graph) -> bool:
    """Whether a layer norm has one channel: it gives its bias, whatever comes in.

    Keras gets there by `x * scale - x * scale`, of which `eps` makes 300 times what is
    rounded, and torch by `x - x`, so that torch's rounding says nothing about Keras'.
    """
    return any(
        node.op.kind == "layer_norm" and node.shape[0] == 1 for node in graph.nodes
    )


@pytest.mark.parametrize(("name", "examples"), [*KERAS, *FEW, *MANY])
def test_random_graphs_in_single_precision(name: str, examples: int) -> None:
    """Others are no further from torch's float64 than torch's float32, or hardly so."""

    @settings(ALWAYS_THE_SAME, max_examples=examples)
    @given(specs())
    def holds(text: str) -> None:
        graph = graph_of(text)
        assume(not normalises_one_value(graph))
        try:
            wanted = outputs(graph, "torch", "float64")
            floor = apart(outputs(graph, "torch", "float32"), wanted)
            found = apart(outputs(graph, name, "float32"), wanted)
        except UnsupportedError:
            reject()
        assert found <= max(2e-6, 10 * floor)

    holds()


def code(text: str) -> str:
    """Printed source without docstrings, comments and the default image size."""
    _, *parts = ast.parse(text).body
    for part in parts:
        if isinstance(part, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(part):
            del part.body[0]  # it says of the sizes what is so in this net
    said = "\n".join(map(ast.unparse, parts))
    return re.sub(r"=\(\d+, \d+, \d+\)", "=SIZE", said)


@pytest.mark.parametrize(
    ("kinds", "examples"),
    [
        (("torch", "keras"), 60),
        (("flax", "onnx"), 25),
        pytest.param(("torch", "keras"), 200, marks=pytest.mark.proof),
        pytest.param(("flax", "onnx"), 1000, marks=pytest.mark.proof),
    ],
)
def test_printed_code_holds_no_image_size(
    kinds: tuple[str, ...], examples: int
) -> None:
    """Code printed for one size computes at another what is printed for that."""

    @settings(ALWAYS_THE_SAME, max_examples=examples)
    @given(specs(), st.sampled_from([(3, 2), (1, 0), (8, 11)]))
    def holds(text: str, more: tuple[int, int]) -> None:
        same_for_more(text, more, kinds)

    holds()


def same_for_more(text: str, more: tuple[int, int], kinds: tuple[str, ...]) -> None:
    graph = graph_of(text)
    shape = graph.inputs["image"]
    if len(shape) == 1 or any(node.op.kind == "flatten" for node in graph.nodes):
        reject()
    channels, height, width = shape
    other = (channels, height + more[0], width + more[1])
    try:
        larger = graph_of(text.replace(str([*shape]), str([*other]), 1))
        for kind in kinds:
            one, two = (backend(kind).emit(g).text for g in (graph, larger))
            assert code(one) == code(two)
    except ArchspecError:
        reject()  # The larger image doesn't go through.


@pytest.mark.parametrize(
    ("name", "training"),
    [
        ("keras", False),
        ("keras", True),
        ("onnx", False),
        pytest.param("flax", False, marks=pytest.mark.proof),
        pytest.param("flax", True, marks=pytest.mark.proof),
    ],
)
@pytest.mark.parametrize("path", sorted(SHRUNK.glob("*.yaml")), ids=lambda p: p.stem)
def test_what_once_failed(path: Any, name: str, training: bool) -> None:
    agree(graph_of(path.read_text(encoding="utf-8")), training, name)
