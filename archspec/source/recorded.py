"""A printed test of a printed file: counts, shapes, and numbers that were recorded.

The numbers are what the net computes with weights that are fixed by their names. They
are recorded with the definitions of the ops (`archspec.reference`), without a framework
at hand; the test computes them with the printed file, in double precision. What fixes
the weights, `DRAWN`, is printed text that is run here as well, so that the two can't
differ.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.errors import ArchspecError, BackendError
from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.ops.base import Shape
from archspec.source.docstring import ordered
from archspec.source.literal import lit
from archspec.source.module import import_lines, read_in
from archspec.source.project import seal
from archspec.source.text import Code, Display, Doc, Table, assignment, prose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

IMAGES = 2
SUMS = 3
DIGITS = 9
"""Of a recorded number: fewer than are the same on every machine."""

DRAWN = '''\
def draw(name: str, *shape: int) -> NDArray[np.float64]:
    """Draw numbers between -1 and 1 by a name, the same everywhere."""
    return np.random.RandomState(zlib.crc32(name.encode())).uniform(-1, 1, shape)


def fixed(name: str, shape: tuple[int, ...], inputs: int) -> NDArray[np.float64]:
    """Fix a weight by its name, so that activations lie around 10 in every layer."""
    values = draw(name, *shape)
    if name.endswith(("running_var", "moving_variance")):
        return 1 + values / 2
    if name.endswith(("bias", "running_mean", "beta", "moving_mean")):
        return 8 * values
    if len(shape) > 1:
        return sqrt(6 / inputs) * values
    return GAIN * (1 + values / 2)'''


class Weight(NamedTuple):
    """One weight as a framework has it.

    Attributes:
        name: canonical.
        key, shape: what the test calls it, and its shape there.
        inputs: the number of values that each value of an output is a sum of.
        back: from the framework's layout to the canonical one.
    """

    name: str
    key: str
    shape: Shape
    inputs: int
    back: Callable[[Array], Array] = lambda array: array


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a test compares.

    Attributes:
        gain: what the factors of norms lie around.
        images: the shapes of the inputs, by their names.
        outputs: of each output its shape, and weighted sums of all its values.
        logs: whether the outputs are probabilities, of which logarithms are taken: else
            the largest one, next to 1, would hide all others.
    """

    gain: float
    images: Mapping[str, Shape]
    outputs: Mapping[str, tuple[Shape, tuple[float, ...]]]
    logs: bool = False


class Imported(NamedTuple):
    """How a test imports what it tests.

    Attributes:
        module, entry: the module and what makes the model there.
        apart: whether that import stands apart, as ruff has those of a project's own.
    """

    module: str
    entry: str
    apart: bool


def record(
    graph: Graph, weights: Iterable[Weight], *, channels_last: bool = False
) -> Recorded:
    """Runs a graph; BackendError where it computes no finite numbers."""
    import numpy as np

    from archspec.reference import evaluate

    factor = gain(graph)
    known: dict[str, Any] = {"np": np, "sqrt": sqrt, "zlib": zlib, "GAIN": factor}
    exec(f"from __future__ import annotations\n{DRAWN}", known)
    draw, fixed = known["draw"], known["fixed"]
    images = {
        name: (IMAGES, *ordered(shape, channels_last))
        for name, shape in graph.inputs.items()
    }
    given = {
        name: _first(8 * draw(name, *shape), channels_last)
        for name, shape in images.items()
    }
    stored = {w.name: w.back(fixed(w.key, w.shape, w.inputs)) for w in weights}
    values = evaluate(graph, stored, given, wanted=set(graph.outputs.values()))
    gives = {node.name: node.op.gives for node in graph.nodes}
    kinds = {gives.get(value) for value in graph.outputs.values()}
    logs = kinds == {"probabilities"}
    outputs = {}
    for name, value in graph.outputs.items():
        made = _last(np.log(values[value]) if logs else values[value], channels_last)
        sums = draw(name or OUTPUT, SUMS, made.size) @ made.ravel()
        if not np.isfinite(sums).all():
            raise BackendError("the output to record is not finite", code="AS506")
        rounded = tuple(float(f"{number:.{DIGITS}g}") for number in sums)
        outputs[name or OUTPUT] = (made.shape, rounded)
    return Recorded(factor, images, outputs, logs)


OUTPUT = "output"
"""What the test calls an output that has no name."""


def gain(graph: Graph) -> float:
    """What the factors of norms lie around: less than 1 where many branches are added.

    So many sums of two branches, with two norms or more in each, don't grow without
    bound.
    """
    sums = sum(node.op.kind == "add" for node in graph.nodes)
    return round(min(1.0, float((2 / max(sums, 1)) ** 0.25)), 2)


