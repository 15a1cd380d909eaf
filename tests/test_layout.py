"""From a module one finds its tests: they have its path, or stand in this list."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
CORE = TESTS.parent / "archspec"  # not imported: mutate.py runs the tests of a copy
BACKENDS = TESTS.parent / "backends"

ELSEWHERE = {
    "listing.py": "cli/test_listing.py",  # its only reader
    "authoring/gallery.py": "cli/test_draw.py",
    # The picture: what must hold of it holds of all these together.
    "drawing/diagram.py": "cli/test_draw.py",
    "drawing/grid.py": "drawing/test_layout.py",
    "drawing/outline.py": "drawing/test_layout.py",
    "drawing/picture.py": "drawing/test_layout.py",
    "drawing/fonts.py": "drawing/test_layout.py",
    "drawing/labels.py": "drawing/test_layout.py",
    "drawing/page.py": "drawing/test_viewer.py",
    "drawing/raster.py": "cli/test_draw.py",
    "drawing/svg.py": "drawing/test_layout.py",
    # Definitions of ops: a table of torch's own functions is their oracle.
    "reference/activation.py": "reference/test_definitions.py",
    "reference/convolution.py": "reference/test_definitions.py",
    "reference/evaluation.py": "reference/test_definitions.py",
    "reference/images.py": "reference/test_definitions.py",
    "reference/normalization.py": "reference/test_definitions.py",
    "reference/pooling.py": "reference/test_definitions.py",
    "reference/shaping.py": "reference/test_definitions.py",
    # Parts of a printed class or function: what each adds is seen in the whole text.
    "source/classes/constructor.py": "source/classes",
    "source/classes/dialect.py": "source/classes",
    "source/classes/forward.py": "source/classes",
    "source/classes/scope.py": "source/classes",
    "source/functions/body.py": "source/functions",
    "source/functions/calls.py": "source/functions",
    "source/functions/dialect.py": "source/functions",
    # Parts of a report: what each adds is seen in the reports of many pairs.
    "diffing/changes.py": "diffing/test_report.py",
    "diffing/data.py": "diffing/test_report.py",
    "diffing/items.py": "diffing/test_matching.py",
    "diffing/sides.py": "cli/test_diff.py",
    "diffing/text.py": "diffing/test_report.py",
    "diffing/told.py": "diffing/test_report.py",
    "diffing/wiring.py": "diffing/test_report.py",
    "language/revision.py": "cli/test_diff.py",
    "source/columns.py": "source/test_generalise.py",  # records without methods
    "verify/starts.py": "verify/test_initial.py",
    "testing/blocks.py": "testing/test_suite.py",  # seen with backends that are wrong
    # Backends: what a lowering says, and how it starts, is seen in all that is printed.
    "backends/flax/arrays.py": "backends/flax/test_backend.py",
    "backends/flax/dialect.py": "backends/flax/test_lowering.py",
    "backends/flax/own.py": "verify/test_own.py",
    "backends/keras/own.py": "verify/test_own.py",
    "backends/onnx/calls.py": "backends/onnx/test_lowering.py",
    "backends/onnx/model.py": "backends/onnx/test_backend.py",
    "backends/onnx/recorded.py": "backends/flax/test_recorded.py",  # one test of both
    "backends/onnx/weights.py": "backends/onnx/test_backend.py",
    "backends/torch/devices.py": "backends/torch/test_backend.py",
    "backends/torch/dialect.py": "backends/torch",
    "backends/torch/reserved.py": "backends/torch/test_backend.py",
    "backends/torch/fills.py": "backends/torch/test_initial.py",
    "backends/torch/own.py": "verify/test_own.py",
}
"""Modules whose tests have another name, and where they are: a file, or a folder."""


def mirrored(module: Path) -> str:
    """A module's place below `tests`, of the core or of a backend."""
    if module.is_relative_to(CORE):
        return module.relative_to(CORE).as_posix()
    package, *inner = module.relative_to(BACKENDS).parts
    return Path("backends", package.removeprefix("archspec_"), *inner).as_posix()


def test_every_module_has_its_tests() -> None:
    modules = {
        mirrored(path)
        for folder in (CORE, BACKENDS)
        for path in folder.rglob("*.py")
        if not path.name.startswith("__")
    }
    own = {m for m in modules if (TESTS / m).with_name(f"test_{Path(m).name}").exists()}
    lacking = modules - own - ELSEWHERE.keys()
    assert not lacking, f"no tests at their path: {', '.join(sorted(lacking))}"
    gone = ELSEWHERE.keys() - modules
    assert not gone, f"no such modules: {', '.join(sorted(gone))}"
    both = own & ELSEWHERE.keys()
    assert not both, f"have tests of their own: {', '.join(sorted(both))}"
    assert all((TESTS / place).exists() for place in ELSEWHERE.values())
