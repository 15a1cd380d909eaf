"""The method `forward`: which variable holds what, and how calls are nested."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from archspec.errors import UnsupportedError
from archspec.source.naming import own
from archspec.source.outline import Line, Nested, OpUse, Ref, Use
from archspec.source.text import (
    WIDTH,
    Call,
    Choice,
    Code,
    Doc,
    Names,
    Table,
    assignment,
    flat,
    header,
    layout,
)
from archspec_torch.lowering import FUNCTIONS
from archspec_torch.modules import attribute, flag, functional, numbered, shared

REGISTERS = ("x", "y", "z")
INDENT = 8

Expression = Callable[[int, list[str]], Doc | None]
"""What a line computes from the code of its inputs; None hands its input on."""
Statement = tuple[str, Doc]
"""The names that are assigned to, and the value."""


def method(
    lines: Sequence[Line],
    inputs: Sequence[str],
    outputs: dict[str, Ref],
    numbers: tuple[int, ...] | None,
    *,
    named: bool = False,
) -> list[str]:
    """The method `forward`; `numbers` are the children of a list that give outputs."""
    refs = list(outputs.values())
    typed = [f"{text}: Tensor" for text in inputs]
    made: list[Statement] = []
    if numbers and chain(lines):
        body = collected(numbers)
        order = sorted(numbers)
        results = [f"outputs[{order.index(n)}]" for n in numbers]
    else:
        computed = expressions(lines, refs, numbers is not None)
        made, results = statements(lines, inputs, refs, computed)
        body = [text for target, doc in made for text in assigned(target, doc)]
    result = "Tensor"
    if named:
        result = "dict[str, Tensor]"
        pairs = zip(outputs, map(Code, results), strict=True)
        body += layout(Table(tuple(pairs)), INDENT, "return ")
    elif len(outputs) > 1:
        result = f"tuple[{', '.join(['Tensor'] * len(outputs))}]"
        body.append(f"        return {', '.join(results)}")
    else:
        body = returned(made, results[0], inputs)
    return [*header("def forward", ["self", *typed], result, 4), *body]


def assigned(target: str, doc: Doc) -> list[str]:
    """The lines of a statement; what may leave its target as it is, is an `if`."""
    if not isinstance(doc, Choice) or flat(doc.other) != target:
        return assignment(target, doc, INDENT)
    return [
        f"        if {flat(doc.test)}:",
        *assignment(target, doc.body, INDENT + 4),
    ]


def returned(made: list[Statement], name: str, inputs: Sequence[str]) -> list[str]:
    """The lines of a body and its return.

    mypy doesn't know what a module gives: a variable that is returned, or an operand of
    what is, gets its type where it is first set.
    """
    result: Doc = Code(name)
    if made and made[-1][0] == name and _returnable(made[-1][1]):
        *made, (_, result) = made
    last = {each: doc for target, doc in made for each in target.split(", ")}
    read = set() if _typed(result) else set(re.findall(r"\w+", flat(result)))
    untyped = {each for each in read & last.keys() if not _typed(last[each])}
    untyped -= {*inputs}
    lines: list[str] = []
    for target, doc in made:
        found = [each for each in target.split(", ") if each in untyped]
        untyped -= {*found}
        if found == [target]:
            target = f"{target}: Tensor"
        else:
            lines += [f"{' ' * INDENT}{each}: Tensor" for each in found]
        lines += assigned(target, doc)
    return [*lines, *layout(result, INDENT, "return ")]


def _typed(doc: Doc) -> bool:
    """Whether mypy knows that an expression is a Tensor."""
    return isinstance(doc, Call) and doc.fn.startswith(("F.", "torch."))


def _returnable(doc: Doc) -> bool:
    """Whether the expression can stand in a return: a module's call can't."""
    return isinstance(doc, Code) or _typed(doc)


def chain(lines: Sequence[Line]) -> bool:
    """Whether every line reads the one before it, and all give one value."""
    return all(
        line.reads == (Ref(None if n == 0 else n - 1),) and _single(line)
        for n, line in enumerate(lines)
    )


def _single(line: Line) -> bool:
    target = line.target
    inner: Sequence[Line] = ()
    if isinstance(target, Nested) and target.inline:
        inner = target.lines
    elif isinstance(target, Use) and target.definition.inline:
        inner = target.definition.lines
    else:
        return line.outputs == 1
    return all(_single(line) for line in inner)


def collected(numbers: Sequence[int]) -> list[str]:
    """The statements that run a list and keep the values of these children."""
    kept = ", ".join(str(n) for n in sorted(numbers))
    return [
        "        outputs = []",
        "        for i, layer in enumerate(self):",
        "            x = layer(x)",
        f"            if i in ({kept}):",
        "                outputs.append(x)",
    ]


def expressions(
    lines: Sequence[Line], outputs: Sequence[Ref], listed: bool
) -> Expression:
    """What each line of a definition computes."""
    callees = _numbered(lines) if listed else _named(lines, outputs)

    def expression(number: int, args: list[str]) -> Doc | None:
        line, callee = lines[number], callees[number]
        target = line.target
        if callee == "":
            return None
        other = Code(args[0] if line.otherwise is None else args[-1])
        args = args[: len(line.inputs)]
        if callee is not None:
            made = Call(callee, tuple(map(Code, args)))
            if line.when is True or len(line.reads) == 1:
                return made
            return Choice(made, Code(f"{callee} is not None"), other)
        assert isinstance(target, OpUse)
        doc = FUNCTIONS[target.kind](target, args)
        return doc if line.when is True else Choice(doc, Code(flag(line.name)), other)

    return expression


def _numbered(lines: Sequence[Line]) -> list[str | None]:
    """The children of a list by number."""
    for line in lines:
        _check_plain(line)
    return [f"self[{number}]" for number in range(len(lines))]


def _check_plain(line: Line) -> None:
    if not line.plain:
        raise UnsupportedError(
            f"{line.nodes[0]!r} stands beside a node with several outputs in a list "
            "or a repeat, which PyTorch code can't say",
            hint="write the list as a mapping",
        )


def _named(lines: Sequence[Line], outputs: Sequence[Ref]) -> list[str | None]:
    """The children of a mapping.

    None for one that `forward` computes by itself; "" for all but the last instance of
    a repeat, which one nn.Sequential computes.
    """
    if numbered(lines):
        return [f"self[{number}]" for number in range(len(lines))]
    several = shared(lines)
    found: list[str | None] = []
    for line in lines:
        alone = line.name not in several
        found.append(None if alone and functional(line) else attribute(line.name))
    for name in several:
        group = [n for n, line in enumerate(lines) if line.name == name]
        inner = {Ref(n) for n in group[:-1]}
        read = {ref for n, o in enumerate(lines) if n not in group for ref in o.reads}
        apart = any(lines[n].outputs > 1 for n in group)
        if apart or inner & (read | set(outputs)):
            for number, n in enumerate(group):
                _check_plain(lines[n])
                found[n] = f"{attribute(name)}[{number}]"
        else:
            for n in group[:-1]:
                found[n] = ""
    return found


def statements(
    lines: Sequence[Line],
    inputs: Sequence[str],
    outputs: Sequence[Ref],
    expression: Expression,
) -> tuple[list[Statement], list[str]]:
    """The statements of a body, and the names that hold its outputs.

    `expression` says what a line computes from the code of what it reads.
    """
    last: dict[Ref, int] = {ref: len(lines) for ref in outputs}
    count: dict[Ref, int] = dict.fromkeys(outputs, 2)
    for number, line in enumerate(lines):
        for ref in line.reads:
            last[ref] = max(last.get(ref, 0), number)
            count[ref] = count.get(ref, 0) + 1
    held = {Ref(None, n): name for n, name in enumerate(inputs)}
    pending: tuple[Ref, str] | None = None
    made: list[Statement] = []
    names = Names(inputs)
    several = set(outputs) if len(set(outputs)) > 1 else set()

    def write(ref: Ref, doc: Doc, number: int, args: Sequence[str]) -> None:
        """Assigns a value to the first name that nothing needs any more."""
        busy = {name for r, name in held.items() if last.get(r, -1) > number}
        wanted = [flat(doc.other)] if isinstance(doc, Choice) else []
        known = [name for name in wanted if name in held.values()]
        known += [name for name in inputs if len(inputs) == 1 or name in args]
        free = [n for n in (*known, *REGISTERS) if n not in busy]
        named = own(lines[number], names.taken) if ref in several else None
        name = named or (free[0] if free else names.take(f"x{number}"))
        names.taken.add(name)
        for other in [r for r, n in held.items() if n == name]:
            del held[other]
        held[ref] = name
        made.append((name, doc))

    for number, line in enumerate(lines):
        args = []
        for ref in line.reads:
            if pending is not None and ref == pending[0]:
                args.append(pending[1])
            else:
                args.append(held[ref])
        doc = expression(number, args)
        ref = Ref(number)
        if doc is None:
            if pending is not None:
                pending = (ref, pending[1])
            else:
                held[ref] = args[0]
            continue
        pending = None
        if line.outputs > 1:
            made.append((_several(line, number, doc, held, last, names), doc))
            continue
        if _fused(lines, number, count) and not isinstance(doc, Choice):
            following = expression(number + 1, [flat(doc)])
            fits = following is not None and not isinstance(following, Choice)
            if fits and INDENT + len(f"x = {flat(following)}") <= WIDTH:
                pending = (ref, flat(doc))
                continue
        write(ref, doc, number, args)
    return made, [held[ref] for ref in outputs]


def _several(
    line: Line,
    number: int,
    doc: Doc,
    held: dict[Ref, str],
    last: dict[Ref, int],
    names: Names,
) -> str:
    """The names that several outputs go to."""
    targets: list[str] = []
    called = f" = {flat(doc).partition('(')[0]}("
    stem = next(
        stem
        for stem in (line.name, *REGISTERS, f"x{number}")
        if stem
        and INDENT + line.outputs * len(f"{stem}_0, ") + len(called) <= WIDTH
        and names.taken.isdisjoint(f"{stem}_{n}" for n in range(line.outputs))
    )
    for output in range(line.outputs):
        ref = Ref(number, output)
        name = names.take(f"{stem}_{output}") if ref in last else "_"
        held[ref] = name
        targets.append(name)
    return ", ".join(targets)


def _fused(lines: Sequence[Line], number: int, count: dict[Ref, int]) -> bool:
    """Whether the next line is written around this one."""
    if number + 1 >= len(lines) or count.get(Ref(number), 0) != 1:
        return False
    following = lines[number + 1]
    return (
        following.reads == (Ref(number),)
        and isinstance(following.target, OpUse)
        and following.target.ops[0].follows
        and following.count is None
    )
