"""Source code as a value, and running it."""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary, finalize, ref


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


class Listed(ModuleType):
    """What `sys.modules` has of a module: all that it has, without keeping it."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__)
        self.__file__ = module.__file__
        self._module = ref(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module(), name)

    def __dir__(self) -> list[str]:
        return dir(self._module())


ALIVE: WeakValueDictionary[str, ModuleType] = WeakValueDictionary()
"""Modules that were made from source and are in use, by name."""


def execute(source: Source) -> ModuleType:
    """Runs source as a module that tracebacks, `inspect` and pickle can find.

    The module is in `sys.modules` and its text in `linecache`, under a name that says
    which net it is, for as long as anything of it is in use: a model, a class. What is
    pickled takes the source along, since no other process could import its class.
    """
    digest = hashlib.sha256(source.text.encode()).hexdigest()[:12]
    name = f"archspec_{source.backend}_{source.name}_{digest}".replace("-", "_")
    name = name.replace(".", "_")
    if (known := ALIVE.get(name)) is not None and name in sys.modules:
        return known
    file = f"<{source.backend} {source.name} {digest}>"
    ALIVE[name] = module = ModuleType(name)
    module.__file__ = file
    # Who has a function has its globals, and so the module; `sys.modules` has it not.
    module.__dict__["__module__"] = module
    sys.modules[name] = Listed(module)
    lines = source.text.splitlines(keepends=True)
    linecache.cache[file] = (len(source.text), None, lines, file)
    finalize(module, _forget, name, file).atexit = False
    try:
        exec(compile(source.text, file, "exec"), module.__dict__)
    except BaseException:
        _forget(name, file)
        raise
    for made in vars(module).values():
        if isinstance(made, type) and made.__module__ == name:
            made.__reduce_ex__ = _reducing(source, name)  # type: ignore[assignment]  # mypy knows no method that is set
    return module


def revived(source: Source, kind: str, *args: Any) -> Any:
    """An instance, without its state, of a class of source; what pickle calls."""
    found = getattr(execute(source), kind)
    return found.__new__(found, *args)


def _reducing(source: Source, name: str) -> Callable[[Any, int], Any]:
    """How pickle and `copy` take an instance of a class of source apart."""

    def reduce(self: Any, protocol: int) -> Any:
        kind = type(self)
        if kind.__module__ != name:  # it inherits from one
            return object.__reduce_ex__(self, protocol)
        taken: Any = object.__reduce_ex__(self, max(protocol, 2))
        _, (_, *args), *state = taken
        return revived, (source, kind.__name__, *args), *state

    return reduce


def _forget(name: str, file: str) -> None:
    """Takes a module that nobody uses, or that failed, out of Python's tables."""
    ALIVE.pop(name, None)
    sys.modules.pop(name, None)
    linecache.cache.pop(file, None)
