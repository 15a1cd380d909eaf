"""Expressions of printed code: trees over the names that stand there.

    >>> width = named("width", "float")
    >>> (width * 32 // 8 * 8).code()
    'width * 32 // 8 * 8'
    >>> (named("channels", "int") * 4 // 4).code()
    'channels'

An `Expr` is a tree that the formula evaluator can compute, so that whatever is printed
can be checked against the graph's own numbers before it is printed. It knows the kind
of each name that it reads: what is true of integers (`x * 4 // 4` is x) need not be
true of floats. Brackets come from `ast.unparse`, never from joining texts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archspec.errors import SpecError
from archspec.graph import Value
from archspec.language.formula import CONSTANTS, computed, parse
from archspec.source.literal import lit
from archspec.source.simplify import (
    constant,
    kind,
    may_be,
    negated,
    simplified,
    without_choices,
)

IS = {ast.Eq: ast.Is, ast.NotEq: ast.IsNot}
"""How what is one object, such as None, is compared."""
KINDS = {int: "int", float: "float", bool: "bool", str: "str", tuple: "list"}


@dataclass(frozen=True)
class Expr:
    """A formula over the names of printed code.

    Attributes:
        tree: what it computes; lists are `ast.List`.
        kinds: the kind of each name: int, float, bool, str, list, or "" for any.
    """

    tree: ast.expr = field(repr=False, hash=False, compare=False)
    kinds: tuple[tuple[str, str], ...] = field(repr=False)
    text: str

    def names(self) -> frozenset[str]:
        """The names it reads."""
        return frozenset(name for name, _ in self.kinds)

    @cached_property
    def kind(self) -> str:
        """The kind of its value, "" where that isn't known."""
        return kind(self.tree, dict(self.kinds))

    def value(self, env: Mapping[str, Value]) -> Value:
        """What it gives where the names have these values; SpecError if it fails."""
        return computed(self.tree, env)

    def size(self) -> int:
        """How many names, numbers and operations it has, however long its names are."""
        return sum(isinstance(part, ast.expr) for part in ast.walk(self.tree))

    def code(self) -> str:
        """The Python text as ruff format writes it; a list is a tuple there."""
        return _code(self.tree)

    def is_name(self) -> bool:
        """Whether it is one name."""
        return isinstance(self.tree, ast.Name)

    def whole(self, name: str = "") -> bool:
        """Whether it is an integer wherever it can be computed, if `name` is one."""
        kinds = dict(self.kinds) | ({name: "int"} if name else {})
        return may_be(self.tree, kinds) == "int"

    def replaced(self, replace: Callable[[str], Arg]) -> Arg:
        """This with every name replaced; `replace` may raise LookupError.

        The code for an op, as `nn.Tanh`, is no name of it, and stays.
        """
        return _replaced(self.tree, replace, self.names())

    def __add__(self, other: Arg) -> Arg:
        return _combined(self, ast.Add(), other)

    def __radd__(self, other: Arg) -> Arg:
        return _combined(other, ast.Add(), self)

    def __sub__(self, other: Arg) -> Arg:
        return _combined(self, ast.Sub(), other)

    def __rsub__(self, other: Arg) -> Arg:
        return _combined(other, ast.Sub(), self)

    def __mul__(self, other: Arg) -> Arg:
        return _combined(self, ast.Mult(), other)

    def __rmul__(self, other: Arg) -> Arg:
        return _combined(other, ast.Mult(), self)

    def __floordiv__(self, other: Arg) -> Arg:
        return _combined(self, ast.FloorDiv(), other)


Arg = Value | Expr
"""What stands in printed code where a value is wanted: a constant or an expression."""


def named(name: str, kind: str = "") -> Expr:
    """A name of printed code."""
    return Expr(ast.Name(name, ast.Load()), ((name, kind),), name)


