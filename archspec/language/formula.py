"""Formulas: the values of a spec that start with `=`.

A small evaluator over Python's `ast`, with a table of what is allowed; nothing else is,
and nothing is ever handed to `eval`. Numbers and lists are bounded.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from archspec.errors import SpecError, nearest
from archspec.graph import Value

INTEGER = 2**53
LIST = 100_000
LENGTH = 1000
DEPTH = 50
CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None, "null": None}
DIMENSIONS = ("channels", "height", "width")
ALLOWED = (
    "numbers, strings, lists, + - * / // % **, comparisons, and or not, a if c else b, "
    "indexing, and the functions min max len sum round abs int range"
)


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > 64 and abs(base) > 1:
        raise SpecError(f"the power {base} ** {exponent} is too large")
    return base**exponent


ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def _range(*bounds: int) -> tuple[int, ...]:
    values = range(*bounds)
    if len(values) > LIST:
        raise SpecError(f"a range of {len(values)} numbers is longer than {LIST}")
    return tuple(values)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "len": len,
    "sum": sum,
    "round": round,
    "abs": abs,
    "int": int,
    "range": _range,
}


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.expr:
    """The tree of a formula without its `=`; SpecError for what isn't one."""
    if len(text) > LENGTH:
        raise SpecError(f"a formula has at most {LENGTH} characters, found {len(text)}")
    if sum(text.count(opening) for opening in "([{") > DEPTH or text.count("-") > DEPTH:
        raise SpecError(f"a formula has at most {DEPTH} brackets and minus signs")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SpecError(f"the formula {text!r} is not complete: {reason}") from None


def evaluate(text: str, lookup: Mapping[str, Value]) -> Value:
    """The value of a formula without its `=`, with the names of `lookup`.

    `lookup` holds the dimensions of a value under dotted names (`input.channels`).
    Raises SpecError, without a place, for whatever fails.
    """
    try:
        return _evaluate(parse(text), lookup)
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        IndexError,
        RecursionError,
    ) as error:
        raise SpecError(f"the formula {text!r} fails: {error}") from None


def _evaluate(tree: ast.expr, lookup: Mapping[str, Value]) -> Value:
    rule = RULES.get(type(tree))
    if rule is None:
        raise SpecError(f"{ast.unparse(tree)!r} is no formula; allowed are {ALLOWED}")
    return _bounded(rule(tree, lookup))


def _bounded(value: Any) -> Value:
    if isinstance(value, complex):
        raise SpecError("the result is a complex number")
    if isinstance(value, int) and abs(value) > INTEGER:
        raise SpecError("the result is an integer beyond 2 ** 53")
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError("the result is not a finite number")
    found: Value = value
    return found


def _number(tree: ast.expr, lookup: Mapping[str, Value]) -> Any:
    value = _evaluate(tree, lookup)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"expected a number, {ast.unparse(tree)!r} is {value!r}")
    return value


def _condition(tree: ast.expr, lookup: Mapping[str, Value]) -> bool:
    value = _evaluate(tree, lookup)
    if not isinstance(value, bool):
        raise SpecError(f"expected a condition, {ast.unparse(tree)!r} is {value!r}")
    return value


def _constant(tree: Any, lookup: Mapping[str, Value]) -> Any:
    if not isinstance(tree.value, bool | int | float | str | None):
        raise SpecError(f"{ast.unparse(tree)!r} is no number and no string")
    return tree.value


def _name(tree: Any, lookup: Mapping[str, Value]) -> Value:
    if tree.id in lookup:
        return lookup[tree.id]
    if tree.id in CONSTANTS:
        return CONSTANTS[tree.id]
    hint = nearest(tree.id, lookup) or "a name inside a formula is a string in quotes"
    raise SpecError(f"a formula names {tree.id!r}, which isn't known here", hint=hint)


