"""Printed files of the zoo: linted, type-checked, and run where archspec is not."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import done
from edits import CURIOUS, HIDDEN, noticed
from nets import graph_of
from printed_style import RULES
from proofs import KINDS, sampled
from random_specs_lint import CACHE, strict
from serving import LAYOUTS, publishing

from archspec import load
from archspec.backend import backend
from archspec.catalog import names
from archspec.weights import initial_weights

GOLDEN = Path(__file__).parents[1] / "golden"
ODD = Path(__file__).parents[1] / "odd"
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("**/*.yaml"))
PLAIN = ("--config-file=", f"--cache-dir={CACHE / 'keras'}")
ZOO = names()
SOME = (
    "resnet50",
    "vgg16_bn",
    "keras_resnet50v2",
    "resnet20",
    "sample_resnet",
    "resnet50d",
    "resnetv2_18",
    "seresnet18",
    "resnetrs50",
    "fpn_resnet50",
    "fcn_resnet50",
)
SUFFIXES = ("pth", "safetensors", "h5")
LIGHT = {"torch": ("resnet20", "seresnet18"), "keras": ("resnet20",)}
"""Keras makes a net in ten times the time."""
BACKENDS = pytest.mark.parametrize("kind", ["torch", "keras"])
STUBS = Path(__file__).parents[1] / "stubs"
"""What printed files use of Keras, which ships no types itself."""


def tool(*args: str, at: Path, stubs: str = str(STUBS)) -> None:
    """Runs a linter in a folder, without this project's settings."""
    run = subprocess.run(
        [sys.executable, "-m", *args],
        cwd=at,
        env={**os.environ, "MYPYPATH": stubs},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def write(specs: Iterable[str], kind: str, folder: Path) -> dict[str, Any]:
    """Prints files; gives their sources."""
    made = {}
    for spec in specs:
        made[spec] = load(spec).codegen(kind)
        (folder / f"{spec}.py").write_text(made[spec].text)
    return made


def write_odd(kind: str, folder: Path) -> None:
    """Prints examples, backbones and specs of odd forms."""
    for spec in ("vgg11_bn", "resnet18", "resnetv2_18", "keras_vgg16"):
        backbone = load(spec, taps=True).codegen(kind).text
        (folder / f"{spec}_taps.py").write_text(backbone)
    for path in EXAMPLES:
        (folder / f"{path.stem}.py").write_text(load(str(path)).codegen(kind).text)
    for path in ODD.glob("*.yaml"):
        odd = graph_of(path.read_text(encoding="utf-8"))
        (folder / f"odd_{path.stem}.py").write_text(backend(kind).emit(odd).text)


def write_loaders(kind: str, folder: Path) -> None:
    """Prints files that load weights: their own, and published ones of every kind."""
    long = "https://example.org/a-folder-whose-name-is-long/and-another-one-in-it/"
    texts = [LAYOUTS, *(publishing(f"{long}n.{s}", "0" * 64) for s in SUFFIXES)]
    texts.append(publishing("https://a.b/layouts-01234567.pth", "01234567"))
    for number, text in enumerate(texts):
        (folder / "layouts.yaml").write_text(text)
        found = load(folder / "layouts.yaml").codegen(kind, with_weights=True)
        (folder / f"loader{number}.py").write_text(found.text)


def write_tapped(kind: str, folder: Path) -> None:
    """Prints files that give features beside a head."""
    for spec in ("resnet18", "vgg11_bn", "fpn_resnet50", "fcn_resnet50"):
        found = load(spec).codegen(kind, with_taps=True, with_weights=True)
        (folder / f"tapped_{spec}.py").write_text(found.text)


def write_tests(kind: str, folder: Path) -> None:
    """Prints the tests of some files, beside these."""
    (folder / "curious.yaml").write_text(CURIOUS)
    for spec in ("resnet20", "fpn_resnet50", "keras_resnet50", "curious.yaml"):
        path = folder / f"{Path(spec).stem}.py"
        given = folder / spec if spec.endswith(".yaml") else spec
        done("codegen", given, "-b", kind, "--with-test", "-o", path)


@BACKENDS
def test_ruff_finds_nothing_in_tests(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tests(kind, tmp_path)
    tests = [path.name for path in tmp_path.glob("test_*.py")]
    rules = "E,F,I,UP,B,SIM,C4,RUF,D,N,RET,PL,ARG,PT,ANN"
    either = ("--ignore", "D203,D213")  # each is the opposite of another rule
    tool("ruff", "check", "--isolated", "--select", rules, *either, *tests, at=tmp_path)
    tool("ruff", "format", "--isolated", "--check", *tests, at=tmp_path)


@pytest.mark.proof
@BACKENDS
@pytest.mark.parametrize("spec", ZOO)
def test_the_test_of_every_net_passes(spec: str, kind: str, tmp_path: Path) -> None:
    done("codegen", spec, "-b", kind, "--with-test", "-o", tmp_path / f"{spec}.py")
    (tmp_path / "conftest.py").write_text(HIDDEN)
    assert noticed(tmp_path) == {spec: False}


@BACKENDS
@pytest.mark.parametrize("specs", sampled([[*KINDS], [*ZOO]], [[*KINDS]]), ids=len)
def test_ruff_finds_nothing(specs: list[str], kind: str, tmp_path: Path) -> None:
    write(specs, kind, tmp_path)
    write_odd(kind, tmp_path)
    write_loaders(kind, tmp_path)
    write_tapped(kind, tmp_path)
    tool("ruff", "check", "--isolated", *RULES, ".", at=tmp_path)
    tool("ruff", "format", "--isolated", "--check", ".", at=tmp_path)


@BACKENDS
def test_mypy_finds_nothing(kind: str, tmp_path: Path) -> None:
    write(SOME, kind, tmp_path)
    tool("mypy", *strict(kind), *(f"{spec}.py" for spec in SOME), at=tmp_path)


@BACKENDS
def test_mypy_finds_nothing_in_loaders_and_tests(kind: str, tmp_path: Path) -> None:
    write_loaders(kind, tmp_path)
    write_tests(kind, tmp_path)
    write_tapped(kind, tmp_path)
    options = strict(kind) if kind == "torch" else (*PLAIN, "--ignore-missing-imports")
    files = [path.name for path in tmp_path.glob("*.py")]
    tool("mypy", *options, *files, at=tmp_path, stubs="")


@pytest.mark.proof
@BACKENDS
def test_type_checkers_find_nothing(kind: str, tmp_path: Path) -> None:
    write(ZOO, kind, tmp_path)
    write_odd(kind, tmp_path)
    tool("mypy", *strict(kind), *(p.name for p in tmp_path.glob("*.py")), at=tmp_path)
    settings = {"typeCheckingMode": "standard", "stubPath": str(STUBS)}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    tool("pyright", "--pythonpath", sys.executable, at=tmp_path)


def outputs(specs: tuple[str, ...], kind: str, folder: Path) -> None:
    """Compares printed files, run elsewhere, with what `build` gives."""
    chosen, items, wanted = backend(kind), [], {}
    sources = write(specs, kind, folder)
    suffix = ".safetensors" if kind == "torch" else ".weights.h5"
    draw = np.random.default_rng(0)
    for spec in specs:
        found = load(spec)
        images = {
            name: draw.standard_normal((1, *shape)).astype("float32")
            for name, shape in found.graph.inputs.items()
        }
        weights = initial_weights(found.graph)
        for array in weights.values():
            if array.ndim == 4:
                array *= 0.3  # a thousand layers then stay finite
        model = found.build(kind, weights=weights)
        wanted[spec] = chosen.forward(found.graph, model, images)
        stored = folder / f"{spec}{suffix}"
        chosen.save(found.graph, model, str(stored))
        del model
        np.savez(folder / f"{spec}.npz", **images)  # type: ignore[arg-type]  # arrays
        item = {
            "backend": kind,
            "file": str(folder / f"{spec}.py"),
            "entry": sources[spec].entry,
            "weights": str(stored),
            "images": str(folder / f"{spec}.npz"),
            "outputs": str(folder / f"{spec}.out.npz"),
            "parameters": found.graph.parameter_count(),
        }
        items.append(item)
    listed = folder / "files.json"
    listed.write_text(json.dumps(items))
    script = Path(__file__).parents[1] / "run_printed.py"
    run = subprocess.run(
        [sys.executable, str(script), str(listed)],
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    for item in items:  # those of the whole zoo are 25 GB
        Path(str(item["weights"])).unlink()
    assert run.returncode == 0, run.stderr[-3000:]
    for spec in specs:
        with np.load(folder / f"{spec}.out.npz") as found:
            assert list(found.files) == list(wanted[spec])
            for name, array in wanted[spec].items():
                scale = np.abs(array).max()
                assert scale > 0
                assert np.abs(found[name] - array).max() <= 1e-6 * scale


@BACKENDS
def test_a_file_runs_without_archspec(kind: str, tmp_path: Path) -> None:
    outputs(LIGHT[kind], kind, tmp_path)


@pytest.mark.proof
@BACKENDS
@pytest.mark.parametrize("part", range(8))
def test_every_file_runs_without_archspec(kind: str, part: int, tmp_path: Path) -> None:
    outputs(ZOO[part::8], kind, tmp_path)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.py")), ids=lambda p: p.stem)
def test_golden_files(path: Path) -> None:
    spec, _, kind = path.stem.rpartition("_")
    assert load(spec).codegen(kind).text == path.read_text()


def lines_of_code(text: str) -> int:
    """Lines without the module's docstring and without blank ones."""
    first = ast.parse(text).body[0]
    assert first.end_lineno is not None
    return sum(bool(line.strip()) for line in text.splitlines()[first.end_lineno :])


@pytest.mark.parametrize(
    ("spec", "kind", "lines", "code"),
    [
        ("resnet50", "torch", 110, 90),
        ("resnet50", "keras", 91, 70),
        ("vgg16", "torch", 62, 46),
        ("vgg16", "keras", 61, 46),
    ],
)
def test_printed_files_are_short(spec: str, kind: str, lines: int, code: int) -> None:
    text = load(spec).codegen(kind).text
    assert len(text.splitlines()) <= lines
    assert lines_of_code(text) <= code


@BACKENDS
def test_a_deeper_net_differs_in_its_depths(kind: str) -> None:
    one, other = (load(spec).codegen(kind).text for spec in ("resnet50", "resnet152"))
    told = ("Parameters:", "# archspec: fingerprint")
    changed = [
        (a, b)
        for a, b in zip(one.splitlines(), other.splitlines(), strict=True)
        if a != b and not a.startswith(told)
    ]
    same = [
        (a, b)
        for a, b in changed
        if a.replace("ResNet50", "ResNet152")
        .replace("ResNet-50", "ResNet-152")
        .replace("resnet50", "resnet152")
        == b
    ]
    rest = [(a, b) for a, b in changed if (a, b) not in same]
    depths = {"depth=4": "depth=8", "depth=6": "depth=36"}
    assert len(rest) == 2
    for (a, b), (old, new) in zip(rest, depths.items(), strict=True):
        assert a.replace(old, new) == b
