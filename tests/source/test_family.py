"""archspec.source.family: several nets in one file, each as by itself."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_families
import torch
from nets import graph_of
from proofs import sampled
from random_specs import numbered
from random_specs_checks import Case
from random_specs_text import written

import archspec
from archspec.backend import backend, emit_family
from archspec.errors import BackendError
from archspec.source.family import Family
from archspec.source.program import Source, execute
from archspec.weights.nnx import places

TESTS = Path(__file__).parents[1]
RESNETS = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]
VGGS = [
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "vgg11_bn",
    "vgg13_bn",
    "vgg16_bn",
    "vgg19_bn",
]
FAMILIES = {
    "resnet": RESNETS,
    "vgg": VGGS,
    "cifar": ["resnet20", "resnet32", "resnet20_b", "resnet164"],
    "deep": ["resnet18d", "resnet50d", "resnet50t", "resnet50s"],
    "squeezed": ["seresnet18", "seresnet50", "seresnext50_32x4d"],
    "preactivated": ["resnetv2_18", "resnetv2_50", "resnetv2_101"],
    "keras": ["keras_resnet50", "keras_resnet101", "keras_resnet152"],
    "wide": ["wrn_16_8", "wrn_28_10"],
    "others": ["resnet18", "vgg11", "fpn_resnet50"],
}
CHAIN = """
params: {depth: 2, widths: [4, 8], in_channels: 3, act: relu}
inputs: {image: [=in_channels, 8, 8]}
blocks:
  unit:
    params: {channels: int}
    graph: [{op: conv2d, channels: =channels, kernel: 3, padding: 1}, {op: =act}]
  stage:
    params: {channels: int}
    graph: [{block: unit, repeat: =depth, channels: =channels}]
graph:
  stage{index}: {block: stage, repeat: =len(widths), channels: "=widths[index]"}
