"""Folded norms: single layers against torch's own fusion, nets against themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from nets import Arrays, computed, distance, graph_of, images, randomised
from proofs import sampled
from spelled import wired
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from archspec import codegen, load
from archspec.backend import backend
from archspec.catalog import root
from archspec.errors import BackendError, WeightsError
from archspec.graph import Graph
from archspec.passes.fold_norms import fold_norms
from archspec.passes.with_outputs import with_outputs
from archspec.verify.native import rounding
from archspec.verify.target import parse_all

TOLERANCE = 1e-12


def forward(graph: Graph, name: str, weights: Arrays) -> Arrays:
    chosen = backend(name)
    copies = {key: array.copy() for key, array in weights.items()}
    model = chosen.build(graph, copies, dtype="float64")
    return chosen.forward(graph, model, images(graph))


def folded(graph: Graph) -> tuple[Graph, Arrays, Arrays]:
    """A folded graph with its weights, and what the graph computed before."""
    weights = randomised(graph)
    wanted = computed(graph, weights, images(graph))
    before = {key: array.copy() for key, array in weights.items()}
    made, after = fold_norms(graph, weights)
    assert all(np.array_equal(weights[key], before[key]) for key in before)
    shapes = {key: array.shape for key, array in after.items()}
    assert shapes == {**made.parameters(), **made.buffers()}
    return made, after, wanted


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


# Single layers

LAYERS: dict[str, tuple[str, nn.Module]] = {
    "convolution": (
        "{op: conv2d, channels: 6, kernel: 3, bias: false}",
        nn.Conv2d(4, 6, 3, bias=False),
    ),
    "convolution with a bias": (
        "{op: conv2d, channels: 6, kernel: [3, 2], stride: 2, padding: 1}",
        nn.Conv2d(4, 6, (3, 2), stride=2, padding=1),
    ),
    "grouped convolution": (
        "{op: conv2d, channels: 6, kernel: 3, groups: 2}",
        nn.Conv2d(4, 6, 3, groups=2),
    ),
    "depthwise convolution": (
        "{op: conv2d, channels: 8, kernel: 3, groups: 4, bias: false}",
        nn.Conv2d(4, 8, 3, groups=4, bias=False),
    ),
    "transposed convolution": (
        "{op: conv_transpose2d, channels: 6, kernel: 3, stride: 2}",
        nn.ConvTranspose2d(4, 6, 3, stride=2),
    ),
    "grouped transposed convolution": (
        "{op: conv_transpose2d, channels: 6, kernel: 3, groups: 2, bias: false}",
        nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False),
    ),
    "depthwise transposed convolution": (
        "{op: conv_transpose2d, channels: 4, kernel: 2, groups: 4, stride: 2}",
        nn.ConvTranspose2d(4, 4, 2, groups=4, stride=2),
    ),
    "linear": ("{op: linear, features: 6}", nn.Linear(4, 6)),
    "linear without a bias": (
        "{op: linear, features: 6, bias: false}",
        nn.Linear(4, 6, bias=False),
    ),
}


def torchs(layer: Any, norm: Any) -> Any:
    """What torch fuses; None for what it can't."""
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer, norm) if norm.affine else None
    transpose = isinstance(layer, nn.ConvTranspose2d)
    if transpose and layer.groups > 1:
        return None
    return fuse_conv_bn_eval(layer, norm, transpose)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_torchs(name: str, affine: bool) -> None:
    node, layer = LAYERS[name]
    shape = [4] if isinstance(layer, nn.Linear) else [4, 7, 6]
    graph = graph_of(
        f"inputs: {{image: {shape}}}\ngraph:\n  a: {node}\n"
        f"  n: {{op: batch_norm, eps: 1e-3, affine: {str(affine).lower()}}}\n"
    )
    weights = randomised(graph)
    channels = len(weights["n.running_mean"])
    kind = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
    norm = kind(channels, eps=1e-3, affine=affine)
    both = nn.Sequential(layer, norm).double().eval()
    for prefix, module in (("a.", both[0]), ("n.", both[1])):
        own = {
            k[2:]: torch.from_numpy(v) for k, v in weights.items() if k[:2] == prefix
        }
        module.load_state_dict(own, strict=False)
    made, after = fold_norms(graph, weights)
    assert kinds(made) == [graph.nodes[0].op.kind] and made.outputs == {"": "a"}
    fused = torchs(both[0], both[1])
    if fused is not None:
        for key in ("weight", "bias"):
            wanted = getattr(fused, key).detach().numpy()
            assert np.abs(after[f"a.{key}"] - wanted).max() <= 1e-14
    given = images(graph)
    with torch.no_grad():
        wanted = both(torch.from_numpy(given["image"])).numpy()
    assert distance(computed(made, after, given), {"": wanted}) <= TOLERANCE
    assert distance(forward(made, "torch", after), {"": wanted}) <= TOLERANCE


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_weights_keep_their_dtypes(dtype: str) -> None:
    """The arithmetic is float64: no number is further off than its own rounding."""
    graph = graph_of(
        "inputs: {image: [3, 8, 8]}\ngraph:\n"
        "  a: {op: conv2d, channels: 4, kernel: 3, bias: false}\n  n: batch_norm\n"
        "  b: {op: conv2d, channels: 4, kernel: 3}\n"
    )
    given = {k: v.astype(dtype) for k, v in randomised(graph).items()}
    exact = {k: v.astype("float64") for k, v in given.items()}
    found, wanted = fold_norms(graph, given)[1], fold_norms(graph, exact)[1]
    assert {str(array.dtype) for array in found.values()} == {dtype}
    for key, array in found.items():
        assert np.array_equal(array, wanted[key].astype(dtype))
    assert found["b.weight"] is given["b.weight"]


