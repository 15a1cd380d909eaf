"""Printed files are kept up to date and never lost; every net of the zoo is built."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import command, done, refused
from proofs import sampled
from typer.testing import CliRunner, Result

import archspec
from archspec.backend import Backend, backend
from archspec.catalog import names, root
from archspec.cli.app import application
from archspec.source import project

SPEC = """archspec: 1
name: small
params: {classes: 10, width: 4}
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: =width, kernel: 3, stride: 2, padding: 1}
  act: relu
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
"""
ROOT = Path(__file__).parents[2]
BACKENDS = pytest.mark.parametrize("kind", ["torch", "keras"])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)


def codegen(kind: str, *args: str) -> Result:
    return CliRunner().invoke(
        application(), ["codegen", "small.yaml", "-b", kind, *args]
    )


def ruff(*args: str) -> None:
    subprocess.run([sys.executable, "-m", "ruff", *args, "net.py"], check=True)


@BACKENDS
def test_a_file_is_written_checked_and_printed(kind: str) -> None:
    assert codegen(kind, "-o", "net.py").exit_code == 0
    assert codegen(kind, "-o", "net.py", "--check").exit_code == 0
    assert codegen(kind, "-o", "-").stdout == Path("net.py").read_text()
    assert codegen(kind).stdout == Path("net.py").read_text()


@BACKENDS
def test_another_spec_makes_it_stale_and_then_replaces_it(kind: str) -> None:
    codegen(kind, "-o", "net.py")
    old = Path("net.py").read_text()
    Path("small.yaml").write_text(SPEC.replace("kernel: 3", "kernel: 5"))
    stale = codegen(kind, "-o", "net.py", "--check")
    assert stale.exit_code == 1
    assert "net.py is out of date" in stale.stderr
    changed = [line for line in stale.stdout.splitlines() if line[:1] in "+-"]
    assert any(line.startswith("-") and ", 3," in line for line in changed)
    assert any(line.startswith("+") and ", 5," in line for line in changed)
    assert Path("net.py").read_text() == old
    assert codegen(kind, "-o", "net.py").exit_code == 0
    assert codegen(kind, "-o", "net.py", "--check").exit_code == 0


@BACKENDS
def test_what_says_nothing_of_the_net_makes_nothing_stale(kind: str) -> None:
    codegen(kind, "-o", "net.py")
    Path("small.yaml").write_text(
        f"# a comment\n{SPEC}expect: {{params: 162, output: [10]}}\n"
    )
    assert codegen(kind, "-o", "net.py", "--check").exit_code == 0


@BACKENDS
def test_a_formatter_makes_nothing_stale(kind: str) -> None:
    codegen(kind, "-o", "net.py")
    old = Path("net.py").read_text()
    Path("ruff.toml").write_text(
        "line-length = 40\n[format]\nquote-style = 'single'\nindent-style = 'tab'\n"
        "[lint]\nselect = ['I']\n[lint.isort]\nforce-single-line = true\n"
    )
    ruff("check", "--fix")
    ruff("format")
    formatted = Path("net.py").read_text()
    assert formatted != old
    assert codegen(kind, "-o", "net.py", "--check").exit_code == 0
    assert codegen(kind, "-o", "net.py").exit_code == 0
    assert Path("net.py").read_text() == formatted, "the project's layout stays"
    Path("small.yaml").write_text(SPEC.replace("kernel: 3", "kernel: 5"))
    assert codegen(kind, "-o", "net.py").exit_code == 0


EDITS = {
    "a number": ("4", "5"),
    "a name": ("Small(", "Smaller("),
    "a comment": ('"""\n\n', '"""\n\n# ours\n'),
    "the docstring": ("Parameters", "Weights"),
    "the end": ("", ""),
}


@BACKENDS
@pytest.mark.parametrize("edit", EDITS)
def test_what_was_edited_is_kept(kind: str, edit: str) -> None:
    codegen(kind, "-o", "net.py")
    old = Path("net.py").read_text()
    before, after = EDITS[edit]
    text = f"{old}\nEXTRA = 1\n" if edit == "the end" else old.replace(before, after)
    assert text != old
    Path("net.py").write_text(text)
    Path("small.yaml").write_text(SPEC.replace("kernel: 3", "kernel: 5"))
    refused = codegen(kind, "-o", "net.py")
    assert refused.exit_code == 1
    assert "net.py has been edited" in refused.stderr
    assert "--force" in refused.stderr
    assert Path("net.py").read_text() == text
    assert codegen(kind, "-o", "net.py", "--force").exit_code == 0
    assert codegen(kind, "-o", "net.py", "--check").exit_code == 0


@pytest.mark.parametrize("text", ["", "import torch\n", "not python at all :\n", "\0"])
def test_what_somebody_else_wrote_is_kept(text: str) -> None:
    Path("net.py").write_text(text)
    refused = codegen("torch", "-o", "net.py")
    assert refused.exit_code == 1
    assert "net.py isn't archspec's" in refused.stderr
    assert Path("net.py").read_text() == text
    assert codegen("torch", "-o", "net.py", "--check").exit_code == 1


@pytest.mark.parametrize("more", [(), ("--check",), ("--force",)])
@pytest.mark.parametrize("name", ["pipe.py", "zero.py", "folder.py"])
def test_what_is_no_file_is_not_read(name: str, more: tuple[str, ...]) -> None:
    os.mkfifo("pipe.py")
    Path("zero.py").symlink_to("/dev/zero")
    Path("folder.py").mkdir()
    refused = codegen("torch", "-o", name, *more)
    assert refused.exit_code == 1
    assert "a folder or a device, not a file [AS190]" in refused.stderr


@pytest.mark.parametrize("more", [(), ("--check",)])
def test_a_file_that_is_far_too_long_is_not_read(more: tuple[str, ...]) -> None:
    with Path("net.py").open("wb") as file:
        file.truncate(2**40)
    refused = codegen("torch", "-o", "net.py", *more)
    assert refused.exit_code == 1
    assert "net.py has more than 1,048,576 bytes" in refused.stderr


def test_bytes_that_are_no_text() -> None:
    Path("net.py").write_bytes(b"\xff")
    refused = codegen("torch", "-o", "net.py")
    assert refused.exit_code == 1
    assert "can't read net.py: it is no UTF-8 text [AS190]" in refused.stderr


def test_check_wants_a_file() -> None:
    assert codegen("torch", "--check").exit_code == 2
    missing = codegen("torch", "-o", "net.py", "--check")
    assert missing.exit_code == 1
    assert "net.py is not there" in missing.stderr


def test_the_checksum_is_of_the_code_alone() -> None:
    codegen("torch", "-o", "net.py")
    text = Path("net.py").read_text()
    assert project.untouched(text)
    assert project.untouched(text.replace("\n\n\n", "\n\n"))
    other = re.sub("checksum [0-9a-f]{16}", "checksum 0123456789abcdef", text)
    assert project.printed(other) and not project.untouched(other)


def test_the_pre_commit_hook_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {hook["language"] for hook in hooks} == {"python"}
    hook, other = hooks
    assert other["entry"] == "archspec validate"  # and pre-commit adds the files
    command, *words = hook["entry"].split()
    assert command == "archspec"
    assert not hook["pass_filenames"]
    args = [*words, "small.yaml", "--backend", "torch", "--output", "net.py"]
    assert CliRunner().invoke(application(), args).exit_code == 1
    codegen("torch", "-o", "net.py")
    assert CliRunner().invoke(application(), args).exit_code == 0


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("jax", "did you mean 'keras', or to build or verify 'keras:jax'?"),
        ("keras:jx", "hint: did you mean 'keras:jax'?"),
        ("torch:channels_last", "the models are those of 'torch' [AS501]"),
        ("keras:", "the backend 'keras' has no engine ''"),
    ],
)
def test_an_engine_that_there_is_not(named: str, told: str) -> None:
    assert told in refused("build", "small.yaml", "-b", named)


def test_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `verify` names it; what loads the file is Keras alone."""
    started: list[tuple[str, str]] = []
    keras = backend("keras")

    def on(engine: str, dtype: str) -> Backend:
        started.append((engine, dtype))
        return keras

    monkeypatch.setattr(keras, "on", on)
    told = done("build", "small.yaml", "-b", "keras:jax", "-o", "net.keras")
    assert started == [("jax", "float32")]
    assert told.startswith("small (keras)\n") and 'load_model("net.keras")' in told


