"""The command that compares two nets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspec.cli import options, streams

if TYPE_CHECKING:
    from archspec import Spec

SIDE = "A .yaml file, a net of the zoo, or REV:path of the git repository."
ONE = typer.Argument(metavar="A", help=SIDE, autocompletion=options.nets)
OTHER = typer.Argument(metavar="B", help=SIDE, autocompletion=options.nets)


@options.ended
def diff(
    one: Annotated[str, ONE],
    other: Annotated[str, OTHER],
    params: options.Params = None,
    input_size: options.Size = None,
    as_json: options.Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="A table for a review comment.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="A page with one picture of both nets, what differs marked."),
    ] = None,
    force: options.Force = False,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", metavar="FILE", help="A's weights: how much of B they fill."
        ),
    ] = None,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="1 unless function and names are the same."),
    ] = False,
) -> None:
    """What changed between two nets: blocks, nodes, shapes, weights and totals."""
    from archspec.diffing import text
    from archspec.diffing.report import compare
    from archspec.diffing.sides import sides

    if html is not None:
        options.writable(html, (".html",), force)
    given, size = options.params(params), options.image_size(input_size)
    report = compare(*sides(one, other, given, size), (one, other))
    if html is not None:
        from archspec.diffing.page import page
        from archspec.files import write_whole

        write_whole(html, page(report))
    filled = None
    if weights is not None:
        from archspec.diffing import coverage

        filled = coverage.coverage(report, weights)
        words = _words(report.other, other, params, input_size)
        for note in filled.notes:
            print(f"note: {note}", file=sys.stderr)
    if as_json:
        from archspec.diffing.data import data

        facts = data(report)
        if filled is not None:
            facts["weights"] = coverage.data(filled, words)
        print(json.dumps(facts, indent=2))
    else:
        streams.put(text.markdown(report) if as_markdown else text.text(report))
        if filled is not None:
            told = coverage.text(filled, words)
            if as_markdown:
                told = f"```text\n{told.replace('`', chr(39))}```\n"
            streams.put(f"\n{told}")
    if exit_code and not report.same:
        raise typer.Exit(1)


def _words(
    spec: Spec, name: str, params: list[str] | None, size: str | None
) -> list[str]:
    """How `archspec build` is told a net; nothing of one that is in no file."""
    from archspec.language.revision import Revision

    if isinstance(spec.files, Revision):
        return []
    said = [item for item in params or () if item.partition("=")[0] in spec.given]
    words = [name, *(word for item in said for word in ("--set", item))]
    return [*words, "--input-size", size] if size else words
