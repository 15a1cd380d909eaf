"""Completion in bash, which splits words at `=` and `:` before it asks.

    archspec show resnet18 --set num_classes=1    asks with `num_classes`, `=`, `1`

What is asked is joined again, and of what is answered only the part behind the last of
these characters is given, since only that will be replaced. See COMP_WORDBREAKS in
bash(1). Other shells take words whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO

ASKS = "_ARCHSPEC_COMPLETE", "complete_bash"
BREAKS = "=:"


@contextmanager
def whole_words() -> Iterator[None]:
    """While bash asks, words are whole; nothing changes otherwise."""
    name, value = ASKS
    words = os.environ.get("COMP_WORDS", "").split("\n")
    place = os.environ.get("COMP_CWORD", "")
    if os.environ.get(name) != value or not place.isdecimal():
        yield
        return
    made = joined(words[: int(place) + 1])
    os.environ["COMP_WORDS"] = "\n".join(made)
    os.environ["COMP_CWORD"] = str(len(made) - 1)
    told = StringIO()
    try:
        with redirect_stdout(told):
            yield
    finally:
        start = 1 + max(made[-1].rfind(mark) for mark in BREAKS)
        for line in told.getvalue().splitlines():
            print(line[start:])


def joined(words: Sequence[str]) -> list[str]:
    """Words as they were written: `a`, `=`, `1` is `a=1`."""
    found: list[str] = []
    glued = False
    for word in words:
        breaks = bool(word) and not word.strip(BREAKS)
        if found and (glued or breaks):
            found[-1] += word
        else:
            found.append(word)
        glued = breaks
    return found