def test_a_bias_has_the_dtype_of_its_weight() -> None:
    graph = graph_of(
        "inputs: {image: [3, 8, 8]}\ngraph:\n"
        "  a: {op: conv2d, channels: 4, kernel: 3, bias: false}\n  n: batch_norm\n"
    )
    given = randomised(graph)
    given["a.weight"] = given["a.weight"].astype("float32")
    found = fold_norms(graph, given)[1]
    assert [str(found[k].dtype) for k in ("a.weight", "a.bias")] == ["float32"] * 2


@pytest.mark.parametrize(
    ("key", "value", "dtype"),
    [
        ("n.running_var", 1e-30, "float16"),
        ("n.running_var", -1.0, "float64"),
        ("n.weight", np.inf, "float32"),
        ("n.running_mean", np.nan, "float64"),
    ],
)
def test_what_would_not_be_finite_stays(key: str, value: float, dtype: str) -> None:
    graph = graph_of(
        "inputs: {image: [3, 8, 8]}\ngraph:\n"
        "  a: {op: conv2d, channels: 4, kernel: 3, bias: false}\n"
        "  n: {op: batch_norm, eps: 1e-30}\n"
        "  b: {op: conv2d, channels: 4, kernel: 3, bias: false}\n  m: batch_norm\n"
    )
    weights = {k: v.astype(dtype) for k, v in randomised(graph).items()}
    weights[key][1] = value
    made, found = fold_norms(graph, weights)
    assert kinds(made) == ["conv2d", "batch_norm", "conv2d"]
    assert found["a.weight"] is weights["a.weight"] and "a.bias" not in found


def test_weights_that_lack() -> None:
    graph = load("resnet20").graph
    weights = randomised(graph)
    for name in ("bn1.running_var", "fc.bias"):
        del weights[name]
    with pytest.raises(WeightsError, match="2 missing, 0 surplus") as caught:
        fold_norms(graph, weights)
    assert "missing: bn1.running_var [16]" in str(caught.value.notes)


def test_counters_are_passed_over() -> None:
    graph = load("resnet20").graph
    weights = randomised(graph)
    weights["bn1.num_batches_tracked"] = np.array(7)
    assert "bn1.num_batches_tracked" not in fold_norms(graph, weights)[1]


# What folds, and what stays