def kind_of(values: Iterable[Value]) -> str:
    """The kind that all values have; an int is a float beside floats."""
    kinds = {KINDS.get(type(value), "") for value in values}
    if kinds == {"int", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else ""


def choice(body: Arg, test: Arg, other: Arg) -> Arg:
    """`body if test else other`."""
    tree = ast.IfExp(tree_of(test), tree_of(body), tree_of(other))
    return _made(tree, _kinds(body, test, other))


def item(items: Arg | Iterable[Arg], index: Arg) -> Arg:
    """`items[index]`."""
    listed = items if isinstance(items, Expr) else tuple(items)  # type: ignore[arg-type]  # a tuple
    tree = ast.Subscript(tree_of(listed), tree_of(index), ast.Load())
    return _made(tree, _kinds(listed, index))


def equal(left: Arg, right: Arg) -> Arg:
    """`left == right`."""
    tree = ast.Compare(tree_of(left), [ast.Eq()], [tree_of(right)])
    return _made(tree, _kinds(left, right))


def opposite(one: Arg, other: Arg) -> bool:
    """Whether of two conditions one holds just where the other doesn't."""
    return ast.dump(negated(tree_of(one))) == ast.dump(tree_of(other))


def over_zero(count: Arg) -> Arg:
    """`count > 0`."""
    return _made(
        ast.Compare(tree_of(count), [ast.Gt()], [ast.Constant(0)]), _kinds(count)
    )


def over_turns(arg: Arg, index: str, count: int) -> Arg:
    """An expression in a loop of so many turns, without what is equal in all of them.

    >>> i = named("i", "int")
    >>> over_turns(choice(item((4, 4), i), over_zero(item((2, 3), i)), 1), "i", 2)
    4
    """
    if not isinstance(arg, Expr) or index not in arg.names():
        return arg
    return rebuilt(arg, _Turns(index, count), dict(arg.kinds))


class _Turns(ast.NodeTransformer):
    def __init__(self, index: str, count: int) -> None:
        self.index = index
        self.count = count

    def visit(self, node: ast.AST) -> Any:
        read = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if isinstance(node, ast.expr) and read - _called(node) == {self.index}:
            try:
                values = {computed(node, {self.index: n}) for n in range(self.count)}
            except SpecError:
                values = set()
            if len(values) == 1:
                return tree_of(values.pop())
        return super().visit(node)


def of_length(arg: Arg, lengths: Mapping[str, int]) -> Arg:
    """An expression in which lists have a known length.

    >>> of_length(translated("len(a) * 2", lambda name: named(name, "list")), {"a": 3})
    6
    """
    if not isinstance(arg, Expr) or not arg.names() & lengths.keys():
        return arg
    return rebuilt(arg, _Lengths(lengths), dict(arg.kinds))


class _Lengths(ast.NodeTransformer):
    def __init__(self, lengths: Mapping[str, int]) -> None:
        self.lengths = lengths

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = isinstance(node.func, ast.Name) and node.func.id == "len"
        of = node.args[0]
        if called and isinstance(of, ast.Name) and of.id in self.lengths:
            return ast.Constant(self.lengths[of.id])
        return self.generic_visit(node)


def settled(
    arg: Arg, names: AbstractSet[str], envs: Sequence[Mapping[str, Value]]
) -> Arg:
    """An expression without choices that are the same in all environments.

    Only such choices count as read nothing but some names.

    >>> count = named("n", "int")
    >>> settled(choice(count, over_zero(count), 8), {"n"}, [{"n": 1}, {"n": 2}]).code()
    'n'
    """
    if not isinstance(arg, Expr) or arg.names().isdisjoint(names):
        return arg
    return rebuilt(arg, _Settled(names, envs), dict(arg.kinds))


class _Settled(ast.NodeTransformer):
    def __init__(
        self, names: AbstractSet[str], envs: Sequence[Mapping[str, Value]]
    ) -> None:
        self.names = names
        self.envs = envs

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        read = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
        if read - _called(node.test) <= self.names:
            found = {bool(computed(node.test, env)) for env in self.envs}
            if len(found) == 1:
                return self.visit(node.body if found.pop() else node.orelse)
        return self.generic_visit(node)


def where(arg: Arg, test: Arg) -> Arg:
    """An expression as it is read where a condition holds.

    >>> first, width = named("first", "bool"), named("width", "int")
    >>> where(choice(width * 2, first, width), first).code()
    'width * 2'
    """
    if not isinstance(arg, Expr) or not isinstance(test, Expr):
        return arg
    tree = without_choices(arg.tree, test.tree, holds=True)
    return arg if tree is arg.tree else _made(tree, dict(arg.kinds))


def kept_from_first(arg: Arg, name: str, index: str) -> Arg:
    """What a loop sets a name to, where all turns but the first keep what that says.

    >>> x, i = named("x", "int"), named("i", "int")
    >>> kept_from_first(choice(60, equal(i, 0), x), "x", "i")
    60
    """
    if not isinstance(arg, Expr) or not isinstance(arg.tree, ast.IfExp):
        return arg
    first, later = arg.tree.body, arg.tree.orelse
    test = ast.dump(arg.tree.test)
    if test == ast.dump(negated(_first_turn(index))):
        first, later = later, first
    elif test != ast.dump(_first_turn(index)):
        return arg
    found = _made(first, dict(arg.kinds))
    kept = isinstance(later, ast.Name) and later.id == name
    return found if kept and names_of(found).isdisjoint({name, index}) else arg


def _first_turn(index: str) -> ast.expr:
    return tree_of(equal(named(index, "int"), 0))


def without_term(arg: Arg, name: str) -> Arg | None:
    """What a sum of integers adds to a name; None where it is no such sum.

    >>> without_term(named("a", "int") + named("b", "int") + 4, "a").code()
    'b + 4'
    """
    if not isinstance(arg, Expr) or arg.kind != "int":
        return None
    terms: list[ast.expr] = []
    waiting = [arg.tree]
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
            waiting += (tree.right, tree.left)
        else:
            terms.append(tree)
    rest = [t for t in terms if not (isinstance(t, ast.Name) and t.id == name)]
    if len(rest) != len(terms) - 1:
        return None
    kinds = dict(arg.kinds)
    found: Arg = 0
    for tree in rest:
        found = _made(ast.BinOp(tree_of(found), ast.Add(), tree), kinds)
    return None if name in names_of(found) else found


def translated(text: str, replace: Callable[[str], Arg]) -> Arg:
    """A formula of a spec with every name, also `input.channels`, replaced.

    Gives a constant where nothing is left to compute. `replace` may raise LookupError
    for a name that nothing stands for.
    """
    return _replaced(parse(text), replace)


def rebuilt(
    arg: Expr,
    change: ast.NodeTransformer | None,
    kinds: Mapping[str, str],
    tree: ast.expr | None = None,
) -> Arg:
    """An expression, or a part of it, after a change of a copy of its tree."""
    copy = deepcopy(arg.tree if tree is None else tree)
    return _made(change.visit(copy) if change else copy, kinds)


def put(arg: Arg, words: Mapping[str, Arg]) -> Arg:
    """An expression with other words for some of its names."""
    if not isinstance(arg, Expr) or arg.names().isdisjoint(words):
        return arg
    kinds = dict(arg.kinds)
    return arg.replaced(lambda name: words.get(name, named(name, kinds[name])))


def value_of(arg: Arg, env: Mapping[str, Value]) -> Value:
    """The value behind an argument."""
    return arg.value(env) if isinstance(arg, Expr) else arg


def names_of(arg: Any) -> frozenset[str]:
    """The names that an argument reads."""
    return arg.names() if isinstance(arg, Expr) else frozenset()


def two_parts(pair: Arg, told: str) -> tuple[Arg, Arg]:
    """Both parts of a size that is told in a `form`, a number for both or a pair."""
    return (pair, pair) if told == "number" else _halves(pair)


def four_parts(padding: Arg, told: str) -> tuple[tuple[Arg, Arg], tuple[Arg, Arg]]:
    """Padding that is told in a `form` as (top, bottom) and (left, right).

    >>> four_parts(named("around", "list"), "sides")[1][0].code()
    'around[1][0]'
    """
    vertical, horizontal = two_parts(padding, told)
    if told == "sides":
        return _halves(vertical), _halves(horizontal)
    return (vertical, vertical), (horizontal, horizontal)


def _halves(pair: Any) -> tuple[Arg, Arg]:
    return pair if isinstance(pair, tuple) else (item(pair, 0), item(pair, 1))


def tree_of(arg: Any) -> ast.expr:
    """The tree of an argument; a negative number is the minus of one."""
    if isinstance(arg, Expr):
        return arg.tree
    if isinstance(arg, tuple):
        return ast.List([tree_of(part) for part in arg], ast.Load())
    return constant(arg)


def _kinds(*args: Any) -> dict[str, str]:
    """The kinds of all names that arguments read."""
    found: dict[str, str] = {}
    for arg in args:
        if isinstance(arg, Expr):
            found.update(arg.kinds)
        elif isinstance(arg, tuple):
            found.update(_kinds(*arg))
    return found


def _combined(left: Arg, op: ast.operator, right: Arg) -> Arg:
    tree = ast.BinOp(tree_of(left), op, tree_of(right))
    return _made(tree, _kinds(left, right))


def _made(tree: ast.expr, kinds: Mapping[str, str]) -> Arg:
    """The simplest expression that computes a tree; a constant where no name is."""
    tree = simplified(tree, kinds)
    read = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}
    if not read:
        try:
            return computed(tree, {})
        except SpecError:
            pass  # it fails where it is computed, as the formula would
    held = tuple(sorted((name, kinds[name]) for name in read & kinds.keys()))
    return Expr(tree, held, ast.unparse(tree))


