"""The command that times a net on several backends."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspec.cli import options, signals, streams
from archspec.cli.make import Optimize
from archspec.errors import ArchspecError, BackendError
from archspec.width import room

if TYPE_CHECKING:
    from archspec.bench.section import Section

MOST = 65536
"""Images of a batch, or threads, that somebody may mean."""


def contenders(incomplete: str) -> list[str]:
    """What may stand behind the last comma, for a shell that completes."""
    from archspec.backend import backends
    from archspec.bench.contender import spellings

    before, comma, last = incomplete.rpartition(",")
    found: list[str] = []
    for name in backends():
        with suppress(ArchspecError):
            found += spellings(name)
    return [f"{before}{comma}{text}" for text in found if text.startswith(last)]


@options.ended
def bench(
    spec: options.Spec,
    backends: Annotated[
        str | None,
        typer.Option(
            help="With commas, as torch,torch:compile,keras:jax:jit,flax,onnx; the "
            "first is what others are compared with. Unless given all that are "
            "installed.",
            autocompletion=contenders,
        ),
    ] = None,
    batch: Annotated[
        str, typer.Option(metavar="N,...", help="Images of a run, as 1,8.")
    ] = "1",
    threads: Annotated[
        str | None,
        typer.Option(metavar="N,...", help="As 1,2; all processors unless given."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=1000, help="How often each has its turn.")
    ] = 5,
    device: Annotated[
        str | None, typer.Option(help="Of the frameworks, such as cuda.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="A file, an address, or published: torchvision, timm:NAME."),
    ] = None,
    params: options.Params = None,
    input_size: options.Size = None,
    optimize: Optimize = None,
    seed: Annotated[int, typer.Option(help="Of images, weights and the order.")] = 0,
    html: Annotated[Path | None, typer.Option(help="A page with bars, too.")] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Times a net on backends that take turns, and says how exact each one is.

    Each runs in a process of its own, in rounds of another order each time. What is
    compared is the ratio of two times of a round: of the clock, or of the processor
    where others keep the machine busy. An error is the largest difference to float64.
    A batch or a number of threads more is a table more. When interrupted it says what
    was measured so far. Exit code 1 where a backend gave no numbers.
    """
    from archspec.bench.contender import installed, parse_all
    from archspec.bench.report import Report
    from archspec.bench.run import Plan, run
    from archspec.memory import check
    from archspec.opening import load
    from archspec.verify.jobs import cores

    chosen = installed() if backends is None else parse_all(backends)
    if not chosen:
        raise ArchspecError("no backend is installed here", code="AS502")
    batches = _numbers("--batch", batch)
    counts = (cores(),) if threads is None else _numbers("--threads", threads)
    if html is not None:
        options.writable(html, (".html",), force)
    given, size = options.params(params), options.image_size(input_size)
    found = load(spec, params=given, size=size)
    try:
        check(found.graph, "float32")
    except BackendError as error:  # its hint is build's
        raise BackendError(error.message, code=error.code) from None
    arrays = None
    if weights is not None:
        found = found.with_pretrained(weights)
        loaded = found.fit_weights(weights)
        options.told(loaded)
        arrays = loaded.weights
    plan = Plan(
        spec, chosen, given, size, batches, counts, rounds, device, seed,
        fold=optimize is not None,
    )  # fmt: skip
    sections: list[Section] = []
    report = Report(plan, found, weights, sections)

    def tell() -> None:
        """Writes past the streams, which may hold half a line."""
        text = f"{json.dumps(report.facts())}\n" if as_json else report.text(room())
        with suppress(OSError):
            os.write(1, text.encode())

    with signals.last(tell):
        run(plan, found, arrays, sections, options.note)
    if as_json:
        print(json.dumps(report.facts(), indent=2))
    else:
        streams.put(report.text(room()))
    if html is not None:
        from archspec.bench.page import page
        from archspec.files import write_whole

        write_whole(html, page(report))
    if not report.whole:
        raise typer.Exit(1)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    """`1,8` as numbers, all unlike; ArchspecError for what is none."""
    parts = [part.strip() for part in text.split(",")]
    found = [int(part) for part in parts if part.isdecimal() and len(part) < 6]
    wrong = len(found) < len(parts) or not all(0 < number <= MOST for number in found)
    if wrong or len({*found}) < len(found):
        raise ArchspecError(
            f"{option} {text}: expected numbers from 1, all unlike, such as 1,8",
            code="AS505",
        )
    return tuple(found)
