"""The commands that read specs and make nothing of them."""

from __future__ import annotations

from typing import Annotated

import typer

from archspec.cli import options, streams
from archspec.errors import ArchspecError


@options.ended
def validate(
    specs: Annotated[list[str], options.SPEC],
    params: options.Params = None,
    input_size: options.Size = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Reads specs, infers every shape, and checks what they expect of themselves."""
    from archspec import load
    from archspec.authoring.lint import warnings
    from archspec.authoring.messages import facts, singly

    given, size = options.params(params), options.image_size(input_size)
    errors: list[ArchspecError] = []
    doubts: list[ArchspecError] = []
    for name in specs:
        try:
            spec = load(name, params=given, size=size)
        except ArchspecError as error:
            errors.append(error)
            continue
        wrong = spec.unexpected()
        errors += wrong
        doubts += warnings(spec)
        if not wrong and not as_json:
            skipped = ", expect skipped" if spec.overridden and spec.unit.expect else ""
            print(
                f"{name}: ok, {spec.graph.parameter_count():,} params, "
                f"{spec.graph.macs():,} MACs{skipped}"
            )
    if as_json:
        import json

        print(json.dumps([*map(facts, singly([*errors, *doubts]))], indent=2))
    else:
        options.say([*errors, *doubts])
    if errors or (strict and doubts):
        raise typer.Exit(1)


@options.ended
def show(
    spec: options.Spec,
    depth: Annotated[int, typer.Option(min=1, help="Levels of blocks.")] = 2,
    graph: Annotated[bool, typer.Option("--graph", help="Edges.")] = False,
    resolve: Annotated[
        bool, typer.Option("--resolved", help="A spec with everything evaluated.")
    ] = False,
    params: options.Params = None,
    input_size: options.Size = None,
    as_json: options.Json = False,
) -> None:
    """A table by block: output shape, parameters, MACs and memory."""
    from archspec import load, table
    from archspec.authoring import resolved

    given, size = options.params(params), options.image_size(input_size)
    found = load(spec, params=given, size=size)
    if as_json:
        import json

        print(json.dumps(table.data(found.graph), indent=2))
    elif resolve:
        streams.put(resolved.render(found.graph, found.unit.keys.publisher))
    elif graph:
        print(table.edges(found.graph), end="")
    else:
        print(found.show(depth), end="")


@options.ended
def ops(
    op: Annotated[str | None, typer.Argument(metavar="OP", help="One op.")] = None,
) -> None:
    """The ops of the language, or one with its attributes."""
    from archspec.authoring.reference import listing, page

    print(listing() if op is None else page(op), end="")
