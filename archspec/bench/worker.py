"""A process that times one backend: `python -m archspec.bench.worker`.

Each line of JSON asks for a `start`, or for `peak`, `prepare` or `turn`, methods of
what that has made.
"""

from __future__ import annotations

import gc
import logging
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.backend import Backend, Runner, begin, require, runner
from archspec.graph import Graph
from archspec.verify.target import Target
from archspec.verify.worker import serve, tried

if TYPE_CHECKING:
    from numpy.typing import NDArray

WARM, RUNS, MOST = 2, 2, 100
"""Runs after the first one, and in a turn at least and at most."""
TURN = 0.2
"""Seconds of a turn, where that takes more runs than the least."""
PEAKS = {
    "sgemm": "{{archspec: 1, name: sgemm, inputs: {{x: [{wide}]}}, "
    "graph: {{fc: {{op: linear, features: {wide}, bias: false}}}}}}",
    "conv": "{archspec: 1, name: conv, inputs: {x: [256, 56, 56]}, graph: {conv: "
    "{op: conv2d, channels: 256, kernel: 3, padding: 1, bias: false}}}",
}
"""What is computed at the machine's peak: a product of matrices, and a convolution."""


class Timed:
    """A net on a backend, and the images that it runs on.

    Args:
        asked: spec, params, size, backend, engine, mode, device, seed, weights (a file
            with canonical ones) and whether norms are folded.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        from archspec.opening import load
        from archspec.passes.fold_norms import fold_norms
        from archspec.verify.process import Stored

        target = Target(asked["backend"], asked["engine"])
        require(target.found())
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        self.chosen: Backend = target.found().on(target.engine, "float32")
        begin(self.chosen)
        self.mode, self.seed = asked["mode"], asked["seed"]
        self.device = asked["device"]
        size = asked["size"] and tuple(asked["size"])
        self.graph = load(asked["spec"], params=asked["params"], size=size).graph
        weights: Mapping[str, NDArray[Any]] = Stored(Path(asked["weights"]))
        graph = self.graph
        if asked["fold"]:
            graph, weights = fold_norms(graph, weights)
        self.net = graph
        self.model = self.chosen.build(graph, dict(weights), device=self.device)
        modules = getattr(self.chosen, "modules", {})
        self.names = self.chosen.framework, modules.get(target.engine, target.engine)
        self.runner: Runner | None = None

    def versions(self) -> dict[str, str]:
        """Of the modules that compute."""
        found = {n: sys.modules[n] for n in self.names if n in sys.modules}
        return {name: getattr(m, "__version__", "") for name, m in found.items()}

    def peak(self) -> dict[str, Any]:
        """Floating point operations a second of what needs least of all else."""
        from archspec.opening import loads
        from archspec.weights import initial_weights

        wide, count = (2048, 1) if self.device in (None, "cpu") else (4096, 32)
        texts = PEAKS["sgemm"].format(wide=wide), PEAKS["conv"]
        found = {}
        for text, batch in zip(texts, (wide, count), strict=True):
            graph = loads(text).graph
            weights = initial_weights(graph, 0)
            model = self.chosen.build(graph, weights, device=self.device)
            inputs = images(graph, self.seed, batch)
            runs = runner(self.chosen, graph, model, inputs)
            runs.run()
            cpu, wall = turn(runs, 3)
            flop = graph.flops() * batch
            found[graph.name] = {"cpu": flop / min(cpu), "wall": flop / min(wall)}
        return found

    def prepare(self, batch: int, truth: str) -> dict[str, Any]:
        """Images of a batch; the first run's seconds, and its error."""
        from archspec.verify.process import Stored

        inputs = images(self.graph, self.seed, batch)
        self.runner = runner(self.chosen, self.net, self.model, inputs, self.mode)
        start = time.perf_counter()
        made = self.runner.run()
        first = time.perf_counter() - start
        error = wrong(self.runner.read(made), Stored(Path(truth)), batch)
        for _ in range(WARM):
            self.runner.run()
        told = {"device": self.runner.device, "versions": self.versions()}
        return {"first": first, "error": error, **told}

    def turn(self) -> dict[str, Any]:
        """Seconds of the processor and of the clock, of each run."""
        assert self.runner is not None
        before = time.process_time()
        cpu, wall = turn(self.runner, RUNS)
        spent = time.process_time() - before
        held = self.runner.device_peak() if self.runner.device else most_held()
        return {"cpu": cpu, "wall": wall, "spent": spent, "held": held}


def turn(runs: Runner, least: int) -> tuple[list[float], list[float]]:
    """A run that doesn't count, and then the seconds of others."""
    runs.run()
    cpu: list[float] = []
    wall: list[float] = []
    gc.collect()
    gc.disable()
    try:
        while len(cpu) < least or (sum(cpu) < TURN and len(cpu) < MOST):
            spent, start = time.process_time(), time.perf_counter()
            runs.run()
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - spent)
    finally:
        gc.enable()
    return cpu, wall


def images(graph: Graph, seed: int, batch: int) -> dict[str, NDArray[Any]]:
    """Normal noise; the first images of every batch are the same."""
    import numpy as np

    return {
        name: np.stack([image(name, shape, seed, n) for n in range(batch)])
        for name, shape in graph.inputs.items()
    }


def image(name: str, shape: tuple[int, ...], seed: int, number: int) -> NDArray[Any]:
    """One of them, in float32."""
    from numpy import float32

    from archspec.verify.data import stream

    draw = stream(seed, f"image {number} {name}")
    made: NDArray[Any] = draw.standard_normal(shape, float32)
    return made


def wrong(
    made: Mapping[str, NDArray[Any]], truth: Mapping[str, NDArray[Any]], batch: int
) -> float | None:
    """The largest difference to the truth, by its largest value; None if not finite.

    The truth is known of the first image and of the last.
    """
    import numpy as np

    found = 0.0
    for name, values in made.items():
        for number in {0, batch - 1}:
            true = truth[f"{number}/{name}"]
            scale = float(np.abs(true).max(initial=0)) or 1.0
            differs = np.abs(np.asarray(values[number], np.float64) - true)
            found = max(found, float(differs.max(initial=0)) / scale, key=_nan_last)
    return found if np.isfinite(found) else None


def _nan_last(value: float) -> tuple[bool, float]:
    return value != value, value


def most_held() -> int:
    """The most bytes that this process has held."""
    try:
        # Of the process alone: getrusage begins with what its parent held.
        lines = Path("/proc/self/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Serves until its input ends."""
    timed: list[Timed] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}

        def do(what: str, *given: Any) -> None:
            if what == "start":
                timed.append(Timed(*given))
            else:
                made.update(getattr(timed[0], what)(*given))

        error = tried(do, request["do"], *request["given"])
        return {"failed": error, **made}

    serve(answer)


if __name__ == "__main__":
    main()
