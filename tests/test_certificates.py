"""The certificates of the zoo, and the script that confirms one with numpy alone."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec.catalog import names
from archspec.fingerprint import fingerprint
from archspec.opening import load
from archspec.verify.certificate import issue, read, write
from archspec.verify.exact import exact
from archspec.verify.setting import Setting
from certificates import engines
from certificates.make import FOLDER, place, same

SCRIPT = FOLDER / "check.py"
ALONE = """
import runpy, sys
sys.modules["archspec"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert not {"pydantic", "yaml", "torch"} & sys.modules.keys()
"""
SMALL: dict[str, Any] = {
    "depths": [1, 1, 1, 1],
    "widths": [8, 16, 16, 24],
    "num_classes": 10,
}
NETS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("resnet18", "seresnet50", "resnet50d", "resnetv2_50"), SMALL),
    "keras_resnet50v2": SMALL,
    "fpn_resnet50": {"channels": 16},
    "fcn_resnet50": {},
    "vgg11_bn": {"widths": [8] * 5, "hidden": [16, 16]},
    "resnext50_32x4d": SMALL | {"widths": [32, 64, 64, 64]},
    "resnet20_b": {"depths": [1, 1, 1]},
}
LARGE = {"fpn_resnet50", "fcn_resnet50"}
"""These have no widths."""
EVERY = """archspec: 1
name: net
inputs: {image: [4, 9, 12]}
graph:
  conv: {op: conv2d, channels: 6, kernel: [3, 4], stride: [2, 3], padding: same}
  norm: {op: batch_norm, affine: false}
  wide: {op: conv2d, channels: 6, kernel: 3, dilation: 2, padding: 2, groups: 3}
  up: {op: resize, scale: 2}
  act: relu
  pool: {op: max_pool2d, kernel: 3, stride: 2, padding: 1, ceil_mode: true}
  same: {op: max_pool2d, kernel: 3, stride: 1, padding: same}
  like: {op: resize, from: [same, act]}
  mean: {op: avg_pool2d, kernel: 2, ceil_mode: true, count_include_pad: false}
  sides: {op: pad, spatial: [[1, 0], [2, 1]], channels: [1, 0]}
  scale: {op: resize, size: [12, 16], mode: bilinear}
  still: identity
  flat: {op: flatten, order: hwc}
  fc: {op: linear, features: 16, bias: false}
  last: {op: softmax}
"""
COMMITTED = sorted(FOLDER.glob("*.json*"))
FEW = {"resnet20", "cifar_resnet18", "sample_resnet"}
"""Those whose certificates take no second to make."""

OWN = runpy.run_path(str(SCRIPT))
confirm: Callable[..., int] = OWN["confirm"]
REFUSED: type[Exception] = OWN["Refused"]


def made(name: str, folder: Path, params: dict[str, Any]) -> tuple[Path, Path]:
    given = {key: value for key, value in params.items() if value is not None}
    paths = folder / "net.json", folder / "net.npz"
    write(paths[0], issue(exact(Setting(name, params=given))), paths[1])
    return paths


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.proof if name in LARGE else [])
        for name in NETS
    ],
)
def test_the_script_confirms(name: str, tmp_path: Path) -> None:
    """All nodes, by definitions of its own."""
    certificate, data = made(name, tmp_path, NETS[name])
    wanted = json.loads(certificate.read_text())
    with np.load(data) as arrays:
        assert confirm(wanted, arrays) == len(wanted["nodes"]) > 10
    assert not wanted["loose"]


def test_the_script_knows_every_window(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(EVERY)
    certificate, data = made(str(tmp_path / "net.yaml"), tmp_path, {})
    wanted = json.loads(certificate.read_text())
    assert {*wanted["loose"]} <= {"last"}
    with np.load(data) as arrays:
        assert confirm(wanted, arrays) == len(wanted["nodes"])


def test_the_script_needs_numpy_alone(tmp_path: Path) -> None:
    paths = made("resnet18", tmp_path, SMALL)

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", ALONE, str(SCRIPT), *map(str, paths)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    found = run()
    assert found.returncode == 0, found.stderr
    certificate = read(paths[0])
    count, digits = len(certificate.nodes), certificate.root
    assert found.stdout == f"resnet18: {count} values confirmed, root {digits}\n"
    text = paths[0].read_text()
    paths[0].write_text(text.replace(certificate.nodes[7][3], "0" * 16))
    found = run()
    assert found.returncode == 1
    name, kind, *_ = certificate.nodes[7]
    assert found.stderr == f"not confirmed: {name} ({kind}) is not as certified\n"


def test_the_script_finds_what_was_changed(tmp_path: Path) -> None:
    certificate, data = made("resnet18", tmp_path, SMALL)
    wanted = json.loads(certificate.read_text())
    with np.load(data) as arrays:
        held = {name: arrays[name] for name in arrays.files}

    class Arrays(dict[str, Any]):
        files = property(list)

    def refused(told: str, wanted: dict[str, Any], **changes: Any) -> None:
        with pytest.raises(REFUSED, match=told):
            confirm(wanted, Arrays({**held, **changes}))

    assert confirm(wanted, Arrays(held))
    weight = held["weight/conv1.weight"].copy()
    weight[0, 0, 0, 0] += 1
    refused("conv1 ", wanted, **{"weight/conv1.weight": weight})
    # A weight that no value of these images shows is looked at, too.
    refused("the images", {**wanted, "images": "0" * 64})
    refused("the weights", {**wanted, "weights": "0" * 64})
    refused("the root", {**wanted, "root": "0" * 64})
    refused("of another graph", wanted, graph=held["graph"][:-1])
    refused("no node", {**wanted, "nodes": [*wanted["nodes"], ["z", "relu", [1], ""]]})


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("{op: conv2d, channels: 4, kernel: 3, init: {weight: {normal: {}}}}", ""),
        ("tanh", "no op tanh"),
        ("{op: avg_pool2d, kernel: 2, padding: 1}", "no average over padding"),
    ],
)
def test_the_script_refuses_what_it_does_not_know(
    op: str, told: str, tmp_path: Path
) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(
        f"archspec: 1\nname: net\ninputs: {{image: [4, 8, 8]}}\ngraph: {{a: {op}}}\n"
    )
    certificate, data = made(str(spec), tmp_path, {})
    wanted = json.loads(certificate.read_text())
    with np.load(data) as arrays:
        if not told:
            assert confirm(wanted, arrays) == 1
            return
        with pytest.raises(REFUSED, match=told):
            confirm(wanted, arrays)


def test_the_script_is_short() -> None:
    assert len(SCRIPT.read_text().splitlines()) < 300


def test_every_net_of_the_zoo_is_certified() -> None:
    """As it is now: a certificate of what a net was before is none."""
    found = {path.name.partition(".")[0]: path for path in COMMITTED}
    assert {*found} == {*names()}
    for name, path in found.items():
        certificate = read(path)
        graph = load(name, size=certificate.size).graph
        assert certificate.fingerprint == fingerprint(graph), name
        assert {ran["root"] for ran in certificate.backends} <= {certificate.root}
    assert sum(path.stat().st_size for path in COMMITTED) < 1e6


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if name in FEW else pytest.mark.proof, id=name)
        for path in COMMITTED
        for name in [path.name.partition(".")[0]]
    ],
)
def test_a_net_of_the_zoo_computes_what_is_certified(path: Path) -> None:
    """By numpy alone; a certificate says what was run, so it is remade from its own."""
    certificate = read(path)
    issued = issue(certificate.setting(certificate.net))
    assert same(issued.certificate, certificate)
    assert place(certificate.net, issued) == path


@pytest.mark.parametrize("target", ["torch", "torch:channels_last"])
def test_an_engine_gives_the_certified_bits_in_all_its_ways(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ran stands in the certificate once, however often it runs."""
    kept = FOLDER / "resnet20.json"
    path = tmp_path / kept.name
    path.write_text(kept.read_text())
    monkeypatch.setattr(engines, "FOLDER", tmp_path)
    for _ in range(2):
        engines.main(target, "resnet20")
    ran = [one for one in read(path).backends if one["target"].startswith(target)]
    ways = [target, "torch, 2 threads"] if target == "torch" else [target]
    assert [one["target"] for one in ran if one["target"] in ways] == ways
    assert {one["root"] for one in ran} == {read(kept).root}
    assert same(read(path), read(kept))


def test_an_engine_that_gives_other_bits_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "resnet20.json"
    told = read(FOLDER / path.name).model_copy(
        update={"root": "0" * 64, "backends": ()}
    )
    path.write_text(told.text())
    monkeypatch.setattr(engines, "FOLDER", tmp_path)
    with pytest.raises(SystemExit, match="not as certified: resnet20 on torch, "):
        engines.main("torch", "resnet20")
    assert capsys.readouterr().out == "resnet20 torch; torch, 2 threads\n"
    assert path.read_text() == told.text()
