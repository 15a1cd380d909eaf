"""From data to text: literals, calls, names.

Everything that a spec says reaches printed code through `lit()` or as a checked name.
What is longer than a line goes through `archspec.source.layout`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archspec.graph import Value
from archspec.source.expr import Expr
from archspec.source.literal import lit

WIDTH = 88
STEP = 4
LIKE = str.maketrans(
    {"\u00d7": "x", "\u2212": "-", "\u2013": "-", "\u2014": "-", "\u00df": "ss"}
    | dict.fromkeys("\u2018\u2019\u201c\u201d", "'")
)
"""ASCII for what is often typed otherwise."""


@dataclass(frozen=True, slots=True)
class Code:
    """Text that is already code: a checked name, or what a backend itself wrote."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call as data; `fn` is a name that a backend wrote, or what gives a function."""

    fn: str | Call | Bracketed
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


@dataclass(frozen=True, slots=True)
class Infix:
    """Operands with an operator between each two, such as `+`."""

    operands: tuple[Doc, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bracketed:
    """`(value)`, with what is joined to the bracket before it."""

    before: str
    value: Doc


@dataclass(frozen=True, slots=True)
class Item:
    """`value[index]`."""

    value: Doc
    index: Doc


@dataclass(frozen=True, slots=True)
class Prefix:
    """`-value` or `not value`."""

    operator: str
    value: Doc


Doc = (
    Code
    | Call
    | Display
    | Table
    | Star
    | Loop
    | Each
    | Choice
    | Infix
    | Bracketed
    | Item
    | Prefix
    | Expr
    | Value
)


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
        return f"{callee(doc)}({', '.join(flat_arguments(doc))})"
    if isinstance(doc, Display):
        joined = ", ".join(flat(item) for item in doc.items)
        end = "," if len(doc.items) == 1 and doc.brackets == "()" else ""
        return f"{doc.brackets[:1]}{joined}{end}{doc.brackets[1:]}"
    if isinstance(doc, Table):
        pairs = (f"{lit(key)}: {flat(value)}" for key, value in doc.items)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(doc, Star):
        choice = isinstance(doc.value, Choice)
        return f"*({flat(doc.value)})" if choice else f"*{flat(doc.value)}"
    if isinstance(doc, Loop):
        return f"({loop(doc)})"
    if isinstance(doc, Each):
        return f"for {doc.name} in {flat(doc.iterable)}"
    if isinstance(doc, Choice):
        return f"{flat(doc.body)} if {flat(doc.test)} else {flat(doc.other)}"
    if isinstance(doc, Infix):
        return " ".join(f"{lead}{flat(operand)}" for lead, operand in operands(doc))
    if isinstance(doc, Bracketed):
        return f"{doc.before}({flat(doc.value)})"
    if isinstance(doc, Item):
        return f"{flat(doc.value)}[{flat(doc.index)}]"
    if isinstance(doc, Prefix):
        return f"{doc.operator}{flat(doc.value)}"
    return lit(doc)


def callee(doc: Call) -> str:
    """What is called, on one line."""
    return doc.fn if isinstance(doc.fn, str) else flat(doc.fn)


def flat_arguments(doc: Call) -> list[str]:
    """The arguments of a call, each on one line; a lone generator has no brackets."""
    generator = lone(doc)
    if generator is not None:
        return [loop(generator)]
    args = (flat(arg) for arg in doc.args)
    return [*args, *(f"{name}={flat(value)}" for name, value in doc.kwargs)]


def lone(doc: Call) -> Loop | None:
    """The generator that is a call's only argument."""
    only = doc.args[0] if len(doc.args) == 1 and not doc.kwargs else None
    return only if isinstance(only, Loop) else None


def loop(doc: Loop) -> str:
    return " ".join(flat(part) for part in (doc.element, *doc.clauses))


def operands(doc: Infix) -> Iterator[tuple[str, Doc]]:
    """Each operand with the operator before it."""
    leads = ("", *(f"{operator} " for operator in doc.operators))
    return zip(leads, doc.operands, strict=True)


def called(value: Doc) -> str | Bracketed:
    """A class or a function as what is called: a name, or a value in brackets."""
    text = flat(value)
    return text if text.replace(".", "").isidentifier() else Bracketed("", value)


def template(pieces: Sequence[Doc]) -> str:
    """Texts and numbers as what stands in the quotes of an f-string."""
    codes = (f"{{{flat(p)}}}" if isinstance(p, Expr) else str(p) for p in pieces)
    return "".join(codes)


def span(start: Doc, stop: Doc) -> str:
    """`start:stop` between square brackets, without a start of 0."""
    low, high = "" if start == 0 else flat(start), flat(stop)
    if _plain(low) and _plain(high):
        return f"{low}:{high}"
    return f"{low} : {high}".strip()


def each(step: Doc) -> str:
    """`::step` between square brackets."""
    text = flat(step)
    return f"::{text}" if _plain(text) else f":: {text}"


def _plain(bound: str) -> bool:
    """Whether no spaces stand around the colon beside it."""
    return bool(re.fullmatch(r"-?\w*", bound))


def prose(text: str) -> str:
    """Free text for a docstring: printable ASCII on one line, nothing that ends it."""
    simple = unicodedata.normalize("NFKD", " ".join(text.split()).translate(LIKE))
    bare = "".join(c for c in simple if not unicodedata.combining(c))
    plain = bare.encode("ascii", "replace").decode("ascii")
    kept = "".join(c for c in plain if c.isprintable())
    return kept.replace("\\", "/").replace('"', "'")


def class_name(text: str) -> str:
    """The letters and digits of a title or a name, as a class is named."""
    text = _pluses(text)
    parts = "".join(c if c.isascii() and c.isalnum() else " " for c in text).split()
    name = ""
    for part in parts:
        apart = "_" if name[-1:].isdigit() and part[0].isdigit() else ""
        name += apart + part[0].upper() + part[1:]
    return name if name[:1].isalpha() else f"Net{name}"


def function_name(text: str) -> str:
    """The letters, digits and `_` of a title or a name, as a function is named."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", _pluses(text)).strip("_")
    return name if name[:1].isalpha() else f"block_{name}".rstrip("_")


def _pluses(text: str) -> str:
    """`DeepLabV3+` and `UNet++` are other nets than those without it."""
    return re.sub(r"(?<=\w)\++(?!\w)", lambda found: "Plus" * len(found[0]), text)


def snake_case(text: str) -> str:
    """A title, or the name of a class, as a function is named."""
    return function_name(re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", text)).lower()


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