CONV = "{op: conv2d, channels: 3, kernel: 3, padding: 1, bias: false}"
HEAD = "inputs: {image: [3, 6, 6]}\n"
STRUCTURES: dict[str, tuple[str, dict[str, str]]] = {
    "a norm that is the output": (
        f"graph: {{c: {CONV}, n: batch_norm}}",
        {"c": "conv2d image"},
    ),
    "two norms": (
        f"graph: {{c: {CONV}, n: batch_norm, m: batch_norm, r: relu}}",
        {"c": "conv2d image", "r": "relu c"},
    ),
    "a norm of an input": (
        f"graph: {{n: batch_norm, c: {CONV}}}",
        {"n": "batch_norm image", "c": "conv2d n"},
    ),
    "a norm behind an activation": (
        f"graph: {{c: {CONV}, r: relu, n: batch_norm}}",
        {"c": "conv2d image", "r": "relu c", "n": "batch_norm r"},
    ),
    "a convolution that another node reads": (
        f"graph: {{c: {CONV}, n: batch_norm, a: {{op: add, from: [n, c]}}}}",
        {"c": "conv2d image", "n": "batch_norm c", "a": "add n c"},
    ),
    "a convolution that two norms read": (
        f"graph: {{c: {CONV}, n: batch_norm, m: {{op: batch_norm, from: c}},"
        " a: {op: add, from: [n, m]}}",
        {
            "c": "conv2d image",
            "n": "batch_norm c",
            "m": "batch_norm c",
            "a": "add n m",
        },
    ),
    "a convolution that is a tap": (
        f"graph: {{c: {CONV}, n: batch_norm}}\ntaps: {{c: c}}",
        {"c": "conv2d image", "n": "batch_norm c"},
    ),
    "a convolution that is an output": (
        f"graph: {{c: {CONV}, n: batch_norm}}\noutputs: {{c: c, n: n}}",
        {"c": "conv2d image", "n": "batch_norm c"},
    ),
    "a norm that is a tap": (
        f"graph: {{c: {CONV}, n: batch_norm, m: batch_norm}}\ntaps: {{n: n}}",
        {"c": "conv2d image", "m": "batch_norm c"},
    ),
    "a norm that two read": (
        f"graph: {{c: {CONV}, n: batch_norm, r: relu, a: {{op: add, from: [n, r]}}}}",
        {"c": "conv2d image", "r": "relu c", "a": "add c r"},
    ),
    "an identity between": (
        f"graph: {{c: {CONV}, i: identity, d: {{op: dropout, rate: 0}}, n: batch_norm}}",
        {"c": "conv2d image", "i": "identity c", "d": "dropout i"},
    ),
    "a dropout between": (
        f"graph: {{c: {CONV}, d: dropout, n: batch_norm}}",
        {"c": "conv2d image", "d": "dropout c", "n": "batch_norm d"},
    ),
    "a list": (
        f"graph: {{l: {{graph: [{CONV}, batch_norm, relu, {CONV}, batch_norm]}}, r: relu}}",
        {
            "l.0": "conv2d image",
            "l.1": "identity l.0",
            "l.2": "relu l.1",
            "l.3": "conv2d l.2",
            "l.4": "identity l.3",
            "r": "relu l.4",
        },
    ),
    "two norms in a list": (
        f"graph: [{CONV}, batch_norm, batch_norm]",
        {"0": "conv2d image", "1": "identity 0", "2": "identity 1"},
    ),
    "a norm in the next scope": (
        f"graph: {{c: {CONV}, b: {{graph: {{n: batch_norm, r: relu}}}}}}",
        {"c": "conv2d image", "b.r": "relu c"},
    ),
    "a scope of nothing but a norm": (
        f"graph: {{c: {CONV}, b: {{graph: {{n: batch_norm}}}}, r: relu}}",
        {"c": "conv2d image", "r": "relu c"},
    ),
    "a list of nothing but a norm": (
        f"graph: {{c: {CONV}, b: {{graph: [batch_norm]}}, r: relu}}",
        {"c": "conv2d image", "b.0": "identity c", "r": "relu b.0"},
    ),
}


@pytest.mark.parametrize("case", STRUCTURES)
def test_what_folds(case: str) -> None:
    text, left = STRUCTURES[case]
    made, weights, wanted = folded(graph_of(HEAD + text))
    assert wired(made) == left
    for name in ("torch", "keras"):
        assert distance(forward(made, name, weights), wanted) <= TOLERANCE


