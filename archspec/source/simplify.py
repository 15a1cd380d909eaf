"""Simplifies expressions by what is true for the kinds of their names.

    >>> tree = ast.parse("(x * 4) // 4 + 0", mode="eval").body
    >>> ast.unparse(simplified(tree, {"x": "int"}))
    'x'
    >>> ast.unparse(simplified(tree, {"x": "float"}))
    'x * 4 // 4 + 0'

The simplified tree gives the same value, of the same type, or the same refusal, for
every value of its names; the one exception are the bounds of a formula's integers,
which a shorter way may stay within.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from archspec.errors import SpecError
from archspec.graph import Value
from archspec.language.formula import computed
from archspec.source.literal import Product

NUMBERS = ("int", "float")
TOTAL = (ast.Add, ast.Sub, ast.Mult)
"""Arithmetic that never fails, bounds apart."""
CONSTANT = (ast.Constant, ast.UnaryOp)
"""What a number may be: a negative one is the minus of another."""


def simplified(tree: ast.expr, kinds: Mapping[str, str]) -> ast.expr:
    """The tree with constants computed and neutral elements dropped."""
    made: ast.expr = _Simplify(kinds).visit(tree)
    return made


def may_be(tree: ast.expr, kinds: Mapping[str, str]) -> str:
    """The kind of a tree's value wherever it has one; "" where that isn't known."""
    if isinstance(tree, ast.BinOp):
        pair = {may_be(tree.left, kinds), may_be(tree.right, kinds)}
        if not pair <= {*NUMBERS} or isinstance(tree.op, ast.Pow):
            return ""
        return "float" if "float" in pair or isinstance(tree.op, ast.Div) else "int"
    if isinstance(tree, ast.IfExp):
        both = {may_be(tree.body, kinds), may_be(tree.orelse, kinds)}
        return both.pop() if len(both) == 1 else ""
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        if tree.func.id in ("int", "len") or (
            tree.func.id == "round" and len(tree.args) == 1
        ):
            return "int"
        inner = {may_be(part, kinds) for part in tree.args}
        fine = tree.func.id in ("min", "max", "abs") and len(inner) == 1
        return inner.pop() if fine else ""
    if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.List):
        if isinstance(tree.slice, ast.Slice):
            return "list"
        items = {may_be(part, kinds) for part in tree.value.elts}
        return items.pop() if len(items) == 1 else ""
    return kind(tree, kinds)


def kind(tree: ast.expr, kinds: Mapping[str, str]) -> str:
    """The kind of a tree's value where it can't fail, bounds apart; else ""."""
    if isinstance(tree, ast.Constant):
        return {bool: "bool", int: "int", float: "float", str: "str"}.get(
            type(tree.value), ""
        )
    if isinstance(tree, ast.Name):
        return kinds.get(tree.id, "")
    if isinstance(tree, ast.List):
        return "list" if all(kind(part, kinds) for part in tree.elts) else ""
    if isinstance(tree, ast.BinOp):
        pair = {kind(tree.left, kinds), kind(tree.right, kinds)}
        if not pair <= {*NUMBERS}:
            return ""
        whole = "float" if "float" in pair else "int"
        if isinstance(tree.op, TOTAL):
            return whole
        divisor = tree.right
        safe = isinstance(divisor, ast.Constant) and divisor.value != 0
        if safe and isinstance(tree.op, ast.FloorDiv | ast.Mod):
            return whole
        return "float" if safe and isinstance(tree.op, ast.Div) else ""
    if isinstance(tree, ast.UnaryOp):
        inner = kind(tree.operand, kinds)
        wanted = ("bool",) if isinstance(tree.op, ast.Not) else NUMBERS
        return inner if inner in wanted else ""
    if isinstance(tree, ast.Compare):
        sides = [kind(part, kinds) for part in (tree.left, *tree.comparators)]
        if all(isinstance(op, ast.Eq | ast.NotEq) for op in tree.ops):
            return "bool" if all(sides) else ""
        if any(isinstance(op, ast.In | ast.NotIn) for op in tree.ops):
            held = tree.comparators[-1]
            items = held.elts if isinstance(held, ast.List) else []
            fine = sides[0] and items and all(kind(part, kinds) for part in items)
            fine = (fine or {*sides} == {"str"}) and len(tree.ops) == 1
            return "bool" if fine else ""
        return "bool" if {*sides} <= {*NUMBERS} else ""
    if isinstance(tree, ast.BoolOp):
        inner_kinds = {kind(value, kinds) for value in tree.values}
        return "bool" if inner_kinds == {"bool"} else ""
    if isinstance(tree, ast.IfExp):
        both = {kind(tree.body, kinds), kind(tree.orelse, kinds)}
        fine = kind(tree.test, kinds) == "bool" and len(both) == 1
        return both.pop() if fine else ""
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        given = [kind(part, kinds) for part in tree.args]
        if len(given) == 1 and given[0] in NUMBERS:
            return {"int": "int", "round": "int", "abs": given[0]}.get(tree.func.id, "")
        fine = tree.func.id in ("min", "max") and len(given) > 1 and len({*given}) == 1
        return given[0] if fine and given[0] in NUMBERS else ""
    return ""


class _Simplify(ast.NodeTransformer):
    """Visits the parts first; makes new nodes, since trees are shared."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.kinds = kinds

    def _made(self, tree: ast.expr) -> ast.expr:
        made: ast.expr = self.visit(tree)
        return made

    def _kind(self, tree: ast.expr) -> str:
        return kind(tree, self.kinds)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self._made(node.operand)
        if isinstance(node.op, ast.Not):
            twice = isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.Not)
            if twice and self._kind(operand) == "bool":
                assert isinstance(operand, ast.UnaryOp)
                return operand.operand
            if isinstance(operand, ast.Compare) and _has_opposite(operand):
                return negated(operand)
        return _computed(ast.UnaryOp(node.op, operand))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self._made(node.left), self._made(node.right)
        made = ast.BinOp(left, node.op, right)
        if isinstance(left, CONSTANT) and isinstance(right, CONSTANT):
            return _computed(made)
        if isinstance(node.op, ast.Mult):
            if _is(right, 1) and self._kind(left) in NUMBERS:
                return left
            if _is(left, 1) and self._kind(right) in NUMBERS:
                return right
        whole = isinstance(node.op, ast.FloorDiv) and _is(right, 1)
        if whole and may_be(left, self.kinds) == "int":
            return left  # which fails where it did
        if self._kind(left) != "int" or self._kind(right) != "int":
            return made
        if isinstance(node.op, ast.Add | ast.Sub) and _is(right, 0):
            return left
        if isinstance(node.op, ast.Add) and _is(left, 0):
            return right
        return self._cancelled(made)

    def _cancelled(self, node: ast.BinOp) -> ast.expr:
        """For integers `x * a // a` is x, `x * a * b` x * ab, `x + (y - x)` y."""
        left, right = node.left, node.right
        if isinstance(node.op, ast.Add):
            for one, other in ((left, right), (right, left)):
                less = isinstance(other, ast.BinOp) and isinstance(other.op, ast.Sub)
                if less and ast.dump(one) == ast.dump(other.right):  # type: ignore[attr-defined]  # a BinOp
                    return other.left  # type: ignore[attr-defined,no-any-return]
        if isinstance(node.op, ast.Add | ast.Sub):
            return _collected(node) or _summed(node)
        if not isinstance(left, ast.BinOp) or not isinstance(left.op, ast.Mult):
            return node
        a, b = _positive(left.right), _positive(right)
        if a is None or b is None:
            return node
        if isinstance(node.op, ast.Mult) and a * b <= 2**53:
            return ast.BinOp(left.left, ast.Mult(), ast.Constant(a * b))
        if isinstance(node.op, ast.FloorDiv) and a % b == 0:
            if a == b:
                return left.left
            return ast.BinOp(left.left, ast.Mult(), ast.Constant(a // b))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        comparators = [self._made(part) for part in node.comparators]
        left = self._made(node.left)
        chosen = isinstance(left, ast.IfExp) and self._kind(left.test) == "bool"
        if chosen:  # (2 if i == 0 else 1) == 1: i != 0
            assert isinstance(left, ast.IfExp)
            cases = [
                _computed(ast.Compare(part, node.ops, comparators))
                for part in (left.body, left.orelse)
            ]
            found = [c.value for c in cases if isinstance(c, ast.Constant)]
            if len(found) == 2 and found[0] is not found[1]:
                return left.test if found[0] else negated(left.test)
        mirrored = MIRRORED.get(type(node.ops[0])) if len(node.ops) == 1 else None
        if mirrored and _is_constant(left) and not _is_constant(comparators[0]):
            return ast.Compare(comparators[0], [mirrored()], [left])
        return _computed(ast.Compare(left, node.ops, comparators))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        stop = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        for value in map(self._made, node.values):
            if isinstance(value, ast.Constant) and isinstance(value.value, bool):
                if value.value is stop:
                    if all(self._kind(part) == "bool" for part in values):
                        return value  # none before it fails
                    values.append(value)
                    break
                continue
            values.append(value)
        if not values:
            return ast.Constant(not stop)
        if len(values) > 1:
            return ast.BoolOp(node.op, values)
        (only,) = values
        logical = isinstance(only, ast.Compare | ast.BoolOp) or (
            isinstance(only, ast.UnaryOp) and isinstance(only.op, ast.Not)
        )
        if logical or self._kind(only) == "bool":
            return only
        return ast.BoolOp(node.op, [only, ast.Constant(not stop)])

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self._made(node.test)
        if isinstance(test, ast.Constant) and isinstance(test.value, bool):
            return self._made(node.body if test.value else node.orelse)
        parts = [
            self._settled(part, test, holds=part is node.body)
            for part in (node.body, node.orelse)
        ]
        return self._chosen(test, *parts)

    def _settled(self, tree: ast.expr, test: ast.expr, *, holds: bool) -> ast.expr:
        """A part of a choice, without the choices that this one has made already."""
        made = self._made(tree)
        settled = without_choices(made, test, holds=holds)
        return made if settled is made else self._made(settled)

    def _chosen(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> ast.expr:
        """A choice between parts that are made already."""
        if self._kind(test) == "bool" and ast.dump(body) == ast.dump(orelse):
            return body
        opposite = isinstance(orelse, ast.IfExp) and self._kind(test) == "bool"
        if opposite and ast.dump(orelse.test) == ast.dump(negated(test)):  # type: ignore[attr-defined]  # an IfExp
            return self._chosen(test, body, orelse.body)  # type: ignore[attr-defined]
        whole = self._kind(body) == self._kind(orelse) == "int"
        if whole and isinstance(test, ast.Compare) and len(test.ops) == 1:
            # `a if a != b else b` is a, and `b if a == b else a` too.
            (op,), (right,) = test.ops, test.comparators
            differ = isinstance(op, ast.NotEq)
            one, other = (body, orelse) if differ else (orelse, body)
            sides = {ast.dump(test.left), ast.dump(right)}
            known = differ or isinstance(op, ast.Eq)
            if known and sides == {ast.dump(one), ast.dump(other)}:
                return one
        return ast.IfExp(test, body, orelse)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        value, index = self._made(node.value), self._made(node.slice)
        at = index.value if isinstance(index, ast.Constant) else None
        items = value.elts if isinstance(value, ast.List) else []
        if type(at) is int and at < len(items) and all(map(self._kind, items)):
            return items[at]  # the others don't fail
        return _computed(ast.Subscript(value, index, ast.Load()))

    def visit_Slice(self, node: ast.Slice) -> ast.expr:
        bounds = (b and self._made(b) for b in (node.lower, node.upper, node.step))
        return ast.Slice(*bounds)

    def visit_List(self, node: ast.List) -> ast.expr:
        return ast.List([self._made(part) for part in node.elts], ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        args = [self._made(part) for part in node.args]
        whole = isinstance(node.func, ast.Name) and node.func.id in ("int", "round")
        if whole and len(args) == 1 and self._kind(args[0]) == "int":
            return args[0]
        return _computed(ast.Call(node.func, args, []))


OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}
"""What stands between two sides that change places."""


def negated(tree: ast.expr) -> ast.expr:
    """The condition that holds just where another doesn't."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return tree.operand
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        (op,) = tree.ops
        opposite = OPPOSITES.get(type(op))
        if opposite is not None:
            return ast.Compare(tree.left, [opposite()], tree.comparators)
    return ast.UnaryOp(ast.Not(), tree)


def without_choices(tree: ast.expr, test: ast.expr, *, holds: bool) -> ast.expr:
    """A tree where a condition is known to hold, or not to; itself if that is nothing.

    >>> inner = ast.parse("(a if x > 1 else b) * 2", mode="eval").body
    >>> test = ast.parse("x > 1", mode="eval").body
    >>> ast.unparse(without_choices(inner, test, holds=True))
    'a * 2'
    """
    known = _Known()
    known.learn(test, holds)
    made: ast.expr = known.visit(deepcopy(tree))
    return made if known.used else tree


class _Known(ast.NodeTransformer):
    """Takes the side of each choice whose condition is known."""

    def __init__(self) -> None:
        self.known: dict[str, bool] = {}
        self.used = False

    def learn(self, test: ast.expr, holds: bool) -> None:
        """All parts of an `and` hold where it does, and none of an `or` where not."""
        joins = isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) is holds
        if isinstance(test, ast.BoolOp) and joins:
            for part in test.values:
                self.learn(part, holds)
        self.known |= {
            ast.dump(test): holds,
            ast.dump(negated(test)): not holds,
        }

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        known = self.known.get(ast.dump(node.test))
        if known is None:
            return self.generic_visit(node)
        self.used = True
        return self.visit(node.body if known else node.orelse)


def _computed(tree: ast.expr) -> ast.expr:
    """The value of a tree without names as a constant, else the tree itself."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Name):
            return tree
        called = part.func if isinstance(part, ast.Call) else None
        waiting += [c for c in ast.iter_child_nodes(part) if c is not called]
    try:
        return constant(computed(tree, {}))
    except SpecError:
        return tree


def constant(value: Value) -> ast.expr:
    """The tree of a value; a negative number is the minus of one."""
    if isinstance(value, tuple):
        return ast.List([constant(part) for part in value], ast.Load())
    if type(value) in (int, float) and repr(value).startswith("-"):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))  # type: ignore[operator]  # a number
    return ast.Constant(int(value) if isinstance(value, Product) else value)


def _collected(node: ast.BinOp) -> ast.expr | None:
    """For integers `x + x * 2` is x * 3, and `y + x + x` is y + x * 2."""
    before, last = None, node.left
    inner = last.op if isinstance(last, ast.BinOp) else None
    if isinstance(inner, ast.Add) and isinstance(node.op, ast.Add):
        assert isinstance(last, ast.BinOp)
        before, last = last.left, last.right
    (base, many), (other, more) = _times(last), _times(node.right)
    total = many + more if isinstance(node.op, ast.Add) else many - more
    if isinstance(base, ast.Constant) or ast.dump(base) != ast.dump(other) or total < 1:
        return None
    made = base if total == 1 else ast.BinOp(base, ast.Mult(), ast.Constant(total))
    return made if before is None else ast.BinOp(before, ast.Add(), made)


def _times(tree: ast.expr) -> tuple[ast.expr, int]:
    """What a tree is so many times of."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult):
        for one, other in ((tree.left, tree.right), (tree.right, tree.left)):
            if (number := _positive(other)) is not None:
                return one, number
    return tree, 1


def _summed(node: ast.BinOp) -> ast.expr:
    """For integers `x + a - b` is x + (a - b)."""
    left = node.left
    if not isinstance(left, ast.BinOp) or not isinstance(left.op, ast.Add | ast.Sub):
        return node
    a, b = _positive(left.right), _positive(node.right)
    if a is None or b is None:
        return node
    total = (a if isinstance(left.op, ast.Add) else -a) + (
        b if isinstance(node.op, ast.Add) else -b
    )
    if not total:
        return left.left
    op: ast.operator = ast.Add() if total > 0 else ast.Sub()
    return ast.BinOp(left.left, op, ast.Constant(abs(total)))


def _has_opposite(tree: ast.Compare) -> bool:
    """Whether another comparison holds just where it doesn't, whatever the values."""
    alike = ast.Eq | ast.NotEq | ast.In | ast.NotIn
    return len(tree.ops) == 1 and isinstance(tree.ops[0], alike)


def _is_constant(tree: ast.expr) -> bool:
    """Whether a reader takes it for a constant, which stands on the right."""
    if isinstance(tree, ast.Name):
        return tree.id.isupper()
    if isinstance(tree, ast.List):
        return bool(tree.elts) and all(map(_is_constant, tree.elts))
    if isinstance(tree, ast.UnaryOp):
        tree = tree.operand
    return isinstance(tree, ast.Constant)


def _is(tree: ast.expr, number: int) -> bool:
    return (
        isinstance(tree, ast.Constant)
        and type(tree.value) is int
        and tree.value == number
    )


def _positive(tree: ast.expr) -> int | None:
    """A constant that is an integer above zero."""
    value = tree.value if isinstance(tree, ast.Constant) else None
    return value if type(value) is int and value > 0 else None
