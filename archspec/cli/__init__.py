"""The command line: parses, prints, exits."""

from archspec.cli.app import main

__all__ = ["main"]
