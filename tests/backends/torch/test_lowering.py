"""archspec_torch.lowering: what each op says in PyTorch, and what it refuses."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest
import yaml
from archspec_torch import lowering
from archspec_torch.lowering import FUNCTIONS, MODULES, OPS, signature, unsupported
from torch import nn

from archspec.ops import BY_KIND
from archspec.ops.base import Op, Shape
from archspec.source.expr import Expr, choice, item, named
from archspec.source.outline import CHOSEN, OpUse
from archspec.source.text import Call, flat

IMAGE, VECTOR = (8, 12, 12), (8,)


def made(text: str) -> Op:
    """An op, as a spec says it."""
    held = yaml.safe_load(text)
    attributes = {"op": held} if isinstance(held, str) else dict(held)
    kind = BY_KIND[attributes.pop("op")]

    def frozen(value: Any) -> Any:
        return tuple(map(frozen, value)) if isinstance(value, list) else value

    return kind.model_validate({k: frozen(v) for k, v in attributes.items()})


def use(text: str, *shapes: Shape) -> OpUse:
    """One use of an op, all of it constant."""
    op = made(text)
    names = [name for name in type(op).model_fields if name != "init"]
    attributes = {name: getattr(op, name) for name in names}
    read = shapes or (IMAGE,)
    return OpUse([op], [read], attributes, tuple(shape[0] for shape in read))


def module(text: str, *shapes: Shape) -> str:
    found = use(text, *shapes)
    return flat(MODULES[found.kind](found))


def function(text: str, *values: str, shape: Shape = IMAGE) -> str:
    found = use(text, *[shape] * len(values))
    return flat(FUNCTIONS[found.kind](found, values))


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ("kernel: 3", "nn.Conv2d(8, 4, 3)"),
        (
            "kernel: [1, 3], stride: 2, padding: 1, dilation: [2, 1], groups: 2, bias: false",
            "nn.Conv2d(8, 4, (1, 3), stride=2, padding=1, dilation=(2, 1), groups=2, "
            "bias=False)",
        ),
        ("kernel: 3, padding: [1, 2]", "nn.Conv2d(8, 4, 3, padding=(1, 2))"),
        ("kernel: 3, padding: [1, 1]", "nn.Conv2d(8, 4, 3, padding=1)"),
        (
            "kernel: 3, padding: [[1, 1], [2, 2]]",
            "nn.Conv2d(8, 4, 3, padding=(1, 2))",
        ),
        ("kernel: 3, padding: [[2, 2], [2, 2]]", "nn.Conv2d(8, 4, 3, padding=2)"),
        ("kernel: 3, padding: [0, 0]", "nn.Conv2d(8, 4, 3)"),
        (
            "kernel: 3, padding: [[0, 1], [2, 3]]",
            "PaddedConv2d(8, 4, 3, sides=(2, 3, 0, 1))",
        ),
        (
            "kernel: 3, padding: [[1, 1], [2, 3]], stride: 2, dilation: 2, groups: 4, "
            "bias: false",
            "PaddedConv2d(8, 4, 3, sides=(2, 3, 1, 1), stride=2, dilation=2, groups=4, "
            "bias=False)",
        ),
        ("kernel: 3, padding: same", "nn.Conv2d(8, 4, 3, padding=1)"),
        ("kernel: [3, 5], padding: same", "nn.Conv2d(8, 4, (3, 5), padding=(1, 2))"),
        ("kernel: 4, padding: same", 'nn.Conv2d(8, 4, 4, padding="same")'),
        ("kernel: [3, 2], padding: same", 'nn.Conv2d(8, 4, (3, 2), padding="same")'),
        ("kernel: [2, 3], padding: same", 'nn.Conv2d(8, 4, (2, 3), padding="same")'),
        (
            "kernel: 3, padding: same, stride: [1, 1], dilation: 2",
            "nn.Conv2d(8, 4, 3, padding=2, dilation=2)",
        ),
        (
            "kernel: 3, padding: same, stride: 2, bias: false",
            "Conv2dSame(8, 4, 3, stride=2, bias=False)",
        ),
        (
            "kernel: 3, padding: same, stride: [1, 2], groups: 2",
            "Conv2dSame(8, 4, 3, stride=(1, 2), groups=2)",
        ),
    ],
)
def test_conv2d(attributes: str, text: str) -> None:
    assert module(f"{{op: conv2d, channels: 4, {attributes}}}") == text


def test_same_padding_looks_at_every_instance() -> None:
    one = use("{op: conv2d, channels: 4, kernel: 3, padding: same}")
    two = use("{op: conv2d, channels: 4, kernel: 3, padding: same, stride: 2}")
    both = OpUse(
        [*one.ops, *two.ops],
        [(IMAGE,), (IMAGE,)],
        one.attributes | {"stride": named("stride", "int")},
        one.channels,
    )
    assert flat(MODULES["conv2d"](both)) == "Conv2dSame(8, 4, 3, stride=stride)"


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (
            "{op: conv_transpose2d, channels: 4, kernel: 2}",
            "nn.ConvTranspose2d(8, 4, 2)",
        ),
        (
            "{op: conv_transpose2d, channels: 4, kernel: 3, stride: 3, padding: 1, "
            "output_padding: 2, groups: 4, bias: false, dilation: 2}",
            "nn.ConvTranspose2d(8, 4, 3, stride=3, padding=1, output_padding=2, "
            "groups=4, bias=False, dilation=2)",
        ),
        ("batch_norm", "nn.BatchNorm2d(8)"),
        (
            "{op: batch_norm, eps: 0.001, momentum: 0.01, affine: false}",
            "nn.BatchNorm2d(8, eps=0.001, momentum=0.01, affine=False)",
        ),
        ("{op: batch_norm, running_var: biased}", "BiasedBatchNorm2d(8)"),
        ("layer_norm", "LayerNorm2d(8)"),
        ("{op: layer_norm, eps: 0.000001}", "LayerNorm2d(8, eps=1e-6)"),
        (
            "{op: layer_norm, eps: 0.1, affine: false}",
            "LayerNorm2d(8, eps=0.1, elementwise_affine=False)",
        ),
        ("{op: group_norm, groups: 4}", "nn.GroupNorm(4, 8)"),
        (
            "{op: group_norm, groups: 2, eps: 0.1, affine: false}",
            "nn.GroupNorm(2, 8, eps=0.1, affine=False)",
        ),
        ("{op: local_response_norm, size: 5}", "nn.LocalResponseNorm(5)"),
        (
            "{op: local_response_norm, size: 3, alpha: 0.1, beta: 0.5, k: 2.0}",
            "nn.LocalResponseNorm(3, alpha=0.1, beta=0.5, k=2.0)",
        ),
        ("scale", "Scale(8)"),
        ("{op: scale, weight: gamma}", 'NamedScale(8, "gamma")'),
        ("{op: max_pool2d, kernel: 3}", "nn.MaxPool2d(3)"),
        ("{op: max_pool2d, kernel: 3, stride: 3}", "nn.MaxPool2d(3)"),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, padding: 1, dilation: 2, "
            "ceil_mode: true}",
            "nn.MaxPool2d(3, stride=2, padding=1, dilation=2, ceil_mode=True)",
        ),
        (
            "{op: max_pool2d, kernel: 3, padding: same}",
            "MaxPool2dSame(3)",
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, dilation: 2, padding: same}",
            "MaxPool2dSame(3, stride=2, dilation=2)",
        ),
        (
            "{op: max_pool2d, kernel: 3, stride: 2, padding: [[0, 1], [1, 0]]}",
            'nn.Sequential(nn.ConstantPad2d((1, 0, 0, 1), float("-inf")), '
            "nn.MaxPool2d(3, stride=2))",
        ),
        ("{op: avg_pool2d, kernel: 3}", "nn.AvgPool2d(3)"),
        (
            "{op: avg_pool2d, kernel: 3, stride: 1, padding: [[1, 1], [0, 0]], "
            "ceil_mode: true, count_include_pad: false}",
            "nn.AvgPool2d(3, stride=1, padding=(1, 0), ceil_mode=True, "
            "count_include_pad=False)",
        ),
        (
            "{op: avg_pool2d, kernel: 3, stride: 2, padding: same, "
            "count_include_pad: false}",
            "AvgPool2dSame(3, stride=2)",
        ),
        (
            "{op: avg_pool2d, kernel: 3, padding: same, count_include_pad: false}",
            "AvgPool2dSame(3)",
        ),
        (
            "{op: avg_pool2d, kernel: 3, stride: 2, padding: [[0, 1], [1, 0]]}",
            "nn.Sequential(nn.ZeroPad2d((1, 0, 0, 1)), nn.AvgPool2d(3, stride=2))",
        ),
        ("{op: adaptive_avg_pool2d, size: [6, 4]}", "nn.AdaptiveAvgPool2d((6, 4))"),
        ("{op: adaptive_max_pool2d, size: 6}", "nn.AdaptiveMaxPool2d(6)"),
        ("global_avg_pool2d", "GlobalAvgPool2d()"),
        ("global_max_pool2d", "GlobalMaxPool2d()"),
        ("relu", "nn.ReLU()"),
        ("relu6", "nn.ReLU6()"),
        ("leaky_relu", "nn.LeakyReLU()"),
        ("{op: leaky_relu, negative_slope: 0.2}", "nn.LeakyReLU(negative_slope=0.2)"),
        ("prelu", "nn.PReLU()"),
        ("{op: prelu, shared: false}", "nn.PReLU(8)"),
        ("elu", "nn.ELU()"),
        ("{op: elu, alpha: 0.5}", "nn.ELU(alpha=0.5)"),
        ("selu", "nn.SELU()"),
        ("gelu", "nn.GELU()"),
        ("{op: gelu, approximate: tanh}", 'nn.GELU(approximate="tanh")'),
        ("silu", "nn.SiLU()"),
        ("mish", "nn.Mish()"),
        ("sigmoid", "nn.Sigmoid()"),
        ("hard_sigmoid", "nn.Hardsigmoid()"),
        ("hard_swish", "nn.Hardswish()"),
        ("tanh", "nn.Tanh()"),
        ("softplus", "nn.Softplus(threshold=40.0)"),
        ("softmax", "nn.Softmax(dim=1)"),
        ("log_softmax", "nn.LogSoftmax(dim=1)"),
        ("identity", "nn.Identity()"),
        ("dropout", "nn.Dropout()"),
        ("{op: dropout, rate: 0.1}", "nn.Dropout(p=0.1)"),
        ("{op: drop_path, rate: 0.1}", "DropPath(0.1)"),
        ("{op: slice, start: 1, stop: 3}", "ChannelSlice(1, 3)"),
        ("flatten", "nn.Flatten()"),
        ("{op: flatten, order: hwc}", "FlattenHWC()"),
        ("{op: pad, spatial: 1}", "nn.ZeroPad2d((1, 1, 1, 1))"),
        ("{op: pad, spatial: [[0, 1], [2, 3]]}", "nn.ZeroPad2d((2, 3, 0, 1))"),
        (
            "{op: pad, channels: 3}",
            "nn.ConstantPad3d((0, 0, 0, 0, 3, 3), 0.0)",
        ),
        (
            "{op: pad, spatial: [1, 2], channels: [3, 4]}",
            "nn.ConstantPad3d((2, 2, 1, 1, 3, 4), 0.0)",
        ),
        ("{op: resize, scale: 2}", "nn.Upsample(scale_factor=2.0)"),
        (
            "{op: resize, scale: [2, 3], mode: bilinear}",
            'nn.Upsample(scale_factor=(2.0, 3.0), mode="bilinear")',
        ),
        (
            "{op: resize, size: [4, 5], mode: bilinear}",
            'nn.Upsample(size=(4, 5), mode="bilinear")',
        ),
        ("{op: pixel_shuffle, factor: 2}", "nn.PixelShuffle(2)"),
        ("{op: channel_shuffle, groups: 2}", "ChannelShuffle(2)"),
    ],
)
def test_modules_of_an_image(op: str, text: str) -> None:
    assert module(op) == text


@pytest.mark.parametrize(
    ("op", "text"),
    [
        ("{op: linear, features: 3}", "nn.Linear(8, 3)"),
        ("{op: linear, features: 3, bias: false}", "nn.Linear(8, 3, bias=False)"),
        ("batch_norm", "nn.BatchNorm1d(8)"),
        ("{op: batch_norm, running_var: biased}", "BiasedBatchNorm1d(8)"),
        ("layer_norm", "nn.LayerNorm(8)"),
        ("{op: layer_norm, eps: 0.000001}", "nn.LayerNorm(8, eps=1e-6)"),
        ("flatten", "nn.Flatten()"),
        ("{op: flatten, order: hwc}", "nn.Flatten()"),
    ],
)
def test_modules_of_a_vector(op: str, text: str) -> None:
    assert module(op, VECTOR) == text


def test_every_op_has_a_form() -> None:
    assert MODULES.keys() | FUNCTIONS.keys() == {*BY_KIND, CHOSEN}
    assert {kind for kind in BY_KIND if kind not in MODULES} == {
        "add",
        "subtract",
        "multiply",
        "concat",
    }


def test_ops_that_are_arguments() -> None:
    """A class without arguments is the op with its own defaults."""
    for kind, word in OPS.items():
        assert module(kind) == f"{word}()"
    chosen = use("relu")
    act, other, deep = named("act", "str"), named("other", "str"), named("deep", "bool")
    for arg, text in (
        (act, "act()"),
        (choice(act, deep, other), "(act if deep else other)()"),
        (Expr(ast.parse("nn.ReLU", mode="eval").body, (), "nn.ReLU"), "nn.ReLU()"),
    ):
        chosen.attributes = {CHOSEN: arg}
        assert flat(MODULES[chosen.kind](chosen)) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("x", "y"), "x + y"),
        (("x", "self.a(y)", "z"), "x + self.a(y) + z"),
        (("x + y", "z"), "(x + y) + z"),
        (("x", "-y"), "x + -y"),
    ],
)
def test_sums(values: tuple[str, ...], text: str) -> None:
    assert function("add", *values) == text
    others = text.replace(" + ", " - ").replace("x - y)", "x + y)")
    assert function("subtract", *values) == others
    others = text.replace(" + ", " * ").replace("x * y)", "x + y)")
    assert function("multiply", *values) == others


@pytest.mark.parametrize(
    ("op", "values", "text"),
    [
        ("concat", ("x", "y"), "torch.cat((x, y), dim=1)"),
        ("{op: slice, start: 0, stop: 3}", ("x",), "x[:, :3]"),
        ("{op: slice, start: 2, stop: 3}", ("x + y",), "(x + y)[:, 2:3]"),
        ("relu", ("x + y",), "F.relu(x + y)"),
        ("sigmoid", ("x",), "torch.sigmoid(x)"),
        ("flatten", ("x + y",), "torch.flatten(x + y, 1)"),
        (
            "{op: flatten, order: hwc}",
            ("x + y",),
            "torch.flatten((x + y).permute(0, 2, 3, 1), 1)",
        ),
        ("global_avg_pool2d", ("x + y",), "(x + y).mean((2, 3))"),
        ("global_max_pool2d", ("self.a(x)",), "self.a(x).amax((2, 3))"),
        ("identity", ("x",), "x"),
        ("{op: resize, scale: 2}", ("x",), "F.interpolate(x, scale_factor=2.0)"),
        (
            "{op: resize, size: [3, 4], mode: bilinear}",
            ("x",),
            'F.interpolate(x, size=(3, 4), mode="bilinear")',
        ),
        ("resize", ("x", "y"), "F.interpolate(x, size=y.shape[-2:])"),
        (
            "{op: resize, mode: bilinear}",
            ("x", "y + z"),
            'F.interpolate(x, size=(y + z).shape[-2:], mode="bilinear")',
        ),
        ("{op: pad, spatial: [[0, 1], [2, 3]]}", ("x",), "F.pad(x, (2, 3, 0, 1))"),
        (
            "{op: pad, channels: [1, 2]}",
            ("x",),
            "F.pad(x, (0, 0, 0, 0, 1, 2))",
        ),
    ],
)
def test_functions(op: str, values: tuple[str, ...], text: str) -> None:
    assert function(op, *values) == text


def test_a_vector_is_flat_in_any_order() -> None:
    assert function("{op: flatten, order: hwc}", "x", shape=VECTOR) == (
        "torch.flatten(x, 1)"
    )


def test_expressions() -> None:
    c, k, n = named("c", "int"), named("k", "list"), named("n", "int")
    conv = use("{op: conv2d, channels: 4, kernel: 3}")
    conv.attributes |= {"channels": c, "kernel": k, "bias": named("bias", "bool")}
    conv.channels = (n * 2,)
    assert flat(MODULES["conv2d"](conv)) == "nn.Conv2d(n * 2, c, k, bias=bias)"
    cut = use("{op: slice, start: 1, stop: 3}")
    cut.attributes |= {"start": c, "stop": c * 2}
    assert flat(FUNCTIONS["slice"](cut, ("x",))) == "x[:, c : c * 2]"
    pad = use("{op: pad, channels: 3}")
    pad.attributes["channels"] = n
    assert flat(MODULES["pad"](pad)) == "nn.ConstantPad3d((0, 0, 0, 0, n, n), 0.0)"
    pad = use("{op: pad, channels: [3, 4]}")
    pad.attributes["channels"] = k
    wanted = f"nn.ConstantPad3d((0, 0, 0, 0, {item(k, 0).code()}, k[1]), 0.0)"  # type: ignore[union-attr]
    assert flat(MODULES["pad"](pad)) == wanted
    pool = use("{op: max_pool2d, kernel: 3}")
    pool.attributes |= {"kernel": n, "stride": c}
    assert flat(MODULES["max_pool2d"](pool)) == "nn.MaxPool2d(n, stride=c)"
    pool.attributes["stride"] = n
    assert flat(MODULES["max_pool2d"](pool)) == "nn.MaxPool2d(n)"


def test_padding_told_by_lists() -> None:
    """A list that is read item by item: what the ops say tells how deep it is."""
    k = named("k", "list")
    pairs = use("{op: pad, spatial: [1, 2]}")
    pairs.attributes["spatial"] = k
    wanted = "nn.ZeroPad2d((k[1], k[1], k[0], k[0]))"
    assert flat(MODULES["pad"](pairs)) == wanted
    sides = use("{op: pad, spatial: [[1, 2], [0, 0]]}")
    sides.attributes["spatial"] = k
    wanted = "nn.ZeroPad2d((k[1][0], k[1][1], k[0][0], k[0][1]))"
    assert flat(MODULES["pad"](sides)) == wanted


def test_some_padding_of_channels_is_enough() -> None:
    """One instance of a line pads channels, so that all say it."""
    plain, wide = (
        use("{op: pad, spatial: 1}"),
        use("{op: pad, spatial: 1, channels: 2}"),
    )
    both = OpUse(
        [*plain.ops, *wide.ops],
        [(IMAGE,), (IMAGE,)],
        plain.attributes | {"channels": named("n", "int")},
        (8,),
    )
    assert flat(MODULES["pad"](both)) == "nn.ConstantPad3d((1, 1, 1, 1, n, n), 0.0)"


# What is left out is torch's own default


LAYERS = {
    "conv2d": nn.Conv2d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "linear": nn.Linear,
    "batch_norm": nn.BatchNorm2d,
    "layer_norm": nn.LayerNorm,
    "group_norm": nn.GroupNorm,
    "local_response_norm": nn.LocalResponseNorm,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool2d": nn.AvgPool2d,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "dropout": nn.Dropout,
    "resize": nn.Upsample,
}


def test_defaults_are_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every keyword's default is that of the function that is called."""
    seen: set[tuple[str, str]] = set()

    def noting(name: str, *args: Any, **kwargs: Any) -> Call:
        layer = getattr(nn, name.removeprefix("nn."), None)
        if layer is None:
            return Call(name, args)
        usual = inspect.signature(layer).parameters
        for keyword, (_, default) in kwargs.items():
            assert (default, type(default)) == (
                usual[keyword].default,
                type(usual[keyword].default),
            ), (name, keyword)
            seen.add((name, keyword))
        return Call(name, args)

    monkeypatch.setattr(lowering, "call", noting)
    for kind in LAYERS:
        shape = VECTOR if kind == "linear" else IMAGE
        attributes = EXAMPLES.get(kind, "")
        found = use(f"{{op: {kind}{attributes}}}", shape)
        MODULES[kind](found)
    assert {kind for kind, _ in seen} == {
        f"nn.{LAYERS[k].__name__}" for k in LAYERS
    } - {"nn.LayerNorm"}


