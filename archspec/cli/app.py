"""The commands, and where each is."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

COMMANDS = {
    "build": "make:build",
    "codegen": "make:codegen",
    "new": "authoring:new",
    "schema": "authoring:schema",
    "explain": "authoring:explain",
    "lsp": "authoring:lsp",
    "verify": "verify:verify",
    "bench": "bench:bench",
    "list": "listing:list_",
    "validate": "specs:validate",
    "show": "specs:show",
    "diff": "diff:diff",
    "draw": "draw:draw",
    "ops": "specs:ops",
    "weights": "weights:app",
}


FIRST = """\
A neural network as one spec, compiled into native PyTorch and Keras.

  archspec list                         the nets there are
  archspec show resnet34                what is in one: shapes, parameters, MACs
  archspec draw resnet34                a picture of it, as a page that unfolds
  archspec new mynet --from resnet18    a spec of your own to begin with
  archspec validate mynet.yaml          every mistake, with line and column
  archspec codegen mynet.yaml -b torch  its source, yours to keep

archspec --help has all commands, archspec COMMAND --help the options of one.
"""
"""What to begin with."""


def application(called: str | None = None) -> typer.Typer:
    """The command line; of a command that is called, it alone, which starts sooner."""
    app = typer.Typer(
        name="archspec",
        help="A neural network as one spec, compiled into native PyTorch and Keras.",
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 120,  # of a wide terminal
        },
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    # Without a callback typer takes a command that is alone for the whole program.
    app.callback(invoke_without_command=True)(greet)
    for name, place in COMMANDS.items():
        if called in COMMANDS and name != called:
            continue
        module, _, attribute = place.partition(":")
        command = getattr(import_module(f"archspec.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def greet(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Says the version, and ends.")
    ] = False,
) -> None:
    """Says the version, or what to begin with."""
    if version:
        from archspec import __version__

        print(f"archspec {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(FIRST, end="")
