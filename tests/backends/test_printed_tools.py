"""A printed model goes through its framework's own tools, from a committed file."""

from __future__ import annotations

import copy
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from nets import graph_of
from run_printed import module

from archspec.backend import backend
from archspec.source.program import execute

GOLDEN = Path(__file__).parents[1] / "golden"
NETS = {
    "resnet20": "ResNet20ForCIFAR",
    "resnet50": "ResNet50",
    "vgg16_bn": "VGG16BN",
    "keras_resnet50v2": "KerasResNet50V2",
}
HEAVY = [
    pytest.param(spec, marks=pytest.mark.proof)
    for spec in ("resnet50", "keras_resnet50v2")
]
LIGHT = pytest.mark.parametrize("spec", ["resnet20", *HEAVY])


@pytest.fixture
def imported() -> Iterator[Any]:
    """Imports printed files, as modules that pickle finds."""
    before = set(sys.modules)
    yield lambda spec, kind: getattr(
        module(str(GOLDEN / f"{spec}_{kind}.py")), NETS[spec]
    )
    for name in set(sys.modules) - before:
        if name.endswith(("_torch", "_keras")) and not name.startswith("archspec"):
            del sys.modules[name]


@pytest.fixture
def model(imported: Any, spec: str) -> torch.nn.Module:
    torch.manual_seed(0)
    made: torch.nn.Module = imported(spec, "torch")().eval()
    return made


def close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    found, wanted = found.detach(), wanted.detach()
    scale = float(wanted.abs().max())
    return scale > 0 and float((found - wanted).abs().max()) < 1e-4 * scale


IMAGES = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64).sin()


@LIGHT
def test_any_image_size(model: torch.nn.Module) -> None:
    for height, width in ((64, 64), (97, 65), (40, 129)):
        assert model(torch.zeros(1, 3, height, width)).shape[0] == 1


