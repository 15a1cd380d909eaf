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

from archspec.source.expr import IS, Arg, Copying, Expr
from archspec.source.outline import CHOSEN, Argument, Definition, Line, OpUse, Use, walk
from archspec.source.plan import Place, Unfit

Names = dict[int, set[str]]
"""For each definition, by its id, the names in it that stand for ops."""
Trees = Mapping[str, ast.expr]
"""For each kind of op that can be an argument, the code for it."""


class Unspoken(Exception):
    """A text is used as an op and as something else."""


def check(definitions: Sequence[Definition], kinds: Sequence[str]) -> None:
    """Unfit where an op can't be an argument, since its name is used as a text, too."""
    if not _chosen(definitions):
        return
    names = find(definitions)
    trees = {kind: ast.Name(kind, ast.Load()) for kind in kinds}
    for definition in definitions:
        spelling = _Spelling(names, id(definition), trees)
        try:
            for line in walk(definition.lines):
                _line(line, spelling)
            for name, value in definition.constants.items():
                spelling.constant(name, value)
            for argument in _defaults(definition, names):
                spelling.op(argument.default)
        except Unspoken:
            own = definition.instances[0].scope.definition
            split: frozenset[Place] = frozenset(
                (own, argument.name)
                for argument in definition.arguments.values()
                if argument.name in names[id(definition)] and not argument.invented
            )
            raise Unfit("an op is a text, too", split=split, definition=own) from None


def spell(
    definitions: Sequence[Definition], words: Mapping[str, str], note: str
) -> None:
    """Puts words for the ops that are handed on, in place; `note` annotates them.

    `words` is the code for each kind of op that can be an argument.
    """
    if not _chosen(definitions):
        return
    names = find(definitions)
    trees = {kind: ast.parse(word, mode="eval").body for kind, word in words.items()}
    for definition in definitions:
        spelling = _Spelling(names, id(definition), trees)
        for line in walk(definition.lines):
            _line(line, spelling)()
        definition.unspelled = dict(definition.constants)
        for name, value in definition.constants.items():
            found = spelling.constant(name, value)
            assert isinstance(found, Expr)
            definition.constants[name] = found
        definition.ops = frozenset(names[id(definition)])
        for name in definition.ops & definition.arguments.keys():
            definition.arguments[name].note = note
        for argument in _defaults(definition, names):
            argument.default = spelling.op(argument.default)


def _chosen(definitions: Sequence[Definition]) -> bool:
    """Whether any op is what code says: in few nets one is."""
    lines = (line for made in definitions for line in walk(made.lines))
    uses = (line.target for line in lines if isinstance(line.target, OpUse))
    return any(use.kind == CHOSEN for use in uses)


def _defaults(definition: Definition, names: Names) -> list[Argument]:
    """The arguments that stand for ops and have a default, which the whole net's do."""
    held = definition.arguments.values()
    own = names[id(definition)]
    return [a for a in held if a.name in own and a.default is not None]


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
    named = tuple(map(spelling.said, line.template))
    given: dict[str, Arg] = {}
    channels: tuple[Arg, ...] = ()
    if isinstance(target, OpUse):
        wanted, given = {CHOSEN}, target.attributes
        channels = tuple(map(spelling.said, target.channels))
    elif isinstance(target, Use):
        wanted, given = spelling.names[id(target.definition)], target.arguments
    made = {
        name: spelling.op(arg) if name in wanted else spelling.said(arg)
        for name, arg in given.items()
    }

    def change() -> None:
        line.when, line.count, line.rows = when, count, rows
        line.start, line.carried, line.template = start, carried, named
        given.update(made)
        if isinstance(target, OpUse):
            target.channels = channels

    return change


class _Spelling:
    """Puts the words for ops in the expressions of one definition."""

    def __init__(self, names: Names, definition: int, words: Trees) -> None:
        self.names = names
        self.own = names[definition]
        self.words = words
        self.others = _Said(self)

    def op(self, arg: Arg) -> Arg:
        """An expression whose value is an op."""
        if isinstance(arg, Expr):
            return _made(self.tree(arg.tree), arg)
        tree = self._word(arg)
        if isinstance(tree, ast.Constant):
            return tree.value  # type: ignore[return-value]  # a text
        return Expr(tree, (), ast.unparse(tree))

    def said(self, arg: Arg) -> Arg:
        """Any other expression: an op is only compared there."""
        if not isinstance(arg, Expr) or not arg.names() & self.own:
            return arg
        return _made(self.others.visit(arg.tree), arg)

    def constant(self, name: str, value: Expr) -> Arg:
        """What is computed under a name."""
        return self.op(value) if name in self.own else self.said(value)

    def column(self, name: str, held: tuple[Arg, ...] | Expr) -> tuple[Arg, ...] | Expr:
        """A column of a table; no argument is a list of ops."""
        if isinstance(held, Expr):
            if name in self.own:
                raise Unspoken
            return held
        return tuple(map(self.op, held)) if name in self.own else held

    def _word(self, kind: object) -> ast.expr:
        if not isinstance(kind, str) or kind not in self.words:
            raise Unspoken
        return self.words[kind]

    def tree(self, tree: ast.expr) -> ast.expr:
        """The tree of an op."""
        if isinstance(tree, ast.Name) and tree.id in self.own:
            return tree
        if isinstance(tree, ast.Constant):
            return self._word(tree.value)
        if isinstance(tree, ast.IfExp):
            parts = self.tree(tree.body), self.tree(tree.orelse)
            return ast.IfExp(self.others.visit(tree.test), *parts)
        if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.List):
            items = [self.tree(item) for item in tree.value.elts]
            index = self.others.visit(tree.slice)
            return ast.Subscript(ast.List(items, ast.Load()), index, ast.Load())
        raise Unspoken


class _Said(Copying):
    """Spells the ops that an expression compares; there are to be no others."""

    def __init__(self, spelling: _Spelling) -> None:
        self.spelling = spelling

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self.spelling.own:
            raise Unspoken
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        sides, own = (node.left, *node.comparators), self.spelling.own
        if not any(isinstance(n, ast.Name) and n.id in own for n in sides):
            return self.generic_visit(node)
        same = IS.get(type(node.ops[0]))
        if same is None or len(sides) != 2:
            raise Unspoken
        left, right = map(self.spelling.tree, sides)
        texts = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
        return ast.Compare(left, [*node.ops] if texts else [same()], [right])


def _made(tree: ast.expr, before: Expr) -> Expr:
    return Expr(tree, before.kinds, ast.unparse(tree))
