"""The command line: parses, prints, exits."""

import gc
import os
import sys

__all__ = ["main"]
FRAMEWORKS = ("torch", "tensorflow", "jax")


def main() -> None:
    """The command `archspec`."""
    # Starting makes thousands of objects that stay; looking through them takes time.
    gc.set_threshold(500_000)
    # Pydantic reads the metadata of every installed package for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from archspec.cli.app import application

    try:
        application(next(iter(sys.argv[1:]), None))()
    except SystemExit as end:
        _leave(end)


def _leave(end: SystemExit) -> None:
    """Ends the process; without frameworks, without freeing every object first."""
    if not isinstance(end.code, int) or any(name in sys.modules for name in FRAMEWORKS):
        raise end
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        raise end from None  # the interpreter's own end says what is wrong
    os._exit(end.code)
