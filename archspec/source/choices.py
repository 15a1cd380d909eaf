"""Ops as arguments: where a spec says `op: =act`, printed code takes what `act` makes.

    class Unit(nn.Module):
        def __init__(self, channels: int, act: type[nn.Module]) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, channels, 3)
            self.act = act()

A spec names an op by a text, and so does an outline. Which texts are ops shows where
they are used: `find` goes from there to arguments, constants, tables and callers, and
`spell` puts the framework's words for them. Such a text may be compared, handed on and
looked up in a table; one that is used in another way can't be an argument.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from archspec.source.expr import Arg, Expr
from archspec.source.outline import CHOSEN, Definition, Line, OpUse, Use, walk
from archspec.source.plan import Place, Unfit

Names = dict[int, set[str]]
"""For each definition, by its id, the names in it that stand for ops."""
Words = Mapping[str, str]
"""For each kind of op that can be an argument, the code for it."""
SAME = {ast.Eq: ast.Is, ast.NotEq: ast.IsNot}


class Unspoken(Exception):
    """A text is used as an op and as something else."""


def check(definitions: Sequence[Definition], kinds: Sequence[str]) -> None:
    """Unfit where an op can't be an argument, since its name is used as a text, too."""
    names = find(definitions)
    for definition in definitions:
        spelling = _Spelling(names, id(definition), {kind: kind for kind in kinds})
        try:
            for line in walk(definition.lines):
                _line(line, spelling)
            for name, value in definition.constants.items():
                spelling.constant(name, value)
        except Unspoken:
            own = definition.instances[0].scope.definition
            split: frozenset[Place] = frozenset(
                (own, argument.name)
                for argument in definition.arguments.values()
                if argument.name in names[id(definition)] and not argument.invented
            )
            raise Unfit("an op is a text, too", split=split, definition=own) from None


def spell(definitions: Sequence[Definition], words: Words, note: str) -> None:
    """Puts words for the ops that are handed on, in place; `note` annotates them."""
    names = find(definitions)
    for definition in definitions:
        spelling = _Spelling(names, id(definition), words)
        for line in walk(definition.lines):
            _line(line, spelling)()
        for name, value in definition.constants.items():
            found = spelling.constant(name, value)
            assert isinstance(found, Expr)
            definition.constants[name] = found
        definition.ops = frozenset(names[id(definition)])
        for name in definition.ops & definition.arguments.keys():
            definition.arguments[name].note = note


def find(definitions: Sequence[Definition]) -> Names:
    """The names that stand for ops; definitions come before those that use them."""
    found: Names = {}
    for definition in definitions:
        own = found[id(definition)] = set()
        for line in walk(definition.lines):
            for arg in _given(line, found):
                own |= set(_leaves(arg))
        for name, value in reversed(definition.constants.items()):
            own |= set(_leaves(value)) if name in own else set()
    return found


def _given(line: Line, names: Names) -> Iterator[Arg]:
    """What a line uses as an op, or hands on as one."""
    target = line.target
    if isinstance(target, OpUse) and CHOSEN in target.attributes:
        yield target[CHOSEN]
    elif isinstance(target, Use):
        wanted = names[id(target.definition)]
        yield from (arg for name, arg in target.arguments.items() if name in wanted)


def _leaves(arg: Arg) -> Iterator[str]:
    """The names that may be an expression's value."""
    waiting = [arg.tree] if isinstance(arg, Expr) else []
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, ast.Name):
            yield tree.id
        elif isinstance(tree, ast.IfExp):
            waiting += [tree.body, tree.orelse]
        elif isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.List):
            waiting += tree.value.elts


