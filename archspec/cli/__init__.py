"""The command line: parses, prints, exits."""

import gc
import os
import sys

__all__ = ["main"]
FRAMEWORKS = ("torch", "tensorflow", "jax")


def main() -> None:
    """The command `archspec`."""
    from archspec.cli import signals, streams

    signals.install()
    streams.prepare()
    # Starting makes thousands of objects that stay; looking through them takes time.
    gc.set_threshold(500_000)
    # Pydantic reads the metadata of every installed package for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from archspec.cli.app import application
    from archspec.cli.completion import whole_words

    code: int | str | None = 0
    try:
        with whole_words():
            application(next(iter(sys.argv[1:]), None))(prog_name="archspec")
    except SystemExit as end:
        code = end.code
    except OSError as error:  # of what typer prints by itself
        code = _refused(error)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        code = _refused(error)
    if not isinstance(code, int) or any(name in sys.modules for name in FRAMEWORKS):
        sys.exit(code)
    os._exit(code)  # without freeing every object first


def _refused(error: OSError) -> int:
    """Says why there is no output."""
    from archspec.cli.options import refused, say

    say([refused(error)])
    return 1
