"""The nets of `examples/nets` are torchvision's: names, shapes, counts and outputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from keras_engine import ask, run
from numpy.typing import NDArray
from proofs import sampled
from published import distance, scrambled
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

import archspec
from archspec.backend import backend
from archspec.ops.activation import DropPath
from archspec.weights import initial_weights

FOLDER = Path(__file__).parents[2] / "examples" / "nets"
TOLERANCE = 1e-12

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Net:
    """What torchvision has for a spec, and how their names differ where they must."""

    make: Callable[[], Any]
    weights: Any
    """What torchvision publishes with its weights: counts, and the size of images."""
    size: tuple[int, int] = (65, 33)
    """Height and width of the test image: small, odd, uneven."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Patterns of torchvision's names that are none in a spec, and ours."""
    auxiliary: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Heads for training, by output: torchvision's module, and what it reads."""

    def ours(self, name: str) -> str:
        """Our name for a tensor of torchvision's."""
        for pattern, replacement in self.names.items():
            name = re.sub(pattern, replacement, name)
        return name


NETS = {
    "densenet121": Net(models.densenet121, models.DenseNet121_Weights),
    "regnet_y_400mf": Net(
        models.regnet_y_400mf,
        models.RegNet_Y_400MF_Weights,
        # a dash is in no identifier: a stage is a list here, and numbers its units
        names={r"block(\d)\.block\1-(\d)": r"block\1.\2"},
    ),
    "mobilenet_v3_large": Net(
        models.mobilenet_v3_large, models.MobileNet_V3_Large_Weights
    ),
    "efficientnet_b0": Net(models.efficientnet_b0, models.EfficientNet_B0_Weights),
    "googlenet": Net(
        partial(models.googlenet, aux_logits=False, init_weights=True),
        models.GoogLeNet_Weights,
    ),
    "googlenet_aux": Net(
        partial(models.googlenet, aux_logits=True, init_weights=True),
        models.GoogLeNet_Weights,
        auxiliary={
            "aux_logits2": ("aux2", "inception4d"),
            "aux_logits1": ("aux1", "inception4a"),
        },
    ),
    "inception_v3": Net(
        partial(models.inception_v3, aux_logits=False, init_weights=True),
        models.Inception_V3_Weights,
        size=(77, 107),
    ),
    "inception_v3_aux": Net(
        partial(models.inception_v3, aux_logits=True, init_weights=True),
        models.Inception_V3_Weights,
        size=(299, 331),
        auxiliary={"aux_logits": ("AuxLogits", "Mixed_6e")},
    ),
    "shufflenet_v2_x1_0": Net(
        models.shufflenet_v2_x1_0, models.ShuffleNet_V2_X1_0_Weights
    ),
    "convnext_tiny": Net(
        models.convnext_tiny,
        models.ConvNeXt_Tiny_Weights,
        # a scale is an op here, with a weight of its own
        names={r"layer_scale$": "layer_scale.weight"},
    ),
}
LIGHT = (
    "regnet_y_400mf",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "shufflenet_v2_x1_0",
)
HEAVY = ("inception_v3_aux",)
"""Nets that need a large image."""


def load(name: str, size: tuple[int, int] | None = None) -> archspec.Spec:
    return archspec.load(FOLDER / f"{name}.yaml", size=size)


def bare(name: str) -> Any:
    """torchvision's net without memory for its weights."""
    if name.startswith("regnet"):  # torchvision computes its widths by tensors
        return NETS[name].make().to("meta").eval()
    with torch.device("meta"):
        return NETS[name].make().eval()


def renamed(name: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors of torchvision's net by our names."""
    return {
        NETS[name].ours(key): tensor
        for key, tensor in tensors.items()
        if not key.endswith("num_batches_tracked")
    }


def shape(tensor: Any) -> tuple[int, ...]:
    """A tensor's shape but for axes of 1 behind the first two: the linear layers of a
    ConvNeXt are 1x1 convolutions here, and its scale has no height and width."""
    sizes = tuple(tensor.shape if hasattr(tensor, "shape") else tensor)
    return sizes[:1] + tuple(size for size in sizes[1:] if size != 1)


def test_every_spec_is_here() -> None:
    assert sorted(NETS) == sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NETS)
def test_expectations(name: str) -> None:
    assert load(name).unexpected() == []


@pytest.mark.parametrize("name", NETS)
def test_names_and_shapes(name: str) -> None:
    theirs, graph = bare(name), load(name).graph
    for ours, tensors in (
        (graph.parameters(), theirs.named_parameters()),
        (graph.buffers(), theirs.named_buffers()),
    ):
        wanted = renamed(name, dict(tensors))
        assert {key: shape(sizes) for key, sizes in ours.items()} == {
            key: shape(tensor) for key, tensor in wanted.items()
        }


@pytest.mark.parametrize("name", NETS)
def test_counts(name: str) -> None:
    """Parameters, and MACs as torch's own counter and torchvision's page have them."""
    theirs, graph = bare(name), load(name).graph
    published = NETS[name].weights.DEFAULT
    size = published.transforms().crop_size[0]
    assert graph.inputs == {"image": (3, size, size)}
    assert graph.parameter_count() == sum(p.numel() for p in theirs.parameters())
    if NETS[name].auxiliary:  # torchvision runs these heads in training only
        return
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        theirs(torch.empty(1, 3, size, size))
    # ConvNeXt's scale, and squeeze-and-excitation, are no MACs to either
    assert counter.get_total_flops() == 2 * graph.macs()
    assert published.meta["_ops"] == pytest.approx(graph.macs() / 1e9, abs=5e-4)