BLOCKS = {
    "one instance of a block alone follows a convolution": """
blocks:
  unit:
    params: {channels: int}
    graph:
      n: batch_norm
      r: relu
      c: {op: conv2d, channels: =channels, kernel: 3, padding: 1}
      a: {op: add, from: [c, input]}
graph:
  stem: {op: conv2d, channels: 4, kernel: 1}
  act: relu
  first: {block: unit, channels: 4}
  more: {block: unit, repeat: 2, channels: 4}
""",
    "a norm that some instances lack": """
blocks:
  unit:
    params: {normed: bool}
    graph:
      c: {op: conv2d, channels: 4, kernel: 3, padding: 1}
      n: {op: batch_norm, when: =normed}
      r: relu
graph:
  u: {block: unit, repeat: 3, normed: =index != 1}
  last: {block: unit, normed: true}
""",
    "a norm of a join in some instances": """
blocks:
  unit:
    params: {joined: bool}
    graph:
      c: {op: conv2d, channels: 3, kernel: 3, padding: 1}
      a: {op: add, from: [c, input], when: =joined}
      n: batch_norm
graph:
  u: {block: unit, repeat: 3, joined: =index == 1}
""",
    "a projection that is a list": """
blocks:
  unit:
    params: {channels: int, stride: 1}
    graph:
      conv: {op: conv2d, channels: =channels, kernel: 3, padding: 1, stride: =stride}
      bn: batch_norm
      down:
        from: input
        when: =stride != 1 or input.channels != channels
        graph:
          - {op: conv2d, channels: =channels, kernel: 1, stride: =stride, bias: false}
          - batch_norm
      add: {op: add, from: [bn, down]}
      relu: relu
graph:
  layer{i + 1}:
    repeat: 2
    index: i
    graph:
      - {block: unit, repeat: 2, channels: =4 * 2 ** i, stride: =2 if index == 0 else 1}
""",
    "several outputs": """
params: {width: 4}
blocks:
  split:
    graph:
      low: {op: conv2d, channels: =width, kernel: 1}
      n: batch_norm
      high: {op: conv2d, from: input, channels: =width, kernel: 1}
      m: batch_norm
    outputs: {low: n, high: m}
graph:
  s: {block: split}
  t: {block: split, from: s.low}
  join: {op: concat, from: [s.high, t.low, t.high]}
outputs: {join: join, low: s.low}
taps: {high: t.high}
""",
    "an argument of the norm and one of the convolution": """
params: {width: 4, eps: 1e-3, bias: false}
graph:
  c: {op: conv2d, channels: =width, kernel: 3, bias: =bias}
  n: {op: batch_norm, eps: =eps}
  r: relu
  d: {op: conv2d, channels: =width * 2, kernel: 1}
""",
    "an inlined, repeated list": """
graph:
  features:
    graph:
      - repeat: 3
        inline: true
        graph:
          - {op: conv2d, channels: =4 + index, kernel: 3, padding: 1}
          - {op: batch_norm, when: =index != 1}
          - relu
""",
}


@pytest.mark.parametrize("case", BLOCKS)
def test_a_net_of_blocks(case: str) -> None:
    made, weights, wanted = folded(graph_of(HEAD + BLOCKS[case]))
    for name in ("torch", "keras"):
        assert distance(forward(made, name, weights), wanted) <= TOLERANCE


def test_arguments_that_norms_explained_are_gone() -> None:
    text = HEAD + BLOCKS["an argument of the norm and one of the convolution"]
    made = folded(graph_of(text))[0]
    assert made.arguments == ("width",)


# Whole nets

NARROW: dict[str, dict[str, Any]] = {
    "resnet": {"widths": [8, 12, 16, 20]},
    "resnet50_gn": {"widths": [32, 32, 32, 64]},
    "resnetd": {"widths": [8, 12, 16, 20], "stem": [4, 6, 8]},
    "resnetrs": {"widths": [8, 12, 16, 20], "stem": [4, 6, 8]},
    "resnetv2": {"widths": [8, 12, 16, 20]},
    "resnet_cifar": {"widths": [6, 8, 12]},
    "cifar_resnet18": {"widths": [6, 8, 10, 12]},
    "resnetv2_cifar": {"widths": [6, 8, 12], "stem_channels": 6},
    "vgg": {"widths": [4, 6, 8, 8, 8], "hidden": [16, 16]},
    "keras_resnet": {"widths": [8, 12, 16, 20]},
    "keras_resnetv2": {"widths": [8, 12, 16, 20]},
    "keras_vgg": {"widths": [4, 6, 8, 8, 8], "hidden": [16, 16]},
    "sample_vgg16": {"widths": [4, 6, 8, 8, 8], "hidden": 16},
    "sample_resnet": {"widths": [6, 8]},
    "fcn_resnet50": {"num_classes": 5},
    "fpn_resnet50": {"channels": 16},
}
"""Few channels for a net, or for the nets of a family; every layer is there."""
GROUPS = {"groups": 4, "width_per_group": 16}