def _line(line: Line, spelling: _Spelling) -> Callable[[], None]:
    """Spells what a line says; nothing is changed until the result is called."""
    target, when, count = line.target, spelling.said(line.when), line.count
    count = None if count is None else spelling.said(count)
    start = {name: spelling.said(arg) for name, arg in line.start.items()}
    carried = {name: spelling.said(arg) for name, arg in line.carried.items()}
    rows = {name: spelling.column(name, held) for name, held in line.rows.items()}
    given: dict[str, Arg] = {}
    if isinstance(target, OpUse):
        wanted, given = {CHOSEN}, target.attributes
    elif isinstance(target, Use):
        wanted, given = spelling.names[id(target.definition)], target.arguments
    made = {
        name: spelling.op(arg) if name in wanted else spelling.said(arg)
        for name, arg in given.items()
    }

    def change() -> None:
        line.when, line.count, line.rows = when, count, rows
        line.start, line.carried = start, carried
        given.update(made)

    return change


class _Spelling:
    """Puts the words for ops in the expressions of one definition."""

    def __init__(self, names: Names, definition: int, words: Words) -> None:
        self.names = names
        self.own = names[definition]
        self.words = {
            kind: ast.parse(word, mode="eval").body for kind, word in words.items()
        }

    def op(self, arg: Arg) -> Arg:
        """An expression whose value is an op."""
        if isinstance(arg, Expr):
            return _made(self._op(arg.tree), arg)
        tree = self._word(arg)
        if isinstance(tree, ast.Constant):
            return tree.value  # type: ignore[return-value]  # a text
        return Expr(tree, (), ast.unparse(tree))

    def said(self, arg: Arg) -> Arg:
        """Any other expression: an op is only compared there."""
        if not isinstance(arg, Expr) or not arg.names() & self.own:
            return arg
        return _made(self._said(arg.tree), arg)

    def constant(self, name: str, value: Expr) -> Arg:
        """What is computed under a name."""
        return self.op(value) if name in self.own else self.said(value)

    def column(self, name: str, held: tuple[Arg, ...]) -> tuple[Arg, ...]:
        """A column of a table."""
        return tuple(map(self.op, held)) if name in self.own else held

    def _word(self, kind: object) -> ast.expr:
        if not isinstance(kind, str) or kind not in self.words:
            raise Unspoken
        return self.words[kind]

    def _op(self, tree: ast.expr) -> ast.expr:
        if isinstance(tree, ast.Name) and tree.id in self.own:
            return tree
        if isinstance(tree, ast.Constant):
            return self._word(tree.value)
        if isinstance(tree, ast.IfExp):
            parts = self._op(tree.body), self._op(tree.orelse)
            return ast.IfExp(self._said(tree.test), *parts)
        if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.List):
            items = [self._op(item) for item in tree.value.elts]
            index = self._said(tree.slice)
            return ast.Subscript(ast.List(items, ast.Load()), index, ast.Load())
        raise Unspoken

    def _said(self, tree: ast.expr) -> ast.expr:
        if isinstance(tree, ast.Name) and tree.id in self.own:
            raise Unspoken
        sides = (tree.left, *tree.comparators) if isinstance(tree, ast.Compare) else ()
        ops = [n for n in sides if isinstance(n, ast.Name) and n.id in self.own]
        if ops:
            assert isinstance(tree, ast.Compare)
            same = SAME.get(type(tree.ops[0]))
            if same is None or len(sides) != 2:
                raise Unspoken
            left, right = map(self._op, sides)
            texts = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
            return ast.Compare(left, [*tree.ops] if texts else [same()], [right])
        made: ast.expr = _Parts(self._said).visit(tree)
        return made


class _Parts(ast.NodeTransformer):
    """A copy of a tree with each part changed."""

    def __init__(self, change: Callable[[ast.expr], ast.expr]) -> None:
        self.change = change

    def visit(self, node: ast.AST) -> Any:
        fields = {name: self._part(value) for name, value in ast.iter_fields(node)}
        return type(node)(**fields)

    def _part(self, value: object) -> object:
        if isinstance(value, list):
            return [self._part(part) for part in value]
        if isinstance(value, ast.Slice):
            return self.visit(value)
        return self.change(value) if isinstance(value, ast.expr) else value


def _made(tree: ast.expr, before: Expr) -> Expr:
    return Expr(tree, before.kinds, ast.unparse(tree))
