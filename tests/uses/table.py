"""Tables of docs/uses.md for Flax and ONNX: a row a net, a cell a use."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from uses.keras_uses import NETS as CHANGED

import archspec
from archspec.backend import backend

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "uses.md"
SIZE = 64
NETS: dict[str, dict[str, Any]] = {name: made for name, (made, _) in CHANGED.items()}
"""Narrow variants, by specs."""
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Net:
    """A net that a use gets: its printed module, weights, images and what torch gives.

    Attributes:
        spec: the net.
        entry: what the printed file defines.
        weights: canonical ones.
        folder: for files.
    """

    spec: archspec.Spec
    entry: Callable[..., Any]
    weights: Arrays
    folder: Path

    def images(self, count: int = 4, size: tuple[int, int] = (SIZE, SIZE)) -> Any:
        """Images, channels first."""
        draw = np.random.default_rng(1)
        return draw.normal(size=(count, 3, *size)).astype("float32")

    def wanted(self, images: Any) -> NDArray[Any]:
        """What a torch model of the spec makes of them."""
        import torch

        with torch.no_grad():
            made = self.spec.build("torch", weights=self.weights).eval()
            return np.asarray(made(torch.from_numpy(images)))


def agree(found: Any, wanted: NDArray[Any], most: float = 1e-4) -> None:
    """Raises where an output is off by more than a share of its size."""
    one = np.asarray(found).astype("float64")
    if one.shape != wanted.shape:
        raise AssertionError(f"{one.shape}, not {wanted.shape}")
    size = float(np.linalg.norm(wanted))
    away = float(np.linalg.norm(one - wanted))
    if not 0 < size < np.inf or not away <= most * size:
        raise AssertionError(f"{away / size:.2g} off")


@contextmanager
def printed(kind: str, name: str) -> Iterator[Net]:
    """A net's printed file, imported, with weights of the seed and moved statistics."""
    from run_printed import module

    spec = archspec.load(name, size=SIZE, **NETS[name])
    source = spec.codegen(kind)
    weights = archspec.weights.initial_weights(spec.graph, 0)
    draw = np.random.default_rng(0)
    for key, array in weights.items():
        if key.endswith("running_var"):
            array *= draw.uniform(0.5, 1.5, array.shape).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"printed_{name}.py"
        path.write_text(source.text, encoding="utf-8")
        made = getattr(module(str(path)), source.entry)
        yield Net(spec, made, weights, Path(folder))


def row(
    kind: str, name: str, uses: Mapping[str, Callable[[Net], None]]
) -> dict[str, str]:
    """For each use of a net: nothing, or why it failed."""
    backend(kind).start()
    found = {}
    with printed(kind, name) as net:
        for use, run in uses.items():
            try:
                run(net)
                found[use] = ""
            except Exception as error:  # whatever a tool raises stands below the table
                said = [*filter(None, map(str.strip, str(error).splitlines())), ""]
                found[use] = f"{type(error).__name__}: {said[0][:200]}"
            print(name, use, found[use] or "ok", file=sys.stderr, flush=True)
    return found


def apart(module: str, name: str) -> dict[str, str]:
    """The row of a net in a process of its own, by `python -m module name`."""
    made = subprocess.run(
        [sys.executable, "-m", module, name],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path]),
        },
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    pairs = [line.partition("\t")[::2] for line in made.stdout.splitlines()]
    return dict(pairs)


def table(
    mark: str, about: str, uses: Sequence[str], rows: Mapping[str, Mapping[str, str]]
) -> str:
    """The section of the page, reasons below it."""
    notes: dict[str, int] = {}
    lines = [f"| net | {' | '.join(uses)} |", f"|---|{'---|' * len(uses)}"]
    for name, found in rows.items():
        cells = []
        for use in uses:
            reason = found[use]
            number = notes.setdefault(reason, len(notes) + 1) if reason else 0
            cells.append(f"no ({number})" if reason else "ok")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    told = [f"{number}. {reason}" for reason, number in notes.items()]
    parts = [about, "", *lines, *(["", *told] if told else [])]
    return "\n".join([mark, *parts, mark])


def main(
    module: str,
    kind: str,
    mark: str,
    about: str,
    uses: Mapping[str, Callable[[Net], None]],
    names: Sequence[str] = (*NETS,),
) -> None:
    """Prints the row of a net, or runs all and writes the page's section."""
    if len(sys.argv) > 1:
        for use, why in row(kind, sys.argv[1], uses).items():
            print(f"{use}\t{why}")
        return
    rows = {name: apart(module, name) for name in names}
    before, _, after = PAGE.read_text(encoding="utf-8").split(mark)
    text = before + table(mark, about, [*uses], rows) + after
    PAGE.write_text(text, encoding="utf-8")


def cells(mark: str) -> dict[str, list[str]]:
    """The rows that stand on the page."""
    text = PAGE.read_text(encoding="utf-8").split(mark)[1]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[*map(str.strip, line.strip("|").split("|"))] for line in lines]
    return {name: found for name, *found in rows}