EXAMPLES = {
    "conv2d": ", channels: 4, kernel: 3",
    "conv_transpose2d": ", channels: 4, kernel: 3",
    "linear": ", features: 3",
    "group_norm": ", groups: 2",
    "local_response_norm": ", size: 3",
    "max_pool2d": ", kernel: 2",
    "avg_pool2d": ", kernel: 2",
    "resize": ", scale: 2",
}


def test_the_defaults_of_layer_norm_are_torchs() -> None:
    usual = inspect.signature(nn.LayerNorm).parameters
    assert usual["eps"].default == 1e-5
    assert usual["elementwise_affine"].default is True


# What can't be an argument


@pytest.mark.parametrize(
    ("op", "fixed"),
    [
        ("{op: conv2d, channels: 4, kernel: 3}", {}),
        ("{op: conv2d, channels: 4, kernel: 3, padding: [1, 2]}", {}),
        (
            "{op: conv2d, channels: 4, kernel: 3, stride: 2, padding: same}",
            {"padding": "same", "kernel": 3, "stride": 2},
        ),
        (
            "{op: conv2d, channels: 4, kernel: 3, padding: [[1, 0], [2, 2]]}",
            {"padding": ((1, 0), (2, 2)), "kernel": 3, "stride": 1},
        ),
        (
            "{op: max_pool2d, kernel: 3, padding: [1, 0]}",
            {"padding": (1, 0), "kernel": 3, "stride": None},
        ),
        ("{op: max_pool2d, kernel: 3, padding: 1}", {}),
        ("{op: batch_norm, running_var: biased}", {"running_var": "biased"}),
        ("{op: flatten, order: hwc}", {"order": "hwc"}),
        (
            "{op: pad, spatial: [1, 2], channels: 3}",
            {"beside": True, "form of spatial": "pair"},
        ),
        ("prelu", {"shared": True}),
        ("{op: resize, scale: 2}", {"mode": "nearest", "size": None, "scale": 2}),
        ("{op: scale, weight: g}", {"weight": "g"}),
        ("gelu", {"approximate": "none"}),
        (
            "{op: avg_pool2d, kernel: 2}",
            {"ceil_mode": False, "count_include_pad": True},
        ),
        ("relu", {}),
    ],
)
def test_what_is_no_argument(op: str, fixed: dict[str, Any]) -> None:
    assert signature(made(op), (IMAGE,)) == {"rank": 3} | fixed


