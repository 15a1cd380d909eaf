"""The places where an op stands, and what is missing there.

    python tests/ops/places.py

says in JSON which op each place lacks; the tree is the one that is on the path.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import archspec
from archspec.authoring.reference import example, markdown
from archspec.authoring.schema import schema
from archspec.backend import backend
from archspec.errors import UnsupportedError
from archspec.ops import BY_KIND, OPS, Op
from archspec.reference import FUNCTIONS

ROOT = Path(archspec.__file__).parent.parent
FIRST = "archspec/ops/"
"""Where the class of an op is; whatever has none is none."""


def unlisted() -> list[str]:
    """Classes of ops that the registry doesn't hold."""
    return [op.kind for op in _classes(Op) if "kind" in vars(op) and op not in OPS]


def _classes(op: type[Op]) -> Iterator[type[Op]]:
    for inner in op.__subclasses__():
        if inner.__module__.startswith("archspec.ops."):
            yield inner
        yield from _classes(inner)


def unlowered(name: str) -> list[str]:
    """Ops that a backend neither lowers nor refuses for a reason."""
    found = []
    for kind, op in BY_KIND.items():
        try:
            backend(name).emit(example(op))
        except UnsupportedError as error:
            if f"no lowering for {kind}" in error.message:
                found.append(kind)
    return found


def undefined() -> list[str]:
    """Ops without a definition in numpy."""
    return [kind for kind in BY_KIND if kind not in FUNCTIONS]


def unproven() -> list[str]:
    """Ops whose definition isn't compared with torch's own function."""
    text = (ROOT / "tests/reference/test_definitions.py").read_text()
    (table,) = (
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TORCH"
    )
    assert isinstance(table, ast.Dict)
    keys = {ast.unparse(key) for key in table.keys if key is not None}
    return [kind for kind in BY_KIND if repr(kind) not in keys]


def undocumented() -> list[str]:
    """Ops of which the reference or the schema doesn't say what they are."""
    text = (ROOT / "docs/reference.md").read_text()
    made = json.loads((ROOT / "docs/archspec.schema.json").read_text())["$defs"]
    current = json.loads(json.dumps(schema()))["$defs"]
    sections = {
        kind: f"### {kind}\n\n{inspect.cleandoc(op.__doc__ or '')}\n"
        for kind, op in BY_KIND.items()
    }
    assert all(section in markdown() for section in sections.values())
    return [
        kind
        for kind in BY_KIND
        if sections[kind] not in text or made.get(kind) != current[kind]
    ]


PLACES: dict[str, Callable[[], list[str]]] = {
    "archspec/ops/__init__.py": unlisted,
    **{
        f"backends/archspec_{name}/lowering.py": partial(unlowered, name)
        for name in ("torch", "keras", "flax", "onnx")
    },
    "archspec/reference/": undefined,
    "tests/reference/test_definitions.py": unproven,
    "docs/": undocumented,
}
"""What each place lacks."""

if __name__ == "__main__":
    print(json.dumps({place: missing() for place, missing in PLACES.items()}))
