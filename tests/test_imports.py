"""Commands that need no framework import none, and no module imports upwards."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import archspec_torch
import pytest

import archspec

FRAMEWORKS = {"torch", "torchvision", "keras", "tensorflow", "jax", "flax"}
SLOW = {*FRAMEWORKS, "numpy", "jinja2", "safetensors"}
"""What a command that only reads a spec has no time for."""

LAYERS = (
    {"errors", "catalog", "width"},
    {"files", "limits", "renaming"},
    {"arguments"},
    {"ops"},
    {"nodes"},
    {"invariants"},
    {"graph"},
    {"equality", "fingerprint", "receptive", "memory"},
    {"language", "weights", "source", "table", "reference", "drawing"},
    {"passes", "plot"},
    {"backend", "expectation"},
    {"listing", "spec"},
    {"opening"},
    {"verify"},
    {"bench", "testing"},
    {"diffing"},
    {"authoring"},
    {"editor"},
    {"", "cli", "__main__"},
)
"""A module imports from its own part and from earlier layers; "" is the public API."""

ALLOWED = {
    ("authoring", "archspec"),
    ("editor", "archspec"),
    ("graph", "drawing"),
    ("graph", "table"),
    ("source", "language.formula"),
    ("source", "reference"),
    ("spec", "authoring.lint"),
    ("verify", "archspec"),
}
"""A notebook shows a graph as its picture and its table; `Spec.validate` warns. Printed text may be a formula's, if that gives
the graph's value; source asks. What a printed test compares, the definitions of the ops
compute. A certificate has the version; the page about Python is of the public names."""

TYPED = {"", "spec"}
"""They name the classes of models, for type checkers alone."""

FOR_BACKENDS = {"errors", "files", "fingerprint", "ops", "graph", "source"}
FOR_BACKENDS |= {"backend", "weights"}
"""`weights` has the layouts of Keras' files, which its models share."""

CORE = Path(archspec.__file__).parent
BACKENDS = Path(archspec_torch.__file__).parent.parent

WATCHED = """
import os, runpy, sys
os._exit = sys.exit
sys.argv = ["archspec", *sys.argv[1:]]
try:
    runpy.run_module("archspec", run_name="__main__")
except SystemExit as end:
    if end.code:
        raise
print("modules:", *sorted(sys.modules), file=sys.stderr)
"""
BARE = 'import archspec, sys; print("modules:", *sys.modules, file=sys.stderr)'


def imported(*code: str) -> set[str]:
    """The top-level modules that are there when Python has run some code."""
    run = subprocess.run(
        [sys.executable, "-c", *code], capture_output=True, text=True, check=True
    )
    last = run.stderr.splitlines()[-1]
    assert last.startswith("modules: ") and "archspec" in last
    return {name.partition(".")[0] for name in last.split()[1:]}


def test_import_is_light() -> None:
    assert not imported(BARE) & SLOW


@pytest.mark.parametrize(
    "command",
    [
        "validate resnet50 vgg16_bn",
        "show resnet50",
        "show resnet50 --json",
        "show resnet50 --graph",
        "draw resnet50 -o -",
        "list",
        "show resnet50 --resolved",
        "diff resnet50 keras_resnet50",
        "diff resnet18 resnet34 --json",
        "ops",
        "schema",
        "explain AS402",
    ],
)
def test_reading_is_light(command: str) -> None:
    assert not imported(WATCHED, *command.split()) & SLOW


@pytest.mark.parametrize(
    "command",
    [
        "codegen resnet18 -b torch",
        "codegen resnet18 -b keras",
        "codegen resnet18 -b flax",
        "ops conv2d",
    ],
)
def test_printing_needs_no_framework(command: str) -> None:
    assert not imported(WATCHED, *command.split()) & FRAMEWORKS


def part(module: str) -> str:
    """`archspec.language.formula` -> `language`."""
    return [*module.split("."), ""][1]


def modules(tree: ast.AST, folder: Path) -> Iterator[str]:
    """Everything that a file imports, anywhere in it, with the dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                place = folder.joinpath(*inner.split("."))
                known = place.with_suffix(".py").exists() or place.is_dir()
                yield inner if known else node.module


def untyped(tree: ast.Module) -> ast.Module:
    """Without the top-level imports of frameworks that only type checkers follow."""
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            alone = [f"import {name}" for name in FRAMEWORKS]
            node.body = [n for n in node.body if ast.unparse(n) not in alone]
    return tree


def files(folder: Path) -> list[Path]:
    """The Python files of a package."""
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("path", files(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_imports_point_down(path: Path) -> None:
    rank = {name: number for number, names in enumerate(LAYERS) for name in names}
    own = path.relative_to(CORE).with_suffix("").parts[0].removesuffix("__init__")
    tree = ast.parse(path.read_text())
    for module in modules(tree if own not in TYPED else untyped(tree), CORE.parent):
        top = module.partition(".")[0]
        assert top not in FRAMEWORKS, f"the core imports {module}"
        assert not top.startswith("archspec_"), f"the core imports {module}"
        if top != "archspec" or part(module) == own:
            continue
        if (own, module.removeprefix("archspec.")) in ALLOWED:
            continue
        below = rank[part(module)] < rank[own]
        assert below or own in LAYERS[-1], f"{own or 'archspec'} imports {module}"


@pytest.mark.parametrize("name", ["archspec_torch", "archspec_keras", "archspec_flax"])
def test_backends_see_little(name: str) -> None:
    for path in files(BACKENDS / name):
        tree = ast.parse(path.read_text())
        for module in modules(tree, CORE.parent):
            top = module.partition(".")[0]
            assert top in (name, "archspec") or not top.startswith("archspec")
            if top == "archspec":
                assert part(module) in FOR_BACKENDS, f"{path.name}: {module}"
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                tops = {m.partition(".")[0] for m in modules(node, CORE.parent)}
                assert not tops & FRAMEWORKS, f"{path.name} imports {tops}"
