"""What is compared: a backend on an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archspec.backend import Backend, backend, computes
from archspec.errors import BackendError, nearest

DOUBLE = "float64"


@dataclass(frozen=True, slots=True)
class Target:
    """A backend on one of its engines, as `keras:jax`; the engine "" is itself."""

    backend: str
    engine: str = ""

    def __str__(self) -> str:
        return f"{self.backend}:{self.engine}" if self.engine else self.backend

    def found(self) -> Backend:
        """The backend; it has not started its engine."""
        return backend(self.backend)

    def double(self) -> Target:
        """Itself, or the first engine of its backend that computes in float64."""
        found = self.found()
        able = (e for e in (self.engine, *found.engines) if computes(found, e, DOUBLE))
        return Target(self.backend, next(able, self.engine))


def parse(text: str) -> Target:
    """The target that a user named; `keras` alone is `keras:tensorflow`.

    Raises BackendError with the nearest name.
    """
    name, colon, engine = text.strip().partition(":")
    engines = backend(name).engines
    if not colon:
        return Target(name, engines[0])
    if engine not in engines or not engine:
        known = [f"{name}:{known}" for known in engines if known]
        raise BackendError(
            f"the backend {name!r} has no engine {engine!r}",
            hint=nearest(f"{name}:{engine}", known) or "known are " + ", ".join(known),
        )
    return Target(name, engine)


def parse_all(text: str) -> tuple[Target, ...]:
    """Targets with commas between, all unlike; BackendError for one twice."""
    found = tuple(parse(item) for item in text.split(","))
    twice = next((item for item in found if found.count(item) > 1), None)
    if twice is not None:
        raise BackendError(f"the backend {twice} is named twice")
    return found


FLOOR: Sequence[Target] = (Target("torch"), Target("torch", "channels_last"))
"""The same torch model with other kernels: how far is as good as equal."""
