"""The command line: parses, prints, exits."""

import gc

__all__ = ["main"]


def main() -> None:
    """The command `archspec`."""
    # Starting makes thousands of objects that stay; looking through them takes time.
    gc.set_threshold(50_000)
    from archspec.cli.app import app

    app()
