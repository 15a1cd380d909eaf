"""What an op says of itself against what PyTorch's module does, by experiment."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import torch
import yaml
from ops.modules import module
from ops.ranges import legal
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from archspec.ops import BY_KIND, Op, Shape, pair

IMAGE: Shape = (4, 9, 10)
PIXEL = ((1, Fraction(1)), (1, Fraction(1)))
"""The windows of an op that reads a pixel for a pixel."""


def op(kind: str, **attributes: Any) -> Op:
    """An op, without what a spec would check beyond its class."""
    return BY_KIND[kind].model_validate(attributes)


def values(*shapes: Shape, seed: int = 0) -> list[Tensor]:
    """Normal noise of these shapes, two of each."""
    draw = torch.Generator().manual_seed(seed)
    return [
        torch.randn(2, *shape, generator=draw, dtype=torch.float64) for shape in shapes
    ]


def check_counts(made: Op, *shapes: Shape) -> None:
    """Shape, parameters, buffers, MACs and channels are torch's."""
    oracle = module(made, *shapes)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        y = oracle(*values(*shapes))
    assert made.shape(*shapes) == tuple(y.shape[1:])
    assert 2 * made.macs(*shapes) * len(y) == counter.get_total_flops()
    names = {n: tuple(t.shape) for n, t in oracle.named_parameters()}
    parameters = {n.rpartition(".")[2]: shape for n, shape in names.items()}
    buffers = {n: tuple(t.shape) for n, t in oracle.named_buffers()}
    buffers.pop("num_batches_tracked", None)
    assert list(made.weights(*shapes).items()) == list(parameters.items())
    assert list(made.buffers(*shapes).items()) == list(buffers.items())
    # A tensor of one number per channel is counted, any other is a kernel.
    for name, shape in parameters.items():
        assert (made.role(name) == "kernel") == (len(shape) > 1)
    given = {name: getattr(made, name) for name in type(made).model_fields}
    given |= {name: pair(given[name]) for name in made.paired}
    channels = tuple(shape[0] for shape in shapes)
    assert made.out_channels(channels, given, shapes) == y.shape[1]


def check_starts(made: Op, *shapes: Shape) -> None:
    """What is no kernel and no bias starts as torch's module has it."""
    oracle = module(made, *shapes)
    tensors = {**dict(oracle.named_parameters()), **dict(oracle.named_buffers())}
    stored = {**made.weights(*shapes), **made.buffers(*shapes)}
    for name in stored:
        (tensor,) = (t for n, t in tensors.items() if n.rpartition(".")[2] == name)
        start: Any = made.initial(name)
        if made.role(name) in ("kernel", "bias"):
            assert start.name == ("constant" if made.role(name) == "bias" else KERNEL)
        else:
            assert torch.equal(tensor, torch.full_like(tensor, start.value))
    trained = {name: tensors for name, _ in oracle.named_parameters()}
    assert {n.rpartition(".")[2] for n in trained} == set(made.weights(*shapes))


KERNEL = "kaiming_normal"


def scrambled(made: Op, *shapes: Shape) -> Any:
    """torch's module with random parameters and means."""
    oracle = module(made, *shapes)
    draw = torch.Generator().manual_seed(0)
    tensors = dict(oracle.named_parameters())
    means = {n: b for n, b in oracle.named_buffers() if n.endswith("mean")}
    with torch.no_grad():
        for tensor in (*tensors.values(), *means.values()):
            tensor.copy_(torch.randn(tensor.shape, generator=draw))
    return oracle


def check_sign(made: Op, *shapes: Shape) -> None:
    """Its output is below 0 for some inputs just where it doesn't say never."""
    oracle = scrambled(made, *shapes)
    for signs in product((True, False), repeat=len(shapes)):
        lowest = 0.0
        for seed in range(5):
            given = [10 * x for x in values(*shapes, seed=seed)]
            given = [x.abs() if s else x for x, s in zip(given, signs, strict=True)]
            for x, sign in zip(given, signs, strict=True):
                x[0] = 0 if sign else -x[1].abs()
            with torch.no_grad():
                found = float(oracle(*given).min())
            lowest = min(lowest, found) if found == found else found
        assert made.nonnegative(*signs) == (lowest >= 0), (signs, lowest)


def check_sizing(made: Op, *shapes: Shape) -> None:
    """Its output's size follows the image's just where it says so."""
    oracle = module(made, *shapes)
    (channels, height, width) = shapes[0]
    other = (channels, 3 * height, 2 * width)
    with torch.no_grad():
        before, after = (oracle(*values(shape)).shape for shape in (shapes[0], other))
    if len(before) == 4:
        assert bool(made.sized_by(("x",))) == (before[2:] != after[2:])
    assert made.flattens == (before[1] != after[1])
    assert made.computed_from(("x",)) == ("x",)