def _dimension(tree: Any, lookup: Mapping[str, Value]) -> Value:
    dotted = ast.unparse(tree)
    if dotted in lookup:
        return lookup[dotted]
    raise SpecError(
        f"a formula reads {dotted!r}, which isn't known here",
        hint=nearest(dotted, lookup) or "known are " + ", ".join(DIMENSIONS),
    )


def _call(tree: Any, lookup: Mapping[str, Value]) -> Any:
    known = isinstance(tree.func, ast.Name) and tree.func.id in FUNCTIONS
    if not known or tree.keywords:
        raise SpecError(f"{ast.unparse(tree)!r} is not allowed; allowed are {ALLOWED}")
    return FUNCTIONS[tree.func.id](*(_evaluate(a, lookup) for a in tree.args))


def _subscript(tree: Any, lookup: Mapping[str, Value]) -> Any:
    items = _evaluate(tree.value, lookup)
    if not isinstance(items, tuple):
        raise SpecError(f"{ast.unparse(tree.value)!r} is no list")
    if isinstance(tree.slice, ast.Slice):
        parts = (tree.slice.lower, tree.slice.upper, tree.slice.step)
        bounds: list[Any] = [p and _number(p, lookup) for p in parts]
        return items[slice(*bounds)]
    index = _number(tree.slice, lookup)
    if not -len(items) <= index < len(items):
        raise SpecError(f"{ast.unparse(tree.value)!r} has {len(items)} items: {index}")
    return items[index]


def _compare(tree: Any, lookup: Mapping[str, Value]) -> bool:
    left = _evaluate(tree.left, lookup)
    for kind, comparator in zip(tree.ops, tree.comparators, strict=True):
        if type(kind) not in ORDER:
            raise SpecError(f"{ast.unparse(tree)!r} is no comparison of the language")
        right = _evaluate(comparator, lookup)
        if not ORDER[type(kind)](left, right):
            return False
        left = right
    return True


def _unary(tree: Any, lookup: Mapping[str, Value]) -> Any:
    if isinstance(tree.op, ast.Not):
        return not _condition(tree.operand, lookup)
    if isinstance(tree.op, ast.USub):
        return -_number(tree.operand, lookup)
    raise SpecError(f"{ast.unparse(tree)!r} is not allowed; allowed are {ALLOWED}")


def _binary(tree: Any, lookup: Mapping[str, Value]) -> Any:
    if type(tree.op) not in ARITHMETIC:
        raise SpecError(f"{ast.unparse(tree)!r} is not allowed; allowed are {ALLOWED}")
    left, right = _number(tree.left, lookup), _number(tree.right, lookup)
    return ARITHMETIC[type(tree.op)](left, right)


def _logic(tree: Any, lookup: Mapping[str, Value]) -> bool:
    conditions = (_condition(value, lookup) for value in tree.values)
    return all(conditions) if isinstance(tree.op, ast.And) else any(conditions)


def _choice(tree: Any, lookup: Mapping[str, Value]) -> Value:
    return _evaluate(
        tree.body if _condition(tree.test, lookup) else tree.orelse, lookup
    )


RULES: dict[type[ast.expr], Callable[[Any, Mapping[str, Value]], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _dimension,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Compare: _compare,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.BoolOp: _logic,
    ast.IfExp: _choice,
    ast.List: lambda tree, lookup: tuple(_evaluate(e, lookup) for e in tree.elts),
}


@lru_cache(maxsize=4096)
def names(text: str) -> frozenset[str]:
    """The names that a formula reads; a dimension as `input.channels`."""
    found = set()
    for tree in ast.walk(parse(text)):
        if isinstance(tree, ast.Attribute):
            found.add(ast.unparse(tree))
        elif isinstance(tree, ast.Name) and tree.id not in FUNCTIONS:
            found.add(tree.id)
    return frozenset(found)


@lru_cache(maxsize=4096)
def subscripts(text: str) -> frozenset[str]:
    """The names that stand in a formula's list indices."""
    found: set[str] = set()
    for tree in ast.walk(parse(text)):
        if isinstance(tree, ast.Subscript):
            found |= names(ast.unparse(tree.slice))
    return frozenset(found)
