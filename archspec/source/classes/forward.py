"""The method that computes: one statement for each line, where possible around others.

x = F.relu(self.bn1(self.conv1(x)))
if self.downsample is not None:
    y = self.downsample(x)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archspec.source.classes.dialect import Dialect
from archspec.source.classes.scope import Run, Scope, flag
from archspec.source.liveness import Variables, variables
from archspec.source.outline import OpUse, Ref
from archspec.source.project import names_in
from archspec.source.text import (
    STEP,
    WIDTH,
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Table,
    assignment,
    flat,
    header,
    statement,
)

INDENT = 8
OWN = frozenset(("self", "layer", "outputs", "i"))
"""Names that the text of a method uses."""


@dataclass(slots=True)
class Statement:
    """An assignment; one of a `Run` calls children in turn on a variable."""

    targets: tuple[str, ...]
    value: Doc
    run: Run | None = None

    def lines(self, notes: dict[str, str]) -> list[str]:
        """Its text; `notes` loses the types of variables that are set here."""
        start, value = " " * INDENT, self.value
        target = ", ".join(self.targets)
        told = {n: notes.pop(n) for n in self.targets if n in notes}
        made = [f"{start}{name}: {kind}" for name, kind in told.items()]
        if len(self.targets) == 1 and told:
            target, made = f"{target}: {told[target]}", []
        if self.run is not None:
            run, (name,) = self.run, self.targets
            if flat(value) != name:
                made += assignment(target, value, INDENT)
            layers = f"{run.children}[{run.start or ''}:{run.stop}]"
            return [
                *made,
                f"{start}for layer in {layers}:",
                f"{start}    {name} = layer({name})",
            ]
        if isinstance(value, Choice) and flat(value.other) == target:
            return [
                *statement("if ", value.test, INDENT, ":"),
                *assignment(target, value.body, INDENT + STEP),
            ]
        return [*made, *assignment(target, value, INDENT)]


def method(
    dialect: Dialect,
    scope: Scope,
    inputs: Sequence[str],
    outputs: Mapping[str, Ref],
    *,
    named: bool = False,
) -> list[str]:
    """The method of a scope; it gives a dict where its outputs are `named`."""
    taken = OWN.union(dialect.imports, dialect.helpers)
    names = variables(scope.lines, inputs, outputs, taken=taken, handed=scope.handed)
    made = statements(dialect, scope, outputs, names)
    results = [Code(name) for name in names.outputs]
    result: Doc = Display(tuple(results), "")
    if named:
        result = Table(tuple(zip(outputs, results, strict=True)))
    elif len(results) == 1:
        made, result = finished(dialect, made, results[0])
    notes = {} if named or len(results) > 1 else types(dialect, made, result, inputs)
    body = [text for item in made for text in item.lines(notes)]
    head = headline(dialect, inputs, len(results), named)
    return [*head, *body, *statement("return ", result, INDENT)]


def collected(
    dialect: Dialect, outputs: Sequence[str], numbers: Sequence[int], *, named: bool
) -> list[str]:
    """The method of a list whose children `numbers` give its outputs."""
    order = sorted({*numbers})
    kept = ", ".join(map(str, order)) + ("," if len(order) == 1 else "")
    results = [Code(f"outputs[{order.index(number)}]") for number in numbers]
    result: Doc = Display(tuple(results), "")
    if named:
        result = Table(tuple(zip(outputs, results, strict=True)))
    return [
        *headline(dialect, ["x"], len(results), named),
        "        outputs = []",
        "        for i, layer in enumerate(self):",
        "            x = layer(x)",
        f"            if i in ({kept}):",
        "                outputs.append(x)",
        *statement("return ", result, INDENT),
    ]


def headline(
    dialect: Dialect, inputs: Sequence[str], outputs: int, named: bool
) -> list[str]:
    """The method's first lines."""
    result = dialect.tensor
    if named:
        result = f"dict[str, {result}]"
    elif outputs > 1:
        result = f"tuple[{', '.join([result] * outputs)}]"
    typed = [f"{name}: {dialect.tensor}" for name in inputs]
    return header(f"def {dialect.call}", ["self", *typed], result, STEP)