def narrow(name: str) -> Graph:
    spec = load(name)
    family = spec.unit.extends.value if spec.unit.extends else name
    params = NARROW.get(name) or NARROW[family.removeprefix("families/")]
    if "groups" in spec.graph.params and spec.graph.params["groups"] != 1:
        params = {**params, **GROUPS}
    size = min(64, next(iter(spec.graph.inputs.values()))[1])
    graph = load(name, params=params, size=(size, size)).graph
    # TensorFlow's bilinear resize rounds: what comes before it is compared.
    rounds = rounding(graph, parse_all("torch,keras"))
    return with_outputs(graph, graph.taps) if rounds else graph


NETS = sorted(path.stem for path in root().glob("*.yaml"))
QUICK = (*("resnet18", "resnet20_b", "resnetv2_18", "vgg11_bn", "sample_resnet"),)


@pytest.mark.parametrize("name", sampled(NETS, QUICK))
def test_a_net_of_the_zoo(name: str) -> None:
    graph = narrow(name)
    made, weights, wanted = folded(graph)
    left = {n.inputs[0] for n in made.nodes if n.op.kind == "batch_norm"}
    makers = {n.name: n.op.kind for n in made.nodes}
    read = [value for n in graph.nodes for value in n.inputs]
    # Norms that are left follow a join, an activation, or what several read.
    assert all(
        makers[value] in ("add", "max_pool2d") or read.count(value) > 1
        for value in left
    )
    for chosen in ("torch", "keras"):
        assert distance(forward(made, chosen, weights), wanted) <= TOLERANCE


# As an option of build and codegen


@pytest.mark.parametrize("name", ["torch", "keras"])
def test_optimized_for_inference(name: str) -> None:
    spec = load("resnet20", size=16)
    chosen = backend(name)
    model = spec.build(name, optimize="inference")
    whole = spec.build(name)
    given = {k: v.astype("float32") for k, v in images(spec.graph).items()}
    made = chosen.forward(spec.folded().graph, model, given)
    assert distance(made, chosen.forward(spec.graph, whole, given)) < 1e-5
    text = spec.codegen(name, optimize="inference").text
    assert "19 batch norms are folded into the layers before" in text
    assert f"Fingerprint of the net with them: {spec.fingerprint[:12]}" in text
    assert f"archspec: fingerprint {spec.fingerprint[:16]}" in text
    assert "BatchNorm" not in text.partition("class ResNet")[2]
    assert spec.folded().fingerprint == spec.fingerprint
    again = spec.folded().folded().graph
    assert [*again] == [*spec.folded().graph] and len(again.folded) == 19


def test_it_is_not_for_training() -> None:
    """A torch module says so where it is set to training, a Keras model is frozen."""
    spec = load("resnet20", size=16)
    model = spec.build("torch", optimize="inference")
    assert not model.training
    weight: Any = model.get_parameter("conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    with pytest.warns(UserWarning, match="its batch norms are folded, for inference"):
        model.train()
    model.eval()
    keras: Any = spec.build("keras", optimize="inference")
    assert keras.weights and not keras.trainable_weights


def test_a_family_for_inference() -> None:
    source = codegen(["resnet20", "resnet32"], "torch", optimize="inference")
    assert "50 batch norms are folded" in source.text
    assert "BatchNorm" not in source.text
    assert "(ForInference)" in source.text


def test_no_loader_of_weights() -> None:
    """Files have the weights of the net with norms."""
    with pytest.raises(BackendError, match="has no function that loads weights"):
        load("resnet20").codegen("torch", with_weights=True, optimize="inference")
    wrong: Any = "speed"
    with pytest.raises(TypeError, match="'inference' or None"):
        load("resnet20").build("torch", optimize=wrong)


def test_a_net_without_norms_is_as_it_was() -> None:
    spec = load("vgg11")
    assert not spec.folded().graph.folded
    assert (
        spec.codegen("torch", optimize="inference").text == spec.codegen("torch").text
    )
