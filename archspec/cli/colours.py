"""Colours of messages, for a person at a terminal who hasn't said no.

https://no-color.org and https://force-color.org say what the variables mean.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

END = "\x1b[0m"
RED, YELLOW, CYAN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[36m"
LEVELS = {"error": RED, "warning": YELLOW}
MESSAGE = re.compile(r"((?:\S.*?:\d+:\d+: )?)(error|warning)(: .*)")
MARKS = re.compile(r"(  +\| +)(\^+)")
HINT = re.compile(r"(    )(hint|note)(: .*)")


def wanted(stream: TextIO) -> bool:
    """Whether what is written to a stream may have colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(text: str) -> str:
    """Messages as `render` gives them: the level, what is underlined, and hints."""
    level = RED
    lines = []
    for line in text.split("\n"):
        if found := MESSAGE.fullmatch(line):
            place, word, rest = found.groups()
            level = LEVELS[word]
            line = f"{place}{level}{word}{END}{rest}"
        elif found := MARKS.fullmatch(line):
            line = f"{found[1]}{level}{found[2]}{END}"
        elif found := HINT.fullmatch(line):
            line = f"{found[1]}{CYAN}{found[2]}{END}{found[3]}"
        lines.append(line)
    return "\n".join(lines)
