"""What makes an outline shorter to read and changes nothing that it computes.

A loop carries values: where the first instance of a repeat reads an argument and the
others something else, as in `stride if i == 0 else 1`, the loop uses the argument and
sets it anew. Where a loop looks values up in tables by its index, it runs over the
rows. Arguments get an order.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping

from archspec.errors import SpecError
from archspec.graph import Value
from archspec.source.expr import Arg, Expr, kind_of, named, names_of, put, rebuilt
from archspec.source.outline import (
    Argument,
    Definition,
    Line,
    Nested,
    Use,
    annotation,
    expressions,
    free_names,
    rewrite,
    walk,
)

FIRST = ("in_channels", "channels")
CLASSES = "num_classes"
"""The one argument of a whole net that people give by position."""
Look = tuple[Value, ...] | str
"""The values that a loop looks up, one for each turn, or the argument that has them."""


def arrange(definitions: list[Definition]) -> None:
    """Arranges all definitions, in place."""
    for definition in definitions:
        _loops(definition, definition.lines, frozenset())
    _order(definitions)


def _loops(definition: Definition, lines: list[Line], around: frozenset[str]) -> None:
    """Arranges the loops of a scope; `around` are the names of loops around it."""
    for number, line in enumerate(lines):
        inside = around | line.bound()
        if isinstance(line.target, Nested):
            _loops(definition, line.target.lines, inside)
        if line.count is not None:
            _rows(definition, line, around)
            _continue(definition, lines, number)
            _carry(definition, lines, number)


def _scopes(lines: list[Line]) -> list[list[Line]]:
    """The lines of a definition, and those of each graph nested in it."""
    found = [lines]
    for line in lines:
        if isinstance(line.target, Nested):
            found += _scopes(line.target.lines)
    return found


# Loops over rows


def _rows(definition: Definition, line: Line, around: frozenset[str]) -> None:
    """Lets a loop run over what it looks up by its index: tables, and arguments."""
    count = line.count if isinstance(line.count, int) else 0
    found = _Lookups(line.index, count, _lists(definition, line))
    if not found.lists and count < 2:
        return
    for arg in (*expressions(line), *line.carried.values()):
        if isinstance(arg, Expr):
            found.visit(arg.tree)
    if not found.columns:
        return
    taken = {
        *definition.arguments,
        *definition.constants,
        *free_names(line),
        *around,
        *(name for inner in walk([line]) for name in inner.bound()),
        *(name for inner in walk(definition.lines) for name in inner.start),
    }
    words: dict[Look, str] = {}
    for column in found.columns:
        words[column] = name = _free(_hint(line, found, column), taken)
        taken.add(name)
    held = {n: a for n, a in definition.arguments.items() if n in found.lists}
    swap = _Swapped(found, words, held)
    rewrite(line, lambda arg: _swapped(arg, swap))
    line.carried = {k: _swapped(v, swap) for k, v in line.carried.items()}
    line.rows = {
        name: named(column, "list") if isinstance(column, str) else column
        for column, name in words.items()
    }


def _lists(definition: Definition, line: Line) -> frozenset[str]:
    """The arguments that are lists with an item for each turn of a loop."""
    return frozenset(
        name
        for name, argument in definition.arguments.items()
        if all(isinstance(value, tuple) for value in argument.values)
        and not any(isinstance(item, tuple) for item in _items(argument))
        and (
            (argument.sized and {*map(_length, argument.values)} == {line.count})
            or (isinstance(line.count, Expr) and line.count.text == f"len({name})")
        )
    )


def _length(value: Value) -> int:
    return len(value) if isinstance(value, tuple) else 0


def _items(argument: Argument) -> list[Value]:
    """The items of an argument that is a list, in all instances."""
    return [
        item for value in argument.values if isinstance(value, tuple) for item in value
    ]


def _free(hint: str, taken: set[str]) -> str:
    name, number = hint, 2
    while name in taken:
        name, number = f"{hint}{number}", number + 1
    return name


def _hint(line: Line, found: _Lookups, column: Look) -> str:
    """What a column is for: the attribute or argument that is nothing but it."""
    for inner in walk([line]):
        if isinstance(inner.count, Expr) and found.column(inner.count.tree) == column:
            return "depth"
        given: Mapping[str, Arg] = {}
        if isinstance(inner.target, Use):
            given = inner.target.arguments
        elif not isinstance(inner.target, Nested):
            given = inner.target.attributes
        for name, arg in given.items():
            if isinstance(arg, Expr) and found.column(arg.tree) == column:
                return name
    return "value"


class _Lookups(ast.NodeVisitor):
    """Finds what a loop looks up by its index: the columns of its rows.

    It has `count` turns, or of 0 as many as items that each of `lists` has.
    """

    def __init__(self, index: str, count: int, lists: frozenset[str]) -> None:
        self.index = index
        self.count = count
        self.lists = lists
        self.columns: list[Look] = []

    def column(self, tree: ast.AST) -> Look | None:
        """What a look-up gives in each turn; None for anything else."""
        if not isinstance(tree, ast.Subscript | ast.Call):
            return None
        if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name):
            index, name = tree.slice, tree.value.id
            if isinstance(index, ast.Name) and index.id == self.index:
                return name if name in self.lists else None
        if self.count < 2:
            return None
        parts = list(ast.walk(tree))
        called = [part.func for part in parts if isinstance(part, ast.Call)]
        names = {
            part.id
            for part in parts
            if isinstance(part, ast.Name) and part not in called
        }
        looks = any(isinstance(part, ast.Subscript) for part in parts)
        if names != {self.index} or not looks:
            return None
        look = Expr(tree, ((self.index, "int"),), "")
        try:
            found = [look.value({self.index: n}) for n in range(self.count)]
        except SpecError:
            return None
        return None if any(isinstance(v, tuple) for v in found) else tuple(found)

    def generic_visit(self, node: ast.AST) -> None:
        column = self.column(node)
        if column is None:
            super().generic_visit(node)
        elif column not in self.columns:
            self.columns.append(column)


class _Swapped(ast.NodeTransformer):
    """Puts the names of rows for look-ups."""

    def __init__(
        self,
        found: _Lookups,
        words: Mapping[Look, str],
        lists: Mapping[str, Argument],
    ) -> None:
        self.found = found
        self.words = words
        self.kinds = {
            name: kind_of(_items(lists[look]) if isinstance(look, str) else look)
            for look, name in words.items()
        }

    def generic_visit(self, node: ast.AST) -> ast.AST:
        column = self.found.column(node)
        if column is None:
            return super().generic_visit(node)
        return ast.Name(self.words[column], ast.Load())


def _swapped(arg: Arg, swap: _Swapped) -> Arg:
    if not isinstance(arg, Expr):
        return arg
    return rebuilt(arg, swap, dict(arg.kinds) | swap.kinds)


# What a loop carries


def _carry(definition: Definition, lines: list[Line], number: int) -> None:
    """Lets a loop carry the arguments that only its first turn reads."""
    line = lines[number]
    _reuse(definition, lines, number)
    if not (definition.listed and not definition.model) and not line.carried:
        return
    following: dict[str, set[str]] = {}
    texts: dict[str, Expr | Value] = {}
    raw: set[str] = set()
    for arg in expressions(line):
        if isinstance(arg, Expr):
            cut = _Cut(line.index)
            cut.visit(arg.tree)
            for name, tree in cut.found:
                text = ast.unparse(tree)
                texts[text] = rebuilt(arg, None, dict(arg.kinds), tree)
                following.setdefault(name, set()).add(text)
            raw |= cut.names
    moving = following.keys() | {
        name
        for inner in walk([line])
        for name in (inner.index, *inner.rows, *inner.start, *inner.carried)
    }
    carried: dict[str, Arg] = {}
    for name, found in following.items():
        after = texts[found.pop()]
        if found or name in raw or not _ends(definition, lines, number, name):
            continue
        if names_of(after) & moving:
            continue
        if _fits(definition, name, after):
            carried[name] = after
    if not carried:
        return
    line.carried = {**line.carried, **carried}
    change = _Carried(line.index, carried)
    rewrite(line, lambda arg: _carrying(arg, change))


def _ends(definition: Definition, lines: list[Line], number: int, name: str) -> bool:
    """Whether nothing but one line reads an argument, once all are computed."""
    if name not in definition.arguments:
        return False
    every = [line for scope in _scopes(definition.lines) for line in scope]
    own = {id(inner) for inner in walk([lines[number]])}
    others = [line for line in every if id(line) not in own]
    read = {n for line in others for arg in line.said() for n in names_of(arg)}
    return name not in read


def _continue(definition: Definition, lines: list[Line], number: int) -> None:
    """Lets a loop go on with the variable of an earlier one that holds its start."""
    line = lines[number]
    for flow, start in list(line.start.items()):
        for other in reversed(lines[:number]):
            found = next((n for n, after in other.after.items() if after == start), "")
            if not found or start is None:
                continue
            del line.start[flow]
            for names in (line.carried, line.after):
                if flow in names:
                    names[found] = names.pop(flow)
            other.after.pop(found)
            for every in walk(definition.lines):
                _rename(every, flow, found)
            break


def _reuse(definition: Definition, lines: list[Line], number: int) -> None:
    """Lets a variable of a loop be the argument that it starts from."""
    line = lines[number]
    for flow, start in list(line.start.items()):
        name = start.text if isinstance(start, Expr) else ""
        held, line.start = line.start, {}
        inside = {n for arg in expressions(line) for n in names_of(arg)}
        line.start = held
        if name in inside or not _ends(definition, lines, number, name):
            continue
        if not _fits(definition, name, line.carried[flow], flow):
            continue
        del line.start[flow]
        for names in (line.carried, line.after):
            if flow in names:
                names[name] = names.pop(flow)
        for other in walk(definition.lines):
            _rename(other, flow, name)


def _rename(line: Line, old: str, new: str) -> None:
    def change(arg: Arg) -> Arg:
        kinds = dict(arg.kinds) if isinstance(arg, Expr) else {}
        return put(arg, {old: named(new, kinds.get(old, ""))})

    rewrite(line, change, nested=False)
    line.start = {k: change(v) for k, v in line.start.items()}
    line.carried = {k: change(v) for k, v in line.carried.items()}


def _fits(definition: Definition, name: str, after: Arg, flow: str = "") -> bool:
    """Whether the argument's annotation also covers what the loop gives it."""
    argument = definition.arguments[name]
    if not isinstance(after, Expr):
        return annotation([*argument.values, after]) == argument.type()
    if after.is_name():
        other = definition.arguments.get(after.text)
        if other is not None:
            return other.type() == argument.type()
    return argument.type() == "int" and after.whole(flow)


