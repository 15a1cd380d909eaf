"""A setting goes to other processes as JSON and makes the same net there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from archspec.errors import SpecError
from archspec.ops.activation import Dropout
from archspec.verify.setting import Setting, read

TEXT = """
archspec: 1
name: net
params: {width: 4}
inputs: {image: [3, 8, 8]}
graph: [{op: conv2d, channels: =width, kernel: 3}, {op: dropout, rate: 0.3}]
"""

SETTINGS = [
    Setting("net.yaml"),
    Setting("net.yaml", "float32", 3, {"width": 6}, (9, 7)),
    Setting("net.yaml", seed=-1, params={"width": 2}),
    Setting("net.yaml", chance=True),
    Setting("net.yaml", unrounded=("gelu", "leaky_relu")),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(TEXT)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_there_and_back(setting: Setting) -> None:
    found = read(json.loads(json.dumps(setting.facts())))
    assert found == setting
    assert type(found.size) is type(setting.size)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_net(setting: Setting) -> None:
    graph = setting.graph()
    assert graph.inputs == {"image": (3, *(setting.size or (8, 8)))}
    assert graph.nodes[0].shape[0] == setting.params.get("width", 4)
    drop = graph.nodes[1].op
    assert isinstance(drop, Dropout) and drop.rate == 0.3 * setting.chance


def test_the_numbers() -> None:
    data = SETTINGS[1].data()
    assert (data.dtype, data.seed) == ("float32", 3)
    assert data.images()["image"].shape[1:] == (3, 9, 7)
    again = read(SETTINGS[1].facts()).data()
    assert np.array_equal(data.images()["image"], again.images()["image"])


def test_a_spec_that_is_wrong() -> None:
    with pytest.raises(SpecError, match="did you mean 'width'"):
        Setting("net.yaml", params={"widht": 3}).graph()
