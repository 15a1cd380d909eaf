"""Our own backends pass the suite that everybody's must: a sample of it here."""

from __future__ import annotations

import pytest

from archspec.testing.agreement import Rounding
from archspec.testing.conformance import Conformance
from archspec.verify.native import NATIVE

pytestmark = pytest.mark.filterwarnings(
    # torch may copy the input for an even kernel: slower, and the same numbers.
    "ignore:Using padding='same' with even kernel:UserWarning"
)


def rounding(target: str) -> Rounding:
    """What was measured of the native kernels of a target, as `verify` has it."""
    return {n.kind: (n.forward, n.backward) for n in NATIVE if target in n.on}


class TestTorch(Conformance):
    backend = "torch"
    rounding = rounding("torch")
    variants = 5
    nets = 20


class TestKeras(Conformance):
    backend = "keras"
    rounding = rounding("keras:tensorflow")
    variants = 3
    nets = 10


@pytest.mark.proof
class TestTorchWhole(TestTorch):
    variants = 100
    nets = 1000


@pytest.mark.proof
class TestKerasWhole(TestKeras):
    variants = 60
    nets = 400