def _first_turn(tree: ast.expr, index: str) -> str | None:
    """The name in `name if index == 0 else ...`."""
    if not isinstance(tree, ast.IfExp) or not isinstance(tree.body, ast.Name):
        return None
    return tree.body.id if ast.unparse(tree.test) == f"{index} == 0" else None


class _Cut(ast.NodeVisitor):
    """Finds the choices of a loop's first turn, and the names outside of them."""

    def __init__(self, index: str) -> None:
        self.index = index
        self.found: list[tuple[str, ast.expr]] = []
        self.names: set[str] = set()

    def visit_IfExp(self, node: ast.IfExp) -> None:
        name = _first_turn(node, self.index)
        if name is None:
            self.generic_visit(node)
        else:
            self.found.append((name, node.orelse))

    def visit_Name(self, node: ast.Name) -> None:
        self.names.add(node.id)


class _Carried(ast.NodeTransformer):
    def __init__(self, index: str, carried: Mapping[str, Arg]) -> None:
        self.index = index
        self.carried = carried

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        name = _first_turn(node, self.index)
        if name in self.carried:
            return node.body
        return self.generic_visit(node)


def _carrying(arg: Arg, change: _Carried) -> Arg:
    return rebuilt(arg, change, dict(arg.kinds)) if isinstance(arg, Expr) else arg


