"""The command that proves backends equal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspec.cli import options, signals
from archspec.errors import ArchspecError
from archspec.width import room

if TYPE_CHECKING:
    from archspec.verify.certificate import Certificate
    from archspec.verify.data import Dtype
    from archspec.verify.report import Report
    from archspec.verify.setting import Setting

PRECISIONS: dict[str, tuple[Dtype, ...]] = {
    "float32": ("float32",),
    "float64": ("float64",),
    "both": ("float32", "float64"),
}


@options.ended
def verify(
    specs: Annotated[
        list[str] | None,
        typer.Argument(metavar="SPEC", help=".yaml files, or nets of the zoo."),
    ] = None,
    backends: Annotated[
        str,
        typer.Option(
            help="The reference and what is compared with it, with commas: torch, "
            "keras (on TensorFlow), keras:jax, keras:torch, flax."
        ),
    ] = "torch,keras",
    dtype: Annotated[str, typer.Option(help="float32, float64 or both.")] = "both",
    params: options.Params = None,
    input_size: options.Size = None,
    seed: Annotated[int, typer.Option(help="Of weights and images.")] = 0,
    all_: Annotated[bool, typer.Option("--all", help="Every net of the zoo.")] = False,
    evaluation: Annotated[
        bool, typer.Option("--eval", help="Only the checks in evaluation mode.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Only with the definitions: bit for bit, and each op alone."
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="N/COUNT", help="Only a machine's share of the nets, such as 2/4."
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", "-j", min=1, max=64, help="How many comparisons at once."
        ),
    ] = 1,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Make a net smaller that doesn't fit.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="Of the framework, such as cuda.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json[.gz]", help="Write what every value must be, bit by bit."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz", help="With --certificate: its weights and images."
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A certificate, and nothing else, decides."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py[:NAME]",
            help="Your own model of the spec, for one backend; of ONNX also net.onnx.",
        ),
    ] = None,
    rename: options.Rename = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="Write errors along the depth as a picture."
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Proves that backends compute the same function, or says where they differ.

    Each is compared with the definitions of the ops, bit for bit, and all with the
    first. Exit code 1 unless every check of every backend was made and passed.
    Gradients, training and three steps of SGD are compared in float64 only.
    A certificate says what every value must be; --against checks a backend by one
    alone, on another machine, device or version of a framework.
    With several specs it says how many are left, and when interrupted what passed.
    With --html every value is compared as well, and a page shows them and the net.
    Each is in one of the shards 1/4 to 4/4, which share out the nets by their MACs.
    With --jobs several go on at once, as many as memory takes, and share the cores;
    their reports come in the order of the specs.
    """
    from archspec.verify.jobs import at_once, share_cores

    if jobs > 1:
        share_cores(jobs)  # before any framework, and numpy, is imported
    from archspec.backend import computes
    from archspec.catalog import names
    from archspec.memory import available
    from archspec.verify import shards
    from archspec.verify.entry import split
    from archspec.verify.memory import needed
    from archspec.verify.report import summary
    from archspec.verify.run import run
    from archspec.verify.setting import Setting
    from archspec.verify.target import parse_all

    if dtype not in PRECISIONS:
        raise ArchspecError(f"--dtype {dtype}: expected float32, float64 or both")
    if bool(specs) == all_:
        raise typer.BadParameter("give the specs, or --all and none")
    part = None if shard is None else shards.parse(shard)
    if part and (certificate or against or file):
        raise typer.BadParameter("--shard is for comparisons of several specs")
    targets = parse_all(backends)
    if file is not None:  # whose model is compared in float64
        targets = tuple(target.double() for target in targets)
    given, size = options.params(params), options.image_size(input_size)
    names_ = tuple(specs or names())
    writes = _Writes(certificate, data, html, force)
    writes.check(names_)
    kinds = PRECISIONS[dtype]
    if (quick or len(targets) == 1) and dtype == "both":
        kinds = ("float64",)  # 1 / sqrt(x) of TensorFlow rounds in float32
        if not any(computes(t.found(), t.engine, "float64") for t in targets):
            kinds = ("float32",)
    wanted = [(name, kind) for name in names_ for kind in kinds]
    settings = [
        Setting(name, kind, seed, given, size, device=device) for name, kind in wanted
    ]
    if file is not None:
        if len(names_) != 1 or len(targets) != 1 or certificate or against:
            raise typer.BadParameter(
                "--file is for one SPEC and one of --backends, and no certificate"
            )
        if not split(file)[0].is_file():  # a process need not start for that
            raise ArchspecError(f"there is no file {file!r}", code="AS190")
        found = options.wish(None, None, rename).rename
        settings = [replace(settings[0], file=file, rename=found)]
    elif rename:
        raise typer.BadParameter("--rename goes with --file")
    certified = None
    if against is not None:
        certified = _certified(against, names_, [params, input_size, seed, certificate])
        settings = [certified.setting(names_[0], device)]
    # A wrong spec is said before the others take their minutes.
    costs = [shards.cost(setting.graph(), setting.dtype) for setting in settings]
    if part:
        each = len(kinds)
        starts = range(0, len(settings), each)
        share = part.share([sum(costs[start : start + each]) for start in starts])
        chosen = [starts[place] + n for place in share for n in range(each)]
        settings = [settings[place] for place in chosen]
        costs = [costs[place] for place in chosen]
    made: dict[int, Report] = {}
    began = time.monotonic()
    several = len(names_) > 1
    total = len(settings)

    def compare(number: int) -> Report:
        place = f"[{number + 1}/{total}] {settings[number].spec}: "
        return run(
            settings[number],
            targets,
            lambda text: options.note(f"{place if total > 1 else ''}{text}"),
            training=not evaluation,
            shrink=shrink,
            quick=quick,
            certificate=certified,
            pictured=html is not None,
        )

    def need(setting: Setting) -> int:
        training = not (evaluation or quick) and setting.dtype == "float64"
        each = needed(setting.graph(), setting.dtype, training=training)
        return each * (len(targets) + 1)

    needs = [need(setting) if jobs > 1 else 0 for setting in settings]
    words = _Words(made, total, as_json)
    printed = 0
    with signals.last(words.tell) if several else nullcontext():
        for number, report in at_once(compare, needs, jobs, available()):
            made[number] = report
            while printed in made:
                if not as_json:
                    _print(made[printed])
                printed += 1
            if several and len(made) < total:
                done = [costs[n] for n in made]
                rest = [costs[n] for n in range(total) if n not in made]
                told = shards.left([*done, *rest], len(done), time.monotonic() - began)
                print(f"[{len(made)}/{total}] done, {told}", file=sys.stderr)
    reports = words.reports()
    if as_json:
        print(json.dumps([report.facts() for report in reports], indent=2))
    elif part and not reports:
        print(f"nothing is in shard {part}")
    elif several or len(reports) > 1:
        print(summary(reports))
    writes.write(reports)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of the comparisons that were made when a signal ends the others."""

    made: Mapping[int, Report]
    total: int
    as_json: bool

    def reports(self) -> list[Report]:
        """In the order of the specs."""
        return [self.made[number] for number in sorted(self.made)]

    def tell(self) -> None:
        """Writes past the streams: what they hold may be half a line, and locked."""
        from archspec.verify.report import interrupted

        made = self.reports()
        with suppress(OSError):
            os.write(2, f"{interrupted(made, self.total)}\n".encode())
        if self.as_json:
            text = json.dumps([report.facts() for report in made], indent=2)
            with suppress(OSError):
                os.write(1, f"{text}\n".encode())


@dataclass(frozen=True, slots=True)
class _Writes:
    """The certificate and the page that are to be written, if they are."""

    path: Path | None
    data: Path | None
    html: Path | None
    force: bool

    def check(self, specs: Sequence[str]) -> None:
        """Raises what is wrong before any work."""
        if self.html is not None:
            if len(specs) != 1:
                raise typer.BadParameter("--html is of one SPEC")
            options.writable(self.html, (".html",), self.force)
        if self.path is None:
            if self.data is not None:
                raise typer.BadParameter("--data goes with --certificate")
            return
        if len(specs) != 1:
            raise typer.BadParameter("--certificate is of one SPEC")
        options.writable(self.path, (".json", ".json.gz"), self.force)
        if self.data is not None:
            options.writable(self.data, (".npz",), self.force)

    def write(self, reports: Sequence[Report]) -> None:
        """Writes them, with what the reports say."""
        if self.html is not None and reports:
            from archspec.files import write_whole
            from archspec.verify.page import page

            write_whole(self.html, page(reports))
        if self.path is None:
            return
        from archspec.verify.certificate import issue, write
        from archspec.verify.exact import exact

        issued = issue(exact(reports[-1].setting))
        rows = [row for report in reports for row in report.facts()["rows"]]
        ran = [ran for report in reports if report.proof for ran in report.proof.ran]
        write(self.path, issued.with_report(ran, rows), self.data)


def _certified(path: Path, specs: Sequence[str], own: list[object]) -> Certificate:
    """The certificate that decides; it says itself what there is to run."""
    from archspec.verify.certificate import read

    if len(specs) != 1:
        raise typer.BadParameter("--against is for one SPEC")
    if any(own):
        raise typer.BadParameter(
            "the certificate of --against says params, sizes and seed itself, and "
            "none is written with it"
        )
    return read(path)


def _print(report: Report) -> None:
    """A table on a terminal that has room for it, plain text elsewhere."""
    from archspec.verify.report import NARROW

    if sys.stdout.isatty():
        from rich.console import Console

        console = Console(highlight=False)
        if console.width >= NARROW:
            console.print(report.rich())
            return
    print(report.plain(room()), flush=True)
