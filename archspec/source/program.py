"""Source code as a value, and running it."""

from __future__ import annotations

import hashlib
import linecache
import sys
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Source:
    """The text that a backend prints for a graph.

    Attributes:
        text: a whole Python module; it needs the framework and nothing else.
        entry: the name of the class or function that makes the model.
        name: the net's name.
        backend: the backend's name.
        entries: those of all nets, in a file of several.
    """

    text: str
    entry: str
    name: str
    backend: str
    entries: tuple[str, ...] = ()


def execute(source: Source) -> ModuleType:
    """Runs source as a module that tracebacks, `inspect` and pickle can find.

    The module is in `sys.modules` and its text in `linecache`, under a name that says
    which net it is.
    """
    digest = hashlib.sha256(source.text.encode()).hexdigest()[:12]
    name = f"archspec_{source.backend}_{source.name}_{digest}".replace("-", "_")
    name = name.replace(".", "_")
    if name in sys.modules:
        return sys.modules[name]
    file = f"<{source.backend} {source.name} {digest}>"
    module = ModuleType(name)
    module.__file__ = file
    lines = source.text.splitlines(keepends=True)
    linecache.cache[file] = (len(source.text), None, lines, file)
    sys.modules[name] = module
    try:
        exec(compile(source.text, file, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module