def _called(tree: ast.expr) -> set[str]:
    """The names of functions that a tree calls."""
    calls = (part for part in ast.walk(tree) if isinstance(part, ast.Call))
    return {part.func.id for part in calls if isinstance(part.func, ast.Name)}


def _replaced(
    tree: ast.expr,
    replace: Callable[[str], Arg],
    names: AbstractSet[str] | None = None,
) -> Arg:
    visitor = _Replace(replace, names)
    return _made(visitor.visit(tree), visitor.kinds)


class Copying(ast.NodeTransformer):
    """A transformer that makes a new tree: those of expressions are shared."""

    def generic_visit(self, node: Any) -> Any:
        fields = {
            name: [self.visit(part) for part in value]
            if isinstance(value, list)
            else self.visit(value)
            if isinstance(value, ast.AST)
            else value
            for name, value in ast.iter_fields(node)
        }
        return type(node)(**fields)


class _Replace(Copying):
    """Makes a new tree in which other trees stand for names, all or some."""

    def __init__(
        self, replace: Callable[[str], Arg], names: AbstractSet[str] | None = None
    ) -> None:
        self.replace = replace
        self.names = names
        self.kinds: dict[str, str] = {}

    def _put(self, node: ast.expr, name: str) -> ast.expr:
        if self.names is not None and name not in self.names:
            return node
        found = self.replace(name)
        self.kinds |= _kinds(found)
        return tree_of(found)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self._put(node, ast.unparse(node))  # `a.b`, or a framework's `a.b.c`

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in CONSTANTS:
            return ast.Constant(CONSTANTS[node.id])  # type: ignore[arg-type]  # a word
        return self._put(node, node.id)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return ast.Call(node.func, [self.visit(part) for part in node.args], [])


