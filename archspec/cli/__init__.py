"""The command line: parses, prints, exits."""

import gc
import os
import sys

__all__ = ["main"]


def main() -> None:
    """The command `archspec`."""
    # Starting makes thousands of objects that stay; looking through them takes time.
    gc.set_threshold(50_000)
    # Pydantic reads the metadata of every installed package for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from archspec.cli.app import application

    application(next(iter(sys.argv[1:]), None))()
