"""Every layout of the table goes into every backend as its own library has it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import numpy as np
import pytest
import torch
from commands import done
from layouts.containers import CLASSES, SIZE, WIDTHS, computed, images, net, spec
from layouts.layout import MARK, PAGE, Layout, all_layouts, table
from proofs import sampled

from archspec.backend import Backend, backend
from archspec.fingerprint import fingerprint
from archspec.graph import Graph
from archspec.spec import Spec
from archspec.weights import hdf5, initial_weights, load

MOST: dict[Literal["float32", "float64"], float] = {"float32": 1e-6, "float64": 1e-12}


@cache
def _model(
    kind: str, dtype: Literal["float32", "float64"], graph: Graph
) -> tuple[Backend, Any]:
    """A model for all files of a net: to build one takes longer than to fill it."""
    chosen = backend(kind)
    weights = initial_weights(graph, 0, dtype)
    return chosen, chosen.build(graph, weights, dtype=dtype)


_NETS: dict[str, Spec] = {}


def _shared(spec: Spec) -> Graph:
    """One graph for equal nets, so that they share a model."""
    return _NETS.setdefault(fingerprint(spec.graph), spec).graph


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this test do no harm: no process of its own looks at them first."""
    monkeypatch.setattr(hdf5, "_survives", lambda path: True)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("dtype", sampled(MOST, ["float64"]))
@pytest.mark.parametrize("row", all_layouts(), ids=lambda row: row.make.__name__)
def test_a_layout(
    row: Layout, dtype: Literal["float32", "float64"], tmp_path: Path
) -> None:
    held = row.make(tmp_path)
    assert float(np.abs(held.outputs).max()) > 1e-3, "a net that says nothing"
    graph = _shared(held.spec)
    weights = load(held.path, held.spec.graph, wish=held.wish, **dict(held.read))
    [name], [output] = held.spec.graph.inputs, held.spec.graph.outputs
    for kind in ("torch", "keras"):
        chosen, model = _model(kind, dtype, graph)
        chosen.write_weights(graph, model, weights)
        given = {name: held.images.astype(dtype)}
        found = chosen.forward(graph, model, given)[output]
        away = np.linalg.norm(found - held.outputs)
        assert away <= MOST[dtype] * np.linalg.norm(held.outputs), kind


def test_the_page_has_the_table() -> None:
    assert PAGE.read_text().split(MARK)[1].strip() == table()
    titles = [row.title for row in all_layouts()]
    assert len(set(titles)) == len(titles)


SET = (
    *("--set", "depths=[1, 1, 1, 1]", "--set", f"widths={[*WIDTHS]}"),
    *("--set", f"num_classes={CLASSES}", "--input-size", f"{SIZE[0]}x{SIZE[1]}"),
)
WRITTEN = [row for row in all_layouts() if row.written]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.make.__name__)
def test_what_is_written(
    row: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool that a layout comes from reads what the options of the table write."""
    monkeypatch.chdir(tmp_path)
    torch.save(net().state_dict(), "w.pth")
    options = row.written.replace("2GB", "100KB").split()
    dtype = options[1] if options[0] == "--dtype" else "float32"
    wanted = computed(net().to(getattr(torch, dtype)), images())
    given: tuple[str, ...] = ("weights", "convert", "w.pth", "--spec", "resnet18")
    if options[-1].endswith(".pt2"):
        given = ("build", "resnet18", "-b", "torch", "--weights", "w.pth")
    text = done(*given, *SET, *options)
    if options[-1] == "f.h5":
        model = spec().build("keras")
        model.load_weights("f.h5")
    else:
        space: dict[str, Any] = {}
        exec(dedent(text.partition("to load it:\n")[2]), space)
        model = space["model"]
    graph = spec().graph
    [name], [output] = graph.inputs, graph.outputs
    kind = "torch" if options[-1].endswith((".pth", ".safetensors")) else "keras"
    given_images = images().astype("float32")
    if options[-1].endswith(".pt2"):
        found = model(torch.from_numpy(given_images)).detach().numpy()
    else:
        found = backend(kind).forward(graph, model, {name: given_images})[output]
    away = np.linalg.norm(found - wanted)
    assert away <= MOST["float32"] * np.linalg.norm(wanted)
