"""Expressions of printed code: a formula's text over the names that stand there.

An `Expr` is text that the formula evaluator can compute, so that whatever is printed
can be checked against the graph's own numbers before it is printed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archspec.errors import SpecError
from archspec.graph import Value
from archspec.language.formula import evaluate, names, parse

WORDS = {"true": True, "false": False, "none": None, "null": None}
SIMPLE = r"(?:[A-Za-z_][\w.]*|\d+(?:\.\d+)?)"
HUGGED = re.compile(rf"(?<![\w.)\]])({SIMPLE}) \*\* (-?{SIMPLE})(?![\w.(\[])")
"""A power of simple operands, around which ruff format leaves no spaces."""
NEGATED = re.compile(r"(^|\band |\bor )\((not [\w.]+)\)(?= and | or |$)")
"""A `not` in brackets that it doesn't need."""
EXPONENT = re.compile(r"(\d)e(?:\+|(-))0*(\d)")
"""What people leave out of an exponent."""


@dataclass(frozen=True, slots=True)
class Expr:
    """A formula over the names of printed code, without its `=`."""

    text: str

    def names(self) -> frozenset[str]:
        """The names it reads."""
        return names(self.text)

    def value(self, env: Mapping[str, Value]) -> Value:
        """What it gives where the names have these values; SpecError if it fails."""
        return evaluate(self.text, env)

    def code(self) -> str:
        """The Python text; a list of the language is a tuple there."""
        return _code(self.text)

    def is_name(self) -> bool:
        """Whether it is one name."""
        return self.text.isidentifier()

    def _combine(self, symbol: str, other: Any, *, swapped: bool = False) -> Expr:
        left, right = f"({self.text})", f"({text_of(other)})"
        if swapped:
            left, right = right, left
        return simplified(f"{left} {symbol} {right}")

    def __add__(self, other: Any) -> Expr:
        return self._combine("+", other)

    def __radd__(self, other: Any) -> Expr:
        return self._combine("+", other, swapped=True)

    def __sub__(self, other: Any) -> Expr:
        return self._combine("-", other)

    def __rsub__(self, other: Any) -> Expr:
        return self._combine("-", other, swapped=True)

    def __mul__(self, other: Any) -> Expr:
        return self._combine("*", other)

    def __rmul__(self, other: Any) -> Expr:
        return self._combine("*", other, swapped=True)

    def __floordiv__(self, other: Any) -> Expr:
        return self._combine("//", other)


Arg = Value | Expr
"""What stands in printed code where a value is wanted: a constant or an expression."""


def text_of(arg: Any) -> str:
    """An argument as formula text."""
    if isinstance(arg, Expr):
        return arg.text
    if isinstance(arg, tuple):
        return "[" + ", ".join(text_of(item) for item in arg) + "]"
    return repr(arg)


def parts(arg: Any) -> tuple[Any, Any]:
    """Both parts of an argument that is a pair, or one number for both."""
    if isinstance(arg, tuple):
        return arg[0], arg[1]
    if not isinstance(arg, Expr):
        return arg, arg
    tree = ast.parse(arg.text, mode="eval").body
    if not isinstance(tree, ast.List):
        return arg, arg
    first, second = (simplified(ast.unparse(item)) for item in tree.elts)
    return _settled(first), _settled(second)


def _settled(expr: Expr) -> Arg:
    return expr if expr.names() else expr.value({})


def value_of(arg: Arg, env: Mapping[str, Value]) -> Value:
    """The number behind an argument."""
    return arg.value(env) if isinstance(arg, Expr) else arg


def substitute(text: str, replace: Callable[[str], Arg]) -> Arg:
    """A formula with every name, also `input.channels`, replaced.

    Gives a constant where nothing is left to compute. `replace` may raise LookupError
    for a name that nothing stands for.
    """
    tree = _Replace(replace).visit(
        ast.parse(ast.unparse(parse(text)), mode="eval").body
    )
    found = simplified(ast.unparse(tree))
    if found.names():
        return found
    return found.value({})


def printable(text: str) -> bool:
    """Whether a formula may stand in printed code: strings may not."""
    return not any(
        isinstance(tree, ast.Constant) and isinstance(tree.value, str)
        for tree in ast.walk(parse(text))
    )


