"""What makes an outline shorter to read and changes nothing that it computes.

`arrange` orders arguments and lets a loop carry values: where the first instance of a
repeat reads an argument and the others read something else, as in
`in_channels if i == 0 else channels * 4`, the loop uses the argument and sets it anew.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from archspec.source.expr import Arg, Expr
from archspec.source.outline import (
    Definition,
    Line,
    OpUse,
    Use,
    annotation,
    expressions,
    free_names,
    walk,
)

FIRST = ("in_channels", "channels")


def arrange(definitions: list[Definition]) -> None:
    """Arranges all definitions, in place."""
    for definition in definitions:
        if definition.listed and not definition.model:
            for number in range(len(definition.lines)):
                _carry(definition, number)
    _order(definitions)


def _carry(definition: Definition, number: int) -> None:
    """Lets the loop of a line carry the arguments that only its first turn reads."""
    line = definition.lines[number]
    if line.count is None:
        return
    following: dict[str, set[str]] = {}
    raw: set[str] = set()
    for arg in expressions(line):
        if isinstance(arg, Expr):
            cut = _Cut(line.index)
            cut.visit(ast.parse(arg.text, mode="eval").body)
            for name, text in cut.found:
                following.setdefault(name, set()).add(text)
            raw |= cut.names
    later = {n for other in definition.lines[number + 1 :] for n in free_names(other)}
    carried: dict[str, Arg] = {}
    for name, texts in following.items():
        text = texts.pop()
        if texts or name not in definition.arguments or name in later | raw:
            continue
        if Expr(text).names() & (following.keys() | {line.index}):
            continue
        if _fits(definition, name, text):
            carried[name] = _arg(text)
    if not carried:
        return
    line.carried = carried
    _rewrite(line, lambda arg: _carrying(arg, line.index, carried))


def _arg(text: str) -> Arg:
    expr = Expr(text)
    return expr if expr.names() else expr.value({})


def _fits(definition: Definition, name: str, text: str) -> bool:
    """Whether the argument's annotation also covers what the loop gives it."""
    argument, arg = definition.arguments[name], _arg(text)
    if not isinstance(arg, Expr):
        return annotation([*argument.values, arg]) == argument.type()
    if arg.is_name():
        other = definition.arguments.get(arg.text)
        return other is not None and other.type() == argument.type()
    return argument.type() == "int" and not any(
        isinstance(tree, ast.Div | ast.Compare | ast.BoolOp | ast.Subscript)
        for tree in ast.walk(ast.parse(text, mode="eval"))
    )


def _first_turn(tree: ast.expr, index: str) -> str | None:
    """The name in `name if index == 0 else ...`."""
    if not isinstance(tree, ast.IfExp) or not isinstance(tree.body, ast.Name):
        return None
    return tree.body.id if ast.unparse(tree.test) == f"{index} == 0" else None


class _Cut(ast.NodeVisitor):
    """Finds the choices of a loop's first turn, and the names outside of them."""

    def __init__(self, index: str) -> None:
        self.index = index
        self.found: list[tuple[str, str]] = []
        self.names: set[str] = set()

    def visit_IfExp(self, node: ast.IfExp) -> None:
        name = _first_turn(node, self.index)
        if name is None:
            self.generic_visit(node)
        else:
            self.found.append((name, ast.unparse(node.orelse)))

    def visit_Name(self, node: ast.Name) -> None:
        self.names.add(node.id)


class _Carried(ast.NodeTransformer):
    def __init__(self, index: str, carried: dict[str, Arg]) -> None:
        self.index = index
        self.carried = carried

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        name = _first_turn(node, self.index)
        if name in self.carried:
            return node.body
        self.generic_visit(node)
        return node


def _carrying(arg: Arg, index: str, carried: dict[str, Arg]) -> Arg:
    if not isinstance(arg, Expr):
        return arg
    tree = ast.parse(arg.text, mode="eval").body
    return Expr(ast.unparse(_Carried(index, carried).visit(tree)))


def _rewrite(line: Line, change: Callable[[Arg], Arg]) -> None:
    """Changes everything that a line and its nested ones print."""
    for inner in walk([line]):
        inner.when = change(inner.when)
        if inner.count is not None:
            inner.count = change(inner.count)
        target = inner.target
        if isinstance(target, OpUse):
            target.attributes = {k: change(v) for k, v in target.attributes.items()}
            target.channels = tuple(change(arg) for arg in target.channels)
        elif isinstance(target, Use):
            target.arguments = {k: change(v) for k, v in target.arguments.items()}


def _order(definitions: list[Definition]) -> None:
    """Puts first, and by position, the channels and what is only handed through.

    An argument is handed through where every caller gives a variable of its name.
    """
    uses: dict[int, list[Use]] = {}
    for definition in definitions:
        for line in walk(definition.lines):
            if isinstance(line.target, Use):
                uses.setdefault(id(line.target.definition), []).append(line.target)
    for definition in definitions:
        if definition.model:
            continue
        callers = uses.get(id(definition), [])
        handed = [
            name
            for name in definition.arguments
            if all(use.arguments[name] == Expr(name) for use in callers)
        ]
        first = [n for n in definition.arguments if n in definition.channel_arguments]
        first += [n for n in FIRST if n in definition.arguments]
        definition.positional = tuple(dict.fromkeys((*first, *handed)))
        order = dict.fromkeys((*definition.positional, *definition.arguments))
        definition.arguments = {name: definition.arguments[name] for name in order}
        for use in callers:
            use.arguments = {name: use.arguments[name] for name in order}
