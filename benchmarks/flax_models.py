"""What archspec prints for Flax, to a file that somebody wrote by hand.

    OMP_NUM_THREADS=1 NPROC=1 python -m benchmarks.flax_models resnet50 FILE.py ResNet50

Both are compiled by `jax.jit` in this process and take turns in shuffled rounds. Prints
the median of the rounds' ratios of processor time, the least and the greatest.
"""

from __future__ import annotations

import random
import runpy
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import numpy as np
from flax import nnx

from archspec import load

ROUNDS, RUNS = 9, 2


def jitted(model: Any, images: Any) -> Callable[[], Any]:
    """Runs a model in evaluation mode, to the end."""
    model.eval()
    net, state = nnx.split(model)
    predict = jax.jit(lambda state, images: nnx.merge(net, state)(images))
    return lambda: jax.block_until_ready(predict(state, images))


def spent(run: Callable[[], Any]) -> float:
    """Seconds of the processor."""
    run()
    found = []
    for _ in range(RUNS):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return median(found)


def main(spec: str, path: str, name: str) -> None:
    """Prints the ratio, ours to theirs."""
    graph = load(spec).graph
    ((channels, height, width),) = graph.inputs.values()
    images = np.random.default_rng(0).normal(size=(1, height, width, channels))
    theirs = runpy.run_path(path)[name](rngs=nnx.Rngs(0))
    models = {"ours": load(spec).build("flax"), "theirs": theirs}
    runs = {key: jitted(m, images.astype("float32")) for key, m in models.items()}
    chance, ratios = random.Random(0), []
    for _ in range(ROUNDS):
        order = list(runs)
        chance.shuffle(order)
        times = {key: spent(runs[key]) for key in order}
        ratios.append(times["ours"] / times["theirs"])
    print(f"{median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
