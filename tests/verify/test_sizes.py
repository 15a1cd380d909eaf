"""A printed file runs at every image size that its net takes, or verify says so."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import pytest
from faulty import Edited

from archspec.verify import sizes as module
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting, read
from archspec.verify.sizes import others, prove
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench, Task

NET = """archspec: 1
name: net
inputs: {image: [3, 128, 128]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 5, stride: 2, padding: same}
  act: relu
  pool: {op: max_pool2d, kernel: 3, stride: 2, padding: 1}
  less: {op: conv2d, channels: 4, kernel: 3, stride: 2, padding: 1}
  small: {op: avg_pool2d, kernel: 2, stride: 2}
  back: {op: resize, from: [small, pool]}
  add: {op: add, from: [back, pool]}
  all: global_avg_pool2d
  fc: {op: linear, features: 5}
"""
FAULTS: dict[str, dict[str, tuple[str, str, str]]] = {
    "torch": {
        "a padding": (
            "same_padding(input, extent, (down, across))",
            "(1, 2, 1, 2)",
            "conv",
        ),
        "a number of pixels": (".mean((2, 3))", ".sum((2, 3)).div(1024)", "all"),
    },
    "keras": {
        "a number of pixels": (
            'layers.GlobalAveragePooling2D(name="all")',
            "(lambda v: keras.ops.sum(v, (1, 2)) / 1024)",
            "all",
        ),
    },
}
"""Each is right for images of 128 x 128."""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path / "net.yaml"


class Worker(Bench):
    """What a backend raises is why there are no numbers, as of a process."""

    def ask(self, task: Task) -> Any:
        try:
            return super().ask(task)
        except RuntimeError as error:
            raise NotAvailable(str(error)) from error


def proved(setting: Setting, targets: str, fault: tuple[str, str] | None) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        chosen: Any = target.found().on(target.engine, setting.dtype)
        if fault is not None:
            chosen = Edited(chosen, *fault)
        assert read(setting.facts()) == setting
        return Worker(chosen, setting.data(), target.engine)

    return prove(setting, parse_all(targets), opened, lambda text: None)


def test_what_is_right(spec: Path) -> None:
    proof = proved(Setting(str(spec)), "torch,keras", None)
    assert proof.passed, proof
    assert [(row.check, row.target) for row in proof.rows] == [
        (f"images of {size}, bit for bit", target)
        for size in ("61x61", "64x128")
        for target in ("torch", "keras:tensorflow")
    ]
    assert not proof.notes


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, each in FAULTS.items() for name in each]
)
def test_a_number_that_fits_one_size(kind: str, name: str, spec: Path) -> None:
    right, wrong, node = FAULTS[kind][name]
    proof = proved(Setting(str(spec)), kind, (right, wrong))
    assert not proof.passed
    assert {getattr(found, "node", "") for _, found in proof.findings} == {node}, proof


def test_a_shape_that_fits_one_size(spec: Path) -> None:
    """It can't even run: the row says why."""
    fault = (".shape[-2:]", ".new_zeros(32, 32).shape")
    proof = proved(Setting(str(spec)), "torch", fault)
    assert {row.verdict for row in proof.rows} == {"not available"}
    assert all("must match the size" in row.reason for row in proof.rows)


def test_a_net_for_one_size(spec: Path) -> None:
    spec.write_text(NET.replace("all: global_avg_pool2d", "flat: flatten"))
    sizes, [note] = others(Setting(str(spec)))
    assert not sizes
    told = "at its own size alone: 'fc.weight' has another shape at 61x61"
    assert note == f"image sizes: the file is run {told}"


def test_a_net_that_refuses_some(spec: Path) -> None:
    """Of 61 x 61 the two branches differ by a pixel."""
    text = NET.replace("padding: 1}", "ceil_mode: true}", 1)
    spec.write_text(text.replace("from: [small, pool]}", "scale: 4, from: small}"))
    assert others(Setting(str(spec))) == (((63, 63), (64, 128)), ())


def test_no_image(spec: Path) -> None:
    spec.write_text("archspec: 1\nname: net\ninputs: {x: [3]}\ngraph: [relu]\n")
    assert others(Setting(str(spec))) == ((), ())
    assert prove(Setting(str(spec)), parse_all("torch"), print, print).rows == ()  # type: ignore[arg-type]  # nothing is started


def test_the_example() -> None:
    assert doctest.testmod(module).attempted and not doctest.testmod(module).failed
