"""What a backend gives for every op of a net alone; in the backend's own process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspec.backend import Backend, trainer, trains
from archspec.errors import UnsupportedError
from archspec.graph import Graph
from archspec.ops.normalization import BatchNorm
from archspec.verify.cases import NAME, Case, cases
from archspec.verify.grids import dtype, numbers

Array = NDArray[Any]
REFUSED, FAILED = "refused", "failed"
"""Parts of an answer that are words: that the backend can't express it, or an error."""


def answers(
    chosen: Backend, graph: Graph, seed: int, device: str | None = None
) -> Iterator[tuple[str, Array]]:
    """Arrays by the number of the case and the part of the answer, as `3/value`."""
    for number, case in enumerate(cases(graph)):
        try:
            for part, array in answer(chosen, case, seed, device):
                yield f"{number}/{part}", array
        except UnsupportedError as error:
            yield f"{number}/{REFUSED}", _letters(error.message)
        except Exception as error:  # whatever it is, this op doesn't work
            yield f"{number}/{FAILED}", _letters(f"{type(error).__name__}: {error}")


def answer(
    chosen: Backend, case: Case, seed: int, device: str | None = None
) -> Iterator[tuple[str, Array]]:
    """One op's `value`, `gradients/NAME`, and of a batch norm those in `training/`.

    There also `running_mean` and `running_var`, as they are after it.
    """
    graph, given = case.graph(), numbers(case, seed)
    inputs = {f"x{n}": x for n, x in enumerate(given.inputs)}
    weights = {f"{NAME}.{name}": array for name, array in given.stored.items()}
    model = chosen.build(graph, weights, dtype=dtype(case.op), device=device)
    yield "value", chosen.forward(graph, model, inputs)[""]
    if not trains(chosen):
        return
    against = {"": given.cotangent}
    modes = (False, True) if isinstance(case.op, BatchNorm) else (False,)
    for training in modes:
        prefix = "training/" * training
        made, slopes = trainer(chosen).gradients(
            graph, model, inputs, against, training=training
        )
        if training:
            yield f"{prefix}value", made[""]
            after = chosen.read_weights(graph, model)
            for name in case.op.buffers(*case.shapes):
                yield f"{prefix}{name}", after[f"{NAME}.{name}"]
        for name, array in slopes.items():
            yield f"{prefix}gradients/{name.removeprefix(f'{NAME}.')}", array


def _letters(text: str) -> Array:
    """Words as an array, since answers are arrays."""
    return np.frombuffer(text.encode(), np.uint8)


def words(letters: Array) -> str:
    """The words again."""
    return bytes(letters).decode()
