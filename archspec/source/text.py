"""From data to text: literals, calls, and their layout in 88 columns.

Everything that a spec says reaches printed code through `lit()` or as a checked name.
The layout is that of `ruff format`.
"""

from __future__ import annotations

import ast
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
SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
"""Operators at which a long line may be broken."""
LEVELS = {"+": 0, "-": 0, "**": 2}
"""How close they bind, where that isn't 1."""


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


@dataclass(frozen=True, slots=True)
class Infix:
    """Operands with an operator between each two, such as `+`."""

    operands: tuple[Doc, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bracketed:
    """`(value)`, or `value[index]`: what stands before, around and behind it."""

    before: str
    value: Doc
    after: str


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
        return f"{_callee(doc)}({', '.join(flat_arguments(doc))})"
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
        return f"({_loop(doc)})"
    if isinstance(doc, Each):
        return f"for {doc.name} in {flat(doc.iterable)}"
    if isinstance(doc, Choice):
        return f"{flat(doc.body)} if {flat(doc.test)} else {flat(doc.other)}"
    if isinstance(doc, Infix):
        return " ".join(f"{lead}{flat(operand)}" for lead, operand in _operands(doc))
    if isinstance(doc, Bracketed):
        return f"{doc.before}{flat(doc.value)}{doc.after}"
    return lit(doc)


def _callee(doc: Call) -> str:
    """What is called, on one line."""
    return doc.fn if isinstance(doc.fn, str) else flat(doc.fn)


def flat_arguments(doc: Call) -> list[str]:
    """The arguments of a call, each on one line; a lone generator has no brackets."""
    generator = _lone(doc)
    if generator is not None:
        return [_loop(generator)]
    args = (flat(arg) for arg in doc.args)
    return [*args, *(f"{name}={flat(value)}" for name, value in doc.kwargs)]


def _lone(doc: Call) -> Loop | None:
    """The generator that is a call's only argument."""
    only = doc.args[0] if len(doc.args) == 1 and not doc.kwargs else None
    return only if isinstance(only, Loop) else None


def _loop(doc: Loop) -> str:
    return " ".join(flat(part) for part in (doc.element, *doc.clauses))


def _operands(doc: Infix) -> Iterator[tuple[str, Doc]]:
    """Each operand with the operator before it."""
    leads = ("", *(f"{operator} " for operator in doc.operators))
    return zip(leads, doc.operands, strict=True)


def layout(doc: Doc, indent: int, lead: str = "", trail: str = "") -> list[str]:
    """The lines of `lead doc trail`, broken as ruff format would inside brackets."""
    start, inner = " " * indent, indent + STEP
    line = f"{start}{lead}{flat(doc)}{trail}"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(doc, Expr | tuple):
        parts = structure(flat(doc))
        return [line] if isinstance(parts, Code) else layout(parts, indent, lead, trail)
    if isinstance(doc, Star) and isinstance(doc.value, Choice):
        return layout(Bracketed("*(", doc.value, ")"), indent, lead, trail)
    if isinstance(doc, Star):
        return layout(doc.value, indent, f"{lead}*", trail)
    if isinstance(doc, Call) and (doc.args or doc.kwargs):
        opened = f"{start}{lead}{_callee(doc)}("
        arguments = f"{' ' * inner}{', '.join(flat_arguments(doc))}"
        if isinstance(doc.fn, Call) and len(opened) > WIDTH:
            return layout(doc.fn, indent, lead, f"({arguments.strip()}){trail}")
        generator = _lone(doc)
        if generator is not None:
            return layout(generator, indent, f"{lead}{_callee(doc)}", trail)
        if len(arguments) <= WIDTH:
            return [opened, arguments, f"{start}){trail}"]
        items = [("", arg) for arg in doc.args]
        items += [(f"{name}=", value) for name, value in doc.kwargs]
        return [opened, *_rows(items, inner), f"{start}){trail}"]
    if isinstance(doc, Display) and doc.items:
        both = doc.brackets or "()"
        rows = _rows([("", item) for item in doc.items], inner, doc.brackets == "[]")
        return [f"{start}{lead}{both[0]}", *rows, f"{start}{both[1]}{trail}"]
    if isinstance(doc, Table):
        rows = _rows([(f"{lit(key)}: ", value) for key, value in doc.items], inner)
        return [f"{start}{lead}{{", *rows, f"{start}}}{trail}"]
    if isinstance(doc, Loop):
        parts_ = (part for c in doc.clauses for part in layout(c, inner))
        rows = [f"{' ' * inner}{_loop(doc)}"]
        if len(rows[0]) > WIDTH:
            rows = [*layout(doc.element, inner), *parts_]
        return [f"{start}{lead}(", *rows, f"{start}){trail}"]
    if isinstance(doc, Each):
        return layout(doc.iterable, indent, f"{lead}for {doc.name} in ", trail)
    if isinstance(doc, Choice):
        return _choices(doc, indent, lead, trail)
    if isinstance(doc, Infix):
        *most, last = (
            (f"{lead}{own}" if n == 0 else own, operand)
            for n, (own, operand) in enumerate(_operands(doc))
        )
        rows = [row for own, operand in most for row in layout(operand, indent, own)]
        return [*rows, *layout(last[1], indent, last[0], trail)]
    if isinstance(doc, Bracketed):
        opened, closed = f"{lead}{doc.before}", f"{doc.after}{trail}"
        first = f"{start}{opened}{flat(doc.value)}["
        if not doc.before and len(first) <= WIDTH:
            return [first, f"{' ' * inner}{doc.after[1:-1]}", f"{start}]{trail}"]
        if not doc.before:
            return layout(doc.value, indent, opened, closed)
        return [f"{start}{opened}", *layout(doc.value, inner), f"{start}{closed}"]
    return [line]


def _choices(doc: Choice, indent: int, lead: str, trail: str) -> list[str]:
    """A choice on several lines, and so all choices behind its `else`."""
    rows = [*layout(doc.body, indent, lead), *layout(doc.test, indent, "if ")]
    if isinstance(doc.other, Choice):
        return [*rows, *_choices(doc.other, indent, "else ", trail)]
    return [*rows, *layout(doc.other, indent, "else ", trail)]


def _rows(
    items: Sequence[tuple[str, Doc]], indent: int, bare: bool = True
) -> list[str]:
    """Items below each other; one alone has a comma behind it unless it is `bare`."""
    end = "" if bare and len(items) == 1 else ","
    return [row for name, item in items for row in layout(item, indent, name, end)]


def structure(code: str) -> Doc:
    """The parts of an expression between which a long line is broken."""
    lines = code.encode()

    def text(node: ast.expr) -> str:
        return lines[node.col_offset : node.end_col_offset].decode()

    def between(left: ast.expr, right: ast.expr) -> str:
        return lines[left.end_col_offset : right.col_offset].decode().strip("()")

    def part(node: ast.expr) -> Doc:
        found = whole(node)
        before = lines[: node.col_offset].rstrip()[-1:]
        after = lines[node.end_col_offset :].lstrip()[:1]
        return Bracketed("(", found, ")") if before + after == b"()" else found

    def whole(node: ast.expr) -> Doc:
        if isinstance(node, ast.IfExp):
            return Choice(part(node.body), part(node.test), part(node.orelse))
        if isinstance(node, ast.BoolOp):
            word = "and" if isinstance(node.op, ast.And) else "or"
            operands = tuple(part(value) for value in node.values)
            return Infix(operands, (word,) * (len(operands) - 1))
        if isinstance(node, ast.BinOp) and between(node.left, node.right)[:1] == " ":
            left, right = part(node.left), part(node.right)
            symbol = SYMBOLS[type(node.op)]
            bind = LEVELS.get(symbol, 1)
            if isinstance(left, Infix) and LEVELS.get(left.operators[0], 1) == bind:
                return Infix((*left.operands, right), (*left.operators, symbol))
            return Infix((left, right), (symbol,))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = part(node.left), part(node.comparators[0])
            symbol = between(node.left, node.comparators[0]).strip()
            return Infix((left, right), (symbol,))
        if isinstance(node, ast.Call) and not node.keywords:
            return Call(text(node.func), tuple(whole(arg) for arg in node.args))
        if isinstance(node, ast.Tuple | ast.List):
            brackets = "()" if isinstance(node, ast.Tuple) else "[]"
            return Display(tuple(whole(item) for item in node.elts), brackets)
        if isinstance(node, ast.Subscript):
            return Bracketed("", whole(node.value), f"[{text(node.slice)}]")
        return Code(text(node))

    return whole(ast.parse(code, mode="eval").body)


def statement(lead: str, doc: Doc, indent: int, trail: str = "") -> list[str]:
    """`lead doc trail` in lines; what breaks without brackets of its own gets some."""
    start = " " * indent
    if len(f"{start}{lead}{flat(doc)}{trail}") <= WIDTH:
        return [f"{start}{lead}{flat(doc)}{trail}"]
    if isinstance(doc, Expr):
        doc = structure(flat(doc))
    if isinstance(doc, Infix) and len(doc.operators) == 1:
        first, last = doc.operands
        groups = [*_groups(doc)]
        if groups and (groups[0][0] or not _in_brackets(groups[0][1])):
            groups = groups[-1:] if not groups[-1][2] else []
        for before, leaf, after in reversed(groups):  # one may be enough
            rows = layout(leaf, indent, f"{lead}{before}", f"{after}{trail}")
            if len(rows[0]) <= WIDTH and (not after or len(rows[-1]) <= WIDTH):
                return rows
        if _in_brackets(first):
            rows = layout(first, indent, lead)
            return [*rows[:-1], *layout(last, indent, f") {doc.operators[0]} ", trail)]
    if isinstance(doc, Choice | Infix):
        doc = Bracketed("(", doc, ")")
    return layout(doc, indent, lead, trail)


def _groups(doc: Infix) -> Iterator[tuple[str, Doc, str]]:
    """The operands in brackets and the calls, each with the text before and behind."""
    texts = [f"{own}{flat(operand)}" for own, operand in _operands(doc)]
    for n, (own, operand) in enumerate(_operands(doc)):
        before = "".join(f"{text} " for text in texts[:n]) + own
        after = "".join(f" {text}" for text in texts[n + 1 :])
        if isinstance(operand, Infix):
            for earlier, leaf, later in _groups(operand):
                yield before + earlier, leaf, later + after
        elif isinstance(operand, Call) or _in_brackets(operand):
            yield before, operand, after


def _in_brackets(doc: Doc) -> bool:
    """Whether round brackets stand around all of it."""
    return isinstance(doc, Bracketed) and bool(doc.before)


def assignment(target: str, doc: Doc, indent: int, trail: str = "") -> list[str]:
    """`target = doc` in lines."""
    return statement(f"{target} = ", doc, indent, trail)


def header(lead: str, parameters: Sequence[str], result: str, indent: int) -> list[str]:
    """`def name(parameters) -> result:` in lines."""
    start, inner = " " * indent, " " * (indent + STEP)
    joined, tail = ", ".join(parameters), f") -> {result}:"
    if len(f"{start}{lead}({joined}{tail}") <= WIDTH:
        return [f"{start}{lead}({joined}{tail}"]
    rows = [f"{start}{lead}(", *(f"{inner}{each}," for each in parameters)]
    if len(f"{inner}{joined}") <= WIDTH:
        rows = [f"{start}{lead}(", f"{inner}{joined}"]
    if len(f"{start}{tail}") <= WIDTH:
        return [*rows, f"{start}{tail}"]
    of, _, items = result.removesuffix("]").partition("[")
    within = [f"{inner}{items}"]
    if len(within[0]) > WIDTH:
        within = [f"{inner}{item}," for item in items.split(", ")]
    return [*rows, f"{start}) -> {of}[", *within, f"{start}]:"]


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
