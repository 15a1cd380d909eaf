"""Initial weights: the same numbers from a seed on every backend and machine.

Values come from Philox (Salmon et al. 2011), a counter-based generator. The key is a
hash of seed and canonical name, and a tensor is drawn in chunks, each at a place of its
own in the key's stream. So no tensor depends on another, on the order of nodes or on
the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from math import erf, exp, pi, prod, sqrt
from typing import Any, Literal, NamedTuple, assert_never

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.ops.base import Shape
from archspec.ops.init import (
    Constant,
    FanInUniform,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
    fans,
)

Floats = NDArray[np.float32]
Fill = Callable[[Generator, Floats], None]
"""Writes draws of one distribution into a flat array."""

CHUNK = 1 << 18
"""Values drawn from one place of a stream: part of what a seed means, not a tunable."""

ALIGNMENT = 64
"""Bytes; TensorFlow takes a numpy array without copying it only at such addresses."""

GAINS = {"linear": 1.0, "sigmoid": 1.0, "relu": sqrt(2), "tanh": 5 / 3, "selu": 3 / 4}
"""As `torch.nn.init.calculate_gain`; leaky_relu's depends on its slope."""


class Job(NamedTuple):
    """One chunk of one tensor."""

    out: NDArray[Any]
    fill: Fill
    key: NDArray[np.uint64]
    chunk: int


