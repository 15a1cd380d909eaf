"""archspec_torch.backend: models that are built, filled, run, and saved."""

from __future__ import annotations

import gc
import linecache
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import archspec_torch
import numpy as np
import pytest
import safetensors.numpy
import torch
import two_images
from archspec_torch.backend import TorchBackend, _undrawn
from archspec_torch.devices import placed
from nets import Arrays, cotangents, graph_of, images, randomised

import archspec
from archspec.errors import ArchspecError, BackendError, UnsupportedError
from archspec.graph import Graph
from archspec.passes.fold_norms import without_norms
from archspec.passes.with_outputs import with_outputs
from archspec.source.family import Family
from archspec.weights import initial_weights

SPEC = """
params: {width: 4}
inputs: {image: [3, 6, 5]}
graph:
  conv: {op: conv2d, channels: =width, kernel: 3}
  bn: batch_norm
  drop: {op: dropout, rate: 0.5}
  fc: {op: linear, features: 2, from: pool}
""".replace("  fc:", "  pool: global_avg_pool2d\n  fc:").replace(", from: pool", "")
GRAPH = graph_of(SPEC)
TWO = graph_of(two_images.TWO)
BACKEND = TorchBackend()


def built(graph: Graph = GRAPH, **options: Any) -> tuple[Any, Arrays]:
    weights = randomised(graph)
    copies = {name: array.copy() for name, array in weights.items()}
    return BACKEND.build(graph, copies, **{"dtype": "float64"} | options), weights


def same(left: Arrays, right: Arrays) -> bool:
    return list(left) == list(right) and all(
        np.array_equal(left[name], right[name]) for name in right
    )


def by_hand(weights: Arrays, image: Any) -> Any:
    """The net's output in eval mode."""
    w = {name: torch.from_numpy(array) for name, array in weights.items()}
    x = torch.nn.functional.conv2d(image, w["conv.weight"], w["conv.bias"])
    x = torch.nn.functional.batch_norm(
        x, w["bn.running_mean"], w["bn.running_var"], w["bn.weight"], w["bn.bias"]
    )
    return torch.nn.functional.linear(x.mean((2, 3)), w["fc.weight"], w["fc.bias"])


def test_what_it_says_of_itself() -> None:
    found = archspec_torch.backend
    assert isinstance(found, TorchBackend) and not found.channels_last
    assert (found.name, found.framework) == ("torch", "torch")
    assert found.install == "archspec-nn[torch]" and found.running_var == "unbiased"
    assert found.files == (".safetensors", ".pth", ".pt2") and found.initialises is True
    assert found.engines == ("", "channels_last")
    own = {name for name in dir(torch.nn.Module) if not name.startswith("_")}
    assert own <= found.reserved


def test_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not BACKEND.on("", "float32").channels_last
    assert BACKEND.on("channels_last", "float64").channels_last
    assert not TorchBackend(channels_last=True).on("", "float32").channels_last
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ArchspecError, match="archspec-nn\\[torch\\]"):
        BACKEND.on("", "float32")


def test_starting_imports_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    BACKEND.start()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError):
        BACKEND.start()


def of_one(name: str) -> Graph:
    """A net of one layer, by a name that a file can't have."""
    graph = graph_of("inputs: {image: [3, 8, 8]}\ngraph: {norm: batch_norm}")
    (norm,) = graph.nodes
    norm = replace(norm, name=name, slot=name)
    return replace(graph, nodes=(norm,), outputs={"": name})


def test_what_is_refused_before_anything_is_printed() -> None:
    odd = graph_of("""
inputs: {image: [3, 8, 8]}
graph:
  pool: {op: max_pool2d, kernel: 3, padding: [[0, 1], [0, 0]], ceil_mode: true}
""")
    with pytest.raises(UnsupportedError, match=r"PyTorch.*ceil_mode doesn't go with"):
        BACKEND.emit(odd)
    named = of_one("train")
    with pytest.raises(ArchspecError, match=r"'train'.*torch\.nn\.Module"):
        BACKEND.emit(named)


def test_only_a_backend_that_loads_prints_a_loader() -> None:
    """Of one net and of several, and beside features; images lie as they did."""
    family = Family((GRAPH, replace(GRAPH, name="other")))
    last = TorchBackend(channels_last=True)
    for chosen, loads in ((last, False), (last.loading(), True)):
        assert chosen.channels_last
        for source in (
            chosen.emit(GRAPH),
            chosen.emit_family(family),
            chosen.emit_tapped(TAPPED, BOTH),
        ):
            assert ("def load_weights(" in source.text) is loads
    assert "def load_weights(model: nn.Module, name: str)" in (
        last.loading().emit_family(family).text
    )


TAPPED = replace(GRAPH, taps={"c1": "conv"})
BOTH = with_outputs(TAPPED, {"output": "fc", "c1": "conv"})
"""The net with its tap behind its output."""