def test_the_rank_is_no_argument() -> None:
    assert signature(made("relu"), (VECTOR,)) == {"rank": 1}
    beside = [
        signature(made(f"{{op: pad, spatial: 1, channels: {n}}}"), (IMAGE,))["beside"]
        for n in (0, 1, 2)
    ]
    assert beside[0] != beside[1]


# What is refused


@pytest.mark.parametrize(
    ("op", "shape", "why"),
    [
        (
            "{op: avg_pool2d, kernel: 3, padding: [[0, 1], [0, 0]], "
            "count_include_pad: false}",
            IMAGE,
            "an average can't leave out padding that differs between two sides",
        ),
        (
            "{op: avg_pool2d, kernel: 3, padding: [[1, 1], [0, 0]], "
            "count_include_pad: false}",
            IMAGE,
            None,
        ),
        ("{op: avg_pool2d, kernel: 3, padding: [[0, 1], [0, 0]]}", IMAGE, None),
        (
            "{op: avg_pool2d, kernel: 3, padding: [[0, 1], [0, 0]], ceil_mode: true}",
            IMAGE,
            "ceil_mode doesn't go with padding that differs between two sides",
        ),
        (
            "{op: max_pool2d, kernel: 3, padding: [[0, 0], [1, 0]], ceil_mode: true}",
            IMAGE,
            "ceil_mode doesn't go with padding that differs between two sides",
        ),
        ("{op: max_pool2d, kernel: 3, padding: [[0, 0], [1, 0]]}", IMAGE, None),
        ("{op: max_pool2d, kernel: 3, padding: 1, ceil_mode: true}", IMAGE, None),
        (
            "{op: group_norm, groups: 8}",
            (8, 1, 1),
            "GroupNorm wants more than one value in a group, for one image too",
        ),
        ("{op: group_norm, groups: 8}", (8, 1, 2), None),
        ("{op: group_norm, groups: 4}", (8, 1, 1), None),
        ("relu", IMAGE, None),
        ("add", IMAGE, None),
    ],
)
def test_what_torch_can_not_say(op: str, shape: Shape, why: str | None) -> None:
    assert unsupported(made(op), (shape,)) == why


def test_an_op_without_a_lowering() -> None:
    class Odd(Op):
        kind = "odd"

    assert unsupported(Odd(), (IMAGE,)) == "there is no lowering for odd"
