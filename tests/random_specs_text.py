"""Random specs as text: one file, or several in one text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nets import graph_of

from archspec import load
from archspec.graph import Graph

OPENED = ("params", "blocks", "graph", "outputs", "taps", "defaults", "require")
"""Keys whose entries have lines of their own."""
FILE = re.compile(r"^# file (\S+)\n", re.MULTILINE)
PLAIN = re.compile(r"[A-Za-z=][\w.]*( [\w.*/+<>=!-]+)*")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "none"}


def written(spec: dict[str, Any]) -> str:
    """The text of a spec; other files that it needs follow `# file NAME`."""
    texts = [_file("net", spec)]
    for name, other in spec.get("files", {}).items():
        texts.append(f"# file {name}\n{_file(name.partition('.')[0], other)}")
    return "".join(texts)


def loaded(text: str, **params: Any) -> Graph:
    """The graph of what `written` gives."""
    if not FILE.search(text):
        return graph_of(text, **params)
    with TemporaryDirectory() as folder:
        return load(stored(text, Path(folder) / "net.yaml"), params=params).graph


def stored(text: str, path: Path) -> Path:
    """The path of what `written` gives, with the files that it extends beside it."""
    main, *others = FILE.split(text)
    path.write_text(main, encoding="utf-8")
    for name, other in zip(others[::2], others[1::2], strict=True):
        (path.parent / name).write_text(other, encoding="utf-8")
    return path


def _file(name: str, spec: dict[str, Any]) -> str:
    lines = ["archspec: 1", f"name: {name}"]
    for key, value in spec.items():
        if key == "files":
            continue
        if key in OPENED and value:
            lines += [f"{key}:", *_entries(value, 1)]
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def _entries(value: Any, depth: int) -> Iterator[str]:
    """The lines of a mapping or a list; those that are too long are opened."""
    pad = "  " * depth
    if isinstance(value, list):
        yield from (f"{pad}- {flow(item)}" for item in value)
        return
    for key, item in value.items():
        line = f"{pad}{flow(key)}: {flow(item)}"
        if len(line) > 88 and isinstance(item, dict | list) and depth < 4:
            yield f"{pad}{flow(key)}:"
            yield from _entries(item, depth + 1)
        else:
            yield line


def flow(value: Any) -> str:
    """A value in flow style, without needless quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value)
