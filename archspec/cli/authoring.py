"""The commands that help to write a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from archspec.cli import options, streams
from archspec.errors import ArchspecError


@options.ended
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the net.")],
    base: Annotated[
        str | None, typer.Option("--from", help="A net of the zoo to extend.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Writes NAME.yaml, a spec that validates, to begin with."""
    from archspec.authoring.starter import EDITOR, SCHEMA, starter
    from archspec.files import write_whole

    path = Path(f"{name}.yaml")
    text = starter(name, base)
    options.writable(path, None, force)
    write_whole(path, text)
    print(f"wrote {path}; try: archspec validate {path}")
    print(f"For completion and checks in your editor: archspec schema -o {SCHEMA}")
    print(f"The file's first line leads there: {EDITOR}")


@options.ended
def schema(
    of: Annotated[
        Literal["spec", "list", "show", "validate", "verify", "bench"],
        typer.Argument(
            metavar="[OF]",
            help="spec, the language, for editors; or what list, show, validate, "
            "verify or bench give with --json.",
        ),
    ] = "spec",
    output: Annotated[str, typer.Option("--output", "-o", help="A file, or -.")] = "-",
    force: options.Force = False,
) -> None:
    """The language as a JSON Schema, for editors; or that of a command's JSON."""
    from archspec.files import write_whole

    if of == "spec":
        from archspec.authoring.schema import schema as language

        made = language()
    else:
        from archspec.authoring.records import record

        made = record(of)
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    if output == "-":
        streams.put(text)
        return
    options.writable(Path(output), None, force)
    write_whole(output, text)


@options.ended
def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="Such as AS402.")
    ] = None,
) -> None:
    """What a code means: the cause, an example and the cure; or all codes."""
    from archspec.authoring import codes
    from archspec.width import room

    print(codes.listing(room()) if code is None else codes.explain(code), end="")


@options.ended
def lsp(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="As it is; some editors say so.")
    ] = False,
) -> None:
    """A language server for editors, on standard input and output.

    Says what is wrong while you type, completes, and shows what nodes give.
    """
    from importlib.util import find_spec

    if find_spec("pygls") is None:
        raise ArchspecError(
            "the language server needs pygls, which is not installed",
            code="AS191",
            hint='pip install "archspec-nn[lsp]"',
        )
    from archspec.editor.server import Server

    Server().start()
