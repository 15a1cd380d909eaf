"""Random outlines: whatever an outline may be, whether or not a graph gives one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from archspec.graph import Value
from archspec.ops import BY_KIND
from archspec.source.expr import Arg, equal, named, over_zero
from archspec.source.outline import (
    Argument,
    Definition,
    Line,
    Nested,
    OpUse,
    Ref,
    Target,
    Use,
)

SHAPE = (4, 8, 8)
SCOPE = SimpleNamespace(outputs={}, description="", kind="block")
INSTANCE: Any = SimpleNamespace(scope=SCOPE, outputs=[])
"""The instance of a definition, of which little is asked."""
NAMES = [
    "conv1",
    "bn1",
    "relu",
    "a",
    "b",
    "c3",
    "max",
    "F",
    "toy",
    "layer",
    "layers",
    "outputs",
    "self",
    "x",
    "y0",
    "0",
    "1",
    "7",
    "a-b",
    "total",
    "list",
    "stop",
    "channels",
    "has_0",
    "flag",
    "forward2",
    "str",
    "start2",
    "c",
]

ARGUMENTS = ("c", "n", "flag")
COUNTS: list[Any] = [0, 1, 3, named("n", "int")]
CONDITIONS: list[Any] = [named("flag", "bool"), over_zero(named("n", "int"))]


def op(kind: str, *, channels: Arg = 4, **attributes: Arg) -> OpUse:
    """One op; its attributes and channels as they are printed."""
    cls = BY_KIND[kind]
    plain = {"conv2d": {"channels": 4, "kernel": 1}, "slice": {"start": 1, "stop": 3}}
    made = cls(**plain.get(kind, {}))
    return OpUse([made], [(SHAPE,)], dict(attributes), (channels,))


def conv(channels: Arg = 4) -> OpUse:
    """A convolution to so many channels."""
    made = op("conv2d")
    made.attributes["channels"] = channels
    return made


def cut(start: Arg, stop: Arg) -> OpUse:
    """Some of the channels."""
    return op("slice", start=start, stop=stop)


def definition(
    lines: Sequence[Line],
    outputs: dict[str, Ref] | None = None,
    *,
    title: str = "net",
    inputs: Sequence[str] = ("image",),
    arguments: Sequence[tuple[str, Value]] = (),
    listed: bool = False,
    inline: bool = False,
    numbers: Sequence[int] = (),
    positional: Sequence[str] = (),
) -> Definition:
    """A block, or the net, whose output is that of its last line."""
    last = Ref(len(lines) - 1) if lines else Ref(None)
    return Definition(
        title=title,
        model=title == "net",
        listed=listed,
        inline=inline,
        inputs=tuple(inputs),
        instances=[INSTANCE],
        arguments={
            name: Argument(name, [value], value, title == "net")
            for name, value in arguments
        },
        lines=list(lines),
        outputs=outputs or {"": last},
        numbers=tuple(numbers),
        positional=tuple(positional),
    )


class Drawer:
    """Draws a net; every definition takes the arguments c, n and flag."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.made: list[Definition] = []
        self.depth = 0

    def net(self) -> list[Definition]:
        """Definitions in the order of use, the net last."""
        for number in range(self.draw.randint(0, 4)):
            kind = self.draw.choice(["mapping", "mapping", "list", "tapped", "inline"])
            self.made.append(self._definition(f"block_{number}", kind, number))
        kind = self.draw.choice(["mapping", "mapping", "mapping", "list", "tapped"])
        net = self._definition("net", kind, 9, model=True)
        return [*self.made, net]

    def _definition(
        self, title: str, kind: str, number: int, *, model: bool = False
    ) -> Definition:
        listed = kind != "mapping"
        inputs = ["image", "low", "high"][: 1 if listed else self.draw.randint(1, 3)]
        values: list[tuple[str, Value]] = [("c", 8), ("n", 2), ("flag", True)]
        arguments = {
            name: Argument(name, [value], value, model) for name, value in values
        }
        found = Definition(
            title=title,
            model=model,
            listed=listed,
            inline=kind == "inline",
            inputs=tuple(inputs),
            instances=[INSTANCE],
            arguments=arguments,
            positional=() if model else ("c",),
        )
        if self.draw.random() < 0.3:
            constant = named("c", "int") * 2
            found.constants["width"] = constant  # type: ignore[assignment]  # an Expr
        self.words = list(found.arguments) + list(found.constants)
        if not listed:
            found.lines = self._mapping(len(inputs), self.draw.randint(0, 7))
            refs = [Ref(None, n) for n in range(len(inputs))]
            refs += [
                Ref(n, o)
                for n, line in enumerate(found.lines)
                for o in range(line.outputs)
            ]
            several = self.draw.choice([1, 1, 1, 2, 3, 4])
            names = self.draw.sample(["c2", "c3", "0", "1", "end", "max", "a"], several)
            chosen = [self.draw.choice(refs[-4:]) for _ in names]
            found.outputs = dict(zip(names, chosen, strict=True))
            if several == 1:
                found.outputs = {"": chosen[0]}
            elif not model:
                found.outputs = {str(n): ref for n, ref in enumerate(chosen)}
        elif kind == "tapped":
            found.lines, taps = self._tapped()
            found.outputs = {
                str(n) if not model else f"t{n}": ref for n, (ref, _) in enumerate(taps)
            }
            found.numbers = tuple(number for _, number in taps)
        else:
            found.lines = self._list(self.draw.randint(0, 5))
            last = Ref(len(found.lines) - 1) if found.lines else Ref(None)
            found.outputs = {
                "" if not model or self.draw.random() < 0.5 else "end": last
            }
        return found

    # Lines.

    def _arg(self) -> Arg:
        c: Any = named("c", "int")
        n: Any = named("n", "int")
        args: list[Any] = [4, 8, c, c * 2, c + n, c // 2 + 3]
        args += [named(word, "int") for word in self.words if word not in ARGUMENTS]
        found: Arg = self.draw.choice(args)
        return found

    def _when(self, *more: Arg) -> Arg:
        found: Arg = self.draw.choice([*CONDITIONS, *more])
        return found

    def _loop(self, line: Line, make: Callable[[], Target]) -> None:
        """Makes a line a loop over what may read its index, a table or what flows."""
        line.count = self.draw.choice(COUNTS)
        line.index = next(i for i in "ijklmn" if i not in self.words)
        kind = self.draw.choice(["plain", "plain", "table", "flow"])
        words, word = [line.index], f"{kind}{len(self.words)}"
        if kind == "table":
            line.count, line.rows = 2, {word: (6, 7)}
            words.append(word)
        if kind == "flow":
            line.start = {word: self._arg()}
            line.carried = {word: named(word, "int") + 1}
            words.append(word)
        self.words += words
        line.target = make()
        for word in words:
            self.words.remove(word)

    def _op(self, kinds: str) -> OpUse:
        kind = self.draw.choice(kinds.split())
        if kind == "conv2d":
            return conv(self._arg())
        if kind == "slice":
            return cut(self._arg(), self._arg())
        return op(kind, channels=self._arg())

    def _use(self, definition: Definition) -> Use:
        given: dict[str, Arg] = {
            "c": self._arg(),
            "n": named("n", "int"),
            "flag": named("flag", "bool"),
        }
        return Use(definition, given)

    def _target(self, inputs: int, outputs: int, *, children: bool) -> Target | None:
        """Something that reads and gives so many values, if there is any."""
        found: list[Any] = [
            lambda d=d: self._use(d)
            for d in self.made
            if not d.inline and len(d.inputs) == inputs and len(d.outputs) == outputs
        ]
        if outputs == 1 and inputs == 1:
            kinds = "conv2d batch_norm relu slice identity"
            found += [lambda: self._op(kinds)] * 4
            if self.depth < 3:
                found.append(lambda: self._nested(self.draw.random() < 0.6))
        if outputs == 1 and inputs > 1 and not children:
            found += [lambda: op("add")] * 3
        return self.draw.choice(found)() if found else None

    def _nested(self, listed: bool, *, inline: bool = False) -> Nested:
        self.depth += 1
        length = self.draw.randint(0, 3)
        lines = self._list(length) if listed else self._mapping(1, length)
        self.depth -= 1
        singles = [n for n, line in enumerate(lines) if line.outputs == 1]
        last = Ref(singles[-1]) if singles else Ref(None)
        return Nested("part", listed, inline, lines, (last,))

    def _mapping(self, inputs: int, length: int) -> list[Line]:
        lines: list[Line] = []
        refs = [Ref(None, n) for n in range(inputs)]
        names = self.draw.sample(NAMES, len(NAMES))
        while len(lines) < length:
            reads = self.draw.choice([1, 1, 1, 2, 2, 3])
            outputs = self.draw.choice([1, 1, 1, 1, 2, 3, 4])
            target = self._target(reads, outputs, children=False)
            if target is None:
                continue
            name = names.pop()
            given = tuple(self.draw.choice(refs[-5:]) for _ in range(reads))
            if reads == 1 and outputs == 1 and self.draw.random() < 0.15:
                group = self._group(name, given[0], len(lines))
                refs += [Ref(len(lines) + n) for n in range(len(group))]
                lines += group
                continue
            line = Line(name, target, given, outputs=outputs)
            if outputs == 1 and self.draw.random() < 0.25:
                line.when = self._when(False)
                if self.draw.random() < 0.4:
                    line.otherwise = self.draw.choice(refs)
            elif outputs == 1 and reads == 1 and self.draw.random() < 0.2:
                self._loop(line, self._single)
            refs += [Ref(len(lines), o) for o in range(outputs)]
            lines.append(line)
        return lines

    def _group(self, name: str, first: Ref, start: int) -> list[Line]:
        """The unlike instances of a repeat."""
        lines: list[Line] = []
        for number in range(self.draw.randint(1, 3)):
            read = first if not lines else Ref(start + number - 1)
            line = Line(name, self._op("conv2d relu batch_norm"), (read,))
            if self.draw.random() < 0.3:
                line.count, line.index = self.draw.randint(1, 3), "k"
            else:
                line.single = True
            lines.append(line)
        if len(lines) == 1:
            lines[0].single, lines[0].count = True, None
        return lines

    def _chained(self, number: int) -> Line:
        read = Ref(number - 1) if number else Ref(None)
        inlined = [d for d in self.made if d.inline]
        if inlined and self.draw.random() < 0.3:
            return Line("", self._use(self.draw.choice(inlined)), (read,))
        if self.depth < 3 and self.draw.random() < 0.15:
            return Line("", self._nested(True, inline=True), (read,))
        return Line("", self._single(), (read,))

    def _single(self) -> Target:
        target = self._target(1, 1, children=True)
        assert target is not None
        return target

    def _list(self, length: int) -> list[Line]:
        lines: list[Line] = []
        while len(lines) < length:
            line = self._chained(len(lines))
            drawn = self.draw.random()
            if drawn < 0.2:
                line.when = self._when()
            elif drawn < 0.5:
                self._loop(line, lambda: self._chained(0).target)
            elif drawn < 0.6:
                n = named("n", "int")
                lines.append(Line("", self._single(), line.inputs, when=over_zero(n)))
                line = Line("", self._single(), (Ref(len(lines) - 1),), instead=True)
                line.when = equal(n, 0)
            lines.append(line)
        return lines

    def _tapped(self) -> tuple[list[Line], list[tuple[Ref, int]]]:
        """A list some of whose children give something to others than the next one."""
        lines: list[Line] = []
        taps: list[tuple[Ref, int]] = []
        read, number = Ref(None), 0
        for _ in range(self.draw.randint(2, 5)):
            outputs = self.draw.choice([1, 1, 2, 3])
            target = self._target(1, outputs, children=True) or conv(self._arg())
            outputs = outputs if isinstance(target, Use) else 1
            flow = self.draw.randrange(outputs)
            line = Line("", target, (read,), outputs=outputs)
            told = [o for o in range(outputs) if o != flow or self.draw.random() < 0.4]
            if self.draw.random() < 0.2:  # in a list that is inlined
                inner = Line("", target, (Ref(None),), outputs=outputs)
                given = tuple(Ref(0, o) for o in range(outputs))
                line.target = Nested("in", True, True, [inner], given)
            taps += [(Ref(len(lines), o), number) for o in told]
            lines.append(line)
            read, number = Ref(len(lines) - 1, flow), number + 1
        if (read, number - 1) not in taps:
            taps.append((read, number - 1))
        if len(taps) == 1:
            return [
                Line("", conv(self._arg()), (Ref(None),)),
                Line("", conv(self._arg()), (Ref(0),)),
            ], [(Ref(0), 0), (Ref(1), 1)]
        return lines, taps