@LIGHT
def test_symbolic_trace(model: torch.nn.Module) -> None:
    traced = torch.fx.symbolic_trace(model)
    assert torch.equal(traced(IMAGES), model(IMAGES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@LIGHT
def test_export(model: torch.nn.Module) -> None:
    static = torch.export.export(model, (IMAGES,))
    assert close(static.module()(IMAGES), model(IMAGES))
    shape = {
        0: torch.export.Dim("batch"),
        2: torch.export.Dim("height", min=33, max=512),
        3: torch.export.Dim("width", min=33, max=512),
    }
    dynamic = torch.export.export(model, (IMAGES,), dynamic_shapes=(shape,))
    other = torch.rand(3, 3, 97, 80)
    assert close(dynamic.module()(other), model(other))


@LIGHT
def test_compile(model: torch.nn.Module) -> None:
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert close(compiled(IMAGES), model(IMAGES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.proof  # a C++ compiler's work, which can't link below a path with a space
@pytest.mark.parametrize("spec", ["resnet20"])
def test_compile_with_inductor(model: torch.nn.Module) -> None:
    compiled = torch.compile(model, fullgraph=True)
    assert close(compiled(IMAGES), model(IMAGES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@LIGHT
def test_onnx(model: torch.nn.Module, tmp_path: Path) -> None:
    program = torch.onnx.export(model, (IMAGES,), dynamo=True, verbose=False)
    assert program is not None
    program.save(str(tmp_path / "net.onnx"))
    onnx.checker.check_model(str(tmp_path / "net.onnx"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("spec", ["resnet20"])
def test_onnx_computes_the_same(model: torch.nn.Module) -> None:
    from onnx.reference import ReferenceEvaluator

    images = IMAGES[:1, :, :32, :32]
    program = torch.onnx.export(model, (images,), dynamo=True, verbose=False)
    assert program is not None
    session = ReferenceEvaluator(program.model_proto)
    name = session.input_names[0]
    (found,) = session.run(None, {name: images.numpy()})
    assert close(torch.from_numpy(np.array(found)), model(images))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_names_of_onnx_outputs_are_the_dicts_keys() -> None:
    """As the README has it; torch by itself calls them by its ops."""
    from onnx.reference import ReferenceEvaluator

    spec = """
inputs: {image: [3, 8, 8]}
graph: {a: {op: conv2d, channels: 4, kernel: 1}, b: relu, c: {op: max_pool2d, kernel: 2}}
outputs: {low: c, first: a, deep: b}
"""
    source = backend("torch").emit(graph_of(spec))
    model = getattr(execute(source), source.entry)().eval()
    images = IMAGES[:, :, :8, :8]
    wanted = model(images)
    names = [*wanted]
    program = torch.onnx.export(
        model, (images,), dynamo=True, verbose=False, output_names=names
    )
    assert program is not None
    session = ReferenceEvaluator(program.model_proto)
    assert session.output_names == names == ["low", "first", "deep"]
    found = session.run(None, {session.input_names[0]: images.numpy()})
    for name, array in zip(names, found, strict=True):
        assert close(torch.from_numpy(np.array(array)), wanted[name]), name


@LIGHT
def test_deepcopy_and_pickle(model: torch.nn.Module) -> None:
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(IMAGES), model(IMAGES))
        assert other.state_dict().keys() == model.state_dict().keys()


def test_a_pickle_is_read_in_another_process(imported: Any, tmp_path: Path) -> None:
    model = imported("resnet20", "torch")().eval()
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(model))
    torch.save(IMAGES, tmp_path / "images.pt")
    code = (
        "import pickle, torch\n"
        "model = pickle.load(open('net.pkl', 'rb'))\n"
        "torch.save(model(torch.load('images.pt')), 'out.pt')\n"
        "assert type(model).__module__ == 'resnet20_torch'\n"
    )
    (tmp_path / "resnet20_torch.py").write_text(
        (GOLDEN / "resnet20_torch.py").read_text()
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert torch.equal(torch.load(tmp_path / "out.pt"), model(IMAGES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@LIGHT
def test_keras_tools(
    imported: Any, spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = imported(spec, "keras")()
    model.summary()
    assert model.layers[-1].name in capsys.readouterr().out
    height, width, _ = model.input_shape[1:]
    images = IMAGES[:1].numpy().transpose(0, 2, 3, 1)
    images = np.resize(images, (1, height, width, 3)).astype("float32")
    wanted = keras.ops.convert_to_numpy(model(images))

    graph = keras.utils.model_to_dot(model)
    names = {node.get_name().strip('"') for node in graph.get_nodes()}
    assert {str(id(layer)) for layer in model.layers} <= names
    if shutil.which("dot"):  # graphviz is no package of Python
        keras.utils.plot_model(model, str(tmp_path / "net.png"))
        assert (tmp_path / "net.png").stat().st_size > 1000

    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(keras.ops.convert_to_numpy(loaded(images)), wanted)

    model.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(tmp_path / "saved")
    error = np.linalg.norm(saved.serve(images).numpy() - wanted)
    assert error <= 1e-5 * np.linalg.norm(wanted)


@LIGHT
def test_keras_takes_any_image_size(imported: Any, spec: str) -> None:
    takes_any_size(imported(spec, "keras"))


def takes_any_size(make: Any) -> None:
    """A model without a size computes what one for the image's size does."""
    free = make(input_shape=(None, None, 3))
    draw = np.random.default_rng(0)
    for height, width in ((64, 64), (97, 65)):
        fixed = make(input_shape=(height, width, 3))
        fixed.set_weights(free.get_weights())
        image = draw.normal(size=(1, height, width, 3)).astype("float32")
        wanted = np.array(fixed(image))
        assert np.linalg.norm(free(image) - wanted) <= 1e-6 * np.linalg.norm(wanted)


@pytest.mark.parametrize(
    "last",
    [
        *("scale: 2", "mode: bilinear, scale: [3, 2]"),
        *("from: [conv, input]", "mode: bilinear, from: [conv, input]"),
        "mode: bilinear, from: [input, conv]",
    ],
)
def test_resizing_takes_any_image_size(last: str) -> None:
    source = backend("keras").emit(graph_of(STATIC % f"{{op: resize, {last}}}"))
    takes_any_size(getattr(execute(source), source.entry))


STATIC = """
inputs: {image: [3, 32, 32]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  last: %s
"""


@pytest.mark.parametrize(
    "last",
    [
        "{op: max_pool2d, kernel: 2, padding: 1, ceil_mode: true}",
        "{op: avg_pool2d, kernel: 3, padding: 1, count_include_pad: false}",
        "{op: resize, scale: 1.5}",
        "flatten\n  fc: {op: linear, features: 3}",
    ],
)
def test_a_keras_net_that_needs_a_size_says_so(last: str) -> None:
    source = backend("keras").emit(graph_of(STATIC % last))
    make = getattr(execute(source), source.entry)
    with pytest.raises(ValueError, match="needs an input_shape with a height and"):
        make(input_shape=(None, None, 3))
    for height, width in ((32, 32), (19, 45)):
        model = make(input_shape=(height, width, 3))
        assert model(np.ones((1, height, width, 3), "float32")).shape[0] == 1
