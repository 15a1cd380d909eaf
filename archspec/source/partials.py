"""What all calls of one function share, said once, by a `functools.partial`.

>>> relu = Call("nn.LeakyRelu", (), (("slope", 0.2), ("rate", Code("RATE"))))
>>> partials = Partials([relu, relu, relu], Names())
>>> partials.lines()
['leaky_relu = partial(nn.LeakyRelu, slope=0.2, rate=RATE)']
>>> flat(partials.short(relu))
'leaky_relu()'
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from archspec.source.expr import Expr
from archspec.source.text import (
    Call,
    Code,
    Doc,
    Names,
    flat,
    layout,
    snake_case,
)

LEAST, WORTH = 20, 60
"""How many characters a partial says, and saves in all, before it earns its line."""

Option = tuple[str, str]
"""A keyword and its value's text: 1, 1.0 and True are not the same."""


class Partials:
    """Finds what calls share by name; nothing that a function knows alone."""

    def __init__(self, calls: Iterable[Call], names: Names) -> None:
        groups: dict[str, list[dict[Option, Doc]]] = {}
        for call in calls:
            groups.setdefault(str(call.fn), []).append(_options(call))
        self.shared: dict[str, tuple[str, dict[Option, Doc]]] = {}
        for fn, options in groups.items():
            saved, alike = max(_candidates(options), key=lambda found: found[0])
            if saved >= WORTH:
                name = names.take(snake_case(fn.rpartition(".")[2]))
                self.shared[fn] = name, alike

    def short(self, call: Call) -> Call:
        """A call as it is printed."""
        name, alike = self.shared.get(str(call.fn), ("", {}))
        if not name or not alike.keys() <= _options(call).keys():
            return call
        said = {key for key, _ in alike}
        rest = tuple(item for item in call.kwargs if item[0] not in said)
        return Call(name, call.args, rest)

    def lines(self) -> list[str]:
        """The assignments."""
        lines = []
        for fn, (name, alike) in self.shared.items():
            options = tuple((key, value) for (key, _), value in alike.items())
            made = Call("partial", (Code(fn),), options)
            lines += layout(made, 0, f"{name} = ")
        return lines


def _options(call: Call) -> dict[Option, Doc]:
    """The keywords of a call that mean the same everywhere."""
    return {
        (key, flat(value)): value
        for key, value in call.kwargs
        if not isinstance(value, Expr)
    }


def _candidates(
    calls: Sequence[dict[Option, Doc]],
) -> Iterator[tuple[int, dict[Option, Doc]]]:
    """What those calls share that have an option, and how many characters they save."""
    number = Counter(option for options in calls for option in options)
    yield 0, {}
    for wanted, times in number.items():
        if times < 2:
            continue
        found = [options for options in calls if wanted in options]
        alike = set.intersection(*(set(options) for options in found))
        length = sum(len(f"{key}={text}, ") for key, text in alike)
        if length >= LEAST:
            yield times * length, {o: v for o, v in found[0].items() if o in alike}
