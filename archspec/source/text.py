"""From data to text: literals, calls, and their layout in 88 columns.

Everything that a spec says reaches printed code through `lit()` or as a checked name.
The layout is that of `ruff format`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from archspec.graph import Value
from archspec.source.expr import Expr

WIDTH = 88
STEP = 4
EXPONENT = re.compile(r"e(?:\+|(-))0*(\d)")
"""What people leave out of an exponent."""
LIKE = str.maketrans(
    {"\u00d7": "x", "\u2212": "-", "\u2013": "-", "\u2014": "-", "\u00df": "ss"}
    | dict.fromkeys("\u2018\u2019\u201c\u201d", "'")
)
"""ASCII for what is often typed otherwise."""


def lit(value: Value) -> str:
    """The Python literal of a bool, int, finite float, str, None or tuple of these."""
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return EXPONENT.sub(r"e\1\2", repr(value))
    if isinstance(value, str):
        body = value.encode("unicode_escape").decode("ascii")
        if '"' in body and "'" not in body:
            return f"'{body}'"
        return '"' + body.replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        inner = ", ".join(lit(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    raise TypeError(f"{type(value).__name__} has no literal")


@dataclass(frozen=True, slots=True)
class Code:
    """Text that is already code: a checked name, or what a backend itself wrote."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call as data; `fn` is a dotted name that a backend wrote, or a call of one."""

    fn: str | Call
    args: tuple[Doc, ...] = ()
    kwargs: tuple[tuple[str, Doc], ...] = ()


@dataclass(frozen=True, slots=True)
class Display:
    """A list; a tuple with the brackets `()`, one without brackets with ``."""

    items: tuple[Doc, ...]
    brackets: str = "[]"


@dataclass(frozen=True, slots=True)
class Table:
    """A dict with strings as keys."""

    items: tuple[tuple[str, Doc], ...]


@dataclass(frozen=True, slots=True)
class Star:
    """`*value` in a call or a list."""

    value: Doc


@dataclass(frozen=True, slots=True)
class Loop:
    """A generator expression; `clauses` are its `for`s."""

    element: Doc
    clauses: tuple[Doc, ...]


@dataclass(frozen=True, slots=True)
class Each:
    """`for name in iterable`."""

    name: str
    iterable: Doc


@dataclass(frozen=True, slots=True)
class Choice:
    """`body if test else other`."""

    body: Doc
    test: Doc
    other: Doc


Doc = Code | Call | Display | Table | Star | Loop | Each | Choice | Expr | Value


def call(fn: str, *args: Doc, **kwargs: tuple[Doc, Value]) -> Call:
    """A call; each keyword comes with the framework's default, where it is left out."""
    kept = tuple(
        (name, value)
        for name, (value, default) in kwargs.items()
        if isinstance(value, Expr | Code | Call)
        or value != default
        or type(value) is not type(default)
    )
    return Call(fn, args, kept)


def flat(doc: Doc) -> str:
    """The one-line text."""
    if isinstance(doc, Code):
        return doc.text
    if isinstance(doc, Expr):
        return doc.code()
    if isinstance(doc, Call):
        fn = doc.fn if isinstance(doc.fn, str) else flat(doc.fn)
        return f"{fn}({', '.join(flat_arguments(doc))})"
    if isinstance(doc, Display):
        joined = ", ".join(flat(item) for item in doc.items)
        end = "," if len(doc.items) == 1 and doc.brackets != "[]" else ""
        return f"{doc.brackets[:1]}{joined}{end}{doc.brackets[1:]}"
    if isinstance(doc, Table):
        pairs = (f"{lit(key)}: {flat(value)}" for key, value in doc.items)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(doc, Star):
        choice = isinstance(doc.value, Choice)
        return f"*({flat(doc.value)})" if choice else f"*{flat(doc.value)}"
    if isinstance(doc, Loop):
        return f"({flat(doc.element)} {' '.join(flat(c) for c in doc.clauses)})"
    if isinstance(doc, Each):
        return f"for {doc.name} in {flat(doc.iterable)}"
    if isinstance(doc, Choice):
        return f"{flat(doc.body)} if {flat(doc.test)} else {flat(doc.other)}"
    return lit(doc)


def flat_arguments(doc: Call) -> list[str]:
    """The arguments of a call, each on one line."""
    return [
        *(flat(arg) for arg in doc.args),
        *(f"{name}={flat(value)}" for name, value in doc.kwargs),
    ]