def telling(graph: Graph) -> tuple[int, int] | None:
    """A small size of images to test with; None for a net without images.

    Divided by 2 again and again, the height stays odd, which tells how a pool treats
    what hangs over, and the width even, which tells `same` padding from an equal one.
    """
    sizes = [shape[1:] for shape in graph.inputs.values() if len(shape) == 3]
    if not sizes:
        return None
    height, width = (min(size[n] for size in sizes) for n in (0, 1))
    if min(height, width) > 97:
        return 97, 64
    return (height | 1, width & ~1) if width > 1 else None


def smaller(graph: Graph, resized: Callable[[tuple[int, int]], Graph]) -> Graph:
    """The same net on small images where there is one, else the graph itself.

    `resized` gives it for another height and width of the images.
    """
    size = telling(graph)
    if size is None:
        return graph
    try:
        found = resized(size)
    except ArchspecError:
        return graph
    return found if alike(graph, found) else graph


def placed(path: Path, entry: str) -> Imported:
    """How a test beside a file imports from it; ArchspecError if that has no name.

    By ruff's own rule a module in the folder that it starts from, or in `src`, is a
    project's own; others are so only by a relative import.
    """
    name = path.stem
    if path.suffix != ".py" or not name.isidentifier() or iskeyword(name):
        hint = "give it a name such as resnet50.py"
        told = f"{path}: a test can't import a file of this name"
        raise ArchspecError(told, code="AS190", hint=hint)
    folder = path.resolve().parent
    if (folder / "__init__.py").exists():
        return Imported(f".{name}", entry, True)
    return Imported(name, entry, folder in (Path.cwd(), Path.cwd() / "src"))


def alike(graph: Graph, other: Graph) -> bool:
    """Whether two graphs differ in nothing but the sizes of images."""
    pairs = zip(graph.nodes, other.nodes, strict=False)
    return (
        len(graph.nodes) == len(other.nodes)
        and graph.parameters() == other.parameters()
        and all(
            (one.name, one.op, one.inputs) == (two.name, two.op, two.inputs)
            for one, two in pairs
        )
    )


def printed(
    graph: Graph,
    found: Recorded,
    code: str,
    imports: Mapping[str, str],
    tested: Imported,
) -> str:
    """The text of a test.

    Args:
        graph: the net.
        found: what was recorded.
        code: what a framework adds: the model and its tests.
        imports: for each name that code may read, its import statement.
        tested: how the tested file is imported.
    """
    rows = tuple(
        (name, Display((_tuple(shape), _tuple(sums)), "()"))
        for name, (shape, sums) in found.outputs.items()
    )
    images = tuple((name, _tuple(shape)) for name, shape in found.images.items())
    told = "logarithms" if found.logs else "values"
    constants = [
        f"PARAMETERS = {graph.parameter_count():_}",
        *assignment("IMAGES", Table(images), 0),
        *assignment("RECORDED", Table(rows), 0),
        f'"""Of each output its shape, and weighted sums of all its {told}."""',
        f"GAIN = {lit(found.gain)}",
    ]
    text = "\n\n\n".join(("\n".join(constants), DRAWN, code))
    top = (
        f'"""Tests {prose(graph.title or graph.name)}: '
        "its parameters, shapes, and what it computes.\n\n"
        "What training alone shows is not tested: dropout, momenta of norms, initial\n"
        'weights.\n"""\n\n'
    )
    known = {**COMMON, **imports}
    own = f"from {tested.module} import {tested.entry}"
    if not tested.apart:
        known[tested.entry] = own
    lines = import_lines(read_in(text), known)
    lines += f"\n\n{own}" if tested.apart else ""
    rest = f"{lines}\n\n{text}\n"
    return f"{top}{seal(fingerprint(graph), top + rest)}\n\n{rest}"


COMMON = {
    "NDArray": "from numpy.typing import NDArray",
    "np": "import numpy as np",
    "pytest": "import pytest",
    "sqrt": "from math import sqrt",
    "zlib": "import zlib",
}


def _tuple(items: Iterable[Any]) -> Doc:
    return Display(tuple(Code(lit(item)) for item in items), "()")


def _first(array: Array, channels_last: bool) -> Array:
    """Images as the definitions take them."""
    return array.transpose(0, 3, 1, 2) if channels_last and array.ndim == 4 else array


def _last(array: Array, channels_last: bool) -> Array:
    """Images as a framework gives them."""
    return array.transpose(0, 2, 3, 1) if channels_last and array.ndim == 4 else array