def initial_weights(
    graph: Graph,
    seed: int = 0,
    dtype: Literal["float32", "float64"] = "float32",
    *,
    threads: int | None = None,
    only: Collection[str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Every parameter and buffer at its initial value.

    Args:
        graph: the net; its ops say how each parameter starts.
        seed: any integer.
        dtype: the draws are float32 in both, so that both are the same model.
        threads: how many draw; the number of cores by default. Changes no value.
        only: canonical names; the others are left out.

    Returns:
        Canonical name -> array in canonical layout, in the order of the graph. The
        arrays are writable parts of one allocation, each aligned to 64 bytes.
    """
    arrays, jobs = _prepared(graph, seed, dtype, only)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for _ in pool.map(_draw, jobs):
            pass
    return arrays


@contextmanager
def drawing(
    graph: Graph, seed: int, dtype: Literal["float32", "float64"]
) -> Iterator[Drawn]:
    """`initial_weights`, drawn while the body does something else.

    Who reads a value waits for all of them.
    """
    arrays, jobs = _prepared(graph, seed, dtype, None)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield Drawn(arrays, [pool.submit(_draw, job) for job in jobs])
    finally:
        pool.shutdown(cancel_futures=True)


class Drawn(Mapping[str, NDArray[Any]]):
    """Arrays by name, whose values are there when a reader gets them."""

    def __init__(
        self, arrays: Mapping[str, NDArray[Any]], draws: list[Future[None]]
    ) -> None:
        self._arrays = arrays
        self._draws = draws

    def __getitem__(self, name: str) -> NDArray[Any]:
        while self._draws:
            self._draws.pop().result()
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _prepared(
    graph: Graph,
    seed: int,
    dtype: Literal["float32", "float64"],
    only: Collection[str] | None,
) -> tuple[dict[str, NDArray[Any]], list[Job]]:
    """Arrays without values, and the jobs that fill them."""
    shapes: dict[str, Shape] = {}
    fills: dict[str, Fill] = {}
    for name, shape, fill in _tensors(graph):
        if only is not None and name not in only:
            continue
        shapes[name] = shape
        fills[name] = fill
    arrays = allocate(shapes, dtype)
    jobs = [
        job
        for name, array in arrays.items()
        for job in _jobs(array, fills[name], f"{seed}:{name}")
    ]
    return arrays, jobs


def allocate(shapes: Mapping[str, Shape], dtype: str) -> dict[str, NDArray[Any]]:
    """Arrays without values, each aligned to 64 bytes, in one allocation."""
    itemsize = np.dtype(dtype).itemsize
    sizes = [
        -(-prod(shape) * itemsize // ALIGNMENT) * ALIGNMENT for shape in shapes.values()
    ]
    memory = np.empty(sum(sizes) + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    arrays: dict[str, NDArray[Any]] = {}
    for (name, shape), size in zip(shapes.items(), sizes, strict=True):
        part = memory[start : start + prod(shape) * itemsize]
        arrays[name] = part.view(dtype).reshape(shape)
        start += size
    return arrays


def _tensors(graph: Graph) -> Iterator[tuple[str, Shape, Fill]]:
    for node, inputs in graph.located():
        op = node.op
        stored = {**op.weights(*inputs), **op.buffers(*inputs)}
        kernels = [shape for name, shape in stored.items() if op.role(name) == "kernel"]
        for name, shape in stored.items():
            init = op.initial(name)
            behind = init.of_bias and op.role(name) == "bias"
            fill = distribution(init, kernels[0] if behind else shape)
            yield f"{node.name}.{name}", shape, fill


def _jobs(array: NDArray[Any], fill: Fill, stream: str) -> Iterator[Job]:
    key = np.frombuffer(blake2b(stream.encode(), digest_size=16).digest(), "<u8")
    flat = array.reshape(-1)
    for chunk, start in enumerate(range(0, flat.size, CHUNK)):
        yield Job(flat[start : start + CHUNK], fill, key, chunk)


def _draw(job: Job) -> None:
    # The highest word of the counter: streams of two chunks lie 2**192 draws apart.
    counter = np.array([0, 0, 0, job.chunk], np.uint64)
    generator = Generator(Philox(key=job.key, counter=counter))
    if job.out.dtype == np.float32:
        job.fill(generator, job.out)
        return
    values = np.empty(job.out.size, np.float32)
    job.fill(generator, values)
    job.out[:] = values


def distribution(initializer: Initializer, shape: Shape) -> Fill:
    """What an initialiser means for a tensor of this shape, as torch.nn.init does.

    For a bias that is drawn by a fan, the shape is that of its layer's weight.
    """
    match initializer:
        case Constant(value=value):
            return partial(_constant, value)
        case Normal(mean=mean, std=std):
            return partial(_normal, mean, std)
        case Uniform(a=a, b=b):
            return partial(_uniform, a, b)
        case TruncNormal(mean=mean, std=std, a=a, b=b):
            return partial(_redraw, _proposal(mean, std, a, b))
        case XavierNormal(gain=gain):
            return partial(_normal, 0.0, xavier_std(shape, gain))
        case XavierUniform(gain=gain):
            bound = sqrt(3) * xavier_std(shape, gain)
            return partial(_uniform, -bound, bound)
        case FanInUniform():
            bound = 1 / sqrt(fans(shape)[0])
            return partial(_uniform, -bound, bound)
        case KaimingNormal():
            return partial(_normal, 0.0, kaiming_std(shape, initializer))
        case KaimingUniform():
            bound = sqrt(3) * kaiming_std(shape, initializer)
            return partial(_uniform, -bound, bound)
        case _:
            assert_never(initializer)


def xavier_std(shape: Shape, gain: float) -> float:
    """Glorot and Bengio (2010): gain * sqrt(2 / (fan_in + fan_out))."""
    return gain * sqrt(2 / sum(fans(shape)))


def kaiming_std(shape: Shape, initializer: KaimingNormal | KaimingUniform) -> float:
    """He et al. (2015): gain / sqrt(fan), with the gain of the nonlinearity."""
    fan_in, fan_out = fans(shape)
    fan = fan_in if initializer.mode == "fan_in" else fan_out
    if initializer.nonlinearity == "leaky_relu":
        gain = sqrt(2 / (1 + initializer.a**2))
    else:
        gain = GAINS[initializer.nonlinearity]
    return gain / sqrt(fan)


def _constant(value: float, generator: Generator, out: Floats) -> None:
    out.fill(value)


def _normal(mean: float, std: float, generator: Generator, out: Floats) -> None:
    generator.standard_normal(out=out, dtype=np.float32)
    out *= np.float32(std)
    if mean:
        out += np.float32(mean)


def _uniform(a: float, b: float, generator: Generator, out: Floats) -> None:
    generator.random(out=out, dtype=np.float32)
    out *= np.float32(b - a)
    out += np.float32(a)
    # The product and the sum are rounded, which may step over a bound.
    np.clip(out, np.float32(a), np.float32(b), out=out)


Proposal = Callable[[Generator, Floats], NDArray[np.bool_]]
"""Writes draws into a flat array and says which of them to reject."""


def _proposal(mean: float, std: float, a: float, b: float) -> Proposal:
    """What to draw from for a normal distribution between absolute bounds.

    From the normal itself, or for narrow or far bounds from the uniform distribution
    between them: the one of which more draws are kept.
    """
    low, high = (a - mean) / std, (b - mean) / std
    peak = max(low, min(0.0, high)) ** 2 / 2
    inside = (erf(high / sqrt(2)) - erf(low / sqrt(2))) / 2
    from_uniform = inside * sqrt(2 * pi) * exp(peak) / (high - low) if inside else 0.0
    if inside >= from_uniform:
        return partial(_propose_normal, mean, std, a, b)
    return partial(_propose_uniform, mean, std, a, b, peak)


def _propose_normal(
    mean: float, std: float, a: float, b: float, generator: Generator, out: Floats
) -> NDArray[np.bool_]:
    _normal(mean, std, generator, out)
    return (out < np.float32(a)) | (out > np.float32(b))


def _propose_uniform(
    mean: float,
    std: float,
    a: float,
    b: float,
    peak: float,
    generator: Generator,
    out: Floats,
) -> NDArray[np.bool_]:
    _uniform(a, b, generator, out)
    energy = ((out - np.float32(mean)) / np.float32(std)) ** 2 / 2 - np.float32(peak)
    # P(E < energy) = 1 - exp(-energy) for a standard exponential E.
    return generator.standard_exponential(out.size, dtype=np.float32) < energy


def _redraw(propose: Proposal, generator: Generator, out: Floats) -> None:
    rejected = np.flatnonzero(propose(generator, out))
    while rejected.size:
        again = np.empty(rejected.size, np.float32)
        wrong = propose(generator, again)
        out[rejected] = again
        rejected = rejected[wrong]
