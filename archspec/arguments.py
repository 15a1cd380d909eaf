"""What public functions are given, looked at before anything is done with it.

What is of no type that could be meant is a TypeError, as in Python itself; a value that
is out of range is an ArchspecError, as on the command line. What numpy and torch have
for numbers and lists is as good as Python's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Integral
from os import PathLike, fspath
from typing import Any, Literal, Protocol, cast

from archspec.errors import ArchspecError, SpecError, nearest
from archspec.limits import Limits


class Listed(Protocol):
    """A number or an array of numpy, a tensor of torch."""

    def tolist(self) -> Any:
        """The same in Python's own types."""
        ...


Given = bool | int | float | str | None | Listed | Sequence["Given"]
"""A value that a caller gives for a param; a list is as good as a tuple."""
Size = tuple[int, int]
Dtype = Literal["float32", "float64"]
LARGEST = 9_999_999
"""Pixels of a side."""
WIDTH = 60
"""Of a value in a message."""
NATIVE: dict[type, Callable[[Any], Any]] = {int: int, float: float, str: str.__str__}
PLAIN = (bool, *NATIVE)


def wrong(name: str, expected: str, found: Any) -> TypeError:
    """The error for an argument of another type."""
    return TypeError(f"{name}: expected {expected}, found {told(found)}")


def told(value: Any) -> str:
    """A value of Python's as a message shows it."""
    try:
        text = repr(value)
    except Exception:  # anything can be given, also what can't be shown
        text = f"a {type(value).__name__}"
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that only counts as one."""
    found = own(value)
    if not isinstance(found, bool):
        raise wrong(name, "True or False", value)
    return found


def whole(name: str, value: Any, least: int | None = None) -> int:
    """A whole number; ArchspecError for one below `least`."""
    found = own(value)
    if not is_whole(found):
        raise wrong(name, "a whole number", value)
    if least is not None and found < least:
        message = f"{name}: expected a number from {least}, found {told(found)}"
        raise ArchspecError(message, code="AS505")
    return int(found)


def dtype(value: Any) -> Dtype:
    """The type of a model's numbers; ArchspecError for another."""
    if value == "float32":
        return "float32"
    if value == "float64":
        return "float64"
    message = f"dtype: expected float32 or float64, found {told(value)}"
    raise ArchspecError(message, code="AS505")


def text(name: str, value: Any, example: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise wrong(name, f"a string such as {example!r}", value)
    return value


def path(name: str, value: Any) -> str:
    """A path, or a name that stands for one, as a string."""
    found = fspath(value) if isinstance(value, str | PathLike) else None
    if not isinstance(found, str):
        raise wrong(name, "a string or a path", value)
    return found


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Strings; one by itself is a list of one."""
    found = (value,) if isinstance(value, str) or not iterates(value) else (*value,)
    for item in found:
        if not isinstance(item, str):
            raise wrong(name, "strings", value)
    return found


def iterates(value: Any) -> bool:
    """Whether it is a list or the like."""
    return isinstance(value, Iterable) and not isinstance(value, Mapping | bytes)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def size(value: Any) -> Size | None:
    """The height and width of images: one number is both."""
    found = own(value)
    if found is None:
        return None
    sides = (found, found) if is_whole(found) else found
    pair = isinstance(sides, tuple | list) and len(sides) == 2
    if not pair or not all(is_whole(own(side)) for side in sides):
        raise wrong("size", "pixels such as 224, or (height, width)", value)
    height, width = (int(own(side)) for side in sides)
    if not (1 <= height <= LARGEST and 1 <= width <= LARGEST):
        message = f"size: expected 1 to {LARGEST:,} pixels, found {told(found)}"
        raise SpecError(message, code="AS203")
    return height, width


def params(given: Any, overrides: Mapping[str, Any], most: Limits) -> dict[str, Given]:
    """The values for params, `overrides` last, in Python's own types."""
    if given is not None and not isinstance(given, Mapping):
        raise wrong("params", "a mapping from names to values", given)
    found = {}
    for name, value in {**(given or {}), **overrides}.items():
        if not isinstance(name, str):
            raise wrong("params", "names as strings", name)
        found[name] = param(name, value, most)
    return found


def param(name: str, value: Any, most: Limits, depth: int = 0) -> Given:
    """The value for a param; SpecError for a number that no spec can hold."""
    found = own(value)
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        if depth >= most.depth:
            message = f"{name}: a list nests at most {most.depth} deep"
            raise most.error("depth", "AS121", message)
        if len(found) > most.list_length:
            message = f"{name}: a list holds at most {most.list_length} items"
            raise most.error("list_length", "AS123", message)
        return tuple(param(name, item, most, depth + 1) for item in found)
    if isinstance(found, Mapping):  # no param's type allows it, as its place will tell
        return cast(Given, found)
    if found is not None and not isinstance(found, PLAIN):
        expected = "a bool, an int, a float, a string, None, or a list of them"
        raise wrong(name, expected, value)
    if isinstance(found, float) and not math.isfinite(found):
        raise SpecError(f"{name}: {found} is not a finite number", code="AS108")
    if isinstance(found, int) and abs(found) > most.integer:
        message = f"{name}: an integer goes to {most.integer}"
        raise most.error("integer", "AS124", message)
    return cast(Given, found)


def own(value: Any) -> Any:
    """What numpy, torch or a subclass of a type of Python's says in Python's own."""
    if type(value) in PLAIN:
        return value
    if callable(listed := getattr(value, "tolist", None)):
        return listed()
    for kind, plain in NATIVE.items():
        if isinstance(value, kind):
            return plain(value)
    return value


def limits(value: Any) -> Limits | None:
    """Limits, of which each is a whole number."""
    if value is None:
        return None
    if not isinstance(value, Limits):
        raise wrong("limits", "an archspec.Limits", value)
    return Limits(*(whole(f"limits: {k}", v, 0) for k, v in value._asdict().items()))


def known(function: str, given: Mapping[str, Any], names: Collection[str]) -> None:
    """TypeError, as Python's own, for keyword arguments that a function hasn't."""
    for name in given:
        if name not in names:
            hint = nearest(name, names)
            also = f"; {hint}" if hint else ""
            message = f"{function}() got an unexpected keyword argument {name!r}{also}"
            raise TypeError(message)