@pytest.mark.parametrize(("step", "told"), [("forward", "run"), ("save", "save")])
def test_a_framework_that_can_not_use_what_it_built(
    step: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime looks at some models only when they run. Nothing is written."""

    def fails(*args: Any, **more: Any) -> Any:
        raise ValueError("indices out of\nbounds")

    monkeypatch.setattr(backend("torch"), step, fails)
    said = refused("build", "small.yaml", "-b", "torch", "-o", "net.pth")
    assert f"torch built small, but can't {told} it: ValueError: indices out" in said
    assert "of bounds [AS500]" in said
    assert not Path("net.pth").exists()


PRESETS = [(name, backend) for name in names() for backend in ("torch", "keras")]
QUICK = [("resnet20", "torch"), ("resnet20", "keras")]


@pytest.mark.parametrize(("name", "backend"), sampled(PRESETS, QUICK))
def test_build(name: str, backend: str) -> None:
    path = root() / f"{name}.yaml"
    run = subprocess.run(
        [sys.executable, "-m", "archspec", "build", str(path), "-b", backend],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (run.returncode, run.stderr) == (0, "")
    graph = archspec.load(path).graph
    assert f"parameters: {graph.parameter_count():,}" in run.stdout
    assert f"MACs: {graph.macs():,}" in run.stdout
    assert "mean nan" not in run.stdout and "built in " in run.stdout
    for image, (channels, *size) in graph.inputs.items():
        shape = [channels, *size] if backend == "torch" else [*size, channels]
        assert f"  input {image}: {' x '.join(map(str, shape))}\n" in run.stdout


class TestOfAFile:
    """`--with-test`: what the tests notice is seen in tests/backends."""

    @BACKENDS
    def test_written_and_checked(self, kind: str) -> None:
        Path("models").mkdir()
        wanted = ["-o", "models/net.py", "--with-test"]
        assert codegen(kind, *wanted).exit_code == 0
        assert {path.name for path in Path("models").iterdir()} == {
            *("net.py", "test_net.py"),
        }
        text = Path("models/test_net.py").read_text()
        assert "from net import Small\n" in text and "import archspec" not in text
        assert project.untouched(text)
        assert codegen(kind, *wanted, "--check").exit_code == 0
        Path("models/test_net.py").unlink()
        missing = codegen(kind, *wanted, "--check")
        assert missing.exit_code == 1 and "test_net.py is not there" in missing.stderr

    @BACKENDS
    def test_stale_and_edited(self, kind: str) -> None:
        wanted = ["-o", "net.py", "--with-test"]
        codegen(kind, *wanted)
        Path("small.yaml").write_text(SPEC.replace("act: relu", "act: relu6"))
        Path("net.py").unlink()
        codegen(kind, "-o", "net.py")  # only the test is stale now
        stale = codegen(kind, *wanted, "--check")
        assert stale.exit_code == 1 and "test_net.py is out of date" in stale.stderr
        Path("test_net.py").write_text(Path("test_net.py").read_text() + "EDITED = 1\n")
        edited = codegen(kind, *wanted)
        assert edited.exit_code == 1 and "test_net.py has been edited" in edited.stderr
        assert codegen(kind, *wanted, "--force").exit_code == 0
        assert codegen(kind, *wanted, "--check").exit_code == 0

    def test_none_is_written_where_one_may_not_be(self) -> None:
        Path("test_net.py").write_text("own = 1\n")
        refused = codegen("torch", "-o", "net.py", "--with-test")
        assert refused.exit_code == 1 and "isn't archspec's" in refused.stderr
        assert not Path("net.py").exists()

    def test_a_package(self) -> None:
        Path("__init__.py").touch()
        codegen("torch", "-o", "net.py", "--with-test")
        assert "\n\nfrom .net import Small\n\n" in Path("test_net.py").read_text()

    def test_what_no_test_can_import(self) -> None:
        refused = codegen("torch", "-o", "small-net.py", "--with-test")
        assert refused.exit_code == 1
        assert "a test can't import a file of this name" in refused.stderr
        assert "resnet50.py" in refused.stderr

    @BACKENDS
    def test_several_nets(self, kind: str) -> None:
        Path("other.yaml").write_text(SPEC.replace("name: small", "name: other"))
        wanted = ["other.yaml", "-o", "nets.py", "--with-test"]
        assert codegen(kind, *wanted).exit_code == 0
        text = Path("test_nets.py").read_text()
        assert 'BUILDERS = {"small": ' in text and project.untouched(text)
        assert codegen(kind, *wanted, "--check").exit_code == 0

    def test_it_needs_a_file(self) -> None:
        assert codegen("torch", "--with-test").exit_code == 2


@BACKENDS
def test_features_beside_a_head(kind: str) -> None:
    Path("small.yaml").write_text(f"{SPEC}taps: {{low: act}}\n")
    text = codegen(kind, "--with-taps").stdout
    assert {"torch": "def forward_features(", "keras": "def features("}[kind] in text
    assert "def forward_features(" not in codegen(kind, "--taps").stdout
    assert codegen(kind, "--taps", "--with-taps").exit_code == 2


class TestWeights:
    """What is said of the weights that a model is built with."""

    @pytest.fixture(autouse=True)
    def file(self) -> None:
        Path("small.yaml").write_text(SPEC.replace("classes", "num_classes"))
        command("weights", "init", "small.yaml", "-o", "small.safetensors")

    def test_another_head(self) -> None:
        given = ("build", "small.yaml", "-b", "torch", "--weights", "small.safetensors")
        refused = command(*given, "--set", "num_classes=3")
        assert refused.exit_code == 1
        assert "hint: --new head starts fc anew" in refused.stderr
        made = command(*given, "--set", "num_classes=3", "--new", "head")
        assert made.exit_code == 0, made.stderr
        assert made.stdout.splitlines()[:2] == [
            "taken: 2 of 4 weights, read as canonical",
            "new, from seed 0: fc.weight, fc.bias",
        ]

    def test_allowances(self) -> None:
        given = ("build", "small.yaml", "-b", "torch", "--weights", "small.safetensors")
        allowed = ("--allow-missing", "fc.*", "--allow-extra", "fc.*")
        other = ("--set", "num_classes=3")
        for part in (allowed[:2], allowed[2:]):
            assert command(*given, *other, *part).exit_code == 1
        made = command(*given, *other, *allowed)
        assert "left out: fc.bias, fc.weight\n" in made.stdout

    def test_options_of_weights_that_there_are_none_of(self) -> None:
        for option in (("--new", "head"), ("--adapt-input", "sum"), ("--part", "x")):
            refused = command("build", "small.yaml", "-b", "torch", *option)
            assert refused.exit_code == 2 and "wants --weights" in refused.stderr

    def test_types_of_files_alone(self) -> None:
        given = ("build", "small.yaml", "-b", "torch", "--dtype", "bfloat16")
        for output in ((), ("-o", "w.pt2")):
            refused = command(*given, *output)
            assert refused.exit_code == 1
            told = "--dtype bfloat16 is for files that end in .safetensors or .pth"
            assert told in refused.stderr
        assert not Path("w.pt2").exists()

    @pytest.mark.parametrize(
        ("kind", "name", "hint"),
        [
            ("keras", "w.pt2", "--backend torch writes it"),
            ("torch", "w.keras", "--backend keras writes it"),
            ("torch", "w.npz", None),
        ],
    )
    def test_what_another_backend_writes(
        self, kind: str, name: str, hint: str | None
    ) -> None:
        refused = command("build", "small.yaml", "-b", kind, "-o", name)
        assert refused.exit_code == 1 and "expected a file that ends" in refused.stderr
        assert (
            (f"hint: {hint}" in refused.stderr)
            if hint
            else "hint" not in refused.stderr
        )
