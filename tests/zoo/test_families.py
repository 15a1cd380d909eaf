"""Every family of the zoo, made small, is one function on PyTorch and three Keras.

The whole of `archspec verify`, in its processes: outputs, taps, running statistics,
gradients and three steps of SGD.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from proofs import KINDS

import archspec
from archspec.catalog import root
from archspec.graph import Graph
from archspec.verify.comparison import CHECKS, TOLERANCES
from archspec.verify.exact import CHECKS as BITS
from archspec.verify.proof import TASKS

EXAMPLES = Path(__file__).parents[2] / "examples"
TARGETS = ("keras:tensorflow", "keras:jax", "keras:torch")
NARROW = {"depths": [1, 2, 1, 1], "widths": [8, 12, 16, 20], "num_classes": 10}
CIFAR = {"depths": [2, 1, 2], "widths": [6, 8, 12]}
VGG = {"widths": [4, 6, 8, 8, 8], "hidden": [16, 16], "num_classes": 10}


class Small(NamedTuple):
    """A net of a family with its params and its image's height and width."""

    spec: str
    params: dict[str, Any]
    size: int = 64

    def graph(self) -> Graph:
        """The net."""
        size = (self.size, self.size)
        return archspec.load(self.spec, params=self.params, size=size).graph


FAMILIES: dict[str, tuple[Small, ...]] = {
    "resnet": (
        Small("resnet18", NARROW),
        Small("resnet50", {**NARROW, "output_stride": 8}, 65),
        Small("resnet50", {**NARROW, "stride_in_1x1": True}, 65),
        Small("plain18", NARROW),
        Small("resnext50_32x4d", {**NARROW, "groups": 4, "width_per_group": 16}),
        Small("wide_resnet50_2", NARROW),
        Small("seresnet18", NARROW),
        Small("seresnext50_32x4d", {**NARROW, "groups": 2, "width_per_group": 32}),
        Small("resnet50_gn", {**NARROW, "widths": [32, 32, 32, 64]}),
    ),
    "resnet_cifar": (
        Small("resnet20", CIFAR, 32),
        Small("resnet20", {**CIFAR, "zeros": "around"}, 31),
        Small("resnet20_b", {**CIFAR, "shortcut": "C"}, 31),
        Small("cifar_resnet18", {"depths": [1, 1, 1, 2], "widths": [6, 8, 10, 12]}, 32),
    ),
    "resnetd": (
        Small("resnet18d", {**NARROW, "stem": [4, 6, 8]}, 65),
        Small("resnet50d", {**NARROW, "stem": [4, 6, 8]}),
        Small("resnet50c", {**NARROW, "stem": [4, 6, 8]}),
        Small("resnext50d_32x4d", {**NARROW, "groups": 4, "width_per_group": 16}),
    ),
    "resnetrs": (Small("resnetrs50", {**NARROW, "stem": [4, 6, 8]}),),
    "resnetv2": (Small("resnetv2_18", NARROW), Small("resnetv2_50", NARROW, 65)),
    "resnetv2_cifar": (
        Small("resnet164", {**CIFAR, "stem_channels": 6}, 32),
        Small("wrn_16_8", {**CIFAR, "stem_channels": 6}, 32),
    ),
    "vgg": (
        Small("vgg11", VGG),
        Small("vgg11_bn", {**VGG, "head": "conv"}, 224),
        Small("vgg11_lrn", VGG),
        Small("vgg16_1x1", {**VGG, "norm": True}),
    ),
    "keras_resnet": (Small("keras_resnet50", NARROW),),
    "keras_resnetv2": (Small("keras_resnet50v2", NARROW, 65),),
    "keras_vgg": (Small("keras_vgg16", VGG),),
    "sample": (
        Small("sample_resnet", {"depths": [1, 2], "widths": [6, 8]}),
        Small("sample_vgg16", VGG),
    ),
    "backbone": (
        Small("fcn_resnet50", {"num_classes": 5}),
        Small("fpn_resnet50", {"channels": 16}),
    ),
    "example": (
        Small(str(EXAMPLES / "squeezenet1_1.yaml"), {"num_classes": 10}),
        Small(str(EXAMPLES / "digits" / "digits.yaml"), CIFAR, 8),
    ),
}
"""What is made small of each file in specs/families, and of the nets without one."""
SMALL = [small for family in FAMILIES.values() for small in family]
FIRST = [family[0] for family in FAMILIES.values()]
"""Compared in float32 too."""


def test_every_family_is_here() -> None:
    bases = {path.stem for path in root().glob("families/*.yaml")}
    assert bases <= set(FAMILIES)
    assert {"sample_resnet", "sample_vgg16", "fcn_resnet50", "fpn_resnet50"} <= {
        small.spec for small in SMALL
    }


def expected(graph: Graph, dtype: str) -> set[tuple[str, str]]:
    """The checks that a net has, each with every target."""
    lacks = {"taps": not graph.taps, "statistics": not graph.buffers()}
    found = [c for c in CHECKS if c.task in TASKS[dtype] and not lacks.get(c.part)]
    compared = {(check.title, target) for check in found for target in TARGETS}
    if dtype == "float32":
        return compared
    exact = {(title, t) for title in BITS.values() for t in ("torch", *TARGETS)}
    return compared | exact


@pytest.mark.proof
@pytest.mark.parametrize("small", SMALL, ids=[Path(s.spec).stem for s in SMALL])
def test_a_family(small: Small) -> None:
    dtypes = ("float32", "float64") if small in FIRST else ("float64",)
    params = [f"--set={key}={json.dumps(v)}" for key, v in small.params.items()]
    found = subprocess.run(
        [
            *(sys.executable, "-m", "archspec", "verify", small.spec, *params),
            *("--backends", ",".join(("torch", *TARGETS)), "--json"),
            *("--input-size", str(small.size)),
            *("--dtype", "both" if small in FIRST else "float64"),
        ],
        capture_output=True,
        text=True,
    )
    assert found.stdout, found.stderr
    reports = json.loads(found.stdout)
    assert [report["dtype"] for report in reports] == [*dtypes]
    for report in reports:
        rows = report["rows"]
        assert not [row for row in rows if row["verdict"] != "pass"]
        made = {(row["check"], row["target"]) for row in rows}
        assert made == expected(small.graph(), report["dtype"])
        if "rounds in float64" not in str(report["notes"]):
            worst = max(row["error"] for row in rows)
            assert worst <= TOLERANCES[report["dtype"]]
    assert found.returncode == 0, found.stderr


def test_every_run_has_a_net_of_each_family() -> None:
    found = set()
    for name in KINDS:
        found |= {*re.findall(r"families/(\w+)", (root() / f"{name}.yaml").read_text())}
    assert found == {path.stem for path in (root() / "families").glob("*.yaml")}
