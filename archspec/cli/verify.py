"""The command that proves backends equal."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from archspec.cli import options
from archspec.errors import ArchspecError

if TYPE_CHECKING:
    from archspec.verify.data import Dtype
    from archspec.verify.report import Report

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
            "keras (on TensorFlow), keras:jax, keras:torch."
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
        bool, typer.Option("--quick", help="Only bit for bit with the definitions.")
    ] = False,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Make a net smaller that doesn't fit.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Proves that backends compute the same function, or says where they differ.

    Each is compared with the definitions of the ops, bit for bit, and all with the
    first. Exit code 1 unless every check of every backend was made and passed.
    Gradients, training and three steps of SGD are compared in float64 only.
    """
    from archspec.catalog import names
    from archspec.verify.report import summary
    from archspec.verify.run import run
    from archspec.verify.setting import Setting
    from archspec.verify.target import parse_all

    if dtype not in PRECISIONS:
        raise ArchspecError(f"--dtype {dtype}: expected float32, float64 or both")
    if bool(specs) == all_:
        raise typer.BadParameter("give the specs, or --all and none")
    targets = parse_all(backends)
    given, size = options.params(params), options.image_size(input_size)
    kinds = PRECISIONS[dtype]
    if (quick or len(targets) == 1) and dtype == "both":
        kinds = ("float64",)  # 1 / sqrt(x) of TensorFlow rounds in float32
    wanted = [(name, kind) for name in specs or names() for kind in kinds]
    settings = [Setting(name, kind, seed, given, size) for name, kind in wanted]
    for setting in settings:
        # A wrong spec is said before the others take their minutes.
        setting.graph()
    reports: list[Report] = []
    for number, setting in enumerate(settings, 1):
        place = f"[{number}/{len(settings)}] {setting.spec}: "
        made = run(
            setting,
            targets,
            partial(_note, place if len(settings) > 1 else ""),
            training=not evaluation,
            shrink=shrink,
            quick=quick,
        )
        reports.append(made)
        if not as_json:
            _print(made)
    if as_json:
        print(json.dumps([report.facts() for report in reports], indent=2))
    elif len(reports) > 1:
        print(summary(reports))
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _print(report: Report) -> None:
    """A table on a terminal that has room for it, plain text elsewhere."""
    from archspec.verify.report import NARROW

    if sys.stdout.isatty():
        from rich.console import Console

        console = Console(highlight=False)
        if console.width >= NARROW:
            console.print(report.rich())
            return
    print(report.plain(), flush=True)


def _note(place: str, text: str) -> None:
    """Progress, for a person at a terminal."""
    if sys.stderr.isatty():
        print(f"{place}{text}", file=sys.stderr)
