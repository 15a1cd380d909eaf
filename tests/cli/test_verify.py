"""The command verify, in processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from proofs import sampled
from recorded import check
from signals import MARK, PATIENCE, alive
from typer.testing import CliRunner, Result

import archspec
from archspec.cli.app import application
from archspec.verify.alone import BACKWARD, FORWARD
from archspec.verify.certificate import read
from archspec.verify.comparison import CHECKS
from archspec.verify.exact import CHECKS as BITS
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Bench

SPEC = """
archspec: 1
name: small
inputs: {image: [3, 8, 8]}
params: {widths: [4]}
graph:
  conv: {op: conv2d, channels: "=widths[0]", kernel: 3, stride: 2, padding: 1}
  bn: batch_norm
  relu: relu
  drop: {op: dropout, rate: 0.5}
  conv2: {op: conv2d, channels: "=widths[0]", kernel: 1}
  add: {op: add, from: [conv2, relu]}
  pool: global_avg_pool2d
  fc: {op: linear, features: 5}
taps: {c1: relu}
"""
BACKENDS = Path(__file__).parents[2] / "backends"
DYING = """
import os, signal
if os.environ.get("KERAS_BACKEND") == "jax":
    os.kill(os.getpid(), signal.SIGKILL)
raise ImportError("Keras looks for JAX on every engine")
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    return path


def reports(text: str) -> list[dict[str, Any]]:
    """What `--json` gave, which its schema describes."""
    found: list[dict[str, Any]] = json.loads(text)
    check("verify", found)
    return found