def _code(tree: ast.expr) -> str:
    return ast.unparse(_Layout(named).visit(tree))


class _Layout(_Replace):
    """Turns a tree into one that `ast.unparse` writes as ruff format would.

    What ruff writes without the spaces or brackets of `ast.unparse` becomes a name that
    has the text.
    """

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str | float):
            return ast.Name(lit(node.value), ast.Load())
        return node

    def visit_List(self, node: ast.List) -> ast.expr:
        return ast.Tuple([self.visit(part) for part in node.elts], ast.Load())

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        left, *rest = map(self.visit, (node.left, *node.comparators))
        none = [isinstance(n, ast.Constant) and n.value is None for n in rest]
        ops = [
            IS.get(type(op), type(op))() if n else op
            for op, n in zip(node.ops, none, strict=True)
        ]
        return ast.Compare(left, ops, rest)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        if not isinstance(node.op, ast.Pow):
            return ast.BinOp(left, node.op, right)
        beside = node.right.left if _is_power(node.right) else node.right  # type: ignore[attr-defined]  # a BinOp
        if _simple(node.left) and _simple(beside, signed=True):
            text = f"{ast.unparse(left)}**{ast.unparse(right)}"
            return ast.Name(text, ast.Load())
        return ast.BinOp(_bracketed(node.left, left), node.op, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        return ast.UnaryOp(node.op, _bracketed(node.operand, operand))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        value = _bracketed(node.value, self.visit(node.value))
        return ast.Subscript(value, self.visit(node.slice), ast.Load())

    def visit_Slice(self, node: ast.Slice) -> ast.expr:
        bounds = (node.lower, node.upper, node.step)
        made = [part and self.visit(part) for part in bounds]
        if all(part is None or _plain(part) for part in bounds):
            return ast.Slice(*made)
        lower, upper, step = (part and ast.unparse(part) for part in made)
        text = f"{lower} :" if lower else ":"
        if upper:
            text += f" {upper}"
        if step:
            text += f" : {step}" if upper else f": {step}"
        return ast.Name(text, ast.Load())

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        values = []
        for value in node.values:
            found = self.visit(value)
            if isinstance(value, ast.Compare | ast.UnaryOp):  # closer than `and`
                found = ast.Name(ast.unparse(found), ast.Load())
            values.append(found)
        return ast.BoolOp(node.op, values)


def _is_power(tree: ast.expr) -> bool:
    return isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow)


def _bracketed(tree: ast.expr, made: ast.expr) -> ast.expr:
    """A laid out operand that binds closer than a power does, with brackets."""
    return ast.Name(f"({ast.unparse(made)})", ast.Load()) if _is_power(tree) else made


def _plain(tree: ast.expr) -> bool:
    """Whether ruff format hugs the `:` beside a bound of a slice."""
    while isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        tree = tree.operand
    return isinstance(tree, ast.Constant | ast.Name)


def _simple(tree: ast.expr, *, signed: bool = False) -> bool:
    """Whether ruff format hugs the `**` beside an operand."""
    if signed and isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        tree = tree.operand
    if isinstance(tree, ast.Constant):
        return isinstance(tree.value, int | float)
    return isinstance(tree, ast.Name)
