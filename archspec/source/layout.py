"""Several lines of 88 columns for what is too long for one: those of `ruff format`.

>>> from archspec.source.text import call
>>> long = call("layers.Conv2D", "a" * 30, "b" * 30, strides=(2, 1))
>>> print("\\n".join(assignment("x", long, 4)))
    x = layers.Conv2D(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", strides=2
    )
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from archspec.source.expr import Expr
from archspec.source.literal import lit
from archspec.source.text import (
    STEP,
    WIDTH,
    Bracketed,
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Each,
    Infix,
    Item,
    Loop,
    Prefix,
    Star,
    Table,
    callee,
    flat,
    flat_arguments,
    lone,
    loop,
    operands,
)

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
RANKS = {"**": 1, "*": 2, "/": 2, "//": 2, "%": 2, "+": 3, "-": 3, "and": 5, "or": 5}
COMPARED = 4
"""How loosely operators bind for ruff, which is not quite Python's order."""


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
        return layout(Bracketed("*", doc.value), indent, lead, trail)
    if isinstance(doc, Star):
        return layout(doc.value, indent, f"{lead}*", trail)
    if isinstance(doc, Call) and (doc.args or doc.kwargs):
        opened = f"{start}{lead}{callee(doc)}("
        arguments = f"{' ' * inner}{', '.join(flat_arguments(doc))}"
        if not isinstance(doc.fn, str) and len(opened) > WIDTH:
            return layout(doc.fn, indent, lead, f"({arguments.strip()}){trail}")
        generator = lone(doc)
        if generator is not None:
            return layout(generator, indent, f"{lead}{callee(doc)}", trail)
        if len(arguments) <= WIDTH:
            return [opened, arguments, f"{start}){trail}"]
        items = [("", arg) for arg in doc.args]
        items += [(f"{name}=", value) for name, value in doc.kwargs]
        return [opened, *_rows(items, inner), f"{start}){trail}"]
    if isinstance(doc, Call) and not isinstance(doc.fn, str):
        return layout(doc.fn, indent, lead, f"(){trail}")
    if isinstance(doc, Display) and doc.items:
        both = doc.brackets or "()"
        rows = _rows([("", item) for item in doc.items], inner, doc.brackets == "[]")
        return [f"{start}{lead}{both[0]}", *rows, f"{start}{both[1]}{trail}"]
    if isinstance(doc, Table):
        rows = _rows([(f"{lit(key)}: ", value) for key, value in doc.items], inner)
        return [f"{start}{lead}{{", *rows, f"{start}}}{trail}"]
    if isinstance(doc, Loop):
        parts_ = (part for c in doc.clauses for part in layout(c, inner))
        rows = [f"{' ' * inner}{loop(doc)}"]
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
            for n, (own, operand) in enumerate(operands(doc))
        )
        rows = [row for own, operand in most for row in layout(operand, indent, own)]
        return [*rows, *layout(last[1], indent, last[0], trail)]
    if isinstance(doc, Prefix):
        return layout(doc.value, indent, f"{lead}{doc.operator}", trail)
    if isinstance(doc, Bracketed):
        first, rows = f"{start}{lead}{doc.before}(", layout(doc.value, inner)
        return [first, *rows, f"{start}){trail}"]
    if isinstance(doc, Item):
        first = f"{start}{lead}{flat(doc.value)}["
        if len(first) <= WIDTH:
            return [first, *layout(doc.index, inner), f"{start}]{trail}"]
        return layout(doc.value, indent, lead, f"[{flat(doc.index)}]{trail}")
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
        return Bracketed("", found) if before + after == b"()" else found

    def whole(node: ast.expr) -> Doc:
        if isinstance(node, ast.IfExp):
            return Choice(part(node.body), part(node.test), part(node.orelse))
        if isinstance(node, ast.UnaryOp):
            value = part(node.operand)
            return Prefix("not " if isinstance(node.op, ast.Not) else "-", value)
        if isinstance(node, ast.BoolOp):
            word = "and" if isinstance(node.op, ast.And) else "or"
            parts: list[Doc] = []
            words: list[str] = []
            for value in map(part, node.values):
                words += [word] if parts else []
                if isinstance(value, Infix) and value.operators[0] in ("and", "or"):
                    parts += value.operands  # ruff breaks at these like at its own
                    words += value.operators
                else:
                    parts.append(value)
            return Infix(tuple(parts), tuple(words))
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
            return Item(part(node.value), whole(node.slice))
        return Code(text(node))

    found = whole(ast.parse(code, mode="eval").body)
    return found if flat(found) == code else Code(code)


