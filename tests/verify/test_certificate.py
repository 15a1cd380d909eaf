"""A certificate says what a net must compute; of another net it says nothing."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from archspec.errors import ArchspecError
from archspec.verify.certificate import LARGEST, Certificate, issue, read, root, write
from archspec.verify.exact import exact, prove
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench, Task

NET = """archspec: 1
name: net
params: {width: 6}
inputs: {image: [4, 8, 8]}
graph:
  conv: {op: conv2d, channels: =width, kernel: 3, padding: 1, bias: true}
  norm: batch_norm
  act: relu
  drop: {op: dropout, rate: 0.5}
  group: {op: group_norm, groups: 2}
  gate: sigmoid
  lrn: {op: local_response_norm, size: 3, from: act}
  mul: {op: multiply, from: [act, gate]}
  pool: global_avg_pool2d
  near: {op: avg_pool2d, kernel: 3, padding: same, from: act}
outputs: {y: pool, z: near, l: lrn}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "net.yaml").write_text(NET)
    return str(tmp_path / "net.yaml")


@pytest.fixture
def path(spec: str, tmp_path: Path) -> Path:
    made = tmp_path / "net.json"
    write(made, issue(exact(Setting(spec, seed=3))), tmp_path / "net.npz")
    return made


class Faulty(Bench):
    """Gives one value a little off."""

    fault: tuple[str, float] | None = None

    def ask(self, task: Task) -> dict[str, NDArray[Any]]:
        made = super().ask(task)
        if self.fault:
            name, by = self.fault
            made[name] = made[name] + by * (made[name] == made[name].max())
        return made


def proved(spec: str, certificate: Certificate) -> Proof:
    def opened(setting: Setting, target: Target) -> Bench:
        chosen = target.found().on(target.engine, setting.dtype)
        return Faulty(chosen, setting.data(), target.engine)

    targets = parse_all("torch")
    setting = certificate.setting(spec)
    return prove(setting, targets, opened, lambda text: None, certificate)


def test_what_it_says(path: Path, spec: str) -> None:
    found = read(path)
    graph = Setting(spec).graph()
    assert (found.net, found.seed, found.size, found.dtype) == (
        "net",
        3,
        None,
        "float64",
    )
    assert found.stand_ins == {"group": "group_norm", "lrn": "local_response_norm"}
    assert [*found.loose] == ["near"] and "bits" in found.loose["near"]
    shapes = {name: (4, *shape) for name, shape in graph.shapes().items()}
    kinds = {node.name: node.op.kind for node in graph.nodes}
    kinds |= {"group": "batch_norm", "lrn": "identity"}
    assert [name for name, *_ in found.nodes] == [n for n in kinds if n != "near"]
    for name, kind, shape, digits in found.nodes:
        assert (kind, shape) == (kinds[name], shapes[name]) and len(digits) == 16
    for line in path.read_text().splitlines():
        assert len(line) < 120


def test_the_data_are_all_that_others_need(path: Path) -> None:
    from hashlib import sha256

    found = read(path)
    with np.load(path.with_suffix(".npz")) as data:
        assert sha256(data["graph"].tobytes()).hexdigest() == found.computed
        images = [("image", data["image/image"])]
        assert root(images) == found.images
        kept = [n for n in data.files if n.startswith("weight/")]
        weights = ((n.removeprefix("weight/"), data[n]) for n in kept)
        assert root(weights) == found.weights


def test_a_root_is_of_names_shapes_and_values() -> None:
    x = np.arange(4.0).reshape(2, 2)
    same = root([("x", x), ("y", -0.0 * x)])
    assert same == root(iter([("x", x.copy("F")), ("y", 0.0 * x)]))
    for other in (
        [("x", x)],
        [("y", 0.0 * x), ("x", x)],
        [("z", x), ("y", 0.0 * x)],
        [("x", x.reshape(4, 1)), ("y", 0.0 * x)],
        [("x", x.astype("f4")), ("y", 0.0 * x)],
        [("x", x + 2**-40), ("y", 0.0 * x)],
    ):
        assert root(other) != same


def test_a_backend_is_as_certified(path: Path, spec: str) -> None:
    found = read(path)
    proof = proved(spec, found)
    assert proof.passed and not proof.findings
    assert [(row.check, row.target) for row in proof.rows] == [
        ("the definitions, as certified", "numpy"),
        ("every value, as certified", "torch"),
        ("the whole, as certified", "torch"),
    ]
    [ran] = proof.ran
    assert ran["target"] == "torch" and ran["root"] == found.root
    assert set(ran["versions"]) == {"torch", "numpy"} and ran["threads"] >= 1


def test_a_backend_that_differs_in_a_bit(
    path: Path, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "fault", ("nodes/gate", -(2.0**-53)))
    found = read(path)
    proof = proved(spec, found)
    assert not proof.passed
    [(_, finding)] = proof.findings
    assert getattr(finding, "node", "") == "gate"
    assert proof.ran[0]["root"] != found.root


