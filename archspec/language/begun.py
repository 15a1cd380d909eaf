"""What there is of a spec that is being written, for editors: nothing of it is refused.

graph:                      graph:
  conv: {op: conv2d, cha      conv: {op: conv2d, cha: null}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import yaml

from archspec.errors import ArchspecError, Collector, Location, SpecError
from archspec.language import schema
from archspec.language.formula import is_a
from archspec.language.reader import LOADER, Composer, Map, locate, unclosed
from archspec.language.syntax import (
    Block,
    Entry,
    NodeKeys,
    Statement,
    Statements,
    Unit,
)
from archspec.limits import DEFAULT

T = TypeVar("T")
NEEDED = {"archspec": 1, "name": "net"}
"""Keys without which no file is read."""
ENDS: dict[type, type] = {
    yaml.MappingStartEvent: yaml.MappingEndEvent,
    yaml.SequenceStartEvent: yaml.SequenceEndEvent,
}


class Begun(NamedTuple):
    """A text, as far as it is YAML.

    Attributes:
        raw: what stands before the place where it is none, all of it closed there.
        torn: the line of that place, from 1; None for a text that is whole.
    """

    raw: Any
    torn: int | None


def begun(text: str, file: str) -> Begun:
    """What there is of a text; nothing of one beyond the limits."""
    if len(text) > DEFAULT.file_bytes:
        return Begun(None, None)
    composer = _Composer(file, text, DEFAULT)
    try:
        return Begun(composer.compose(), composer.torn)
    except (SpecError, RecursionError):
        return Begun(None, composer.torn)


def readable(raw: Map, file: str) -> Unit:
    """The contents of a file, without the keys that are wrong.

    A node that is wrong does nothing, but has its name and its counter.
    """
    kept = _copied(raw)
    for key, value in raw.items():
        kept[key] = _copied(value) if isinstance(value, Map) else value
    for key in NEEDED:
        kept.setdefault(key, NEEDED[key])
        for marks in (kept.keys_at, kept.values_at):
            marks.setdefault(key, (1, 1, None))
    faults: tuple[ArchspecError, ...] = ()
    for _ in range(3):
        try:
            return schema.collected(kept, file, _Lenient())
        except ArchspecError as error:
            faults = error.errors
            _without(kept, {fault.at for fault in faults})
        except RecursionError:
            break
    return schema.collected(_bare(raw, file), file, _Lenient())


def _bare(raw: Map, file: str) -> Map:
    """A file that says nothing."""
    made = Map(Location(file, 1, 1))
    made.update(NEEDED)
    made.keys_at = made.values_at = dict.fromkeys(made, (1, 1, None))
    return made


def _copied(raw: Map) -> Map:
    made = Map(raw.at)
    made.update(raw)
    made.keys_at, made.values_at = dict(raw.keys_at), dict(raw.values_at)
    return made


def _without(raw: Map, places: set[Location | None]) -> None:
    """Removes entries, and entries of entries, that stand in some places."""
    for key, value in [*raw.items()]:
        own = {locate(raw, (key,)), locate(raw, (key,), key=True)}
        if own & places:
            raw[key] = NEEDED.get(key)
            if raw[key] is None:
                del raw[key]
        elif isinstance(value, Map):
            _without(value, places)


class _Composer(Composer):
    """Reads on where a text is wrong; of a key that stands twice, the last counts."""

    torn: int | None = None

    def compose(self) -> Any:
        """The value of the first document; None where there is none."""
        self.events = self._closed(yaml.parse(self.text, Loader=LOADER))
        for event in self.events:
            if isinstance(event, yaml.NodeEvent):
                found = self._value(event)
                for _ in self.events:  # to where it is no YAML
                    pass
                return found
        return None

    def _closed(self, events: Iterator[Any]) -> Iterator[Any]:
        """Events, and ends for all that is open where there are no more."""
        waiting: list[list[Any]] = []
        event: Any = None
        try:
            for event in events:
                if isinstance(event, yaml.CollectionEndEvent):
                    waiting.pop()
                elif isinstance(event, yaml.NodeEvent):
                    if waiting:
                        waiting[-1][1] += 1
                    if type(event) in ENDS:
                        waiting.append([ENDS[type(event)], 0])
                yield event
        except yaml.YAMLError as error:
            self.torn = _torn(error, self.text)
        while waiting:
            end, held = waiting.pop()
            mark = event.end_mark
            if end is yaml.MappingEndEvent and held % 2:
                plain = (True, False)
                yield yaml.ScalarEvent(None, None, plain, "", mark, mark)
            yield end(mark, mark)

    def _key(self, event: Any, owner: Map) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        return str(self._value(event))

    def _number(self, text: str, convert: Callable[[str], Any], event: Any) -> Any:
        try:
            return super()._number(text, convert, event)
        except SpecError:
            return 0

    def _aliased(self, event: Any) -> Any:
        return super()._aliased(event) if event.anchor in self.anchors else None

    def _refuse_tag(self, event: Any) -> None:
        """Tags mean nothing."""

    def _check_formula(self, value: Any, event: Any) -> None:
        """A formula may be cut off."""


def _torn(error: yaml.YAMLError, text: str) -> int:
    """The line of a mistake; of brackets that are never closed, where they open."""
    mark = getattr(error, "problem_mark", None)
    mark = (unclosed(text, mark) or mark) if mark else None
    return mark.line + 1 if mark else 1


class _Lenient(Collector):
    """Has something that does nothing for what is wrong."""

    def keep(self, step: Callable[..., T], *args: Any, **more: Any) -> T | None:
        """The result of a step, or what stands in for it."""
        try:
            return step(*args, **more)
        except ArchspecError:
            stand_in = STAND_INS.get(step)
            made: T | None = stand_in(*args) if stand_in else None
            return made


def _node(key: str, entry: Entry, listed: bool, errors: Collector) -> Statement:
    """A node that gives what it reads."""
    raw = entry.value if isinstance(entry.value, Map) else {}
    types = {"repeat": (int, str), "index": (str,), "name": (str,)}
    told: dict[str, Any] = {k: raw[k] for k in types if is_a(raw.get(k), types[k])}
    keys = NodeKeys.model_construct(**told)
    return Statement(key, entry, listed, "op", "identity", keys, {}, None)


def _block(name: str, entry: Entry, errors: Collector) -> Block:
    """A block with what there is of it."""
    raw, at = entry.value, entry.key
    told = schema.entries_of(raw)
    none = Entry(None, at, at)
    params = schema.entries_of(told.get("params", none).value)
    outputs = schema.entries_of(told.get("outputs", none).value)
    inputs = raw.get("inputs") if isinstance(raw, Map) else None
    names = tuple(map(str, inputs)) if isinstance(inputs, list) else ()
    entry = told.get("graph", none)
    graph = errors.keep(schema.graph_of, entry, errors, removable=True)
    return Block(
        "block",
        name,
        at,
        schema.params_of(params, errors),
        names or ("input",),
        graph or Statements(False, {}, at, {}),
        outputs,
    )


STAND_INS: dict[Any, Callable[..., Any]] = {
    schema.statement: _node,
    schema.block: _block,
}
