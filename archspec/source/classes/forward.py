"""The method that computes: a statement for each line, or one around that of another.

x = F.relu(self.bn1(self.conv1(x)))
if self.downsample is not None:
    y = self.downsample(x)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archspec.source.classes.dialect import Dialect
from archspec.source.classes.scope import Feature, Run, Scope
from archspec.source.layout import assignment, header, statement
from archspec.source.liveness import Variables, variables
from archspec.source.outline import OpUse, Ref
from archspec.source.text import (
    STEP,
    WIDTH,
    Call,
    Choice,
    Code,
    Display,
    Doc,
    Names,
    Table,
    flat,
)

INDENT = 8
OWN = ("self", "layer", "outputs", "i", "list")
"""Names that the text of a method uses."""


@dataclass(frozen=True, slots=True)
class Method:
    """What a method reads and gives, by names; a dict where its outputs are `named`."""

    dialect: Dialect
    inputs: Sequence[str]
    outputs: Sequence[str]
    named: bool

    def header(self) -> list[str]:
        """Its first lines."""
        tensor = result = self.dialect.tensor
        if self.named:
            result = f"dict[str, {tensor}]"
        elif len(self.outputs) > 1:
            result = f"tuple[{', '.join([tensor] * len(self.outputs))}]"
        typed = [f"{name}: {tensor}" for name in self.inputs]
        return header(f"def {self.dialect.call}", ["self", *typed], result, STEP)

    def result(self, results: Sequence[Doc]) -> Doc:
        """What it returns."""
        if self.named:
            return Table(tuple(zip(self.outputs, results, strict=True)))
        return results[0] if len(results) == 1 else Display(tuple(results), "")


@dataclass(frozen=True, slots=True)
class Statement:
    """An assignment; one of a `Run` calls children in turn on its variable."""

    targets: tuple[str, ...]
    value: Doc
    run: Run | None = None

    def lines(self) -> list[str]:
        """Its text."""
        start, value = " " * INDENT, self.value
        target, made = ", ".join(self.targets), list[str]()
        if isinstance(value, Choice) and flat(value.other) == target:
            return [
                *statement("if ", value.test, INDENT, ":"),
                *assignment(target, value.body, INDENT + STEP),
            ]
        if self.run is None or flat(value) != target:
            made += assignment(target, value, INDENT)
        if self.run is not None:
            first, last = self.run.start or "", self.run.stop or ""
            variable = self.targets[0]
            made += [
                f"{start}for layer in {self.run.children}[{first}:{last}]:",
                f"{start}    {variable} = layer({variable})",
            ]
        return made


def method(
    dialect: Dialect,
    scope: Scope,
    inputs: Sequence[str],
    outputs: Mapping[str, Ref],
    *,
    named: bool,
) -> list[str]:
    """The method of a scope."""
    taken = {*OWN, *dialect.imports, *dialect.helpers}
    free = Names([*taken])
    inputs = [free.take(name) for name in inputs]
    names = variables(scope.lines, inputs, outputs, taken=taken, handed=scope.handed)
    made = statements(dialect, scope, outputs, names)
    how = Method(dialect, inputs, list(outputs), named)
    result = how.result([Code(name) for name in names.outputs])
    if isinstance(result, Code):
        made, result = returned(made, result)
    body = [row for item in made for row in item.lines()]
    return [*how.header(), *body, *statement("return ", result, INDENT)]


def collected(
    dialect: Dialect, outputs: Sequence[str], numbers: Sequence[int], *, named: bool
) -> list[str]:
    """The method of a list whose children with these numbers give its outputs."""
    order = sorted({*numbers})
    x = dialect.sequential.reads
    how = Method(dialect, [x], outputs, named)
    results = [Code(f"outputs[{order.index(number)}]") for number in numbers]
    return [
        *how.header(),
        "        outputs = []",
        "        for i, layer in enumerate(self):",
        f"            {x} = layer({x})",
        *statement("if i in ", tuple(order), INDENT + STEP, ":"),
        f"                outputs.append({x})",
        *statement("return ", how.result(results), INDENT),
    ]


def statements(
    dialect: Dialect, scope: Scope, outputs: Mapping[str, Ref], names: Variables
) -> list[Statement]:
    """The statements of a scope, with calls in calls where they fit on a line."""
    readers = Counter(ref for line in scope.lines for ref in line.reads)
    readers.update(outputs.values())
    made: list[Statement] = []
    inner: str | None = None
    for number, targets in enumerate(names.targets):
        if not targets:
            continue
        args = names.reads[number] if inner is None else (inner,)
        callee, inner = scope.callees[number], None
        if isinstance(callee, Run):
            made.append(Statement(targets, Code(args[0]), callee))
            continue
        doc = expression(dialect, scope, number, args)
        if (flat(doc),) == targets:
            continue
        if readers[Ref(number)] == 1 and _followed(scope, number):
            around = expression(dialect, scope, number + 1, (flat(doc),))
            line = f"{names.targets[number + 1][0]} = {flat(around)}"
            plain = not isinstance(doc, Choice) and not isinstance(around, Choice)
            plain = plain and flat(around).count(flat(doc)) == 1  # it is computed once
            if plain and INDENT + len(line) <= WIDTH:
                inner = flat(doc)
                continue
        made.append(Statement(targets, doc))
    return made


def expression(
    dialect: Dialect, scope: Scope, number: int, args: tuple[str, ...]
) -> Doc:
    """What a line computes, from the code of all that it reads."""
    line, callee = scope.lines[number], scope.callees[number]
    given = args[: len(line.inputs)]
    if isinstance(callee, Feature):
        return Code(f'self.forward_features({", ".join(given)})["{callee.name}"]')
    if callee is None:
        use = scope.uses[number]
        doc, test = dialect.functions[use.kind](use, given), ""
        if number in scope.flags:
            test = f"self.{scope.flags[number]}"
    else:
        assert isinstance(callee, str)
        doc, test = Call(callee, tuple(map(Code, given))), f"{callee} is not None"
        if not line.name.isidentifier():
            test = f'getattr(self, "{line.name}") is not None'
    other = Code(args[0 if line.otherwise is None else -1])
    if line.when is True or not test or doc == other:
        return doc
    return Choice(doc, Code(test), other)


def _followed(scope: Scope, number: int) -> bool:
    """Whether the next line is written around this one."""
    if number + 1 >= len(scope.lines) or number + 1 in scope.handed:
        return False
    line = scope.lines[number + 1]
    return (
        scope.lines[number].outputs == 1
        and line.reads == (Ref(number),)
        and isinstance(line.target, OpUse)
        and line.target.ops[0].follows
        and not isinstance(scope.callees[number + 1], Run)
    )


def returned(made: list[Statement], result: Code) -> tuple[list[Statement], Doc]:
    """The statements before the return, and what that gives: the last value at once."""
    if not made or made[-1].targets != (result.text,) or made[-1].run is not None:
        return made, result
    value = made[-1].value
    return (made, result) if isinstance(value, Choice) else (made[:-1], value)
