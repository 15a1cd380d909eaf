"""From the text of a YAML file to plain values that know where they stand.

Built on the event stream of PyYAML's C parser: its composer crashes the process on deep
input, and neither composer keeps duplicate keys. Scalars follow YAML 1.2's core schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import yaml

from archspec.errors import Location, SpecError
from archspec.files import read_regular
from archspec.limits import DEFAULT, Limits

Mark = tuple[int, int, int | None]
"""Line and column from 1, and how far behind the text begins (`Location.inner`)."""

QUOTES = (
    "a formula with a comma, a bracket or a ' #' inside { } or [ ] wants quotes, "
    'for example "=max(a, b)"'
)
OPENING = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)
CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), lambda text: int(text, 10)),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: math.nan),
)


class Map(dict[str, Any]):
    """A mapping with the marks of its keys and values."""

    def __init__(self, at: Location) -> None:
        super().__init__()
        self.at = at
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}


class Seq(list[Any]):
    """A list with the marks of its items."""

    def __init__(self, at: Location) -> None:
        super().__init__()
        self.at = at
        self.values_at: list[Mark] = []


def locate(
    value: Map | Seq, path: Sequence[str | int], *, key: bool = False
) -> Location:
    """The place of what a path leads to, followed as deep as it goes.

    `key` asks for the place of the last key instead of its value's.
    """
    mark: Mark | None = None
    current = cast(Any, value)
    for depth, step in enumerate(path, 1):
        marks: Any = getattr(current, "values_at", ())
        listed = isinstance(marks, list) and isinstance(step, int) and step < len(marks)
        if not listed and not (isinstance(current, Map) and step in current):
            break
        if key and depth == len(path) and not listed:
            marks = current.keys_at
        mark, current = marks[step], current[step]
    return value.at if mark is None else Location(value.at.file, *mark)


def read(path: Path, limits: Limits = DEFAULT) -> Map:
    """The mapping that a file holds; SpecError when it can't be read or isn't one."""
    file = str(path)
    try:
        data = read_regular(path, limits.file_bytes)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SpecError(f"{file} can't be read: {reason}", code="AS101") from None
    return parse(data, file, limits)


def parse(text: str | bytes, file: str, limits: Limits = DEFAULT) -> Map:
    """The mapping that a YAML text holds; `file` names it in messages."""
    start = Location(file, 1, 1)
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > limits.file_bytes:
        message = f"a spec has at most {limits.file_bytes} bytes"
        raise limits.error("file_bytes", "AS120", message, start)
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"a spec is UTF-8 text; byte {error.start} is not"
        raise SpecError(message, code="AS102", at=start) from None
    value = Composer(file, decoded, limits).compose()
    if not isinstance(value, Map):
        raise SpecError("a spec is a mapping of keys to values", code="AS107", at=start)
    return value


class Composer:
    """Builds values from events; how deep they nest is bounded."""

    def __init__(self, file: str, text: str, limits: Limits) -> None:
        self.file, self.text, self.limits = file, text, limits
        self.events: Iterator[Any] = iter(())
        self.depth = self.expanded = 0
        self.anchors: dict[str | None, Any] = {}

    def compose(self) -> Any:
        """The value of the only document; None where there is none."""
        self.events = iter(yaml.parse(self.text, Loader=LOADER))
        documents: list[Any] = []
        try:
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent) and documents:
                    raise self._foreign("a spec is one YAML document", event)
                if isinstance(event, yaml.NodeEvent):
                    documents.append(self._value(event))
        except yaml.YAMLError as error:
            raise self._syntax(error) from None
        except RecursionError:
            raise self._too_deep(Location(self.file, 1, 1)) from None
        return documents[0] if documents else None

    def _value(self, event: Any) -> Any:
        """What begins with an event, and ends with one behind it."""
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        self._refuse_tag(event)
        if isinstance(event, yaml.ScalarEvent):
            value = self._resolve(event)
            self._check_formula(value, event)
        else:
            if self.depth >= self.limits.depth:
                raise self._too_deep(self._at(event))
            self.depth += 1
            mapping = isinstance(event, yaml.MappingStartEvent)
            value = self._map(event) if mapping else self._seq(event)
            self.depth -= 1
        self.anchors[event.anchor] = value
        return value

    def _seq(self, start: Any) -> Seq:
        made = Seq(self._at(start))
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            self._check_length(made, event)
            made.values_at.append(self._mark(event))
            made.append(self._value(event))
        return made

    def _map(self, start: Any) -> Map:
        made = Map(self._at(start))
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            self._check_length(made, event)
            key = self._key(event, made)
            made.keys_at[key] = self._mark(event)
            event = next(self.events)
            made.values_at[key] = self._mark(event)
            made[key] = self._value(event)
        return made

    def _check_length(self, made: Map | Seq, event: Any) -> None:
        if len(made) >= self.limits.list_length:
            message = f"a collection has at most {self.limits.list_length} entries"
            raise self.limits.error("list_length", "AS123", message, self._at(event))

    def _syntax(self, error: yaml.YAMLError) -> SpecError:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", "")
        if mark is None:
            at = Location(self.file, 1, 1)
            return SpecError(f"not YAML: {problem}", code="AS103", at=at)
        if problem == "exceeded maximum nesting depth":
            # libyaml looks ahead and has a limit of its own, higher than ours.
            return self._too_deep(Location(self.file, mark.line + 1, mark.column + 1))
        bracket = unclosed(self.text, mark)
        start = getattr(error, "context_mark", None)
        if bracket is not None and not self.text[mark.index :].strip():
            mark, problem = bracket, "found unexpected end of stream"
        elif start is not None and "end of stream" in str(problem):
            mark = start
        lines = self.text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        formula = re.search(r"[{\[].*[:,\[]\s*=", line)
        cures = (cure for sign, cure in CURES.items() if sign in str(problem))
        cure = next(cures, None)
        if bracket is not None and cure == COMMA:
            place = f"line {bracket.line + 1}, column {bracket.column + 1}"
            which = self.text[bracket.index]
            cure = f"a comma is missing, or the {which!r} of {place} isn't closed"
        return SpecError(
            f"not YAML: {problem}",
            code="AS106" if formula else "AS103",
            at=Location(self.file, mark.line + 1, mark.column + 1),
            hint=QUOTES if formula else cure,
        )

    def _too_deep(self, at: Location) -> SpecError:
        message = f"a spec nests at most {self.limits.depth} deep"
        return self.limits.error("depth", "AS121", message, at)

    def _mark(self, event: Any) -> Mark:
        start, end = event.start_mark, event.end_mark
        inner = None
        if isinstance(event, yaml.ScalarEvent) and start.line == end.line:
            quotes = 1 if event.style in ("'", '"') else 0
            written = end.column - start.column - 2 * quotes
            inner = quotes if written == len(event.value) else None
        return start.line + 1, start.column + 1, inner

    def _at(self, event: Any) -> Location:
        return Location(self.file, *self._mark(event))

    def _foreign(self, message: str, event: Any, hint: str | None = None) -> SpecError:
        return SpecError(message, code="AS105", at=self._at(event), hint=hint)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            raise self._foreign(f"tags such as {event.tag!r} mean nothing here", event)

    def _key(self, event: Any, owner: Map) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            kind = "an alias" if isinstance(event, yaml.AliasEvent) else "a collection"
            message = f"a key is a name, found {kind}"
            raise SpecError(message, code="AS109", at=self._at(event))
        self._refuse_tag(event)
        text = str(event.value)
        if not event.style and text == "<<":
            raise self._foreign(
                "the merge key << is not part of the language",
                event,
                "use `extends` for a base file, `defaults` for shared attributes",
            )
        if not event.style and type(self._resolve(event)) not in (str, int):
            message = f"the key {text!r} is no name"
            raise SpecError(message, code="AS109", at=self._at(event))
        if text in owner:
            line, column, _ = owner.keys_at[text]
            first = f"first in line {line}, column {column}"
            message = f"the key {text!r} stands twice, {first}"
            raise SpecError(message, code="AS104", at=self._at(event))
        return text

    def _resolve(self, event: Any) -> Any:
        text = event.value
        if event.style:
            return text
        if text in CONSTANTS:
            return CONSTANTS[text]
        for pattern, convert in NUMBERS if text[0] in "+-.0123456789" else ():
            if pattern.fullmatch(text):
                return self._number(text, convert, event)
        return text

    def _number(self, text: str, convert: Callable[[str], Any], event: Any) -> Any:
        number = convert(text) if len(text) < 400 else math.inf
        if isinstance(number, int) and abs(number) > self.limits.integer:
            message = f"the integer {text} is beyond {self.limits.integer}"
            raise self.limits.error("integer", "AS124", message, self._at(event))
        if not math.isfinite(number):
            message = f"{text[:40]} is not a finite number"
            raise SpecError(message, code="AS108", at=self._at(event))
        return number

    def _aliased(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            message = f"the alias *{event.anchor} names no finished anchor"
            raise self._foreign(message, event)
        value = self.anchors[event.anchor]
        self.expanded += _size(value, self.limits.alias_nodes)
        if self.expanded > self.limits.alias_nodes:
            message = f"aliases expand to more than {self.limits.alias_nodes} values"
            raise self.limits.error("alias_nodes", "AS122", message, self._at(event))
        return value

    def _check_formula(self, value: Any, event: Any) -> None:
        plain = isinstance(event, yaml.ScalarEvent) and not event.style
        if plain and isinstance(value, str) and value[:1] == "=" and _cut(value):
            message = f"the formula {value!r} is cut off"
            raise SpecError(message, code="AS106", at=self._at(event), hint=QUOTES)


def unclosed(text: str, mark: yaml.Mark) -> yaml.Mark | None:
    """Where the bracket stands that is open at a place, the innermost one."""
    found: list[yaml.Mark] = []
    with suppress(yaml.YAMLError):
        for token in yaml.scan(text, Loader=LOADER):
            if token.start_mark.index >= mark.index:
                break
            if isinstance(token, OPENING):
                found.append(token.start_mark)
            elif isinstance(token, CLOSING) and found:
                found.pop()
    return found[-1] if found else None


COMMA = "a comma is missing"
CURES = {
    "unexpected end of stream": "what is opened here is never closed",
    "expected ',' or": COMMA,
    "cannot start any token": "YAML indents with spaces; such a sign wants quotes",
    "block": "see to the indent of this line and the one above",
    "mapping values": "see to the indent of this line and the one above",
}
"""What mends the mistakes that are made most, by words of the parser."""


def _cut(text: str) -> bool:
    """Whether brackets or quotes are open, or an operator waits for its right side."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "0", text)
    if "'" in bare or '"' in bare:
        return True
    pairs = ("()", "[]", "{}")
    unbalanced = any(bare.count(pair[0]) != bare.count(pair[1]) for pair in pairs)
    return unbalanced or bool(
        re.search(r"([-+*/%<>=,]|\b(and|or|not|if|else))\s*$", bare)
    )


def _size(value: Any, most: int) -> int:
    """Number of values in a tree, counted until it is more than `most`."""
    count, waiting = 0, [value]
    while waiting and count <= most:
        item = waiting.pop()
        count += 1
        if isinstance(item, Map):
            waiting.extend(item.values())
        elif isinstance(item, Seq):
            waiting.extend(item)
    return count
