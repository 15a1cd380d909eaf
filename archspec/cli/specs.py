"""The commands that read specs and make nothing of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from archspec.cli import options, streams
from archspec.errors import ArchspecError


@options.ended
def validate(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC",
            help="A .yaml file, a folder of them, a net of the zoo, or - for standard "
            "input.",
            autocompletion=options.nets,
        ),
    ],
    params: options.Params = None,
    input_size: options.Size = None,
    strict: options.Strict = False,
    format_: Annotated[
        Literal["text", "json", "github", "sarif"],
        typer.Option("--format", help="github marks lines of a pull request."),
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="Is --format json.")] = False,
) -> None:
    """Reads specs, infers every shape, and checks what they expect of themselves."""
    from archspec.authoring.messages import singly
    from archspec.cli import findings

    given, size = options.params(params), options.image_size(input_size)
    kind = "json" if as_json else format_
    errors: list[ArchspecError] = []
    doubts: list[ArchspecError] = []
    for name in _files(specs):
        try:
            fine = _validated(name, given, size, errors, doubts)
        except ArchspecError as error:
            errors.append(error)
            continue
        if fine and kind == "text":
            print(fine)
    found = singly([*errors, *doubts])
    if kind in findings.FORMATS:
        print(findings.FORMATS[kind](found))
    elif found:
        options.tell(findings.text(found))
    if errors or (strict and doubts):
        raise typer.Exit(1)


def _validated(
    name: str,
    params: dict[str, Any],
    size: tuple[int, int] | None,
    errors: list[ArchspecError],
    doubts: list[ArchspecError],
) -> str:
    """A line about a spec that is as it expects to be; adds what is found."""
    from archspec import load
    from archspec.authoring.lint import warnings

    spec = load(sys.stdin.buffer if name == "-" else name, params=params, size=size)
    wrong = spec.unexpected()
    errors += wrong
    doubts += warnings(spec)
    if wrong:
        return ""
    skipped = ", expect skipped" if spec.overridden and spec.unit.expect else ""
    shown = "<stdin>" if name == "-" else name
    return (
        f"{shown}: ok, {spec.graph.parameter_count():,} params, "
        f"{spec.graph.macs():,} MACs{skipped}"
    )


def _files(specs: list[str]) -> Iterator[str]:
    """The specs, of a folder all that are in it; ArchspecError where none are."""
    for name in specs:
        if not Path(name).is_dir():
            yield name
            continue
        found = sorted(
            path
            for path in Path(name).rglob("*.y*ml")
            if path.suffix in (".yaml", ".yml")
            and not any(part.startswith(".") for part in path.parts[1:])
        )
        if not found:
            message = f"no .yaml file is in the folder {name!r}"
            raise ArchspecError(message, code="AS101")
        yield from map(str, found)


@options.ended
def show(
    spec: options.Spec,
    depth: Annotated[int, typer.Option(min=1, help="Levels of blocks.")] = 2,
    graph: Annotated[bool, typer.Option("--graph", help="Edges.")] = False,
    as_params: Annotated[
        bool, typer.Option("--params", help="What --set may change, and its value.")
    ] = False,
    resolve: Annotated[
        bool, typer.Option("--resolved", help="A spec with everything evaluated.")
    ] = False,
    params: options.Params = None,
    input_size: options.Size = None,
    as_json: options.Json = False,
) -> None:
    """A table by block: output shape, parameters, MACs and memory."""
    from archspec import load, table, width
    from archspec.authoring import resolved

    given, size = options.params(params), options.image_size(input_size)
    found = load(spec, params=given, size=size)
    if as_json:
        import json

        print(json.dumps(table.data(found.graph), indent=2))
    elif resolve:
        streams.put(resolved.render(found.graph, found.unit.keys.publisher))
    elif as_params:
        made = table.params(found.graph, width.room())
        print(*made.lines, sep="\n")
        options.left_out(made)
    elif graph:
        print(table.edges(found.graph), end="")
    else:
        made = table.columns(found.graph, depth, width.room())
        print(table.text(found.graph, made, width.read_by_a_person()), end="")
        options.left_out(made)


def _kinds(incomplete: str) -> list[str]:
    """The ops that begin so, for a shell that completes."""
    from archspec.ops import BY_KIND

    return [kind for kind in BY_KIND if kind.startswith(incomplete)]


@options.ended
def ops(
    op: Annotated[
        str | None,
        typer.Argument(metavar="OP", help="One op.", autocompletion=_kinds),
    ] = None,
) -> None:
    """The ops of the language, or one with its attributes."""
    from archspec.authoring.reference import listing, page
    from archspec.width import room

    print(listing(room()) if op is None else page(op), end="")