def verify(*args: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """The command, in a process that finds modules at `path` first."""
    before = os.environ.get("PYTHONPATH", "")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, before)))}
    command = [sys.executable, "-m", "archspec", "verify", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_two_backends(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.verify.run.Worker", Here)
    found = here(str(spec), "--json")
    assert found.exit_code == 0, found.stderr
    single, double = reports(found.stdout)
    titles = [check.title for check in CHECKS if check.task not in ("step", "slope")]
    assert [row["check"] for row in single["rows"]] == titles[:2]
    assert [row["verdict"] for row in single["rows"]] == ["pass"] * 2
    assert all(row["verdict"] == "pass" for row in double["rows"])
    exact = [row for row in double["rows"] if "bit for bit" in row["check"]]
    assert len(exact) == 12 and {row["error"] for row in exact} == {0}
    alone = [row for row in double["rows"] if row["check"] in (FORWARD, BACKWARD)]
    assert len(alone) == 4
    checks = {row["check"]: row for row in double["rows"] if row["check"] in titles}
    assert list(checks) == titles[2:]
    assert all(0 <= row["error"] <= 1e-12 for row in checks.values())
    assert all(row["floor"] <= 1e-13 for row in checks.values())
    assert any("n / (n - 1)" in note for note in double["notes"])


@pytest.mark.parametrize("args", [["--quick"], ["--backends", "torch"]])
def test_bit_for_bit(spec: Path, args: list[str], tmp_path: Path) -> None:
    """One backend is enough; what is compared is said, and certified if asked for."""
    path = tmp_path / "small.json"
    found = verify(str(spec), *args, "--json", "--certificate", str(path))
    assert found.returncode == 0, found.stderr
    [report] = reports(found.stdout)
    targets = ["torch", "keras:tensorflow"] if "--quick" in args else ["torch"]
    exact = [row for row in report["rows"] if row["check"] in BITS.values()]
    assert [(row["target"], row["check"], row["error"]) for row in exact] == [
        (target, title, 0) for target in targets for title in BITS.values()
    ]
    rest = [row for row in report["rows"] if row not in exact]
    alone = {row["target"] for row in rest if row["check"] in (FORWARD, BACKWARD)}
    assert alone == {*targets}
    assert ("--quick" in args) == (len(rest) == 2 * len(targets))
    certificate = read(path)
    roots = [(ran["target"], ran["root"]) for ran in certificate.backends]
    assert roots == [(target, certificate.root) for target in targets]
    versions = [{*ran["versions"]} for ran in certificate.backends]
    assert (
        versions
        == [{"torch", "numpy"}, {"keras", "tensorflow", "numpy"}][: len(targets)]
    )
    checks = [row["check"] for row in certificate.rows]
    assert checks == [row["check"] for row in report["rows"]]
    assert str(tmp_path) not in path.read_text()


class Here(Bench):
    """In place of a process of its own."""

    def __init__(self, setting: Setting, target: Target, folder: Path) -> None:
        chosen = target.found().on(target.engine, setting.dtype)
        super().__init__(chosen, setting.data(), target.engine)


def here(*args: str) -> Result:
    return CliRunner().invoke(application(), ["verify", *args])


@pytest.fixture
def certificate(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("archspec.verify.run.Worker", Here)
    path = str(tmp_path / "small.json")
    more = ("--seed", "5", "--set", "widths=[3]", "--dtype", "float32")
    made = here(
        str(spec), "--quick", "--backends", "torch", "--certificate", path, *more
    )
    assert made.exit_code == 0, made.stderr
    return path


def test_against_a_certificate(certificate: str, spec: Path) -> None:
    """It says itself with what it was made; nothing else has to be given."""
    args = (str(spec), "--backends", "torch", "--against", certificate)
    found = here(*args)
    assert found.exit_code == 0, found.stderr
    assert "float32, seed 5, against its certificate" in found.stdout
    assert found.stdout.count("as certified") == found.stdout.count("pass") == 3
    found = here(*args, "--device", "cuda:99")
    assert found.exit_code == 1
    told = " ".join(found.stderr.split())
    assert "torch has no device 'cuda:99' here [AS517] hint: there are cpu" in told
    assert here(*args, "--device", "cpu").exit_code == 0
    spec.write_text(spec.read_text().replace("stride: 2", "stride: 1"))
    found = here(*args)
    assert found.exit_code == 1 and "[AS522]" in found.stderr
    assert "the fingerprint of" in found.stderr and not found.stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--against", "CERT", "--seed", "1"], 2, "says params, sizes and seed itself"),
        (["--against", "CERT", "--set", "widths=[1]"], 2, "says params, sizes and"),
        (["--against", "CERT", "--certificate", "x.json"], 2, "none is written with"),
        (["--against", "small.yaml"], 1, "small.yaml is no certificate"),
        (["--against", "none.json"], 1, "can't read none.json"),
        (["--certificate", "CERT"], 1, "--force overwrites it"),
        (["--certificate", "x.txt"], 1, "a file that ends in .json, .json.gz"),
        (["--certificate", "no/x.json"], 1, "there is no folder 'no'"),
        (["--certificate", "x.json", "--data", "x.txt"], 1, "that ends in .npz"),
        (["--data", "x.npz"], 2, "--data goes with --certificate"),
        (["vgg11", "--certificate", "x.json"], 2, "--certificate is of one SPEC"),
        (["vgg11", "--against", "CERT"], 2, "--against is for one SPEC"),
    ],
)
def test_certificates_that_are_refused(
    args: list[str],
    code: int,
    message: str,
    certificate: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [certificate if arg == "CERT" else arg for arg in args]
    found = here("small.yaml", "--backends", "torch", *given)
    assert found.exit_code == code
    plain = " ".join(found.stderr.replace("\u2502", " ").split())
    assert message in plain and not found.stdout
    assert not [*tmp_path.glob("x.*")]


def test_a_file_by_hand(spec: Path, tmp_path: Path) -> None:
    """In a process of its own, where it can do what it likes."""
    path = tmp_path / "net.py"
    path.write_text(archspec.load(spec).codegen("torch").text)
    args = (str(spec), "--backends", "torch", "--file")
    page = tmp_path / "report.html"
    found = verify(*args, f"{path}:Small", "--html", str(page))
    assert found.returncode == 0, found.stderr
    assert "small: equal" in page.read_text()
    assert found.stdout.count("your model, ") == found.stdout.count("pass") == 2
    path.write_text(path.read_text().replace("stride=2", "stride=1"))
    found = verify(*args, str(path), "--json", "--html", str(page), "--force")
    assert found.returncode == 1
    assert "small: not shown equal" in page.read_text()
    assert "conv differs on torch" in page.read_text()
    [report] = reports(found.stdout)
    assert report["first_differing"]["torch, float64"]["node"] == "conv"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--file", "net.py"], 2, "for one SPEC and one of --backends"),
        (["--rename", "a=b"], 2, "--rename goes with --file"),
        (["resnet18", "--html", "a.html"], 2, "--html is of one SPEC"),
        (["--html", "small.yaml"], 1, "expected a file that ends in .html"),
        (["--html", "old.html"], 1, "old.html exists"),
        (["--file", "net.py", "--rename", "b"], 2, "for one SPEC and one of"),
        (["--file", "net.py", "--backends", "torch"], 1, "there is no file 'net.py'"),
        (
            ["--file", "small.yaml", "--backends", "torch", "--rename", "b"],
            1,
            "expected OLD=NEW",
        ),
    ],
)
def test_files_that_are_refused(
    args: list[str],
    code: int,
    message: str,
    spec: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(spec.parent)
    Path("old.html").touch()
    found = here(str(spec), *args)
    assert found.exit_code == code
    plain = " ".join(found.stderr.replace("\u2502", " ").split())
    assert message in plain and not found.stdout


def test_a_process_that_dies_takes_no_other_down(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "jax.py").write_text(DYING)
    found = verify(
        *(str(spec), "--backends", "torch,keras:jax,keras:torch", "--eval"),
        *("--dtype", "float64", "--json"),
        path=str(tmp_path / "shadow"),
    )
    assert found.returncode == 1
    (report,) = reports(found.stdout)
    by_target: dict[str, set[str]] = {}
    for row in report["rows"]:
        by_target.setdefault(row["target"], set()).add(row["verdict"])
        if row["target"] == "keras:jax":
            assert "killed, as systems do when memory runs out" in row["reason"]
    assert by_target == {
        "torch": {"pass"},
        "keras:jax": {"not available"},
        "keras:torch": {"pass"},
    }


# In one process: tests/verify/test_proof.py, and of a file by hand above.
@pytest.mark.proof
@pytest.mark.parametrize(
    ("module", "right", "wrong", "place", "node"),
    [
        (
            "archspec_keras",
            '"relu": plain("ReLU")',
            '"relu": plain("ReLU", 1.0)',
            "9:3",
            "'relu' (relu)",
        ),
        (
            "archspec_torch",
            "padding=(evened(padding), 0), **rest)",
            'padding=(evened(padding), 0), padding_mode=("reflect", "zeros"), **rest)',
            "7:3",
            "'conv' (conv2d)",
        ),
    ],
)
def test_a_broken_backend(
    spec: Path,
    tmp_path: Path,
    module: str,
    right: str,
    wrong: str,
    place: str,
    node: str,
) -> None:
    """A copy of a backend with one line changed: its own processes tell on it."""
    copy = tmp_path / "broken" / module
    shutil.copytree(BACKENDS / module, copy)
    text = (copy / "lowering.py").read_text()
    assert text.count(right) == 1
    (copy / "lowering.py").write_text(text.replace(right, wrong))
    args = ("--eval", "--dtype", "float64")
    found = verify(str(spec), *args, path=str(copy.parent))
    assert found.returncode == 1
    assert f"{spec}:{place}: the first node that differs is {node}" in found.stdout


def test_a_table_in_a_pipe(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("archspec.verify.run.Worker", Here)
    found = here(str(spec), "--eval", "--dtype", "float32", "--set", "widths=[2]")
    assert found.exit_code == 0, found.stderr
    title, header, *rows = found.stdout.splitlines()
    assert title == "small 3x8x8, float32, seed 0, against torch"
    assert header.split() == [
        "check",
        "backend",
        "error",
        "floor",
        "limit",
        "where",
        "verdict",
    ]
    assert rows[0].startswith("outputs, conditioned weights")
    assert rows[0].split()[-2:] == ["fc", "pass"]
    assert found.stderr == ""


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--backends", "torch,kears"], 1, "did you mean 'keras'?"),
        (["--backends", "torch,keras:jaks"], 1, "did you mean 'keras:jax'?"),
        (["--backends", "torch,keras,keras:tensorflow"], 1, "named twice"),
        (["--dtype", "float16"], 1, "expected float32, float64 or both"),
        (["--all"], 2, "--all and none"),
    ],
)
def test_refused(spec: Path, args: list[str], code: int, message: str) -> None:
    found = here(str(spec), *args)
    assert found.exit_code == code
    assert isinstance(found.exception, SystemExit)
    assert message in " ".join(found.stderr.replace("\u2502", " ").split())


