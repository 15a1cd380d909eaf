"""The body of `forward`: which variable holds what, and how calls are nested."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archspec.source.outline import Line, OpUse, Ref
from archspec.source.text import WIDTH, Choice, Doc, Names, assignment, flat

REGISTERS = ("x", "y", "z")
INDENT = 8
FOLLOWERS = frozenset(
    """
    batch_norm layer_norm group_norm relu relu6 leaky_relu prelu elu selu gelu silu mish
    sigmoid hard_sigmoid hard_swish tanh softplus flatten
    """.split()  # noqa: SIM905  # twenty quoted names read worse
)
"""Ops that are written around the op before them: relu(bn(conv(x)))."""

Expression = Callable[[Line, list[str]], Doc]


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
        doc = expression(line, args)
        pending = None
        ref = Ref(number)
        if line.outputs > 1:
            made.extend(_several(line, number, doc, held, last, names))
            continue
        if _fused(lines, number, count) and not isinstance(doc, Choice):
            following = expression(lines[number + 1], [flat(doc)])
            if INDENT + len(f"x = {flat(following)}") <= WIDTH:
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
    targets = []
    for output in range(line.outputs):
        ref = Ref(number, output)
        name = names.take(f"{line.name or 'x'}_{output}") if ref in last else "_"
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
