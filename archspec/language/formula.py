"""Formulas: the values of a spec that start with `=`.

A small evaluator over Python's `ast`, with a table of what is allowed; nothing else is,
and nothing is ever handed to `eval`. Numbers and lists are bounded.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple

from archspec.errors import LimitError, SpecError, nearest, shown
from archspec.graph import Value
from archspec.limits import DEFAULT, Budget

INTEGER = 2**53
LENGTH = 1000
DEPTH = 100
CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None, "null": None}
DIMENSIONS = ("channels", "height", "width")
ALLOWED = (
    "allowed are numbers, strings, lists, + - * / // % **, comparisons, and or not, "
    "a if c else b, indexing, and the functions min max len sum round abs int range"
)


class Env(NamedTuple):
    """What a formula sees, and what it may cost."""

    lookup: Mapping[str, Value]
    budget: Budget


def _power(base: Any, exponent: Any) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and abs(exponent) > 64 and abs(base) > 1:
        raise LimitError(f"the power {base} ** {exponent} is too large", code="AS304")
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


def _round(number: Any, digits: Any = None) -> Any:
    # Python makes 10 ** digits of an int, however large.
    if digits is not None and not -20 <= digits <= 20:
        raise LimitError(f"round takes -20 to 20 digits, found {digits}", code="AS304")
    return round(_numeric(number), digits)


def _numeric(value: Any) -> Any:
    if not isinstance(value, int | float):
        raise SpecError(f"expected a number, found {value!r}", code="AS303")
    return value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "len": len,
    "sum": sum,
    "round": _round,
    "abs": lambda value: abs(_numeric(value)),
    "int": lambda value: int(_numeric(value)),
    "range": range,
}


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.expr:
    """The tree of a formula without its `=`; SpecError for what isn't one."""
    if len(text) > LENGTH:
        raise LimitError(
            f"a formula has at most {LENGTH} characters, found {len(text)}",
            code="AS304",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SpecError(
            f"the formula {text!r} is not complete: {reason}", code="AS302"
        ) from None
    for part, depth in _walk(tree):
        if depth > DEPTH:
            raise LimitError(f"a formula nests at most {DEPTH} deep", code="AS304")
        if isinstance(part, ast.expr) and not _allowed(part):
            what = text if depth == 1 else ast.get_source_segment(text, part)
            message = f"{what!r} can't stand in a formula"
            raise _at(part, SpecError(message, code="AS302", hint=ALLOWED))
    return tree


def _walk(tree: ast.expr) -> Iterator[tuple[Any, int]]:
    """Every part of a tree with its depth: a dimension as one, no function's name."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        part, depth = waiting.pop()
        yield part, depth
        called = part.func if isinstance(part, ast.Call) else None
        inner = () if isinstance(part, ast.Attribute) else ast.iter_child_nodes(part)
        waiting += [(child, depth + 1) for child in inner if child is not called]


def _at(tree: Any, error: SpecError) -> SpecError:
    """The error with the part of the formula that it is about."""
    start = getattr(tree, "col_offset", None)  # a tree that no text stands for has none
    if start is not None:
        error.part = (start, tree.end_col_offset - start)
    return error


def _allowed(tree: Any) -> bool:
    """Whether one node of a tree, apart from its children, belongs in a formula."""
    match tree:
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            return name in FUNCTIONS
        case ast.Attribute(value=ast.Name()):
            return True
        case ast.Constant(value=value):
            return isinstance(value, bool | int | float | str | None)
        case ast.UnaryOp(op=op):
            return type(op) in UNARY
        case ast.BinOp(op=op):
            return type(op) in ARITHMETIC
        case ast.Compare(ops=ops):
            return all(type(op) in ORDER for op in ops)
        case ast.Call() | ast.Attribute():
            return False
    return type(tree) in RULES or isinstance(tree, ast.Slice)


def inspected(
    text: str,
    known: Collection[str],
    index: Callable[[], SpecError | None] = lambda: None,
) -> Iterator[SpecError]:
    """What is wrong with a formula whatever its names stand for.

    `index` gives what is to be said where that name is read and may not be.
    """
    try:
        parts = _names(text)
    except SpecError as error:
        yield error
        return
    for name, part in parts:
        if name == "index" and (fault := index()):
            yield _at(part, fault)
        elif name not in known and name not in CONSTANTS:
            yield _at(part, _unknown(name, known))


def _unknown(name: str, known: Collection[str]) -> SpecError:
    node, dot, size = name.partition(".")
    sizes = [f"{node}.{other}" for other in DIMENSIONS if f"{node}.{other}" in known]
    if name == "index":
        hint = "a repeated node has one, if it has no other name; a block's is its own"
    elif size in DIMENSIONS and sizes:
        hint = f"{node} is a vector, it has {', '.join(sizes)}"
    else:
        listed = ", ".join(islice(known, 20)) or "nothing"
        text = "" if dot else "; a string stands in quotes"
        hint = nearest(name, known) or f"known are {listed}{text}"
    message = f"a formula names {name!r}, which isn't known here"
    return SpecError(message, code="AS301", hint=hint)


def evaluate(
    text: str, lookup: Mapping[str, Value], budget: Budget | None = None
) -> Value:
    """The value of a formula without its `=`, with the names of `lookup`.

    `lookup` holds the dimensions of a value under dotted names (`input.channels`).
    Raises SpecError, without a place, for whatever fails.
    """
    env = Env(lookup, budget or Budget(DEFAULT))
    env.budget.spend(len(text))
    return _computed(parse(text), env, text)


def computed(tree: ast.expr, lookup: Mapping[str, Value]) -> Value:
    """The value of a tree of a formula's own kinds of nodes, as `evaluate` gives it."""
    return _computed(tree, Env(lookup, Budget(DEFAULT)))


def _computed(tree: ast.expr, env: Env, text: str | None = None) -> Value:
    try:
        return _evaluate(tree, env)
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as e:
        what = "an expression" if text is None else f"the formula {text!r}"
        raise SpecError(f"{what} fails: {e}", code="AS303") from None


def _evaluate(tree: ast.expr, env: Env) -> Value:
    value: Value = RULES[type(tree)](tree, env)
    if type(value) in PLAIN or (type(value) is int and -INTEGER <= value <= INTEGER):
        return value
    if isinstance(value, complex):
        raise SpecError("the result is a complex number", code="AS303")
    if isinstance(value, int) and abs(value) > INTEGER:
        raise SpecError("the result is an integer beyond 2 ** 53", code="AS303")
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError("the result is not a finite number", code="AS303")
    return value


PLAIN = frozenset((bool, str, tuple, type(None)))
"""Types whose values need no look at how large they are."""
KINDS: dict[str, tuple[type, ...]] = {
    "a number": (int, float),
    "a condition": (bool,),
    "a list": (tuple,),
}


def is_a(value: Any, types: tuple[type, ...]) -> bool:
    """Whether a value has one of these types; true and false are no numbers."""
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _of(kind: str, tree: ast.expr, env: Env) -> Any:
    """The value of a part that has to be of a kind."""
    value = _evaluate(tree, env)
    if not is_a(value, KINDS[kind]):
        message = f"expected {kind}, found {shown(value)}"
        raise _at(tree, SpecError(message, code="AS303"))
    return value


_number, _condition, _items = (partial(_of, kind) for kind in KINDS)


def _name(tree: Any, env: Env) -> Value:
    name = _dotted(tree)
    if name in env.lookup:
        return env.lookup[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    raise _at(tree, _unknown(name, env.lookup.keys()))


def _call(tree: Any, env: Env) -> Any:
    values = [_evaluate(part, env) for part in tree.args]
    env.budget.touch(*values)
    found = FUNCTIONS[tree.func.id](*values)
    if isinstance(found, range):
        env.budget.listed(len(found))
        found = tuple(found)
    env.budget.touch(found)
    return found


def _list(tree: Any, env: Env) -> Value:
    found = tuple(_evaluate(part, env) for part in tree.elts)
    env.budget.touch(found)
    return found


def _subscript(tree: Any, env: Env) -> Any:
    items = _items(tree.value, env)
    if isinstance(tree.slice, ast.Slice):
        parts = (tree.slice.lower, tree.slice.upper, tree.slice.step)
        bounds: list[Any] = [p and _number(p, env) for p in parts]
        env.budget.touch(items)
        return items[slice(*bounds)]
    index = _number(tree.slice, env)
    if not -len(items) <= index < len(items):
        text = f"there is no item {index} in a list of {len(items)}"
        raise _at(tree, SpecError(text, code="AS303"))
    return items[index]


def _compare(tree: Any, env: Env) -> bool:
    left = _evaluate(tree.left, env)
    for kind, comparator in zip(tree.ops, tree.comparators, strict=True):
        right = _evaluate(comparator, env)
        env.budget.touch(left, right)
        if not ORDER[type(kind)](left, right):
            return False
        left = right
    return True


def _binary(tree: Any, env: Env) -> Any:
    left, right = _number(tree.left, env), _number(tree.right, env)
    return ARITHMETIC[type(tree.op)](left, right)


def _logic(tree: Any, env: Env) -> bool:
    conditions = (_condition(value, env) for value in tree.values)
    return all(conditions) if isinstance(tree.op, ast.And) else any(conditions)


UNARY: dict[type[ast.unaryop], Callable[[Any, Env], Any]] = {
    ast.Not: lambda part, env: not _condition(part, env),
    ast.USub: lambda part, env: -_number(part, env),
}
RULES: dict[type[ast.expr], Callable[[Any, Env], Any]] = {
    ast.Constant: lambda tree, env: tree.value,
    ast.Name: _name,
    ast.Attribute: _name,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Compare: _compare,
    ast.UnaryOp: lambda tree, env: UNARY[type(tree.op)](tree.operand, env),
    ast.BinOp: _binary,
    ast.BoolOp: _logic,
    ast.IfExp: lambda tree, env: _evaluate(
        tree.body if _condition(tree.test, env) else tree.orelse, env
    ),
    ast.List: _list,
}


@lru_cache(maxsize=4096)
def names(text: str) -> frozenset[str]:
    """The names that a formula reads; a dimension as `input.channels`."""
    return frozenset(name for name, _ in _names(text))


@lru_cache(maxsize=4096)
def subscripts(text: str) -> frozenset[str]:
    """The names that stand in a formula's list indices."""
    if "[" not in text:
        return frozenset()
    parts = (part for part, _ in _walk(parse(text)))
    indices = (part.slice for part in parts if isinstance(part, ast.Subscript))
    return frozenset(name for index in indices for name, _ in _read(index))


@lru_cache(maxsize=4096)
def _names(text: str) -> list[tuple[str, ast.expr]]:
    return _read(parse(text))


def _read(tree: ast.expr) -> list[tuple[str, ast.expr]]:
    """Every name that a tree reads, with the part that reads it."""
    parts = (part for part, _ in _walk(tree))
    return [(_dotted(p), p) for p in parts if isinstance(p, ast.Name | ast.Attribute)]


def _dotted(tree: Any) -> str:
    # As ast.unparse says it, which takes fifty times as long.
    return tree.id if isinstance(tree, ast.Name) else f"{tree.value.id}.{tree.attr}"
