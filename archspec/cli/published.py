"""The command that lists published weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspec.cli import options
from archspec.width import Column, hung, read_by_a_person, room, table

if TYPE_CHECKING:
    from archspec.weights.pretrained import Pretrained


@options.ended
def published(
    net: Annotated[
        str | None, typer.Argument(metavar="[NET]", help="Of the zoo; else all.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Lists weights that torchvision, timm and Keras publish, as --weights takes them.

    The first of each publisher is what its name alone means.
    """
    from archspec.weights import pretrained
    from archspec.weights.store import kept, place

    rows = pretrained.table() if net is None else pretrained.of(net)
    here = [kept(row.url) for row in rows]
    pairs = [*zip(rows, here, strict=True)]
    if as_json:
        facts = [
            {
                **asdict(row),
                "weights": row.short,
                "anywhere": row.full,
                "cached": file is not None,
                "file": str(file or place(row.url)),
            }
            for row, file in pairs
        ]
        print(json.dumps(facts, indent=2))
        return
    for name, of in groupby(pairs, lambda pair: pair[0].net):
        print(name)
        for line in _lines([*of]):
            print(f"  {line}")


COLUMNS = (
    Column("weights"),
    Column("accuracy", rank=1, least=24),
    Column("size", right=True),
    Column("licence", rank=2),
    Column(""),
)


def _lines(pairs: list[tuple[Pretrained, Path | None]]) -> Iterator[str]:
    """For each: facts in columns, its preprocessing, what else is said."""
    cells = [
        (
            row.short,
            _accuracy(row),
            f"{row.mib:.0f} MiB",
            row.licence or "licence unknown",
            "cached" if file else "",
        )
        for row, file in pairs
    ]
    _, *lines = table(COLUMNS, cells, room() - 2).lines
    prose = read_by_a_person()
    for (row, _), line in zip(pairs, lines, strict=True):
        yield line
        told = ", ".join(f"{k} {v}" for k, v in row.preprocessing.items())
        for text in filter(None, (told, row.about)):
            yield from (f"    {part}" for part in hung(text, prose and prose - 6))


def _accuracy(row: Pretrained) -> str:
    """What the publisher measured; how many classes there are where that isn't said."""
    figures = [f"{key} {value}" for key, value in row.accuracy.items() if key != "on"]
    if not figures:
        return f"{row.classes} classes" if row.classes else "no classifier"
    return f"{', '.join(figures)} on {row.accuracy['on']}"
