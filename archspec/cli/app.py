"""The commands, and where each is."""

from __future__ import annotations

from importlib import import_module

import typer

COMMANDS = {
    "build": "make:build",
    "codegen": "make:codegen",
    "new": "authoring:new",
    "schema": "authoring:schema",
    "explain": "authoring:explain",
    "verify": "verify:verify",
    "list": "listing:list_",
    "validate": "specs:validate",
    "show": "specs:show",
    "ops": "specs:ops",
    "weights": "weights:app",
}


def application(called: str | None = None) -> typer.Typer:
    """The command line; of a command that is called, it alone, which starts sooner."""
    app = typer.Typer(
        name="archspec",
        help="A neural network as one spec, compiled into native PyTorch and Keras.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    # Without a callback typer takes a command that is alone for the whole program.
    app.callback()(lambda: None)
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