def test_published_counts() -> None:
    """What torchvision's page says: GoogLeNet's without its heads, Inception's with it."""
    for name in NETS.keys() - {"googlenet_aux", "inception_v3"}:
        meta = NETS[name].weights.DEFAULT.meta
        assert load(name).graph.parameter_count() == meta["num_params"]


@pytest.mark.parametrize("name", ["efficientnet_b0", "convnext_tiny"])
def test_drop_path_rates(name: str) -> None:
    """Stochastic depth grows as torchvision's does, wherever that is applied."""
    found = {
        node.name: node.op.rate
        for node in load(name).graph.nodes
        if isinstance(node.op, DropPath)
    }
    wanted = {
        f"{key}.stochastic_depth": module.stochastic_depth.p
        for key, module in bare(name).named_modules()
        if hasattr(module, "stochastic_depth")
        and getattr(module, "use_res_connect", True)
    }
    assert found == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize(
    "name",
    sampled(NETS, LIGHT),
)
def test_initial_weights(name: str) -> None:
    """Each weight that torchvision draws is drawn here with the same spread."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = renamed(name, dict(NETS[name].make().named_parameters()))
    ours = initial_weights(load(name).graph, 0, "float64")
    for key, tensor in theirs.items():
        drawn, wanted = ours[key], tensor.detach().numpy()
        if wanted.ndim == 1:  # biases, which torch draws where torchvision doesn't say
            continue
        sizes = [rms(drawn), rms(wanted)]
        # that of n random numbers is off by one in sqrt(2 n)
        assert sizes[0] == pytest.approx(sizes[1], rel=8 / wanted.size**0.5), key
        if wanted.size > 2000:
            tails = [np.abs(a).max() / rms(a) > 1.8 for a in (drawn, wanted)]
            assert tails[0] == tails[1], f"{key}: one is uniform"


def rms(array: NDArray[Any]) -> float:
    """The root of the mean square."""
    return float(np.linalg.norm(array) / array.size**0.5)


def outputs(name: str, net: Any, image: NDArray[np.float64]) -> Arrays:
    """What torchvision's net makes of an image, its heads for training included."""
    read: dict[str, Any] = {}

    def keep(key: str) -> Callable[..., None]:
        return lambda module, given, made: read.update({key: made})

    for _, source in NETS[name].auxiliary.values():
        net.get_submodule(source).register_forward_hook(keep(source))
    with torch.no_grad():
        made = {"logits": net(torch.from_numpy(image))}
        for output, (head, source) in NETS[name].auxiliary.items():
            made[output] = net.get_submodule(head)(read[source])
    return {key: tensor.numpy() for key, tensor in made.items()}


class Pair(NamedTuple):
    """A net of ours and one of torchvision's, with the same random weights."""

    spec: archspec.Spec
    weights: Arrays
    image: NDArray[np.float64]
    wanted: Arrays


def pair(name: str, size: tuple[int, int] | None = None) -> Pair:
    """Both nets; ours for images of a size, if one is given."""
    theirs = scrambled(bare(name))
    spec = load(name, size)
    shapes = spec.graph.parameters() | spec.graph.buffers()
    weights = {
        key: tensor.numpy().reshape(shapes[key])
        for key, tensor in renamed(name, theirs.state_dict()).items()
    }
    image = np.random.default_rng(1).normal(size=(1, 3, *NETS[name].size))
    wanted = outputs(name, theirs, image)
    assert all(np.isfinite(made).all() and made.std() > 0 for made in wanted.values())
    return Pair(spec, weights, image, wanted)


def furthest(found: Iterable[NDArray[Any]], nets: Pair) -> float:
    """The largest distance of an output of ours from theirs."""
    pairs = zip(found, nets.wanted.values(), strict=True)
    return max(distance(ours, theirs) for ours, theirs in pairs)


def error(kind: str, nets: Pair) -> float:
    spec = nets.spec
    model = spec.build(kind, weights=nets.weights, dtype="float64")
    found = backend(kind).forward(spec.graph, model, {"image": nets.image})
    return furthest(found.values(), nets)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.proof] if n in HEAVY else []) for n in NETS],
)
def test_torch_is_torchvisions(name: str) -> None:
    assert error("torch", pair(name)) <= TOLERANCE


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted(NETS.keys() - {"convnext_tiny"}))
def test_keras_is_torchvisions(name: str) -> None:
    assert error("keras", pair(name, NETS[name].size)) <= TOLERANCE


@pytest.mark.proof
def test_convnext_on_keras(tmp_path: Path) -> None:
    """On JAX, since TensorFlow's gelu computes float64 in part as float32."""
    path, nets = FOLDER / "convnext_tiny.yaml", pair("convnext_tiny")
    ask(tmp_path / "net", str(path), {}, nets.weights, nets.image)
    assert furthest(run("jax", [tmp_path / "net"]), nets) <= TOLERANCE