def statement(lead: str, doc: Doc, indent: int, trail: str = "") -> list[str]:
    """`lead doc trail` in lines; what breaks without brackets of its own gets some."""
    line = f"{' ' * indent}{lead}{flat(doc)}{trail}"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(doc, Expr):
        doc = structure(flat(doc))
    inner = doc
    while isinstance(inner, Prefix):
        inner = inner.value
    if not isinstance(inner, Choice | Infix):
        return layout(doc, indent, lead, trail)
    rows = _at_brackets(doc, indent, lead, trail) if _opens(doc) else []
    if rows and max(map(len, rows)) <= WIDTH:
        return rows
    return layout(Bracketed("", doc), indent, lead, trail)


def _opens(doc: Doc) -> bool:
    """Whether ruff breaks a statement at brackets that are there before it adds some.

    That is where one operator binds loosest of all, and brackets are first or last.
    """
    ranks = [*_ranks(doc)]
    return ranks.count(max(ranks, default=0)) == 1 and (
        _is_group(_end(doc, 0)) or _is_group(_end(doc, -1))
    )


def _ranks(doc: Doc) -> Iterator[int]:
    """How loosely each operator binds that stands in no brackets."""
    if isinstance(doc, Infix):
        yield from (RANKS.get(operator, COMPARED) for operator in doc.operators)
        for operand in doc.operands:
            yield from _ranks(operand)
    elif isinstance(doc, Prefix):
        yield from _ranks(doc.value)


def _end(doc: Doc, end: int) -> Doc:
    """What is written first, by 0, or last, by -1: of `f(a)[b]`, `f` or all of it."""
    if isinstance(doc, Infix):
        return _end(doc.operands[end], end)
    if isinstance(doc, Prefix):
        return _end(doc.value, end) if end else doc
    if isinstance(doc, Item):
        return doc if end else _end(doc.value, end)
    return doc.fn if isinstance(doc, Call) and not end else doc


def _is_group(doc: Doc) -> bool:
    """Whether it is something in brackets, or a call with arguments."""
    if isinstance(doc, Call):
        return bool(doc.args or doc.kwargs)
    return isinstance(doc, Bracketed) or (isinstance(doc, Display) and bool(doc.items))


def _at_brackets(doc: Doc, indent: int, lead: str, trail: str) -> list[str]:
    """Lines that are broken within brackets alone, in as few of them as will do."""
    parts = [*_parts(doc), Code(trail)]
    rows, line = [""], lead
    for n, part in enumerate(parts):
        if not _is_group(part):
            line += flat(part)
            continue
        behind = ""  # what has to stand on the line on which it ends
        for after in parts[n + 1 :]:
            behind += flat(after)[:1] if _is_group(after) else flat(after)
            if _is_group(after):
                break
        rows[-1:] = layout(part, indent, line, behind)
        line = rows[-1][indent:].removesuffix(behind)
    return [*rows[:-1], f"{' ' * indent}{line}"]


def _parts(doc: Doc) -> Iterator[Doc]:
    """What stands in brackets, and all the text around it."""
    if isinstance(doc, Infix):
        for own, operand in operands(doc):
            yield Code(f" {own}" if own else "")
            yield from _parts(operand)
    elif isinstance(doc, Prefix):
        yield Code(doc.operator)
        yield from _parts(doc.value)
    elif isinstance(doc, Item):
        yield from _parts(doc.value)
        yield Display((doc.index,))
    elif isinstance(doc, Call):
        yield from (Code(doc.fn),) if isinstance(doc.fn, str) else _parts(doc.fn)
        yield Call("", doc.args, doc.kwargs)
    else:
        yield doc


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
