"""What most calls of a function share, said once.

>>> norm = Call("nn.BatchNorm", (), (("momentum", 0.9), ("epsilon", Code("EPS"))))
>>> partials = Partials([norm] * 3, Names())
>>> partials.lines()
['batch_norm = partial(nn.BatchNorm, momentum=0.9, epsilon=EPS)']
>>> flat(partials.short(norm))
'batch_norm()'
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from archspec.source.expr import Expr
from archspec.source.layout import layout
from archspec.source.text import Call, Code, Doc, Names, flat, snake_case

NAMED = 6
"""As many characters of an option's value count at most, unless told otherwise."""
LEAST, WORTH = 20, 50
"""How many characters a partial says, and saves in all, before it earns its line."""
Option = tuple[str, str]
"""A keyword and its value's text: 1, 1.0 and True are not the same."""


class Partials:
    """Finds what saves the most, of the keywords that calls of a function have."""

    def __init__(
        self,
        calls: Iterable[Call],
        names: Names,
        named: Callable[[str], str] = snake_case,
        most: int = NAMED,
    ) -> None:
        """`named` gives a short name for that of a function; `most` is as many
        characters of an option's value as count."""
        self.shared: dict[str, tuple[str, dict[Option, Doc]]] = {}
        groups: dict[str, list[dict[Option, Doc]]] = {}
        for call in calls:
            groups.setdefault(str(call.fn), []).append(_options(call))
        for fn, group in groups.items():
            saved, shared = max(_candidates(group, most), key=lambda found: found[0])
            if saved >= WORTH:
                name = names.take(named(fn.rpartition(".")[2]))
                self.shared[fn] = name, shared

    def short(self, call: Call) -> Call:
        """A call as it is printed."""
        name, shared = self.shared.get(str(call.fn), ("", {}))
        if not name or not shared.keys() <= _options(call).keys():
            return call
        said = {key for key, _ in shared}
        rest = tuple(item for item in call.kwargs if item[0] not in said)
        return Call(name, call.args, rest)

    def lines(self) -> list[str]:
        """The assignments of the shorter names."""
        lines = []
        for fn, (name, shared) in self.shared.items():
            options = tuple((key, value) for (key, _), value in shared.items())
            made = Call("partial", (Code(fn),), options)
            lines += layout(made, 0, f"{name} = ")
        return lines


def _options(call: Call) -> dict[Option, Doc]:
    """The keywords of a call that mean the same in every function."""
    return {(k, flat(v)): v for k, v in call.kwargs if not _reads(v)}


def _reads(doc: Any) -> bool:
    """Whether it reads a name of the function around it, maybe within a tuple."""
    if isinstance(doc, Expr):
        return True
    if is_dataclass(doc):
        doc = tuple(getattr(doc, field.name) for field in fields(doc))
    return isinstance(doc, tuple) and any(map(_reads, doc))


def _candidates(
    group: Sequence[dict[Option, Doc]], most: int
) -> Iterator[tuple[int, dict[Option, Doc]]]:
    """Options that several calls have, the commonest first, and what they save."""
    yield 0, {}
    often = Counter(option for options in group for option in options)
    shared: dict[Option, Doc] = {}
    for option, _ in often.most_common():
        having = [options for options in group if option in options]
        if len(having) < 2:
            continue
        group = having
        shared[option] = group[0][option]
        # A name of the spec counts alike however long it is.
        length = sum(len(key) + 1 + min(len(text), most) for key, text in shared)
        if length >= LEAST:
            yield length * len(group), dict(shared)
