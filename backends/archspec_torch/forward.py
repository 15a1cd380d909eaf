"""The body of `forward`: which variable holds what, and how calls are nested."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archspec.errors import UnsupportedError
from archspec.source.outline import Line, Nested, OpUse, Ref, Use
from archspec.source.text import (
    WIDTH,
    Call,
    Choice,
    Code,
    Doc,
    Names,
    assignment,
    flat,
)
from archspec_torch.lowering import FUNCTIONS
from archspec_torch.modules import attribute, flag, functional, shared

REGISTERS = ("x", "y", "z")
INDENT = 8
FOLLOWERS = frozenset(
    """
    batch_norm layer_norm group_norm relu relu6 leaky_relu prelu elu selu gelu silu mish
    sigmoid hard_sigmoid hard_swish tanh softplus flatten
    """.split()  # noqa: SIM905  # twenty quoted names read worse
)
"""Ops that are written around the op before them: relu(bn(conv(x)))."""

Expression = Callable[[int, list[str]], Doc | None]
"""What a line computes from the code of its inputs; None hands its input on."""


def chain(lines: Sequence[Line]) -> bool:
    """Whether every line reads the one before it, and all give one value."""
    return all(
        line.inputs == (Ref(None if n == 0 else n - 1),) and _single(line)
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
        given = tuple(Code(arg) for arg in args)
        if callee is not None:
            made = Call(callee, given)
            if line.when is True or len(args) == 1:
                return made
            return Choice(made, Code(f"{callee} is not None"), given[0])
        assert isinstance(target, OpUse)
        doc = FUNCTIONS[target.kind](target, args)
        return (
            doc if line.when is True else Choice(doc, Code(flag(line.name)), given[0])
        )

    return expression


def _numbered(lines: Sequence[Line]) -> list[str | None]:
    """The children of a list by number."""
    for line in lines:
        _check_plain(line)
    return [f"self[{number}]" for number in range(len(lines))]


def _check_plain(line: Line) -> None:
    target = line.target
    inline = isinstance(target, Nested) and target.inline
    inline = inline or (isinstance(target, Use) and target.definition.inline)
    if inline or line.count is not None or line.when is not True:
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
    several = shared(lines)
    found: list[str | None] = []
    for line in lines:
        alone = line.name not in several
        found.append(None if alone and functional(line) else attribute(line.name))
    for name in several:
        group = [n for n, line in enumerate(lines) if line.name == name]
        inner = {Ref(n) for n in group[:-1]}
        read = {ref for n, o in enumerate(lines) if n not in group for ref in o.inputs}
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
) -> tuple[list[str], list[str]]:
    """The statements of a body, and the names that hold its outputs.

    `expression` says what a line computes from the code of its inputs.
    """
    last: dict[Ref, int] = {ref: len(lines) for ref in outputs}
    count: dict[Ref, int] = dict.fromkeys(outputs, 2)
    for number, line in enumerate(lines):
        for ref in line.inputs:
            last[ref] = max(last.get(ref, 0), number)
            count[ref] = count.get(ref, 0) + 1
    held = {Ref(None, n): name for n, name in enumerate(inputs)}
    pending: tuple[Ref, str] | None = None
    made: list[str] = []
    names = Names(inputs)

    def write(ref: Ref, code: str, doc: Doc, number: int) -> None:
        """Assigns a value to the first name that nothing needs any more."""
        busy = {name for r, name in held.items() if last.get(r, -1) > number}
        free = [name for name in (*inputs, *REGISTERS) if name not in busy]
        name = free[0] if free else names.take(f"x{number}")
        names.taken.add(name)
        for other in [r for r, n in held.items() if n == name]:
            del held[other]
        held[ref] = name
        made.extend(assignment(name, doc, INDENT))

    for number, line in enumerate(lines):
        args = []
        for ref in line.inputs:
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
            made.extend(_several(line, number, doc, held, last, names))
            continue
        if _fused(lines, number, count) and not isinstance(doc, Choice):
            following = expression(number + 1, [flat(doc)])
            if (
                following is not None
                and INDENT + len(f"x = {flat(following)}") <= WIDTH
            ):
                pending = (ref, flat(doc))
                continue
        write(ref, flat(doc), doc, number)
    return made, [held[ref] for ref in outputs]


def _several(
    line: Line,
    number: int,
    doc: Doc,
    held: dict[Ref, str],
    last: dict[Ref, int],
    names: Names,
) -> list[str]:
    targets: list[str] = []
    stem = line.name or "x"
    called = f" = {flat(doc).partition('(')[0]}("
    if INDENT + line.outputs * len(f"{stem}_0, ") + len(called) > WIDTH:
        stem = "x"
    for output in range(line.outputs):
        ref = Ref(number, output)
        name = names.take(f"{stem}_{output}") if ref in last else "_"
        held[ref] = name
        targets.append(name)
    return assignment(", ".join(targets), doc, INDENT)


def _fused(lines: Sequence[Line], number: int, count: dict[Ref, int]) -> bool:
    """Whether the next line is written around this one."""
    if number + 1 >= len(lines) or count.get(Ref(number), 0) != 1:
        return False
    following = lines[number + 1]
    return (
        following.inputs == (Ref(number),)
        and isinstance(following.target, OpUse)
        and following.target.kind in FOLLOWERS
        and following.count is None
    )
