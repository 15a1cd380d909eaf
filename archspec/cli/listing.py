"""The command that lists the zoo."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from archspec.cli import options

HEADINGS = ("name", "family", "params", "MACs", "input", "publisher")


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
    cells = [HEADINGS]
    cells += [
        (
            net.name,
            next(iter(net.families), ""),
            f"{net.params:,}",
            f"{net.macs:,}",
            ", ".join(" x ".join(map(str, shape)) for shape in net.inputs.values()),
            net.publisher,
        )
        for net in found
    ]
    widths = [max(len(row[n]) for row in cells) for n in range(len(HEADINGS))]
    for row in cells:
        padded = [
            cell.rjust(width) if n in (2, 3) else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(padded).rstrip())
