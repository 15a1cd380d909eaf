"""Initial weights: their distributions, and that nothing but seed and name moves them.

The oracles are torch.nn.init, scipy.stats and a plain use of numpy's Philox.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pytest
import scipy.stats
import torch
from numpy.typing import NDArray
from ops.modules import module
from torch.nn import init

from archspec.errors import Location
from archspec.graph import Graph, Node, Scope
from archspec.ops import BY_KIND
from archspec.ops.base import Op, Shape, Stored, Weighted
from archspec.ops.init import TruncNormal
from archspec.weights import drawing, initial, initial_weights
from archspec.weights.initial import CHUNK

AT = Location("net.yaml", 3, 5)

Mode = Literal["fan_in", "fan_out"]
Gain = Literal["linear", "sigmoid", "relu", "leaky_relu", "tanh", "selu"]

NORMAL = {"normal": {"mean": 0.0, "std": 1.0}}


class Tensor(Weighted):
    """An op that has one parameter of any shape and passes its input on."""

    kind: ClassVar[str] = "tensor"
    stored: ClassVar[Stored] = {"weight": "kernel"}
    size: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        return {"weight": self.size}


def net(ops: Mapping[str, Op], shape: Shape = (4,)) -> Graph:
    """A chain of the ops, by name."""
    root = Scope(
        name="",
        parent=None,
        slot="",
        definition="net",
        title="net",
        kind="file",
        listed=False,
        inline=False,
        index=None,
        count=1,
        params={},
        texts={},
        defaults={},
        taints={},
        when=None,
        repeat=None,
        inputs={"input": "image"},
        outputs={},
        at=AT,
    )
    nodes: list[Node] = []
    source, inputs = "image", {"image": shape}
    for name, op in ops.items():
        shape = op.shape(shape)
        nodes.append(Node(name, op, (source,), root, name, shape, AT))
        source = name
    return Graph("net", inputs, tuple(nodes), {"": source}, {}, {}, root)


def tensor(init: Any, *size: int) -> Tensor:
    return Tensor.model_validate({"size": size, "init": {"weight": init}})


def draw(init: Any, *size: int, **options: Any) -> NDArray[Any]:
    return initial_weights(net({"x": tensor(init, *size)}), **options)["x.weight"]


def fan(size: Shape, mode: Mode) -> int:
    return init._calculate_correct_fan(torch.empty(size, device="meta"), mode)


class Case(NamedTuple):
    """An initialiser, the same of torch, and the same of scipy for a given shape."""

    init: dict[str, dict[str, Any]]
    torch: Callable[[torch.Tensor], torch.Tensor]
    scipy: Callable[[Shape], Any]


def kaiming(kind: str, mode: Mode, nonlinearity: Gain, a: float = 0.0) -> Case:
    def scipy_(size: Shape) -> Any:
        std = init.calculate_gain(nonlinearity, a) / math.sqrt(fan(size, mode))
        return centred(kind, std)

    return Case(
        {f"kaiming_{kind}": {"mode": mode, "nonlinearity": nonlinearity, "a": a}},
        lambda t: getattr(init, f"kaiming_{kind}_")(t, a, mode, nonlinearity),
        scipy_,
    )


def xavier(kind: str, gain: float) -> Case:
    def scipy_(size: Shape) -> Any:
        fans = fan(size, "fan_in") + fan(size, "fan_out")
        return centred(kind, gain * math.sqrt(2 / fans))

    return Case(
        {f"xavier_{kind}": {"gain": gain}},
        lambda t: getattr(init, f"xavier_{kind}_")(t, gain),
        scipy_,
    )


def centred(kind: str, std: float) -> Any:
    bound = math.sqrt(3) * std
    if kind == "uniform":
        return scipy.stats.uniform(-bound, 2 * bound)
    return scipy.stats.norm(0, std)


def truncated(mean: float, std: float, a: float, b: float) -> Case:
    return Case(
        {"trunc_normal": {"mean": mean, "std": std, "a": a, "b": b}},
        lambda t: init.trunc_normal_(t, mean, std, a, b),
        lambda size: scipy.stats.truncnorm(
            (a - mean) / std, (b - mean) / std, mean, std
        ),
    )


CASES = {
    "kaiming_normal fan_in": kaiming("normal", "fan_in", "relu"),
    "kaiming_normal fan_out": kaiming("normal", "fan_out", "relu"),
    "kaiming_normal leaky": kaiming("normal", "fan_in", "leaky_relu", 0.3),
    "kaiming_normal linear": kaiming("normal", "fan_in", "linear"),
    "kaiming_normal tanh": kaiming("normal", "fan_out", "tanh"),
    "kaiming_normal sigmoid": kaiming("normal", "fan_in", "sigmoid"),
    "kaiming_normal selu": kaiming("normal", "fan_in", "selu"),
    "kaiming_uniform fan_in": kaiming("uniform", "fan_in", "relu"),
    "kaiming_uniform fan_out": kaiming("uniform", "fan_out", "relu"),
    "kaiming_uniform torch": kaiming("uniform", "fan_in", "leaky_relu", math.sqrt(5)),
    "xavier_normal": xavier("normal", 1.0),
    "xavier_normal gain": xavier("normal", 5 / 3),
    "xavier_uniform": xavier("uniform", 1.0),
    "xavier_uniform gain": xavier("uniform", 0.5),
    "normal": Case(
        {"normal": {"mean": 0.0, "std": 0.01}},
        lambda t: init.normal_(t, 0.0, 0.01),
        lambda size: scipy.stats.norm(0, 0.01),
    ),
    "normal shifted": Case(
        {"normal": {"mean": -2.0, "std": 0.5}},
        lambda t: init.normal_(t, -2.0, 0.5),
        lambda size: scipy.stats.norm(-2, 0.5),
    ),
    "uniform": Case(
        {"uniform": {"a": -0.1, "b": 0.3}},
        lambda t: init.uniform_(t, -0.1, 0.3),
        lambda size: scipy.stats.uniform(-0.1, 0.4),
    ),
    "trunc_normal untruncated": truncated(0.0, 0.02, -2.0, 2.0),
    "trunc_normal": truncated(0.0, 1.0, -2.0, 2.0),
    "trunc_normal shifted": truncated(0.5, 1.0, -1.0, 1.0),
    "trunc_normal one side": truncated(0.0, 1.0, 0.8, 9.0),
    "trunc_normal narrow": truncated(1.0, 2.0, 0.9, 1.2),
    "trunc_normal tail": truncated(0.0, 1.0, 1.9, 3.0),
}

SIZES = [(128, 64, 3, 3), (400, 300), (512, 1, 5, 5)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
class TestDistribution:
    def test_against_scipy(self, case: Case, size: Shape) -> None:
        values = draw(case.init, *size)
        assert values.shape == size
        expected = case.scipy(size)
        n, std = values.size, expected.std()
        # Five standard errors; that of the variance follows from the fourth moment.
        error = 5 / math.sqrt(n)
        kurtosis = float(expected.stats("k"))
        assert abs(values.mean(dtype=np.float64) - expected.mean()) < error * std
        spread = values.var(dtype=np.float64) / std**2 - 1
        assert abs(spread) < error * math.sqrt(kurtosis + 2)
        low, high = expected.support()
        assert np.float32(low) <= values.min()
        assert values.max() <= np.float32(high)
        assert scipy.stats.kstest(values.ravel(), expected.cdf).pvalue > 1e-3

    def test_against_torch(self, case: Case, size: Shape) -> None:
        torch.manual_seed(0)
        theirs = case.torch(torch.empty(size)).numpy()
        ours = draw(case.init, *size)
        assert scipy.stats.ks_2samp(ours.ravel(), theirs.ravel()).pvalue > 1e-3
        ratio = ours.std(dtype=np.float64) / theirs.std(dtype=np.float64)
        assert abs(ratio - 1) < 5 / math.sqrt(ours.size)


LAYERS: dict[str, tuple[dict[str, Any], Shape]] = {
    "conv2d": ({"channels": 900, "kernel": [3, 2], "groups": 4}, (8, 6, 6)),
    "conv_transpose2d": ({"channels": 900, "kernel": 3, "groups": 3}, (6, 6, 6)),
    "linear": ({"features": 900}, (7,)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_start_as_torchs_own(kind: str) -> None:
    """Both their weight and their bias, by the fan in of the weight."""
    attributes, shape = LAYERS[kind]
    inits = dict.fromkeys(("weight", "bias"), "fan_in_uniform")
    op = BY_KIND[kind].model_validate({**attributes, "init": inits})
    ours = initial_weights(net({"x": op}, shape))
    torch.manual_seed(0)
    parameters = dict(module(op, shape).named_parameters())
    bound = 1 / math.sqrt(fan(tuple(parameters["weight"].shape), "fan_in"))
    for name, theirs in parameters.items():
        assert ours[f"x.{name}"].shape == theirs.shape
        values, wanted = ours[f"x.{name}"].ravel(), theirs.detach().numpy().ravel()
        assert scipy.stats.ks_2samp(values, wanted).pvalue > 1e-3
        for found in (values, wanted):
            assert np.abs(found).max() == pytest.approx(bound, rel=0.02)
            assert np.abs(found).max() <= np.float32(bound)


def test_uniform_reaches_its_bounds() -> None:
    values = draw({"uniform": {"a": -0.1, "b": 0.3}}, 1_000_000)
    assert values.min() == pytest.approx(-0.1, abs=1e-5)
    assert values.max() == pytest.approx(0.3, abs=1e-5)


@pytest.mark.parametrize("mean", [0.0, 1.5, -3.0])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-2, 2),
        (-1, 1),
        (-0.2, 0.3),
        (0, 9),
        (1, 4),
        (-5, -2),
        (2, 2.1),
        (-9, 0),
    ],
)
@pytest.mark.parametrize("std", [1.0, 0.25])
def test_what_is_drawn_between_bounds(
    mean: float, low: float, high: float, std: float
) -> None:
    """From the normal, or between the bounds: the one of which more draws are kept."""
    normal = scipy.stats.norm()
    inside = normal.cdf(high) - normal.cdf(low)
    peak = 0.0 if low < 0 < high else min(abs(low), abs(high))
    kept = inside / ((high - low) * normal.pdf(peak)) if inside else 1.0
    wanted = "_propose_normal" if inside >= kept else "_propose_uniform"
    assert abs(inside - kept) > 1e-3 or not inside
    fill: Any = initial.distribution(
        TruncNormal(mean=mean, std=std, a=mean + std * low, b=mean + std * high), (1,)
    )
    (proposal,) = fill.args
    assert proposal.func.__name__ == wanted


def test_constants() -> None:
    assert (draw({"constant": {"value": 0.25}}, 7, 3) == np.float32(0.25)).all()
    assert (draw(0, 7) == 0).all()


def test_defaults_of_the_ops() -> None:
    graph = net(
        {
            "conv": BY_KIND["conv2d"].model_validate({"channels": 64, "kernel": 3}),
            "bn": BY_KIND["batch_norm"](),
            "pool": BY_KIND["global_avg_pool2d"](),
            "fc": BY_KIND["linear"].model_validate({"features": 500}),
        },
        (32, 8, 8),
    )
    weights = initial_weights(graph)
    shapes = graph.parameters() | graph.buffers()
    assert {name: array.shape for name, array in weights.items()} == shapes
    zeros = {name for name, array in weights.items() if not array.any()}
    ones = {name for name, array in weights.items() if (array == 1).all()}
    assert zeros == {"conv.bias", "bn.bias", "bn.running_mean", "fc.bias"}
    assert ones == {"bn.weight", "bn.running_var"}
    he = scipy.stats.norm(0, math.sqrt(2 / (32 * 9)))
    assert scipy.stats.kstest(weights["conv.weight"].ravel(), he.cdf).pvalue > 1e-3
    he = scipy.stats.norm(0, math.sqrt(2 / 64))
    assert scipy.stats.kstest(weights["fc.weight"].ravel(), he.cdf).pvalue > 1e-3


TRIO = {
    "a": tensor({"kaiming_normal": {"mode": "fan_out"}}, 64, 9),
    "b": tensor({"trunc_normal": {"std": 0.7, "a": -1.0, "b": 1.0}}, 900, 700),
    "c.d": tensor({"uniform": {"a": 0.0, "b": 1.0}}, CHUNK + 1),
}


def same(left: Mapping[str, NDArray[Any]], right: Mapping[str, NDArray[Any]]) -> bool:
    return left.keys() == right.keys() and all(
        np.array_equal(left[name], right[name]) for name in left
    )


class TestSameSeedSameModel:
    def test_the_stream_is_the_promised_one(self) -> None:
        # What a seed means may not change between releases: here it is, once more.
        size, parts = 2 * CHUNK + 10, []
        digest = blake2b(b"7:x.weight", digest_size=16).digest()
        for chunk in range(3):
            philox = np.random.Philox(
                key=int.from_bytes(digest, "little"), counter=chunk << 192
            )
            count = min(CHUNK, size - chunk * CHUNK)
            generator = np.random.Generator(philox)
            parts.append(generator.standard_normal(count, dtype=np.float32))
        assert np.array_equal(draw(NORMAL, size, seed=7), np.concatenate(parts))

    def test_again(self) -> None:
        assert same(initial_weights(net(TRIO)), initial_weights(net(TRIO)))

    @pytest.mark.parametrize("threads", [2, 3, 16])
    def test_any_number_of_threads(self, threads: int) -> None:
        one = initial_weights(net(TRIO), threads=1)
        assert same(one, initial_weights(net(TRIO), threads=threads))

    def test_drawn_meanwhile(self) -> None:
        with drawing(net(TRIO), 0, "float32") as drawn:
            assert list(drawn) == list(initial_weights(net(TRIO)))
            assert len(drawn) == len(TRIO)
            assert same(dict(drawn), initial_weights(net(TRIO)))

    def test_drawn_for_nobody(self) -> None:
        many = net({"x": tensor(NORMAL, 100 * CHUNK)})
        with pytest.raises(ZeroDivisionError), drawing(many, 0, "float32") as drawn:
            draws = drawn._draws
            raise ZeroDivisionError
        assert any(draw.cancelled() for draw in draws)

    def test_any_order(self) -> None:
        backwards = dict(reversed(TRIO.items()))
        assert same(initial_weights(net(TRIO)), initial_weights(net(backwards)))

    def test_any_company(self) -> None:
        weights = initial_weights(net(TRIO))
        for name, op in TRIO.items():
            alone = initial_weights(net({name: op}))[f"{name}.weight"]
            assert np.array_equal(alone, weights[f"{name}.weight"])

    def test_only_some(self) -> None:
        whole = initial_weights(net(TRIO))
        some = initial_weights(net(TRIO), only=["c.d.weight", "a.weight", "x"])
        assert list(some) == ["a.weight", "c.d.weight"]
        assert all(np.array_equal(some[name], whole[name]) for name in some)
        assert initial_weights(net(TRIO), only=[]) == {}

    def test_as_many_threads_as_are_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []

        class Noted(ThreadPoolExecutor):
            def __init__(self, threads: int | None) -> None:
                seen.append(threads)
                super().__init__(threads)

        monkeypatch.setattr(initial, "ThreadPoolExecutor", Noted)
        small = net({"a": TRIO["a"]})
        initial_weights(small, threads=3)
        initial_weights(small)
        with drawing(small, 0, "float32"):
            pass
        assert seen == [3, os.cpu_count(), os.cpu_count()]

    def test_both_dtypes(self) -> None:
        single = initial_weights(net(TRIO))
        double = initial_weights(net(TRIO), dtype="float64")
        assert {array.dtype for array in single.values()} == {np.dtype("float32")}
        assert {array.dtype for array in double.values()} == {np.dtype("float64")}
        assert same(single, double)

    def test_the_distribution_moves_no_stream(self) -> None:
        doubled = draw({"normal": {"mean": 0.0, "std": 2.0}}, 50)
        assert np.array_equal(doubled, 2 * draw(NORMAL, 50))


class TestIndependence:
    def test_seeds(self) -> None:
        drawn = [draw(NORMAL, 10_000, seed=seed) for seed in (0, 1, -1, 2**70)]
        correlations = np.corrcoef(drawn) - np.eye(4)
        assert np.abs(correlations).max() < 5 / math.sqrt(10_000)

    def test_names(self) -> None:
        names = ("a", "b", "a.0", "a0", "layer1.0.conv1", "layer1.1.conv1")
        weights = initial_weights(net({name: tensor(NORMAL, 10_000) for name in names}))
        correlations = np.corrcoef(list(weights.values())) - np.eye(len(names))
        assert np.abs(correlations).max() < 5 / math.sqrt(10_000)

    def test_seed_and_name_do_not_run_together(self) -> None:
        one = initial_weights(net({"1": tensor(NORMAL, 9)}), seed=11)["1.weight"]
        two = initial_weights(net({"11": tensor(NORMAL, 9)}), seed=1)["11.weight"]
        assert not np.array_equal(one, two)

    def test_chunks(self) -> None:
        values = draw(NORMAL, 4, CHUNK)
        correlations = np.corrcoef(values) - np.eye(4)
        assert np.abs(correlations).max() < 5 / math.sqrt(CHUNK)


class TestMemory:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_arrays_are_aligned_writable_and_apart(self, dtype: Any) -> None:
        sizes = [(3,), (1,), (5, 7), (64,), (2, 3, 3, 3)]
        ops = {f"x{i}": tensor(0, *size) for i, size in enumerate(sizes)}
        weights = initial_weights(net(ops), dtype=dtype)
        for count, array in enumerate(weights.values()):
            assert array.ctypes.data % 64 == 0
            assert array.flags.c_contiguous
            array[...] = count
        for count, array in enumerate(weights.values()):
            assert (array == count).all()

    def test_a_net_without_weights(self) -> None:
        assert initial_weights(net({"relu": BY_KIND["relu"]()})) == {}
