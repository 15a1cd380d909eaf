"""What is printed for any legal attribute is built, on both backends, and agrees.

A backend may refuse it, at its place. A sample here; all behind the marker `proof`.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from nets import cotangents, images, randomised
from ops.ranges import Case, cases

from archspec.backend import backend, trainer
from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.passes.unrounded import key
from archspec.source.program import execute
from archspec.verify.native import EXACT, NATIVE

pytestmark = [
    # torch may copy the input for an even kernel: slower, and the same numbers.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even:UserWarning"),
    pytest.mark.filterwarnings("ignore:(.|\n)*axis has size 1:UserWarning"),
    # Numbers at the ends of their range, on purpose.
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]
CASES = list(cases())
SAMPLE = 150
BOUNDS = {n.kind: (n.forward, n.backward) for n in NATIVE}


def made(graph: Graph, name: str) -> tuple[Any, Any] | None:
    """Outputs and gradients in float64, or None where the backend refuses."""
    chosen: Any = backend(name)
    try:
        source = chosen.emit(graph)
    except UnsupportedError as error:
        assert error.code.startswith("AS5") and error.at is not None
        return None
    if any(node.op.inits() for node in graph.nodes):
        getattr(execute(source), source.entry)()
    model = chosen.build(graph, randomised(graph), dtype="float64")
    trained = trainer(chosen)
    return trained.gradients(graph, model, images(graph), cotangents(graph))


def check(case: Case) -> str | None:
    """What is wrong with a case."""
    graph = case.graph()
    wanted, found = (made(graph, name) for name in ("torch", "keras"))
    # What each draws is its own: only whether it can draw is of interest.
    if wanted is None or found is None or "init" in case.attributes:
        return None
    bounds = BOUNDS.get(key(graph.nodes[0].op), (EXACT, EXACT))
    for bound, one, other in zip(bounds, wanted, found, strict=True):
        assert list(one) == list(other)
        scale = max(norm(array) for array in one.values())
        for name in one:
            if different(one[name], other[name]) > bound * scale:
                return f"{case}: {name} differs"
    return None


def norm(array: Any) -> float:
    return float(np.linalg.norm(array[np.isfinite(array)]))


def different(one: Any, other: Any) -> float:
    """How far they are apart where both are numbers; infinite where one is none."""
    number = np.isfinite(one)
    if not np.array_equal(one[~number], other[~number], equal_nan=True):
        return float("inf")
    return norm(one[number] - other[number])


def faults(chosen: list[Case]) -> list[str]:
    """What is wrong with any of these, a crash among it."""
    found = []
    for case in chosen:
        try:
            found.append(check(case))
        except Exception as error:
            found.append(f"{case}: {type(error).__name__}: {error}"[:400])
    return [fault for fault in found if fault]


def test_every_op_and_attribute_is_drawn() -> None:
    from archspec.ops import OPS

    drawn = {(c.kind, name) for c in CASES for name in c.attributes}
    assert {c.kind for c in CASES} == {op.kind for op in OPS}
    assert drawn >= {(op.kind, name) for op in OPS for name in op.model_fields}


def test_a_sample_of_all_attributes() -> None:
    assert faults(random.Random(0).sample(CASES, SAMPLE)) == []


@pytest.mark.proof
@pytest.mark.parametrize("kind", sorted({case.kind for case in CASES}))
def test_all_attributes(kind: str) -> None:
    assert faults([case for case in CASES if case.kind == kind]) == []
