"""The standard streams, whatever a shell or a service has made of them."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

OUT, ERROR = 1, 2


class Stream(io.FileIO):
    """A stream that fails once; what comes after that, or has no reader, is dropped.

    A command whose reader has gone ends as it would have: its exit code is right.
    """

    failed = False

    def write(self, data: Any, /) -> int:
        """Writes, or raises OSError that names standard output."""
        if self.failed:
            return len(data)
        try:
            return super().write(data)
        except OSError as error:
            self.failed = True
            if isinstance(error, BrokenPipeError) or self.fileno() == ERROR:
                return len(data)  # there is nobody whom it could be told
            raise OSError(error.errno, error.strerror, "standard output") from error


def prepare() -> None:
    """Makes the streams so that a `print` says what it can, or raises OSError.

    Letters that an encoding lacks are escaped. A stream that is closed is none to be
    opened by the next file, into which others would print: output to it is an error.
    """
    for number, kind in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, kind)  # the lowest number that is free
    sys.stdout = _prepared(sys.stdout, OUT)
    sys.stderr = _prepared(sys.stderr, ERROR)


def _prepared(stream: TextIO | None, number: int) -> TextIO:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # PYTHONUNBUFFERED has no buffer
    if stream is not None and not isinstance(raw, io.FileIO):
        return stream  # a console of Windows, or what a program has put here
    lines = getattr(stream, "line_buffering", False) or raw is buffer
    return io.TextIOWrapper(
        io.BufferedWriter(Stream(number, "w", closefd=False)),
        encoding=getattr(stream, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=lines or number == ERROR,
    )


def put(text: str) -> None:
    """Prints the text of a file: as the UTF-8 that it is, unless a person reads it."""
    if sys.stdout.isatty():
        print(text, end="")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
