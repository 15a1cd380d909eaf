"""What is printed for `examples/nets`: short, clean, and exact for its arguments."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import archspec

FOLDER = Path(__file__).parents[2] / "examples" / "nets"
LINES = {
    "regnet_y_400mf": 323,
    "mobilenet_v3_large": 193,
    "efficientnet_b0": 287,
    "googlenet": 241,
    "googlenet_aux": 241,
    "inception_v3": 366,
    "inception_v3_aux": 366,
    "shufflenet_v2_x1_0": 122,
    "convnext_tiny": 141,
}
"""Lines of torchvision's classes for a net, blank ones not counted."""


def text(name: str, kind: str) -> str:
    return archspec.load(FOLDER / f"{name}.yaml").codegen(kind).text


def lines_of_code(printed: str) -> int:
    """Lines without the module's docstring and without blank ones."""
    first = ast.parse(printed).body[0]
    assert first.end_lineno is not None
    return sum(bool(line.strip()) for line in printed.splitlines()[first.end_lineno :])


@pytest.mark.parametrize("name", LINES)
def test_torch_is_as_short_as_torchvision(name: str) -> None:
    assert lines_of_code(text(name, "torch")) <= 1.05 * LINES[name]


@pytest.mark.parametrize("name", LINES)
def test_keras_is_shorter_than_torchvision(name: str) -> None:
    assert lines_of_code(text(name, "keras")) < LINES[name]