"""


@cache
def codegen(kind: str, *names: str) -> Source:
    """A file of several nets; ten tests read that of the ResNets."""
    return archspec.codegen([*names], kind)


def text(names: list[str], kind: str = "torch") -> str:
    return codegen(kind, *names).text


def module(names: list[str], kind: str = "torch") -> Any:
    return execute(codegen(kind, *names))


def state(model: Any) -> dict[str, Any]:
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    "family", sampled(FAMILIES, ["resnet", "vgg", "squeezed", "others"])
)
def test_each_builder_makes_its_net(family: str) -> None:
    found = module(FAMILIES[family])
    for name in FAMILIES[family]:
        graph = archspec.load(name).graph
        with torch.device("meta"):
            model = getattr(found, name)()
        stored = {**graph.parameters(), **graph.buffers()}
        made = {k: v for k, v in state(model).items() if "num_batches" not in k}
        assert made == stored, name


@pytest.mark.parametrize("name", FAMILIES["cifar"][:3])
def test_a_net_of_a_family_starts_and_computes_as_by_itself(name: str) -> None:
    single = archspec.codegen(name, "torch")
    torch.manual_seed(3)
    one = getattr(execute(single), single.entry)().eval()
    torch.manual_seed(3)
    other = getattr(module(FAMILIES["cifar"]), name)().eval()
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
    image = torch.randn(2, 3, 32, 32)
    assert torch.equal(one(image), other(image))


@pytest.mark.parametrize(
    "name", sampled(RESNETS, ["resnet18", "resnext50_32x4d", "wide_resnet50_2"])
)
def test_arguments_of_builders(name: str) -> None:
    graph = archspec.load(name, num_classes=7, in_channels=1).graph
    with torch.device("meta"):
        model = getattr(module(RESNETS), name)(7, in_channels=1)
    assert {k: v for k, v in state(model).items() if k in graph.parameters()} == (
        graph.parameters()
    )


def test_signatures() -> None:
    source = text(VGGS)
    rest = "num_classes: int = 1000, *, dropout: float = 0.5, in_channels: int = 3"
    assert f"def vgg11_bn(\n    {rest}\n) -> VGG:" in source
    assert "        norm: bool = False,\n" in source


def lines_of_code(source: str, *, without: list[str]) -> int:
    """Lines of classes and functions, but for docstrings and some functions."""
    lines, found = source.splitlines(), 0
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name in without:
            continue
        told: set[int] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.ClassDef | ast.FunctionDef):
                first = part.body[0]
                if ast.get_docstring(part):
                    told |= {*range(first.lineno, (first.end_lineno or 0) + 1)}
        numbers = range(node.lineno, (node.end_lineno or 0) + 1)
        found += sum(n not in told and bool(lines[n - 1].strip()) for n in numbers)
    return found


@pytest.mark.parametrize(("names", "file"), [(RESNETS, "resnet"), (VGGS, "vgg")])
def test_a_family_is_no_longer_than_the_librarys(names: list[str], file: str) -> None:
    """Than torchvision's classes and functions, but for builders."""
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None and spec.origin is not None
    theirs = (Path(spec.origin).parent / "models" / f"{file}.py").read_text()
    tree = ast.parse(theirs)
    named = [n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    rest = [node.name for node in named if node.name.endswith(("_Weights", "_resnet"))]
    wanted = lines_of_code(theirs, without=[*names, *rest])
    assert wanted == {"resnet": 209, "vgg": 59}[file]
    assert lines_of_code(text(names), without=names) <= wanted


def test_models_of_one_text_are_told_apart_by_what_they_are_made_of() -> None:
    found = module(["resnet18", "resnet34", "resnet50"])
    assert type(found.resnet18()).__name__ == "BasicBlockResNet"
    assert type(found.resnet34()) is type(found.resnet18())
    assert type(found.resnet50()).__name__ == "BottleneckResNet"
    found = module(["resnet50", "resnet101"])
    assert type(found.resnet50()).__name__ == "ResNet"


def test_a_list_of_one_length_has_that_length() -> None:
    assert "depths: tuple[int, int, int, int]," in text(["resnet18", "resnet34"])
    shorter = graph_of(CHAIN.replace("[4, 8]", "[4, 8, 16]"))
    graphs = [graph_of(CHAIN), shorter, graph_of(CHAIN.replace("[4, 8]", "[8, 8]"))]
    assert "for i, channels in enumerate(widths):" in printed(graphs)


def printed(graphs: list[Any], kind: str = "torch") -> str:
    named = [replace(graph, name=f"net{n}") for n, graph in enumerate(graphs)]
    return emit_family(backend(kind), named).text


def test_an_op_may_be_what_tells_nets_apart() -> None:
    other = graph_of(CHAIN.replace("act: relu", "act: silu"))
    found = printed([graph_of(CHAIN), other])
    assert "act: type[nn.Module] = nn.ReLU" in found
    assert "nn.SiLU" in found


@pytest.mark.parametrize("names", [["resnet20", "resnet32"], ["resnet50", "resnet101"]])
def test_keras(names: list[str]) -> None:
    source = text(names, "keras")
    assert source.count("-> keras.Model:") == len(names) + 1
    graphs = {name: archspec.load(name).graph for name in names}
    for name, graph in graphs.items():
        assert f'name: str = "{name}"' in source
        assert f"{graph.parameter_count():,} parameters" in source


def test_two_nets_of_one_name() -> None:
    graph = archspec.load("resnet20").graph
    with pytest.raises(BackendError, match="two nets of one file are called"):
        Family((graph, graph))


def test_a_net_that_gives_what_it_reads() -> None:
    graph = replace(archspec.load("resnet20").graph, outputs={"": "image"})
    with pytest.raises(BackendError, match="gives an input of its own"):
        Family((graph,))


def test_parts_that_start_unlike() -> None:
    body = "graph: [{op: linear, features: 3, init: {weight: %s}}, {op: linear, features: 3}]"
    inputs = "inputs: {x: [4]}\n"
    graphs = [graph_of(inputs + body % value) for value in ("zeros", "ones")]
    with pytest.raises(BackendError, match="starts unlike"):
        printed(graphs)


def test_a_backend_that_prints_one_net_a_file() -> None:
    class Alone:
        name = "alone"

    with pytest.raises(BackendError, match="prints one net a file"):
        emit_family(Alone(), [])  # type: ignore[arg-type]  # no backend


def test_any_net_changes_the_fingerprint() -> None:
    def number(*names: str) -> str:
        return Family(tuple(archspec.load(name).graph for name in names)).fingerprint()

    assert len({number("resnet20"), number("resnet20", "vgg11"), number("vgg11")}) == 3
    assert number("vgg11", "resnet20") != number("resnet20", "vgg11")


@pytest.mark.parametrize("count", sampled([4, 20], [4]))
def test_random_families(count: int) -> None:
    """On Keras' torch engine, which makes a layer in half of TensorFlow's time."""
    command = [sys.executable, str(TESTS / "random_specs_run.py"), "0", str(count)]
    done = subprocess.run(
        [*command, "--families", "--types", "2"],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_random_families_on_others() -> None:
    command = [sys.executable, str(TESTS / "random_specs_run.py"), "0", "3"]
    done = subprocess.run(
        [*command, "--families", "--backends", "onnx"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "names",
    sampled([FAMILIES["cifar"], ["resnet18", "vgg11"]], [["resnet18", "vgg11"]]),
)
def test_flax(names: list[str]) -> None:
    """Each builder takes what it draws from, and makes its net's weights."""
    from flax import nnx

    found = archspec.codegen(names, "flax")
    for name in names:
        graph = archspec.load(name, num_classes=7, in_channels=1).graph
        make = getattr(execute(found), name)
        model = nnx.eval_shape(lambda: make(7, in_channels=1, rngs=nnx.Rngs(0)))  # noqa: B023  # called at once
        state = nnx.to_flat_state(nnx.state(model, nnx.Not(nnx.RngState)))
        made = {".".join(map(str, path)): value.shape for path, value in state}
        wanted = {
            place.path: place.into(np.empty(place.shape, "V0")).shape
            for place in places(graph)
        }
        assert made == wanted, name


@pytest.mark.parametrize("kind", ["torch", "keras"])
@pytest.mark.parametrize("family", ["resnet", "vgg"])
def test_golden_files(family: str, kind: str) -> None:
    path = TESTS / "golden" / "families" / f"{family}_{kind}.py"
    assert text(FAMILIES[family], kind) == path.read_text()


@pytest.mark.parametrize("number", [900156])
def test_families_that_failed_once(number: int) -> None:
    """Random ones: a formula of an input's channels reads what is no param."""
    case = Case(written(numbered(number)))
    assert random_families.check(case, number, "torch") is not None
