"""What is timed: a backend on an engine, maybe compiled, as `keras:jax:jit`.

>>> parse("torch:channels_last:compile").mode
'compile'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from archspec.backend import backend, backends
from archspec.errors import BackendError
from archspec.verify.target import Target
from archspec.verify.target import parse as parse_target


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to run a net.

    Attributes:
        text: as the user spells it.
        target: the backend and its engine.
        mode: one of the backend's `modes`, or empty.
    """

    text: str
    target: Target
    mode: str = ""

    def __str__(self) -> str:
        return self.text


def spellings(name: str) -> Iterator[str]:
    """All that a backend's models may run on, as `keras`, `keras:jit`, `keras:jax`."""
    chosen = backend(name)
    for engine in dict.fromkeys(("", *chosen.engines)):
        for mode in ("", *getattr(chosen, "modes", ())):
            yield ":".join(filter(None, (name, engine, mode)))


def parse(text: str) -> Contender:
    """The contender that a user named; BackendError with those that there are."""
    text = text.strip()
    name = text.partition(":")[0]
    known = [*spellings(name)]
    if text not in known:
        raise BackendError(
            f"the backend {name!r} doesn't run as {text!r}",
            code="AS501",
            hint="known are " + ", ".join(known),
        )
    rest, _, mode = text.rpartition(":")
    if mode in getattr(backend(name), "modes", ()):
        return Contender(text, parse_target(rest), mode)
    return Contender(text, parse_target(text))


def parse_all(text: str) -> tuple[Contender, ...]:
    """Contenders with commas between, all unlike; BackendError for one twice."""
    found = tuple(map(parse, text.split(",")))
    seen: dict[tuple[Target, str], str] = {}
    for one in found:
        other = seen.setdefault((one.target, one.mode), one.text)
        if other is not one.text:
            told = f"{other} and {one} are the same" if other != one.text else one.text
            raise BackendError(f"named twice: {told}", code="AS501")
    return found


def installed() -> tuple[Contender, ...]:
    """The backends whose frameworks are there, each as it runs by itself."""
    there = [n for n in backends() if find_spec(backend(n).framework) is not None]
    return tuple(map(parse, sorted(there, key=lambda name: name != "torch")))
