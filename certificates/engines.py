"""Runs the zoo on an engine in all of its ways, against the certificates.

    python -m certificates.engines keras:tensorflow resnet18 resnet50

All nets without a name. A way is how a model is called; on torch also on two threads,
on TensorFlow also as a function; with `--compiled` also as the engine makes one program
of it, which takes minutes for a deep net. Every value has to have the bits that are
certified. What ran is written into the certificate; where a bit is off nothing is, and
it ends with 1.

An engine belongs to a process, so each takes a run of its own: torch,
torch:channels_last, keras:tensorflow, keras:jax, keras:torch, flax, onnx:reference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from archspec.backend import Backend, runner
from archspec.catalog import names
from archspec.graph import Graph
from archspec.passes.with_outputs import with_outputs
from archspec.verify.certificate import Certificate, Issued, read, root, write
from archspec.verify.data import ExactData
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench
from certificates.make import FOLDER

COMPILED = "--compiled"
TWO = "2 threads"
Arrays = Mapping[str, Any]


def main(engine: str, *nets: str) -> None:
    """Runs nets, and says of each way whether it gives the certified bits."""
    (target,) = parse_all(engine)
    wrong = []
    for name in [net for net in nets if net != COMPILED] or names():
        (path,) = FOLDER.glob(f"{name}.json*")
        certificate = read(path)
        setting = certificate.setting(certificate.net)
        data = setting.data()
        assert isinstance(data, ExactData)
        certificate.refuse_numbers(data.numbers)
        chosen = target.found().on(target.engine, setting.dtype)
        bench = Bench(chosen, data, target.engine)
        ran = (*runs(bench, certificate, target, compiled=COMPILED in nets),)
        off = [one["target"] for one in ran if one["root"] != certificate.root]
        wrong += [f"{name} on {one}" for one in off]
        print(name, "; ".join(off) or f"same bits, {len(ran)} ways", flush=True)
        if not off:
            write(path, Issued(joined(certificate, ran), data.numbers))
    if wrong:
        sys.exit(f"not as certified: {', '.join(wrong)}")


def joined(certificate: Certificate, ran: tuple[dict[str, Any], ...]) -> Certificate:
    """The certificate with what ran, in place of the same that ran before."""
    new = {one["target"] for one in ran}
    kept = [one for one in certificate.backends if one["target"] not in new]
    return certificate.model_copy(update={"backends": (*kept, *ran)})


def runs(
    bench: Bench, certificate: Certificate, target: Target, *, compiled: bool
) -> Iterator[dict[str, Any]]:
    """Each way as a certificate has it: what ran, and the root of all its values."""
    keys = {f"value{n}": name for n, name in enumerate(certificate.digests())}
    graph = with_outputs(bench.graph, keys)
    model = bench.build(graph, bench.data.weights("exact"))
    images = bench.data.images()
    for way, run in ways(bench.chosen, graph, model, images, target, compiled).items():
        made = run()
        yield {
            "target": f"{target}, {way}" if way else str(target),
            **bench.about(),
            **({"threads": 2} if way == TWO else {}),
            "root": root((name, made[key]) for key, name in keys.items()),
        }


def ways(
    chosen: Backend,
    graph: Graph,
    model: Any,
    images: Arrays,
    target: Target,
    compiled: bool,
) -> dict[str, Callable[[], Arrays]]:
    """How a model is run: what gives its values, by name; as it is called has none."""

    def running(mode: str) -> Arrays:
        runs = runner(chosen, graph, model, images, mode)
        return runs.read(runs.run())

    def called() -> Arrays:
        return chosen.forward(graph, model, images)

    found = {"": called}
    if str(target) == "torch":
        found[TWO] = partial(_of_two_threads, called)
    if str(target) == "keras:tensorflow":
        found["function"] = partial(running, "")
    modes = getattr(chosen, "modes", ()) if compiled else ()
    return found | {mode: partial(running, mode) for mode in modes}


def _of_two_threads(called: Callable[[], Arrays]) -> Arrays:
    """What torch gives on two threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        return called()
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    main(*sys.argv[1:])
