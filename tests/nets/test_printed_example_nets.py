"""What is printed for `examples/nets`: short, clean, and exact for its arguments."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import archspec
from archspec.errors import ShapeError

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


def described(net: Any) -> dict[str, str]:
    """Every layer of torch's in a net, with what it says of itself."""
    return {
        name: repr(module)
        for name, module in net.named_modules()
        if type(module).__module__.startswith("torch.nn")
        and not any(module.children())
        and not isinstance(module, torch.nn.Identity)
    }


def others(value: Any) -> list[Any]:
    """Other values of an argument."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [2 * value, value + 8]
    return [value / 2 + 0.05]


def printed(name: str, **params: Any) -> Callable[..., Any]:
    """The class that is printed for a net."""
    source = archspec.load(FOLDER / f"{name}.yaml", params=params).codegen("torch")
    made: dict[str, Any] = {"__name__": "printed"}
    exec(compile(source.text, f"{name}.py", "exec"), made)
    found: Callable[..., Any] = made[source.entry]
    return found


@pytest.mark.parametrize("name", LINES)
def test_arguments(name: str) -> None:
    """Any value of an argument builds what `--set` builds, or is refused by both."""
    make = printed(name)
    arguments = inspect.signature(make).parameters
    tried = [(key, v) for key, a in arguments.items() for v in others(a.default)]
    for key, value in tried:
        with torch.device("meta"):
            try:
                wanted = described(printed(name, **{key: value})())
            except ShapeError:
                with pytest.raises(ValueError):
                    make(**{key: value})
            else:
                assert described(make(**{key: value})) == wanted