def test_shards(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each net is verified on one machine; what is left is said."""
    monkeypatch.setattr("archspec.verify.run.Worker", Here)
    paths = []
    for name in ("one", "two", "three"):
        paths.append(spec.with_name(f"{name}.yaml"))
        paths[-1].write_text(SPEC.replace("name: small", f"name: {name}"))
    found = []
    for shard in ("1/2", "2/2"):
        args = ("--quick", "--backends", "torch", "--shard", shard, "--json")
        made = here(*map(str, paths), *args)
        assert made.exit_code == 0, made.stderr
        found.append([report["name"] for report in reports(made.stdout)])
        assert made.stderr.count("[1/2] done, 1 left, about ") == len(found[-1]) - 1
    assert found == [["one", "three"], ["two"]]
    none = here(str(spec), "--backends", "torch", "--shard", "2/2")
    assert (none.exit_code, none.stdout) == (0, "nothing is in shard 2/2\n")
    refused = here(str(spec), "--shard", "3/2")
    assert refused.exit_code == 1 and "from 1/2 to 2/2" in refused.stderr
    refused = here(str(spec), "--shard", "1/2", "--certificate", "x.json")
    assert refused.exit_code == 2 and "--shard is for" in refused.stderr


@pytest.mark.parametrize(
    ("number", "jobs"),
    sampled(
        [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2)],
        [(signal.SIGTERM, 1), (signal.SIGINT, 2)],
    ),
)
def test_interrupted(spec: Path, number: signal.Signals, jobs: int) -> None:
    """What passed is said, the process dies of the signal, and no other lives on."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts with &
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "archspec", "verify"]
    command += ["resnet152", str(spec)] if jobs == 2 else [str(spec), "resnet152"]
    process = subprocess.Popen(
        [*command, "--quick", "--backends", "torch", "--json", "--jobs", str(jobs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: mark},
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("[1/2] done, 1 left, about ")
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert process.returncode == -number
    (report,) = json.loads(stdout)
    assert report["passed"] and (jobs == 2 or report["name"] == "small")
    passed = f"passed: {report['name']} (float64)\n"
    assert stderr == f"interrupted after 1 of 2 comparisons\n{passed}"
    until = time.monotonic() + PATIENCE
    while alive(mark) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(mark)


def test_jobs(spec: Path) -> None:
    """Reports come in the order of the specs, whichever is done first."""
    args = ("--quick", "--backends", "torch", "--input-size", "32", "--jobs", "2")
    found = verify("resnet18", str(spec), *args)
    assert found.returncode == 0, found.stderr
    titles = [line.split()[0] for line in found.stdout.splitlines() if "seed" in line]
    assert titles == ["resnet18", "small"]
    assert found.stdout.endswith("2 comparisons, all equal\n")
    assert "[1/2] done, 1 left, about " in found.stderr
    assert verify(str(spec), "--jobs", "0").returncode == 2