def test_a_file_with_features_has_a_name_less() -> None:
    """A node may be called as what gives the features is, but not beside it."""
    assert "def forward_features" in BACKEND.emit_tapped(TAPPED, BOTH).text
    assert "def forward_features" not in BACKEND.emit(TAPPED).text
    named = graph_of(
        "inputs: {image: [3, 8, 8]}\ngraph: {forward_features: batch_norm, n: tanh}"
        "\ntaps: {c1: n}"
    )
    assert "self.forward_features" in BACKEND.emit(named).text
    with pytest.raises(UnsupportedError, match=r"'forward_features' is torch\.nn"):
        BACKEND.emit_tapped(named, with_outputs(named, {"output": "n", "c1": "n"}))


@pytest.mark.parametrize("odd", [0, 1])
def test_every_net_of_a_family_is_looked_at(odd: int) -> None:
    named = of_one("train")
    graphs = [GRAPH, GRAPH]
    graphs[odd] = replace(named, name="other")
    with pytest.raises(UnsupportedError, match="'train' is torch"):
        BACKEND.emit_family(Family(tuple(graphs)))


def test_a_net_for_inference_says_so() -> None:
    """Also among others; it is built in eval mode, with images as they run fastest."""
    folded = without_norms(GRAPH)
    assert "ForInference" in BACKEND.emit(folded).text
    assert "ForInference" not in BACKEND.emit(GRAPH).text
    both = Family((GRAPH, replace(folded, name="other")))
    assert "ForInference" in BACKEND.emit_family(both).text
    model, _ = built(folded)
    assert not model.training
    assert model.conv.weight.is_contiguous(memory_format=torch.channels_last)
    model, _ = built()
    assert model.training and model.conv.weight.is_contiguous()


def test_a_built_model_has_its_weights() -> None:
    model, weights = built()
    state = model.state_dict()
    assert set(state) == {*weights, "bn.num_batches_tracked"}
    assert all(np.array_equal(state[name].numpy(), weights[name]) for name in weights)
    assert state["bn.num_batches_tracked"] == 0
    assert {name for name, _ in model.named_parameters()} == set(GRAPH.parameters())
    assert all(p.requires_grad for p in model.parameters())
    assert all(not tensor.is_meta for tensor in state.values())


def test_its_memory_is_the_arrays() -> None:
    weights = {k: v.astype("float32") for k, v in randomised(GRAPH).items()}
    model = BACKEND.build(GRAPH, weights)
    weights["conv.bias"][0] = 17
    assert model.state_dict()["conv.bias"][0] == 17
    assert {t.dtype for t in model.parameters()} == {torch.float32}


def test_dtypes_and_devices() -> None:
    half, weights = built(dtype="float16", device="cpu")
    assert half.conv.weight.dtype == torch.float16
    assert np.array_equal(
        half.fc.bias.detach().numpy(), weights["fc.bias"].astype("float16")
    )


@pytest.mark.parametrize(
    "device", ["nosuch", "cuda:99", "cpu:x", "", "meta", "privateuseone", [], 5.5]
)
def test_a_device_that_is_not_there(device: Any) -> None:
    """Nor has one a model's weights that keeps no values."""
    with pytest.raises(BackendError, match="has no device") as caught:
        built(device=device)
    assert caught.value.code == "AS517"
    assert (caught.value.hint or "").startswith("there are cpu")


def test_the_devices_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a kind that this torch doesn't know, or can't use now, there are none."""
    for kind, there, count in (("cuda", True, 2), ("mps", False, 1)):
        module = getattr(torch, kind)
        monkeypatch.setattr(module, "is_available", lambda there=there: there)
        monkeypatch.setattr(module, "device_count", lambda count=count: count)
    monkeypatch.delattr(torch, "xpu", raising=False)
    with pytest.raises(BackendError, match="torch has no device 'nosuch'") as caught:
        placed("nosuch")
    assert caught.value.hint == "there are cpu, cuda:0, cuda:1"
    assert placed(None) is None and placed("cpu") == torch.device("cpu")


def test_another_source_and_arguments() -> None:
    source = BACKEND.emit(GRAPH)
    wider = graph_of(SPEC, width=6)
    weights = randomised(wider)
    model = BACKEND.build(wider, weights, source=source, arguments={"width": 6})
    assert model.conv.weight.shape == (6, 3, 3, 3)
    with pytest.raises(ArchspecError, match="conv"):
        BACKEND.build(wider, weights, source=source)


def test_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Initial values are written afterwards; the generator is left alone."""
    before = torch.get_rng_state()
    spec = """
inputs: {image: [3, 4, 4]}
graph:
  a: {op: conv2d, channels: 2, kernel: 1, init: {weight: {normal: {std: 1.0}}}}
  b: {op: conv2d, channels: 2, kernel: 1, init: {weight: {uniform: {a: 0.0, b: 1.0}}}}
"""
    built(graph_of(spec))
    assert torch.equal(torch.get_rng_state(), before)
    layer = torch.nn.Linear(2, 2)
    with _undrawn():
        weight = layer.weight.detach().clone()
        assert torch.nn.init.normal_(layer.weight) is layer.weight
        assert torch.nn.init.uniform_(tensor=layer.weight) is layer.weight
        assert torch.equal(layer.weight, weight)
        assert torch.equal(torch.add(weight, 1), torch.add(weight, other=1))
        assert torch.nn.init.zeros_(layer.bias).sum() == 0


