"""Fingerprints: those of the zoo stay, and equal things have equal ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from nets import graph_of

from archspec import load
from archspec.catalog import root
from archspec.fingerprint import fingerprint
from archspec.ops import BY_KIND, OPS

ZOO = dict(
    line.split()
    for line in Path(__file__).with_name("fingerprints.txt").read_text().splitlines()
)
"""Printed files and weight files hold these."""


def test_all_nets_are_here() -> None:
    assert sorted(ZOO) == sorted(path.stem for path in root().glob("*.yaml"))


@pytest.mark.parametrize("name", ZOO)
def test_a_net_of_the_zoo(name: str) -> None:
    assert fingerprint(load(name).graph) == ZOO[name]


def of(kind: str, **attributes: Any) -> str:
    node = json.dumps({"op": kind, **attributes})
    return fingerprint(
        graph_of(f"inputs: {{image: [4, 9, 9]}}\ngraph: {{n: {node}}}\n")
    )


NEEDED: dict[str, dict[str, Any]] = {
    "conv2d": {"channels": 4, "kernel": 3},
    "conv_transpose2d": {"channels": 4, "kernel": 3, "stride": 3},
    "max_pool2d": {"kernel": 4},
    "avg_pool2d": {"kernel": 4},
    "adaptive_avg_pool2d": {},
    "adaptive_max_pool2d": {},
    "resize": {},
    "pad": {},
}
PAIRS = [[2, [2, 2]]]
SIDES = [[1, [1, 1], [[1, 1], [1, 1]]], [[1, 0], [[1, 1], [0, 0]]]]
SPELLED: dict[str, list[list[Any]]] = {
    "scale": [[2, 2.0, [2, 2], [2.0, 2]]],
    "padding": SIDES,
    "spatial": SIDES,
    "conv_transpose2d padding": PAIRS,
    "pad channels": PAIRS,
    **dict.fromkeys(("kernel", "stride", "dilation", "size", "output_padding"), PAIRS),
}
"""Spellings of one thing, for every attribute that is a number or more."""


def sizes() -> list[tuple[str, str]]:
    return [
        (op.kind, name)
        for op in OPS
        for name, field in op.model_fields.items()
        if "tuple" in str(field.annotation)
    ]


@pytest.mark.parametrize(("kind", "name"), sizes())
def test_a_size_has_one_fingerprint(kind: str, name: str) -> None:
    """A new attribute with a tuple is a number's other spelling, or fails here."""
    seen: list[str] = []
    for spellings in SPELLED.get(f"{kind} {name}") or SPELLED[name]:
        needed = NEEDED[kind]
        found = {of(kind, **{**needed, name: value}) for value in spellings}
        assert len(found) == 1
        seen += found
    seen.append(of(kind, **{**NEEDED[kind], name: [2, 1]}))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("kind", ["max_pool2d", "avg_pool2d"])
def test_a_pool_strides_by_its_kernel(kind: str) -> None:
    plain = of(kind, kernel=2)
    assert {of(kind, kernel=2, stride=stride) for stride in (2, [2, 2])} == {plain}
    assert of(kind, kernel=[2, 2]) == plain
    assert of(kind, kernel=[2, 3], stride=[2, 3]) == of(kind, kernel=[2, 3])
    assert of(kind, kernel=2, stride=1) != plain
    assert of(kind, kernel=3) != plain


def test_sides_that_differ() -> None:
    """[[0, 1], [0, 1]] are four sides, [0, 1] is none above and one at the left."""
    paddings = [[[0, 1], [0, 1]], [0, 1], [[1, 0], [1, 0]], [[0, 0], [1, 1]]]
    found = [of("conv2d", channels=4, kernel=3, padding=p) for p in paddings]
    assert found[1] == found[3] and len(set(found)) == 3


def test_a_zero_has_no_sign() -> None:
    assert of("dropout", rate=-0.0) == of("dropout", rate=0)
    assert of("leaky_relu", negative_slope=-0.0) == of("leaky_relu", negative_slope=0)
    assert of("elu", alpha=1) == of("elu", alpha=1.0) == of("elu")


def test_what_is_no_spelling() -> None:
    plain = of("conv2d", channels=4, kernel=3)
    assert of("conv2d", channels=4, kernel=3, bias=True) == plain
    for other in ({"bias": False}, {"groups": 2}, {"init": {"bias": 1}}):
        assert of("conv2d", channels=4, kernel=3, **other) != plain
    assert set(NEEDED) == {kind for kind, _ in sizes()} <= set(BY_KIND)


GRAPH = """
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  act: relu
"""


@pytest.mark.parametrize(
    "text",
    [
        f"# a comment\n{GRAPH}",
        f"title: Another\ndescription: of the same net\nsource: x{GRAPH}",
        f"{GRAPH}expect: {{params: 112}}",
        f'weights: {{url: "https://a.b/c.pth", hash: "0123abcd"}}{GRAPH}',
        f"params: {{c: 4}}{GRAPH.replace('channels: 4', 'channels: =c')}",
        GRAPH.replace("kernel: 3", "kernel: 3, stride: 1"),
    ],
)
def test_a_fingerprint_stays(text: str) -> None:
    assert fingerprint(graph_of(text)) == fingerprint(graph_of(GRAPH))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("channels: 4", "channels: 5"),
        ("kernel: 3", "kernel: 3, bias: false"),
        ("conv:", "conv1:"),
        ("act: relu", "act: silu"),
        ("[3, 8, 8]", "[3, 9, 8]"),
        ("image:", "picture:"),
        ("kernel: 3", "kernel: 3, init: {weight: kaiming_uniform}"),
        ("kernel: 3", "kernel: 3, init: {weight: xavier_uniform}"),
    ],
)
def test_a_fingerprint_changes(old: str, new: str) -> None:
    changed = fingerprint(graph_of(GRAPH.replace(old, new)))
    assert changed != fingerprint(graph_of(GRAPH))
    assert len(changed) == 64


def test_two_initialisers_have_two_fingerprints() -> None:
    found = {
        fingerprint(graph_of(GRAPH.replace("kernel: 3", f"kernel: 3, init: {init}")))
        for init in (
            "{weight: kaiming_uniform}",
            "{weight: kaiming_normal}",
            "{weight: xavier_normal}",
            "{weight: {kaiming_normal: {mode: fan_out}}}",
            "{bias: {normal: {std: 0.1}}}",
        )
    }
    assert len(found) == 5