def check_sizes(kind: type[Op], *bases: dict[str, Any]) -> None:
    """`sizes` are the attributes of which a height or width depends, `width` channels.

    Among the values of one attribute beside the others at each of the bases.
    """
    found: set[str] = set()
    for name in kind.model_fields:
        for base in bases:
            sizes = set()
            for value in legal(kind, name):
                try:
                    made = kind.model_validate({**base, name: value})
                    sizes.add(made.shape(IMAGE)[1:])
                except ValueError:
                    continue
                except Exception:
                    continue
            if len(sizes) > 1:
                found.add(name)
    assert kind.sizes == found


def check_channels(made: Op, shape: Shape) -> None:
    """It is made for a number of channels just where torch's module is, by its words.

    And the attribute `width` says, alone, how many come out.
    """
    more = (2 * shape[0], *shape[1:])
    told = repr(module(made, shape)) != repr(module(made, more))
    assert made.counts_channels == told
    width = type(made).width
    if width is not None:
        assert made.shape(shape)[0] == made.shape(more)[0] == getattr(made, width)


def check_chance(made: Op, shape: Shape = IMAGE) -> None:
    """It draws in training just where it names a chance; at 0 it draws nothing."""
    oracle = module(made, shape).train()
    (x,) = values((50, *shape[1:]))
    x = x[:, : shape[0]]
    x = torch.cat([x] * 20)
    with torch.no_grad():
        drawn = not torch.equal(oracle(x), oracle(x))
    assert drawn == (made.chance is not None)
    if made.chance is not None:
        still = made.model_copy(update={made.chance: 0.0})
        assert torch.equal(module(still, shape).train()(x), x)
        assert torch.equal(oracle.eval()(x), x)


def check_centres(made: Op, *shapes: Shape) -> None:
    """It takes away what is added to channels, in training, just where it says so."""
    oracle = module(made, *shapes).train()
    x, *others = values(*shapes)
    moved = x + torch.arange(1.0, x.shape[1] + 1).reshape(1, -1, *[1] * (x.ndim - 2))
    with torch.no_grad():
        torch.manual_seed(0)
        one = oracle(x, *others)
        torch.manual_seed(0)
        same = torch.allclose(one, oracle(moved, *others), rtol=0, atol=1e-9)
    assert made.centres == same


def check_windows(made: Op, channels: int = 4) -> None:
    """How many pixels an output pixel reads, and how far neighbours' windows lie apart.

    Each row, then each column, of an image is changed: who notices has read it.
    """
    shape = (channels, 36, 24)
    after = made.shape(shape)
    found = made.windows(shape, after)
    assert found is not None
    oracle = module(made, shape)
    with torch.no_grad():
        for parameter in oracle.parameters():
            parameter.fill_(1.0)
    for axis, (pixels, step) in enumerate(found):
        spans = list(_spans(oracle, shape, axis))
        inner = spans[len(spans) // 4 : -(len(spans) // 4)]
        assert pixels == max(last - first + 1 for first, last in inner), axis
        apart = step.denominator
        steps = {
            Fraction(b[0] - a[0], apart)
            for a, b in zip(inner, inner[apart:], strict=False)
        }
        assert steps == {step}, axis


def _spans(oracle: Any, shape: Shape, axis: int) -> Iterator[tuple[int, int]]:
    """For each output row or column the first and the last one of the input it reads."""
    (x,) = values(shape)
    changed = []
    with torch.no_grad():
        before = oracle(x)
        for n in range(shape[1 + axis]):
            other = x.clone()
            other.select(2 + axis, n).add_(1000.0)
            after = oracle(other)
            differs = (before != after).transpose(2, 2 + axis)
            changed.append(differs.any(3).any(1).any(0))
    for output in range(len(changed[0])):
        read = [n for n, differs in enumerate(changed) if differs[output]]
        yield (read[0], read[-1]) if read else (-1, -1)


def check_example(kind: str, shape: Shape = IMAGE) -> None:
    """The example of an op is whole, and the op changes something."""
    attributes = yaml.safe_load(f"{{{BY_KIND[kind].example}}}")
    made = op(kind, **attributes)
    shapes = (shape,) * made.arity[0]
    torch.manual_seed(0)
    given = values(*shapes)
    found = scrambled(made, *shapes).train()(*given)
    same = found.shape == given[0].shape and torch.equal(found, given[0])
    assert same == (kind == "identity")