@pytest.mark.parametrize("what", ["row", "root"])
def test_a_certificate_of_other_values(what: str, path: Path, spec: str) -> None:
    """The definitions here don't give them: that is said of numpy, not of torch alone."""
    found = read(path)
    nodes = [*found.nodes]
    nodes[2] = (*nodes[2][:3], "0" * 16)
    other: dict[str, dict[str, Any]] = {
        "row": {"nodes": tuple(nodes)},
        "root": {"root": "0" * 64},
    }
    proof = proved(spec, found.model_copy(update=other[what]))
    assert not proof.passed
    verdicts = {(row.target, row.verdict) for row in proof.rows}
    assert ("numpy", "FAIL") in verdicts
    assert (("torch", "FAIL") in verdicts) is (what == "row")
    if what == "row":
        assert proof.rows[0].where == proof.rows[1].where == nodes[2][0]


def test_what_it_is_not_of_is_refused(path: Path, spec: str) -> None:
    found = read(path)
    changes: dict[str, tuple[dict[str, Any], str]] = {
        "a generator": ({"generator": 0}, "generator 0 of archspec"),
        "weights": ({"seed": 4}, "the weights that are made here"),
        "images": ({"images": "0" * 64}, "the images that are made here"),
        "params": ({"params": {"width": 8}}, "of another net"),
        "size": ({"size": (9, 9)}, "of another net"),
        "rows": ({"nodes": found.nodes[:-1]}, "the rows of the certificate"),
        "no rows": ({"nodes": ()}, "the rows of the certificate"),
    }
    for what, (update, told) in changes.items():
        with pytest.raises(ArchspecError, match=told) as caught:
            proved(spec, found.model_copy(update=update))
        assert caught.value.code == "AS522", what
    # What is not computed in evaluation mode counts, too.
    Path(spec).write_text(NET.replace("rate: 0.5", "rate: 0.25"))
    with pytest.raises(ArchspecError, match="of another net"):
        proved(spec, found)


def test_packed(path: Path, spec: str, tmp_path: Path) -> None:
    packed = tmp_path / "net.json.gz"
    issued = issue(exact(Setting(spec, seed=3)))
    write(packed, issued)
    assert read(packed) == read(path)
    before = packed.read_bytes()
    write(packed, issued)
    assert packed.read_bytes() == before


@contextmanager
def refused(told: str, code: str = "AS521") -> Iterator[None]:
    with pytest.raises(ArchspecError) as caught:
        yield
    assert told in caught.value.message and caught.value.code == code
    assert len(caught.value.message) < 500


def test_what_is_no_certificate(path: Path, tmp_path: Path) -> None:
    whole = json.loads(path.read_text())
    bad = tmp_path / "bad"

    def put(text: str | bytes) -> Path:
        bad.write_bytes(text.encode() if isinstance(text, str) else text)
        return bad

    for text, told in (
        ("", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON"),
        ("[]", "object"),
        (b"\xff\xfe", "Invalid JSON"),
        (json.dumps(whole)[:-20], "Invalid JSON"),
        (gzip.compress(b"{}")[:-4], "unpacked"),
        (b"\x1f\x8bno", "unpacked"),
        (gzip.compress(b" " * (LARGEST + 1)), "16 MiB"),
        (b" " * (LARGEST + 1), "16 MiB"),
    ):
        with refused(told):
            read(put(text))
    for key, value in (
        ("seed", "0"),
        ("seed", 1.5),
        ("dtype", "float16"),
        ("root", "0" * 63),
        ("fingerprint", None),
        ("nodes", {"a": 1}),
        ("nodes", [["a", "b", [1]]]),
        ("nodes", [["a", "b", ["1"], "0"]]),
        ("size", [1, 2, 3]),
        ("loose", {"a": 3}),
        ("x" * 10_000, 1),
    ):
        with refused(key[:20]):
            read(put(json.dumps({**whole, key: value})))
    del whole["root"]
    with refused("'root': Field required"):
        read(put(json.dumps(whole)))
    with refused("a folder or a device", "AS190"):
        read(tmp_path)
    with refused("No such file", "AS190"):
        read(tmp_path / "none.json")
    os.mkfifo(tmp_path / "fifo")
    with refused("a folder or a device", "AS190"):
        read(tmp_path / "fifo")


def test_a_wish_that_memory_can_not_hold(path: Path, spec: str) -> None:
    """A hostile size is refused with the spec's own limits, before any number."""
    found = read(path)
    large = found.model_copy(update={"size": (10**9, 10**9)})
    with pytest.raises(ArchspecError):
        proved(spec, large)


def test_a_spec_elsewhere(path: Path, spec: str, tmp_path: Path) -> None:
    """Its place is no part of it."""
    moved = tmp_path / "moved.yaml"
    Path(spec).rename(moved)
    assert proved(str(moved), read(path)).passed
    issued = issue(exact(Setting(str(moved), seed=3)))
    row = {"check": "x", "at": f"{moved}:3:4"}
    said = issued.with_report([{"target": "torch"}], [row]).certificate
    assert said.rows == ({"check": "x"},) and said.backends == ({"target": "torch"},)
    assert str(tmp_path) not in said.text()