def test_channels_last() -> None:
    last = TorchBackend(channels_last=True)
    weights = randomised(GRAPH)
    model = last.build(GRAPH, weights, dtype="float64")
    kernel = model.conv.weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert not kernel.is_contiguous()
    plain, _ = built()
    assert plain.conv.weight.is_contiguous()
    given = images(GRAPH)
    seen: list[Any] = []
    for chosen, net in ((last, model), (BACKEND, plain)):
        net.register_forward_pre_hook(lambda net, args: seen.append(args[0]))
        chosen.forward(GRAPH, net, given)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert not seen[0].is_contiguous() and seen[1].is_contiguous()
    vector = graph_of("inputs: {image: [3]}\ngraph: {fc: {op: linear, features: 2}}")
    model = last.build(vector, randomised(vector), dtype="float64")
    assert last.forward(vector, model, images(vector))[""].shape == (2, 2)


def test_weights_are_written_and_read() -> None:
    model, weights = built()
    found = BACKEND.read_weights(GRAPH, model)
    assert same(
        found, {k: weights[k] for k in {**GRAPH.parameters(), **GRAPH.buffers()}}
    )
    others = {name: array + 1 for name, array in weights.items()}
    BACKEND.write_weights(GRAPH, model, others)
    assert np.array_equal(model.conv.bias.detach().numpy(), others["conv.bias"])
    assert np.array_equal(model.bn.running_mean.numpy(), others["bn.running_mean"])
    # What was read before is a copy.
    assert np.array_equal(found["conv.bias"], weights["conv.bias"])
    assert same(BACKEND.read_weights(GRAPH, model), {k: others[k] for k in found})


def test_forward_in_eval_mode() -> None:
    model, weights = built()
    given = images(GRAPH)
    for mode in (True, False):
        model.train(mode)
        found = BACKEND.forward(GRAPH, model, given)
        assert model.training is mode
        wanted = by_hand(weights, torch.from_numpy(given["image"]))
        assert np.allclose(found[""], wanted.numpy(), rtol=1e-12, atol=1e-12)
    assert np.array_equal(model.bn.running_mean.numpy(), weights["bn.running_mean"])
    assert model.bn.num_batches_tracked == 0


def test_forward_in_training_mode() -> None:
    model, weights = built()
    model.eval()
    given = images(GRAPH)
    found = BACKEND.forward(GRAPH, model, given, training=True)
    assert not model.training and model.bn.num_batches_tracked == 1
    assert not np.array_equal(model.bn.running_mean.numpy(), weights["bn.running_mean"])
    assert not np.allclose(found[""], BACKEND.forward(GRAPH, model, given)[""])


def test_the_mode_is_put_back_after_a_failure() -> None:
    model, _ = built()
    model.eval()
    with pytest.raises(RuntimeError):
        BACKEND.forward(GRAPH, model, {"image": np.zeros((1, 7, 6, 5))}, training=True)
    assert not model.training


def test_several_inputs_and_outputs() -> None:
    model, weights = built(TWO)
    given = images(TWO)
    found = BACKEND.forward(TWO, model, dict(reversed(given.items())))
    assert list(found) == ["one", "two"]
    for name, wanted in two_images.outputs(weights, given).items():
        assert np.allclose(found[name], wanted)