# The order of arguments


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
        if definition.net:
            held = definition.arguments
            if not definition.model:
                for argument in held.values():
                    _common(argument)
            first = [name for name, argument in held.items() if not argument.keyword]
            first += [name for name in (CLASSES,) if held.keys() >= {name}]
            definition.positional = tuple(first)
            last = definition.channel_arguments.keys()
            rest = [name for name in held if name not in last]
            order = dict.fromkeys((*first, *rest, *held))
            definition.arguments = {name: held[name] for name in order}
            for use in uses.get(id(definition), []):
                use.arguments = {name: use.arguments[name] for name in order}
            continue
        callers = uses.get(id(definition), [])
        handed = [
            name for name in definition.arguments if _handed(name, definition, callers)
        ]
        first = [n for n in definition.arguments if n in definition.channel_arguments]
        first += [n for n in FIRST if n in definition.arguments]
        definition.positional = tuple(dict.fromkeys((*first, *handed)))
        order = dict.fromkeys((*definition.positional, *definition.arguments))
        definition.arguments = {name: definition.arguments[name] for name in order}
        for use in callers:
            use.arguments = {name: use.arguments[name] for name in order}


def _common(argument: Argument) -> None:
    """Gives an argument of nets the value that most of them have as its default."""
    if any(isinstance(value, tuple) for value in argument.values):
        return
    counts = Counter((type(value), value) for value in argument.values)
    (_, argument.default), _ = counts.most_common(1)[0]
    argument.keyword = True


def _handed(name: str, definition: Definition, callers: list[Use]) -> bool:
    given = [use.arguments[name] for use in callers]
    return all(isinstance(arg, Expr) and arg.text == name for arg in given)
