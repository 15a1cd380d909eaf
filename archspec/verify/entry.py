"""What makes the model in a user's file: `models/resnet.py`, or `net.py:Net`."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from archspec.errors import ArchspecError, nearest

CODE = "AS523"
LARGEST = 2**24
"""Bytes of a file that somebody may have written."""


def entry(
    place: str, names: tuple[str, ...], given: Mapping[str, Any]
) -> Callable[[], Any]:
    """A function that makes the model; the file is run, as an import would.

    Args:
        place: the path, and behind a colon the name of a class or function.
        names: what it may be called where the place doesn't say.
        given: arguments, for those that it takes.

    Raises:
        ArchspecError: there is no such file or name in it, or the file raises. So does
            the function that is returned, where the model can't be made.
    """
    path, name = split(place)
    module = _run(path)
    found = getattr(module, name, None) if name else _found(module, names)
    if not callable(found):
        own = _own(module)
        hint = nearest(name or names[0], own)
        if not name:
            hint = f"say which: {path}:NAME; it has {', '.join(own[:8]) or 'none'}"
        raise ArchspecError(
            f"{path} has no class or function {name or names[0]!r}",
            code=CODE,
            hint=hint,
        )
    takes = _parameters(found)
    arguments = {key: value for key, value in given.items() if key in takes}
    return partial(_called, path, found, arguments)


def split(place: str) -> tuple[Path, str]:
    """A path and a name; the name is empty where a place has none."""
    path, _, name = place.rpartition(":")
    if path and name.isidentifier():
        return Path(path), name
    return Path(place), ""


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise ArchspecError(f"there is no file {str(path)!r}", code="AS190")
    name = f"_own_{path.stem}"
    spec = spec_from_file_location(name, path)
    if path.suffix != ".py" or spec is None or spec.origin is None:
        raise ArchspecError(f"{path} is no Python file", code=CODE)
    if path.stat().st_size > LARGEST:
        told = f"{path} has more than {LARGEST >> 20} MiB, too many for a Python file"
        raise ArchspecError(told, code=CODE)
    module = sys.modules[name] = module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))  # as for `python FILE`
    try:
        # Not by its loader, which may run what it compiled before the file was edited.
        exec(compile(path.read_bytes(), spec.origin, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise _raised(path, error) from error
    return module


def _found(module: ModuleType, names: tuple[str, ...]) -> Any:
    """What has one of the names, whatever its case and underscores."""
    own = {_plain(name): name for name in reversed(_own(module))}
    for name in names:
        exact = getattr(module, name, None)
        if exact is not None:
            return exact
        if _plain(name) in own:
            return getattr(module, own[_plain(name)])
    return None


def _own(module: ModuleType) -> list[str]:
    """The classes and functions that a module defines itself."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    ]


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _parameters(found: Any) -> set[str]:
    try:
        named = {*inspect.signature(found).parameters}
        if isinstance(found, type):  # whose metaclass may hide what it takes
            named |= {*inspect.signature(vars(found).get("__init__", found)).parameters}
        return named
    except (TypeError, ValueError):
        return set()


def _called(path: Path, found: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return found(**arguments)
    except (Exception, SystemExit) as error:
        raise _raised(path, error) from error


def _raised(path: Path, error: BaseException) -> ArchspecError:
    """What a user's code raised, with the last of its lines on the way there."""
    if isinstance(error, SyntaxError) and error.lineno:
        line: int | None = error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f.lineno for f in frames if Path(f.filename).resolve() == path.resolve()]
        line = own[-1] if own else None
    place = f"{path}:{line}" if line else str(path)
    text = (str(error).strip() or "no message").splitlines()[0][:200]
    return ArchspecError(f"{place}: {type(error).__name__}: {text}", code=CODE)