@lru_cache(maxsize=4096)
def simplified(text: str) -> Expr:
    """The expression with constants computed and neutral elements dropped."""
    tree = _Simplify().visit(ast.parse(text, mode="eval").body)
    return Expr(ast.unparse(tree))


@lru_cache(maxsize=4096)
def _code(text: str) -> str:
    tree = _Tuples().visit(ast.parse(text, mode="eval").body)
    made = EXPONENT.sub(r"\1e\2\3", ast.unparse(tree))
    return HUGGED.sub(r"\1**\2", NEGATED.sub(r"\1\2", made))


class _Tuples(ast.NodeTransformer):
    def visit_List(self, node: ast.List) -> ast.expr:
        self.generic_visit(node)
        return ast.Tuple(node.elts, ast.Load())


class _Replace(ast.NodeTransformer):
    def __init__(self, replace: Callable[[str], Arg]) -> None:
        self.replace = replace

    def _put(self, name: str) -> ast.expr:
        return ast.parse(text_of(self.replace(name)), mode="eval").body

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self._put(ast.unparse(node))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in WORDS:
            return ast.Constant(WORDS[node.id])
        return self._put(node.id)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(argument) for argument in node.args]
        return node


class _Simplify(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = node.left, node.right
        if _is_number(left) and _is_number(right):
            try:
                return ast.Constant(evaluate(ast.unparse(node), {}))  # type: ignore[arg-type]  # a number
            except SpecError:
                return node
        if isinstance(node.op, ast.Mult | ast.FloorDiv) and _is(right, 1):
            return left
        if isinstance(node.op, ast.Mult) and _is(left, 1):
            return right
        if isinstance(node.op, ast.Add | ast.Sub) and _is(right, 0):
            return left
        if isinstance(node.op, ast.Add) and _is(left, 0):
            return right
        return _cancelled(node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        return _constant(node, [node.left, *node.comparators])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        stop = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        for value in node.values:
            if isinstance(value, ast.Constant):
                if value.value is stop:
                    values.append(value)
                    break
                continue
            values.append(value)
        if not values:
            return ast.Constant(not stop)
        return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        if ast.unparse(node.body) == ast.unparse(node.orelse):
            return node.body
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        return _constant(node, [node.value])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(argument) for argument in node.args]
        return _constant(node, node.args)


def _constant(node: ast.expr, parts: list[ast.expr]) -> ast.expr:
    """The value of an expression whose parts have no names left, else itself."""
    if any(isinstance(tree, ast.Name) for part in parts for tree in ast.walk(part)):
        return node
    try:
        value = evaluate(ast.unparse(node), {})
    except SpecError:
        return node
    return ast.parse(text_of(value), mode="eval").body


def _is_number(tree: ast.expr) -> bool:
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        tree = tree.operand
    return isinstance(tree, ast.Constant) and type(tree.value) in (int, float)


def _is(tree: ast.expr, number: int) -> bool:
    return (
        isinstance(tree, ast.Constant)
        and type(tree.value) is int
        and (tree.value == number)
    )


def _cancelled(node: ast.BinOp) -> ast.expr:
    """`x * a // a` is x, `x * a * b` is x * ab and `x + (y - x)` is y, for integers."""
    inner = node.left
    other = node.right
    if isinstance(node.op, ast.Add) and isinstance(other, ast.BinOp):
        alike = ast.unparse(inner) == ast.unparse(other.right)
        return other.left if alike and isinstance(other.op, ast.Sub) else node
    if (
        not isinstance(inner, ast.BinOp)
        or not isinstance(inner.op, ast.Mult)
        or not isinstance(inner.right, ast.Constant)
        or not isinstance(node.right, ast.Constant)
        or type(inner.right.value) is not int
        or type(node.right.value) is not int
    ):
        return node
    a, b = inner.right.value, node.right.value
    if isinstance(node.op, ast.Mult):
        return ast.BinOp(inner.left, ast.Mult(), ast.Constant(a * b))
    if isinstance(node.op, ast.FloorDiv) and b > 0 and a % b == 0:
        product = ast.BinOp(inner.left, ast.Mult(), ast.Constant(a // b))
        return inner.left if a == b else product
    return node
