"""Every net of the zoo on all seven columns: torch, Keras thrice, Flax, ONNX twice.

`pytest -m proof tests/zoo/test_every_backend.py` takes hours; `-k resnet50` a minute.
Nets are narrow and images small, which leaves each op, each name and each wire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from archspec.catalog import names
from archspec.errors import ArchspecError
from archspec.files import scratch
from archspec.graph import Graph
from archspec.opening import load
from archspec.verify import exact
from archspec.verify.comparison import FORWARD_ONLY, NOT_EXACT, Row
from archspec.verify.native import rounding
from archspec.verify.process import Sessions, Worker
from archspec.verify.proof import Prover
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all

DOUBLE = parse_all("torch,keras:tensorflow,keras:jax,keras:torch,flax,onnx:reference")
SINGLE = parse_all("torch,onnx:ort")
"""ONNX Runtime computes in float32 only."""
WIDTHS = ("widths", "hidden", "stem", "stem_channels")
FIRST = (4, 8, 16, 32, 64)
"""Channels of the first stage: the fewest that leave a net. A ResNeXt has 32 groups."""
LEAST = 2
"""Channels of a stem. Of one, torch derives no convolution in float64 whose kernel Keras
gives it: `slow_conv2d: grad_weight must be contiguous`."""
PIXELS = 64
TRAINED = 240
"""Nodes of the largest net whose training is compared: XLA compiles deeper ones for
minutes. Their blocks are those of the others."""
DEEP = 3000
"""Nodes from which XLA doesn't fuse: a block's sum is taken again in every later block's
fusion, so that a net of 600 blocks compiles for an hour."""
RESTARTED = 6
"""Nets that a process takes: frameworks keep what they have compiled."""


def narrowed(params: Mapping[str, Any], first: int) -> dict[str, Any]:
    """Ten classes, and widths such that the first stage has so many channels."""
    made: dict[str, Any] = {"num_classes": 10} if "num_classes" in params else {}
    widths = params.get("widths")
    part = max(widths[0] // first, 1) if isinstance(widths, tuple) else 1
    for name in WIDTHS:
        value = params.get(name)
        if isinstance(value, tuple):
            made[name] = [max(number // part, LEAST) for number in value]
        elif isinstance(value, int):
            made[name] = max(value // part, LEAST)
    return made


def small(name: str) -> tuple[Setting, Graph]:
    """The narrowest that a net can be with all of its nodes, on a small image."""
    own = load(name).graph
    size = next(iter(own.inputs.values()))[1:]
    fewer = (PIXELS, PIXELS) if max(size) > PIXELS else (size[0], size[1])
    for first in FIRST:
        setting = Setting(name, params=narrowed(own.params, first), size=fewer)
        try:
            graph = load(name, params=setting.params, size=fewer).graph
        except ArchspecError:
            continue
        assert [n.name for n in graph.nodes] == [n.name for n in own.nodes]
        return setting, setting.graph()
    raise AssertionError(f"{name} can't be narrow")


class Processes:
    """One process a backend and type, each for several nets."""

    def __init__(self) -> None:
        self.taken = 0

    @contextmanager
    def running(self) -> Iterator[Processes]:
        """They end here at the latest."""
        try:
            with scratch() as folder:
                self.sessions = Sessions(lambda s, t: Worker(s, t, folder), keep=True)
                yield self
        finally:
            self.sessions.close()

    def net(self, alone: bool = False) -> Sessions:
        """Those for another net; its arrays are read until the next."""
        if alone or self.taken % RESTARTED == 0:
            self.sessions.close()
        self.taken = 0 if alone else self.taken + 1
        return self.sessions


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes().running() as made:
        yield made


def rows(
    setting: Setting, targets: tuple[Target, ...], sessions: Sessions, *, training: bool
) -> Iterator[Row]:
    """What `verify` compares of a net in one type; its ops alone are the suite's."""
    bits = exact.exact(setting)
    yield from exact.prove(bits, targets, sessions.open, print).rows
    kinds = tuple(native.kind for native in rounding(setting.graph(), targets))
    compared = replace(setting, unrounded=kinds)
    yield from (
        Prover(
            compared.graph(),
            targets,
            setting.dtype,
            partial(sessions.open, compared),
            print,
            training=training,
        )
        .prove()
        .rows
    )


@pytest.mark.proof
@pytest.mark.parametrize("name", names())
def test_a_net_is_one_function(
    name: str, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit by the definitions; values, gradients and training to 1e-12."""
    setting, graph = small(name)
    if deep := len(graph.nodes) > DEEP:
        monkeypatch.setenv("XLA_FLAGS", "--xla_disable_hlo_passes=fusion")
    sessions = processes.net(alone=deep)
    training = len(graph.nodes) <= TRAINED
    found = [*rows(setting, DOUBLE, sessions, training=training)]
    single = replace(setting, dtype="float32")
    found += rows(single, SINGLE, sessions, training=False)
    wanted = {"pass", NOT_EXACT, FORWARD_ONLY}
    assert not [row for row in found if row.verdict not in wanted]
    passed = {row.target for row in found if row.verdict == "pass"}
    assert passed == {*map(str, (*DOUBLE, *SINGLE))}