def statements(
    dialect: Dialect, scope: Scope, outputs: Mapping[str, Ref], names: Variables
) -> list[Statement]:
    """The statements of a scope, with calls in calls where they fit."""
    readers = Counter(ref for line in scope.lines for ref in line.reads)
    readers.update(outputs.values())
    made: list[Statement] = []
    inner: str | None = None
    for number, targets in enumerate(names.targets):
        if not targets:
            continue
        args = [inner] if inner is not None else [*names.reads[number]]
        callee = scope.callees[number]
        if isinstance(callee, Run):
            made.append(Statement(targets, Code(args[0]), callee))
            continue
        doc, inner = expression(dialect, scope, number, args), None
        if readers[Ref(number)] == 1 and _followed(scope, number):
            around = expression(dialect, scope, number + 1, [flat(doc)])
            line = f"{names.targets[number + 1][0]} = {flat(around)}"
            plain = not isinstance(doc, Choice) and not isinstance(around, Choice)
            if plain and INDENT + len(line) <= WIDTH:
                inner = flat(doc)
                continue
        made.append(Statement(targets, doc))
    return made


def expression(dialect: Dialect, scope: Scope, number: int, args: Sequence[str]) -> Doc:
    """What a line computes, from the code of all that it reads."""
    line, callee = scope.lines[number], scope.callees[number]
    other = Code(args[0 if line.otherwise is None else -1])
    given = args[: len(line.inputs)]
    if callee is None:
        doc = dialect.functions[scope.uses[number].kind](scope.uses[number], given)
        test = f"self.{flag(line.name)}"
        return doc if line.when is True else Choice(doc, Code(test), other)
    assert isinstance(callee, str)
    doc = Call(callee, tuple(map(Code, given)))
    alone = len(line.reads) == 1 and dialect.absent is not None
    if line.when is True or alone:
        return doc
    child = callee if line.name.isidentifier() else f'getattr(self, "{line.name}")'
    return Choice(doc, Code(f"{child} is not None"), other)


def _followed(scope: Scope, number: int) -> bool:
    """Whether the next line is written around this one."""
    if number + 1 >= len(scope.lines) or number + 1 in scope.handed:
        return False
    line = scope.lines[number + 1]
    return (
        line.reads == (Ref(number),)
        and isinstance(line.target, OpUse)
        and line.target.ops[0].follows
        and not isinstance(scope.callees[number + 1], Run)
    )


def finished(
    dialect: Dialect, made: list[Statement], result: Code
) -> tuple[list[Statement], Doc]:
    """The statements before the return, and what that gives."""
    if not made or made[-1].targets != (result.text,) or made[-1].run is not None:
        return made, result
    value = made[-1].value
    if isinstance(value, Choice) or not (known(dialect, value) or _open(value)):
        return made, result
    return made[:-1], value


def types(
    dialect: Dialect, made: Sequence[Statement], result: Doc, inputs: Sequence[str]
) -> dict[str, str]:
    """The types of variables that a checker can't know and the return needs.

    Where it doesn't know what the call of a child gives, a variable that is returned,
    or an operand of what is, says its type where it is first set.
    """
    if known(dialect, result):
        return {}
    last = {name: item for item in made for name in item.targets}
    return {
        name: dialect.tensor
        for name in names_in(flat(result)) & last.keys() - {*inputs}
        if last[name].run is not None or not known(dialect, last[name].value)
    }


def known(dialect: Dialect, value: Doc) -> bool:
    """Whether a checker knows that a value is a tensor."""
    if dialect.typed is None:
        return True
    return isinstance(value, Call) and value.fn.startswith(dialect.typed)


def _open(value: Doc) -> bool:
    """Whether a value's type is that of its operands."""
    return not isinstance(value, Call)
