"""A printed test of a printed file: counts, shapes, and numbers that were recorded.

The numbers are what the net computes with weights that are fixed by their names. They
are recorded with the definitions of the ops (`archspec.reference`), without a framework
at hand; the test computes them with the printed file, in double precision. What fixes
the weights, `DRAWN`, is printed text that is run here as well, so that the two can't
differ.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from archspec.source.family import Family
from archspec.source.layout import assignment
from archspec.source.literal import lit
from archspec.source.module import import_lines, read_in
from archspec.source.project import seal
from archspec.source.text import Code, Display, Doc, Table, prose

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
        module, entries: the module, and what makes each model there.
        apart: whether that import stands apart, as ruff has those of a project's own.
    """

    module: str
    entries: tuple[str, ...]
    apart: bool

    @property
    def entry(self) -> str:
        """What makes the only model, or the first."""
        return self.entries[0]


def record(
    graph: Graph,
    weights: Iterable[Weight],
    factor: float,
    *,
    channels_last: bool = False,
) -> Recorded:
    """Runs a graph; BackendError where it computes no finite numbers.

    `factor` is what the factors of norms lie around.
    """
    import numpy as np

    from archspec.reference import evaluate

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


def gain(graphs: Sequence[Graph]) -> float:
    """What the factors of norms lie around: less than 1 where many branches are added.

    So many sums of two branches, with two norms or more in each, don't grow without
    bound.
    """
    sums = max(sum(n.op.kind == "add" for n in graph.nodes) for graph in graphs)
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


def recorded(
    small: Sequence[Graph],
    weights: Callable[[Graph], Iterable[Weight]],
    *,
    channels_last: bool = False,
) -> list[Recorded]:
    """What is recorded of each net of a file; BackendError where one test can't be."""
    factor, last = gain(small), channels_last
    found = [record(g, weights(g), factor, channels_last=last) for g in small]
    for graph, other in zip(small, found, strict=True):
        one = found[0]
        if (one.images, one.logs, [*one.outputs]) != (
            other.images,
            other.logs,
            [*other.outputs],
        ):
            raise BackendError(
                f"{graph.name!r} has other images or outputs than {small[0].name!r}",
                code="AS516",
                hint="print it, and its test, into files of their own",
            )
    return found


def placed(path: Path, entries: tuple[str, ...]) -> Imported:
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
        return Imported(f".{name}", entries, True)
    return Imported(name, entries, folder in (Path.cwd(), Path.cwd() / "src"))


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
    graphs: Sequence[Graph],
    found: Sequence[Recorded],
    code: str,
    imports: Mapping[str, str],
    tested: Imported,
) -> str:
    """The text of a test.

    Args:
        graphs: the net, or all nets of a file.
        found: what was recorded of each.
        code: what a framework adds: the model and its tests.
        imports: for each name that code may read, its import statement.
        tested: how the tested file is imported.
    """
    told = "logarithms" if found[0].logs else "values"
    constants = [
        *_constant("PARAMETERS", graphs, map(_count, graphs)),
        *assignment("IMAGES", _images(found[0]), 0),
        *_constant("RECORDED", graphs, map(_outputs, found)),
        f'"""Of each output its shape, and weighted sums of all its {told}."""',
        f"GAIN = {lit(found[0].gain)}",
    ]
    if len(graphs) > 1:
        # What else a test imports comes behind them.
        pairs = zip(graphs, tested.entries[: len(graphs)], strict=True)
        rows = tuple((graph.name, Code(entry)) for graph, entry in pairs)
        constants += assignment("BUILDERS", Table(rows), 0)
    text = "\n\n\n".join(("\n".join(constants), DRAWN, code))
    top = (
        f'"""Tests {prose(_title(graphs))}: '
        "its parameters, shapes, and what it computes.\n\n"
        "What training alone shows is not tested: dropout, momenta of norms, initial\n"
        'weights.\n"""\n\n'
    )
    known = {**COMMON, **imports}
    own = {name: f"from {tested.module} import {name}" for name in tested.entries}
    if not tested.apart:
        known |= own
    lines = import_lines(read_in(text), known)
    lines += f"\n\n{import_lines({*own}, own)}" if tested.apart else ""
    rest = f"{lines}\n\n{text}\n"
    whole = Family(tuple(graphs)).fingerprint() if len(graphs) > 1 else ""
    return f"{top}{seal(whole or fingerprint(graphs[0]), top + rest)}\n\n{rest}"


def _title(graphs: Sequence[Graph]) -> str:
    """What the nets are called together."""
    if len(graphs) == 1:
        return graphs[0].title or graphs[0].name
    return Family(tuple(graphs)).title


def _constant(name: str, graphs: Sequence[Graph], told: Iterable[Doc]) -> list[str]:
    """What is said of the net, or of each net by its name."""
    rows = tuple((g.name, doc) for g, doc in zip(graphs, told, strict=True))
    return assignment(name, rows[0][1] if len(rows) == 1 else Table(rows), 0)


def _count(graph: Graph) -> Doc:
    return Code(f"{graph.parameter_count():_}")


def _images(found: Recorded) -> Doc:
    return Table(tuple((name, _tuple(shape)) for name, shape in found.images.items()))


def _outputs(found: Recorded) -> Doc:
    return Table(
        tuple(
            (name, Display((_tuple(shape), _tuple(sums)), "()"))
            for name, (shape, sums) in found.outputs.items()
        )
    )


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
