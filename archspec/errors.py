"""Where something is in a spec, and what can be wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")
LONGEST = 600
"""Characters of a message, a hint or a note: what is longer helps nobody."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; line and column count from 1.

    Attributes:
        inner: columns from here to the first character of a value's text (1 behind a
            quote); None where the text is not written on one line as it is.
        length: how many characters are meant, if that is known.
    """

    file: str
    line: int
    column: int
    inner: int | None = field(default=None, compare=False)
    length: int | None = field(default=None, compare=False)

    @property
    def order(self) -> tuple[int, int]:
        """Where in the file, to sort by."""
        return self.line, self.column

    def part(self, offset: int, length: int) -> Location:
        """The place of a part of the text that stands here."""
        if self.inner is None:
            return self
        return Location(
            self.file, self.line, self.column + self.inner + offset, length=length
        )

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ArchspecError(Exception):
    """The root of every error that is the user's to mend.

    Args:
        message: what was found and what was expected, in one sentence.
        code: the row of `archspec explain` that it belongs to; the class's, if none.
        at: where, if it has a place in a file.
        hint: what to do about it, such as the nearest known name.
        notes: what it concerns and the way to it (instance, base file), nearest first.
    """

    code: str = "AS100"
    part: tuple[int, int] | None = None
    """Of a formula without a place yet: where in its text, and how many characters."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        at: Location | None = None,
        hint: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.message = plain(message)
        super().__init__(self.message)
        self.code = code or type(self).code
        self.at = at
        self.hint = hint and plain(hint)
        self.notes = tuple(map(plain, notes))

    @property
    def errors(self) -> tuple[ArchspecError, ...]:
        """Itself, or the several errors that it stands for."""
        return (self,)

    def __str__(self) -> str:
        place = f"{self.at}: " if self.at else ""
        hint = f" ({self.hint})" if self.hint else ""
        way = "".join(f"\n  {note}" for note in self.notes)
        return f"{place}{self.message}{hint} [{self.code}]{way}"


class SpecError(ArchspecError):
    """The text of a spec is wrong: YAML, keys, names, formulas, types."""

    code = "AS200"


class ShapeError(ArchspecError):
    """An op can't take the shapes that it is given."""

    code = "AS400"


class SpecErrors(SpecError):
    """Several independent errors of one spec, in the order of the text."""

    def __init__(self, errors: Iterable[ArchspecError]) -> None:
        found = list(errors)
        files = [error.at.file if error.at else "" for error in found]

        def order(error: ArchspecError) -> tuple[int, int, int]:
            at = error.at or Location("", 0, 0)
            return files.index(at.file), *at.order

        self._errors = tuple(sorted(found, key=order))
        first = self._errors[0]
        super().__init__(
            first.message,
            code=first.code,
            at=first.at,
            hint=first.hint,
            notes=first.notes,
        )

    @property
    def errors(self) -> tuple[ArchspecError, ...]:
        return self._errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class Told(ArchspecError):
    """Something failed because of what was told already: there is nothing to add."""

    def __init__(self) -> None:
        super().__init__("told already")

    @property
    def errors(self) -> tuple[ArchspecError, ...]:
        return ()


class Collector:
    """Keeps what several steps raise, one error for a place, to tell all together."""

    def __init__(self) -> None:
        self.found: dict[object, ArchspecError] = {}

    def report(self, error: ArchspecError) -> None:
        """Keeps an error, or the several that it stands for."""
        for item in error.errors:
            self.found.setdefault(item.at or item.message, item)

    def keep(self, step: Callable[..., T], *args: Any, **more: Any) -> T | None:
        """The result of a step; None where it raises an error of ours."""
        try:
            return step(*args, **more)
        except ArchspecError as error:
            self.report(error)
            return None

    def end(self) -> None:
        """Raises what was kept, if anything was."""
        found = list(dict.fromkeys(self.found.values()))
        if len(found) == 1:
            raise found[0]
        if found:
            raise SpecErrors(found)


class BackendError(ArchspecError):
    """A backend is unknown, not installed, or failed to build a model."""

    code = "AS500"


class UnsupportedError(BackendError):
    """A backend can't express an op, an attribute or a combination exactly."""

    code = "AS503"


class WeightsError(ArchspecError):
    """Weights that are missing, surplus, mis-shaped or unreadable."""

    code = "AS600"


class LimitError(SpecError):
    """A spec asks for more than the limits of archspec allow."""


class SpecWarning(ArchspecError):
    """Something in a valid spec that is seldom meant."""

    code = "AS700"


class ExpectWarning(UserWarning):
    """A net that is built or printed isn't what its file expects of it.

    Attributes:
        told: the same as an error that has its place.
    """

    def __init__(self, told: SpecWarning) -> None:
        super().__init__(str(told))
        self.told = told


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The hint that names the closest of the known names, or None."""
    lower = {other.lower(): other for other in islice(known, 2000)}
    close = difflib.get_close_matches(name[:100].lower(), lower, n=1, cutoff=0.6)
    return f"did you mean {lower[close[0]]!r}?" if close else None


def plain(text: str) -> str:
    """A text that a terminal can show: escaped, and cut in the middle if it is long."""
    if len(text) > LONGEST:
        half = LONGEST // 2
        text = f"{text[:half]} [...] {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def said(error: BaseException) -> str:
    """What another library says of its failure, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def blamed(told: str, *but: type[Exception]) -> Iterator[None]:
    """BackendError for what a framework raises, but some; `told`: who can't do what."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (ArchspecError, *but)):
            raise
        message = f"{told}: {type(error).__name__}: {said(error)}"
        raise BackendError(message, code="AS500") from error


def _escaped(character: str) -> str:
    """A character as Python writes it in a string, such as `\\x1b`."""
    return character.encode("unicode_escape").decode()


def shown(value: Any) -> str:
    """A value as a message shows it, cut to a line."""
    text = repr(_listed(value))
    if isinstance(value, bool | None):
        text = "null" if value is None else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."


def _listed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_listed(item) for item in value]
    return value
