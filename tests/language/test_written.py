"""A dict of Python's as a spec: texts stay texts, and what no YAML says is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml

import archspec
from archspec.errors import ArchspecError

TEXT = """
archspec: 1
name: small
inputs: {image: [3, 16, 12]}
graph:
  stem: {op: conv2d, channels: 4, kernel: 3, padding: 1, stride: 2}
"""


def refused(raw: Any) -> str:
    with pytest.raises(ArchspecError) as caught:
        archspec.load(raw)
    return caught.value.code


def test_values_of_a_dict() -> None:
    """Texts stay texts, and what numpy has is as good as Python's own."""
    raw = yaml.safe_load(TEXT)
    raw["inputs"]["image"] = np.array([3, 16, 12])
    raw["graph"]["stem"]["kernel"] = (np.int64(3), 3)
    raw["title"] = 'a "b" \N{LINE SEPARATOR} c \x85 \N{PILE OF POO} \ufeff: [1, null'
    raw["description"] = "1.5"
    found = archspec.load(raw)
    assert found.fingerprint == archspec.loads(TEXT).fingerprint
    assert found.graph.title == raw["title"]
    assert found.graph.description == "1.5"
    raw["graph"]["stem"]["bias"] = "true"
    assert refused(raw) == "AS208"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "AS108"),
        (2**60, "AS124"),
        pytest.param(10**5000, "AS124", id="huge"),
        ({1: 2, "1": 3}, "AS104"),
        ("\ud800", "AS102"),
        ("\x00", None),
    ],
)
def test_what_no_spec_holds(value: Any, code: str | None) -> None:
    raw = yaml.safe_load(TEXT)
    raw["preprocessing"] = {"size": value}
    if code is None:
        assert archspec.load(raw).graph.preprocessing == {"size": value}
        return
    assert refused(raw) == code


def test_a_dict_that_holds_itself() -> None:
    raw = yaml.safe_load(TEXT)
    raw["graph"]["stem"] = raw
    assert refused(raw) == "AS121"
    for value in ({True: 1}, {"size": {1, 2}}, {"size": b"x"}, {"size": object()}):
        raw = {**yaml.safe_load(TEXT), "preprocessing": value}
        with pytest.raises(TypeError, match=r"^spec\['preprocessing'\]"):
            archspec.load(raw)