@pytest.mark.parametrize("mode", ["", "compile"])
def test_what_is_timed(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module in evaluation mode; torch' compiler, which takes long, isn't asked."""
    compiled: list[Any] = []

    def compile_(net: Any) -> Any:
        compiled.append(net)
        return net

    monkeypatch.setattr(torch, "compile", compile_)
    model, _ = built(TWO)
    given = images(TWO)
    runner = BACKEND.runner(TWO, model, dict(reversed(given.items())), mode)
    assert compiled == ([model] if mode else []) and not model.training
    assert runner.device == "" and runner.device_peak() is None
    for _ in range(2):
        made = runner.run()
        assert all(tensor.is_inference() for tensor in made.values())
        assert same(dict(runner.read(made)), BACKEND.forward(TWO, model, given))


def test_what_is_timed_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was told is done when the call returns, and it says what it held."""
    waits: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append("torch"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device}")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 17)
    image = SimpleNamespace(is_cuda=True, device="cuda:1")
    monkeypatch.setattr(BACKEND, "_tensors", lambda *told: [image])
    net = SimpleNamespace(eval=lambda: lambda image: "made")
    runner = BACKEND.runner(GRAPH, net, {}, "")
    assert (runner.device, runner.device_peak()) == ("GPU cuda:1", 17)
    assert runner.run() == "made" and waits == ["torch"]


def test_gradients() -> None:
    model, weights = built(TWO)
    given, against = images(TWO), cotangents(TWO)
    outputs, found = BACKEND.gradients(TWO, model, given, against)
    assert same(outputs, BACKEND.forward(TWO, model, given))
    total = against["one"] + against["two"]
    assert list(found) == ["x.weight", "x.bias", "a", "b"]
    assert np.allclose(found["x.bias"], total.sum((0, 2, 3)))
    kernel = np.einsum("nohw,nihw->oi", total, given["a"])[:, :, None, None]
    assert np.allclose(found["x.weight"], kernel)
    inner = np.einsum("nohw,oi->nihw", total, weights["x.weight"][:, :, 0, 0])
    assert np.allclose(found["a"], inner) and np.allclose(found["b"], against["two"])


def test_gradients_in_training_mode() -> None:
    torch.manual_seed(0)
    model, weights = built()
    model.eval()
    given, against = images(GRAPH), cotangents(GRAPH)
    BACKEND.gradients(GRAPH, model, given, against)
    assert model.bn.num_batches_tracked == 0
    BACKEND.gradients(GRAPH, model, given, against, training=True)
    assert model.bn.num_batches_tracked == 1 and not model.training
    assert np.array_equal(model.bn.weight.detach().numpy(), weights["bn.weight"])


def test_a_value_that_lends_its_size_has_no_gradient() -> None:
    graph = graph_of("""
inputs: {a: [2, 2, 2], b: [2, 4, 4]}
graph: {up: {op: resize, from: [a, b]}}
""")
    model, _ = built(graph)
    _, found = BACKEND.gradients(graph, model, images(graph), cotangents(graph))
    assert not found["b"].any() and found["a"].any()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_saved_weights(tmp_path: Path, name: str) -> None:
    model, weights = built()
    path = tmp_path / name
    BACKEND.save(GRAPH, model, str(path))
    found = (
        {key: tensor.numpy() for key, tensor in torch.load(path).items()}
        if name.endswith(".pth")
        else safetensors.numpy.load_file(path)
    )
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


@pytest.mark.filterwarnings("ignore")  # of torch.export itself
@pytest.mark.parametrize("mode", [True, False])
def test_a_saved_program(tmp_path: Path, mode: bool) -> None:
    model, weights = built()
    model.train(mode)
    BACKEND.save(GRAPH, model, str(tmp_path / "w.pt2"))
    assert model.training is mode
    program = torch.export.load(tmp_path / "w.pt2").module()
    for count in (1, 3):
        image = torch.from_numpy(images(GRAPH, count)["image"])
        wanted = by_hand(weights, image)
        assert torch.allclose(program(image), wanted, rtol=1e-12, atol=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == ["w.pt2"]


def test_a_net_without_weights() -> None:
    graph = graph_of("inputs: {image: [3, 2, 2]}\ngraph: {act: relu}")
    model, _ = built(graph)
    given = images(graph)
    assert np.array_equal(
        BACKEND.forward(graph, model, given)[""], np.maximum(given["image"], 0)
    )


def test_another_process_has_a_model_whole(tmp_path: Path) -> None:
    """`torch.save` of a whole model, and process pools, which send it there and back."""
    spec = archspec.load("resnet20")
    model = spec.build("torch").eval().requires_grad_(False)
    image = torch.ones(1, 3, 8, 8)
    wanted = model(image)
    torch.save(model, tmp_path / "net.pt")
    with get_context("spawn").Pool(1) as pool:
        read = (tmp_path / "net.pt",)
        found = pool.apply(torch.load, read, {"weights_only": False})
        assert torch.equal(pool.apply(model, (image,)), wanted)
    assert type(found) is type(model) and torch.equal(found(image), wanted)


def test_nothing_is_left_of_a_model() -> None:
    """Neither of its module, nor of its text."""
    spec = archspec.load("resnet20")
    for number in range(3):
        graph = replace(spec.graph, title=f"Net {number}")
        model = BACKEND.build(graph, initial_weights(graph))
        assert type(model).__module__ in sys.modules
    del model
    gc.collect()
    assert not [name for name in sys.modules if name.startswith("archspec_torch_resn")]
    assert not [file for file in linecache.cache if file.startswith("<torch resnet20")]