def layout(doc: Doc, indent: int, lead: str = "", trail: str = "") -> list[str]:
    """The lines of `lead doc trail` at an indent, broken as ruff format would."""
    start = " " * indent
    line = f"{start}{lead}{flat(doc)}{trail}"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(doc, Star) and isinstance(doc.value, Choice):
        inner = layout(doc.value, indent + STEP)
        return [f"{start}{lead}*(", *inner, f"{start}){trail}"]
    if isinstance(doc, Star):
        return layout(doc.value, indent, f"{lead}*", trail)
    if isinstance(doc, Call):
        items = [("", arg) for arg in doc.args]
        items += [(f"{name}=", value) for name, value in doc.kwargs]
        if not items:
            return [line]
        fn = doc.fn if isinstance(doc.fn, str) else flat(doc.fn)
        if isinstance(doc.fn, Call) and len(f"{start}{lead}{fn}(") > WIDTH:
            inner = f"({', '.join(flat_arguments(doc))}){trail}"
            return layout(doc.fn, indent, lead, inner)
        return _bracketed(items, indent, f"{lead}{fn}(", f"){trail}")
    if isinstance(doc, Display):
        items = [("", item) for item in doc.items]
        left, right = doc.brackets or "()"
        return _bracketed(items, indent, f"{lead}{left}", f"{right}{trail}", apart=True)
    if isinstance(doc, Table):
        items = [(f"{lit(key)}: ", value) for key, value in doc.items]
        return _bracketed(items, indent, f"{lead}{{", f"}}{trail}", apart=True)
    if isinstance(doc, Loop):
        return [
            f"{start}{lead}(",
            *layout(doc.element, indent + STEP),
            *(part for c in doc.clauses for part in layout(c, indent + STEP)),
            f"{start}){trail}",
        ]
    if isinstance(doc, Each):
        return layout(doc.iterable, indent, f"{lead}for {doc.name} in ", trail)
    if isinstance(doc, Choice):
        return [
            *layout(doc.body, indent, lead),
            *layout(doc.test, indent, "if "),
            *layout(doc.other, indent, "else ", trail),
        ]
    return [line]


def _bracketed(
    items: Sequence[tuple[str, Doc]],
    indent: int,
    lead: str,
    trail: str,
    *,
    apart: bool = False,
) -> list[str]:
    """Items on a line of their own where they fit; `apart`, each on its own."""
    start, inner = " " * indent, indent + STEP
    joined = ", ".join(f"{name}{flat(item)}" for name, item in items)
    if not apart and inner + len(joined) <= WIDTH:
        return [f"{start}{lead}", " " * inner + joined, f"{start}{trail}"]
    end = "" if len(items) == 1 and not apart else ","
    lines = [f"{start}{lead}"]
    for name, item in items:
        lines += layout(item, inner, name, end)
    return [*lines, f"{start}{trail}"]


def span(start: Doc, stop: Doc) -> str:
    """`start:stop` between square brackets, without a start of 0."""
    low, high = "" if start == 0 else flat(start), flat(stop)
    if all(re.fullmatch(r"-?\w*", bound) for bound in (low, high)):
        return f"{low}:{high}"
    return f"{low} : {high}".strip()


def assignment(target: str, doc: Doc, indent: int, trail: str = "") -> list[str]:
    """`target = doc` in lines; a long choice is put in brackets."""
    line = f"{' ' * indent}{target} = {flat(doc)}{trail}"
    if isinstance(doc, Choice) and len(line) > WIDTH:
        start = " " * indent
        return [
            f"{start}{target} = (",
            *layout(doc, indent + STEP),
            f"{start}){trail}",
        ]
    return layout(doc, indent, f"{target} = ", trail)


def header(lead: str, parameters: Sequence[str], result: str, indent: int) -> list[str]:
    """`def name(parameters) -> result:` in lines."""
    start, inner = " " * indent, " " * (indent + STEP)
    tail = f") -> {result}:"
    joined = ", ".join(parameters)
    if len(f"{start}{lead}({joined}{tail}") <= WIDTH:
        return [f"{start}{lead}({joined}{tail}"]
    if len(f"{inner}{joined}") <= WIDTH:
        return [f"{start}{lead}(", f"{inner}{joined}", f"{start}{tail}"]
    return [f"{start}{lead}(", *(f"{inner}{p}," for p in parameters), f"{start}{tail}"]


def prose(text: str) -> str:
    """Free text for a docstring: printable ASCII on one line, nothing that ends it."""
    simple = unicodedata.normalize("NFKD", " ".join(text.split()).translate(LIKE))
    bare = "".join(c for c in simple if not unicodedata.combining(c))
    plain = bare.encode("ascii", "replace").decode("ascii")
    kept = "".join(c for c in plain if c.isprintable())
    return kept.replace("\\", "/").replace('"', "'")


def class_name(text: str) -> str:
    """The letters and digits of a title or a name, as a class is named."""
    parts = "".join(c if c.isascii() and c.isalnum() else " " for c in text).split()
    name = ""
    for part in parts:
        apart = "_" if name[-1:].isdigit() and part[0].isdigit() else ""
        name += apart + part[0].upper() + part[1:]
    return name if name[:1].isalpha() else f"Net{name}"


def function_name(text: str) -> str:
    """The letters and digits of a title or a name, as a function is named: lower case."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", text)
    name = re.sub(r"[^a-z0-9_]+", "_", apart.lower()).strip("_")
    return name if name[:1].isalpha() else f"block_{name}".rstrip("_")


class Names:
    """Gives out names, each once."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self.taken = set(taken)

    def take(self, wanted: str) -> str:
        """The wanted name, or that name with a number."""
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}{number}", number + 1
        self.taken.add(name)
        return name
