"""Functions that make a layer with the options that a net's layers of a kind share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archspec.source.expr import Expr
from archspec.source.text import (
    Call,
    Code,
    Doc,
    Names,
    Star,
    flat,
    flat_arguments,
    layout,
)

LONG = 20
"""Options shorter than this, in characters, are written where the layer is."""
ENDING = "_initializer"
Options = tuple[tuple[str, Doc], ...]


class Factories:
    """Finds what the printed layers share; a call is then one of a short function.

    `calls` are the layers as they are printed, without their names. An initializer
    that draws is made anew in the function for each layer: Keras draws the same numbers
    twice from one object.
    """

    def __init__(self, calls: Sequence[Call], names: Names) -> None:
        self.shared: dict[str, tuple[Options, Options]] = {}
        self.names: dict[str, str] = {}
        self.positional: set[str] = set()
        by_layer: dict[str, dict[Options, list[Call]]] = {}
        for call in calls:
            groups = by_layer.setdefault(call.fn, {})
            groups.setdefault(initializers(call), []).append(call)
        for fn, groups in by_layer.items():
            start, alike = max(groups.items(), key=lambda item: len(item[1]))
            options = _shared(alike)
            drawn = any(isinstance(value, Call) for _, value in options)
            if len(alike) < (2 if drawn else 3) or len(_text(options)) < LONG:
                continue
            self.shared[fn] = start, options
            self.names[fn] = names.take(snake(fn))
            if any(call.args for call in alike):
                self.positional.add(fn)

    def __call__(self, call: Call) -> Call:
        """The call of a layer, or of the function that makes it."""
        start, options = self.shared.get(call.fn, ((), ()))
        if not options or initializers(call) != start:
            return call
        rest = tuple(item for item in call.kwargs if item not in options)
        return Call(self.names[call.fn], call.args, rest)

    def definitions(self) -> list[str]:
        """The printed functions."""
        lines: list[str] = []
        for fn, (_, options) in self.shared.items():
            args: tuple[Doc, ...] = (Star(Code("args")),) * (fn in self.positional)
            parameters = "*args: object, " if args else ""
            lines.append(
                f"def {self.names[fn]}({parameters}**kwargs: object) -> layers.Layer:"
            )
            drawn, options = apart(options)
            for name, value in drawn:
                lines += layout(value, 4, f"{name} = ")
            given = (Code(f"{key}={flat(value)}") for key, value in options)
            body = Call(fn, (*args, *given, Code("**kwargs")))
            lines += [*layout(body, 4, "return "), "", ""]
        return lines


def initializers(call: Call) -> Options:
    """The options of a layer that say where its weights start."""
    return tuple(item for item in call.kwargs if item[0].endswith(ENDING))


def apart(options: Options) -> tuple[Options, Options]:
    """Variables for the initializers that draw, and the options that use them."""
    drawn = [key for key, value in options if isinstance(value, Call)]
    names = {key: "init" if len(drawn) == 1 else key for key in drawn}
    return (
        tuple((names[k], v) for k, v in options if k in names),
        tuple((k, Code(names[k]) if k in names else v) for k, v in options),
    )


def snake(fn: str) -> str:
    """The name of a function that makes layers of a class."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", fn.rpartition(".")[2]).lower()


def _shared(calls: Sequence[Call]) -> Options:
    return tuple(
        (key, value)
        for key, value in calls[0].kwargs
        if not isinstance(value, Expr)
        and all(_same(dict(call.kwargs).get(key), value) for call in calls)
    )


def _same(one: Doc, other: Doc) -> bool:
    return one == other and type(one) is type(other)


def _text(options: Options) -> str:
    return ", ".join(flat_arguments(Call("", (), options)))
