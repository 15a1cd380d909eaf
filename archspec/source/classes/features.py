"""A net's features beside its head: two methods of one class.

    def forward_features(self, x: Tensor) -> dict[str, Tensor]:
        c2 = self.layer1(self.conv(x))
        return {"c2": c2}

    def forward(self, x: Tensor) -> Tensor:
        x = self.forward_features(x)["c2"]
        return self.fc(x)

Where the head reads more than one feature, or something that is none, `forward` says
all of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from archspec.source.classes.dialect import Dialect
from archspec.source.classes.forward import method
from archspec.source.classes.scope import Feature, Scope
from archspec.source.outline import Line, Nested, Ref

FEATURES = "forward_features"


def featured(
    dialect: Dialect,
    scope: Scope,
    inputs: Sequence[str],
    taps: Mapping[str, Ref],
    outputs: Mapping[str, Ref],
    *,
    named: bool,
) -> list[str]:
    """The method that gives `taps`, and the one that gives `outputs`."""
    own = _behind(scope.lines, taps.values())
    features, where = _part(scope, own, {})
    given = {name: where.get(ref, ref) for name, ref in taps.items()}
    caller = replace(dialect, call=FEATURES)
    first = method(caller, features, inputs, given, named=True)
    whole = _behind(scope.lines, outputs.values())
    rest = [number for number in whole if number not in own]
    read = {ref for number in rest for ref in scope.lines[number].reads}
    read = {ref for ref in read.union(outputs.values()) if ref.line in own}
    names = {ref: name for name, ref in taps.items()}
    if len(read) == 1 and read <= names.keys():
        (ref,) = read
        start = Scope([])
        called = start.add(
            Nested("", True, False, [], ()), Ref(None), Feature(names[ref])
        )
        every = tuple(Ref(None, number) for number in range(len(inputs)))
        start.lines[0] = replace(start.lines[0], inputs=every)
        head, where = _part(scope, rest, {ref: called}, start)
    else:
        head, where = _part(scope, whole, {})
    wanted = {name: where.get(ref, ref) for name, ref in outputs.items()}
    return [*first, "", *method(dialect, head, inputs, wanted, named=named)]


def _behind(lines: Sequence[Line], refs: Iterable[Ref]) -> list[int]:
    """The lines that values are made by, in order."""
    wanted = {ref.line for ref in refs}
    for number in reversed(range(len(lines))):
        if number in wanted:
            wanted |= {ref.line for ref in lines[number].reads}
    return [number for number in range(len(lines)) if number in wanted]


def _part(
    scope: Scope,
    numbers: Sequence[int],
    known: Mapping[Ref, Ref],
    made: Scope | None = None,
) -> tuple[Scope, dict[Ref, Ref]]:
    """A scope of some lines, behind those of `made`, and where values are in it."""
    made = Scope([]) if made is None else made
    where = dict(known)
    for number in numbers:
        line, new = scope.lines[number], len(made.lines)
        inputs = tuple(where.get(ref, ref) for ref in line.inputs)
        other = line.otherwise and where.get(line.otherwise, line.otherwise)
        made.lines.append(replace(line, inputs=inputs, otherwise=other))
        made.callees.append(scope.callees[number])
        if number in scope.uses:
            made.uses[new] = scope.uses[number]
        if number in scope.flags:
            made.flags[new] = scope.flags[number]
        if number in scope.handed:
            made.handed.add(new)
        for output in range(line.outputs):
            where[Ref(number, output)] = Ref(new, output)
    return made, where
