"""The command that lists the zoo."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from archspec.cli import options
from archspec.width import Column, count, room, shape, table

COLUMNS = (
    Column("name"),
    Column("family", rank=1),
    Column("params", right=True, short=count),
    Column("MACs", right=True, short=count),
    Column("input", short=shape, rank=3),
    Column("publisher", rank=2, least=18),
)


@options.ended
def list_(
    family: Annotated[
        str | None, typer.Option("--family", help="Only this family's nets.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """The zoo: every net with its family, counts, input and publisher."""
    from archspec.listing import nets

    found = nets(family)
    if as_json:
        print(json.dumps([net.facts() for net in found], indent=2))
        return
    rows = (
        (
            net.name,
            next(iter(net.families), ""),
            f"{net.parameters:,}",
            f"{net.macs:,}",
            ", ".join(" x ".join(map(str, shape)) for shape in net.inputs.values()),
            net.publisher,
        )
        for net in found
    )
    made = table(COLUMNS, rows, room())
    print("\n".join(made.lines))
    options.left_out(made)
