"""Random formulas: what is printed for one computes what the formula does.

    python tests/random_formulas.py 100000 [SEED]

checks any number of them and shows the shortest text of each kind of fault. A formula
is drawn over names of all kinds; each name is replaced as printers do it, by a word of
printed code, a constant or another expression; and at random values of those words the
tree gives the formula's value, of its type, or fails as the formula does. So does the
printed text where Python itself evaluates it. It stands there as `ruff format` has it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

from archspec.errors import LimitError, SpecError
from archspec.graph import Value
from archspec.language.formula import FUNCTIONS, computed, evaluate, names, parse
from archspec.source.expr import (
    Arg,
    Expr,
    choice,
    equal,
    item,
    named,
    names_of,
    over_zero,
    translated,
    value_of,
)
from archspec.source.naming import safe
from archspec.source.simplify import simplified

NAMES = {
    "int": ("n", "m", "width", "max", "input.channels"),
    "float": ("ratio", "eps"),
    "bool": ("deep", "se"),
    "str": ("act", "norm"),
    "list": ("depths", "rows"),
}
KIND = {name: kind for kind, named_ in NAMES.items() for name in named_}
INTS = (0, 1, 1, 2, 2, 3, 4, 4, 6, 8, 32)
FLOATS = ("0.0", "0.25", "0.5", "1.0", "1.5", "2.0", "1e-05", "1e16", "3.7")
TEXTS = ("'relu'", '"silu"', "''", '"it\'s"')
PYTHON: dict[str, Any] = {
    "__builtins__": {},
    **{f.__name__: f for f in (min, max, len, sum, round, abs, int)},
    "range": lambda *bounds: tuple(range(*bounds)),
}
"""What Python needs to evaluate a formula; a list is a tuple there."""
LONGEST = 280
"""Ruff breaks lines of more than 320 characters; longer texts are not laid out."""


class Fault(NamedTuple):
    """What is wrong with the expression of a formula."""

    kind: str
    text: str
    detail: str


class Drawing:
    """Draws formulas, with what their names stand for and what that may be."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def rarely(self, times: int) -> bool:
        return self.random.randrange(times) == 0

    # Formulas

    def formula(self) -> str:
        """A formula of any kind."""
        while True:
            found = self.of(self.one(*NAMES, "int", "int"), self.one(1, 2, 2, 3, 3, 4))
            try:
                parse(found)
            except SpecError:  # a choice in a condition needs brackets, say
                continue
            return found

    def of(self, kind: str, depth: int) -> str:
        """A formula of a kind; now and then one of another, which may be an error."""
        if self.rarely(40):
            kind = self.one(*NAMES)
        if depth <= 0 or self.rarely(6):
            return str(self.leaf(kind))
        made: str = getattr(self, f"_{kind}")(depth - 1)
        if self.rarely(8):
            test, other = self.of("bool", depth - 1), self.of(kind, depth - 1)
            made = f"{made} if {test} else {other}"
        return made if self.rarely(4) else f"({made})"

    def leaf(self, kind: str) -> Any:
        if self.rarely(2):
            return self.one(*NAMES[kind])
        if kind == "int":
            return self.one("", "", "-") + str(self.one(*INTS))
        if kind == "float":
            return self.one("", "", "-") + self.one(*FLOATS)
        if kind == "list":
            return f"[{', '.join(str(self.one(*INTS)) for _ in range(3))}]"
        return self.one("true", "false") if kind == "bool" else self.one(*TEXTS)

    def familiar(self, kind: str, depth: int) -> str:
        """Formulas that say one thing twice, which is what can be made simpler."""
        x, y = self.of(kind, depth - 1), self.of(kind, depth - 1)
        a, b = self.one(1, 2, 4, 8), self.one(0, 1, 2, 4, 3)
        test = self.of("bool", depth - 1)
        return str(
            self.one(
                f"({x}) * {a} // {b}",
                f"({x}) * {a} * {b}",
                f"({x}) + {a} - {b}",
                f"({x}) - {a} + {b}",
                f"({x}) + (({y}) - ({x}))",
                f"(({y}) - ({x})) + ({x})",
                f"(({x}) if ({x}) != ({y}) else ({y}))",
                f"(({x}) if ({y}) == ({x}) else ({y}))",
                f"(({x}) if {test} else ({x}))",
                f"(({x}) if ({test}) else (({y}) if (not ({test})) else 3))",
                f"(({x}) if ({x}) < {a} else (({y}) if ({x}) >= {a} else 3))",
                f"(({x}) if (({a} if ({test}) else {b}) == {a}) else ({y}))",
            )
        )

    def _int(self, depth: int) -> str:
        if self.rarely(4):
            return self.familiar("int", depth)
        shape = self.one("binary", "binary", "binary", "call", "item", "minus", "power")
        if shape == "binary":
            return self._binary("int", "int", ("+", "-", "*", "//", "//", "%"), depth)
        if shape == "minus":
            return f"-{self.of('int', depth)}"
        if shape == "power":
            return f"{self.of('int', depth)} ** {self.one(0, 1, 2, 'n', -1)}"
        if shape == "item":
            return f"{self.of('list', depth)}[{self.of('int', depth)}]"
        function = self.one(*sorted(FUNCTIONS.keys() - {"range"}))
        if function in ("len", "sum"):
            return f"{function}({self.of('list', depth)})"
        if function in ("int", "round", "abs"):
            return f"{function}({self.of(self.one('int', 'float'), depth)})"
        return f"{function}({self.of('int', depth)}, {self.of('int', depth)})"

    def _float(self, depth: int) -> str:
        if self.rarely(8):
            return self.familiar("float", depth)
        shape = self.one("binary", "binary", "divide", "minus", "call", "power")
        if shape == "binary":
            other = self.one("int", "float")
            first, second = self.one(("float", other), (other, "float"))
            return self._binary(first, second, ("+", "-", "*", "//", "%"), depth)
        if shape == "divide":
            return self._binary("int", self.one("int", "float"), ("/",), depth)
        if shape == "minus":
            return f"-{self.of('float', depth)}"
        if shape == "power":
            return f"{self.of('float', depth)} ** {self.one('2', '-1', '0.5', 'n')}"
        if self.rarely(3):
            return f"round({self.of('float', depth)}, {self.one(1, 2, -1)})"
        function = self.one("min", "max")
        other = self.of(self.one("int", "float"), depth)
        return f"{function}({self.of('float', depth)}, {other})"

    def _bool(self, depth: int) -> str:
        shape = self.one("compare", "compare", "and", "not", "in", "chain")
        kind = self.one("int", "int", "float", "str", "bool")
        if shape == "compare":
            order = ("==", "!=") if kind in ("str", "bool") else ("<", "<=", ">", ">=")
            operator = self.one(*order, "==", "!=")
            return f"{self.of(kind, depth)} {operator} {self.of(kind, depth)}"
        if shape == "not":
            return f"not {self.of('bool', depth)}"
        if shape == "in":
            operator = self.one("in", "not in")
            return f"{self.of('int', depth)} {operator} {self.of('list', depth)}"
        if shape == "chain":
            return f"0 < {self.of('int', depth)} <= {self.of('int', depth)}"
        word = f" {self.one('and', 'or')} "
        count = self.one(2, 2, 3)
        return word.join(self.of("bool", depth) for _ in range(count))

    def _str(self, depth: int) -> str:
        items = ", ".join(self.of("str", depth) for _ in range(2))
        return f"[{items}][{self.of('int', depth)}]"

    def _list(self, depth: int) -> str:
        shape = self.one("items", "items", "range", "slice", "rows")
        if shape == "items":
            count = self.one(0, 1, 2, 2, 3)
            kind = self.one("int", "int", "float")
            return f"[{', '.join(self.of(kind, depth) for _ in range(count))}]"
        if shape == "range":
            return f"range({self.of('int', depth)})"
        if shape == "rows":
            return f"[{self.of('list', depth)}, {self.of('list', depth)}]"
        bounds = (self.one("", self.of("int", depth)) for _ in range(2))
        step = self.one("", "", ":2", ":-1")
        return f"{self.of('list', depth)}[{':'.join(bounds)}{step}]"

    def _binary(
        self, one: str, other: str, operators: tuple[str, ...], depth: int
    ) -> str:
        left, right = self.of(one, depth), self.of(other, depth)
        return f"{left} {self.one(*operators)} {right}"

    # What names stand for

    def value(self, kind: str) -> Value:
        """A value of a kind."""
        if kind == "list":
            return self._listed()
        found: Value = {
            "int": self.one(*INTS, -1, -3, 17),
            "float": self.one(0.5, 1.0, 2.0, -0.5, -0.0, 1e-5, 3.7, 1e16),
            "bool": self.one(True, False),
            "str": self.one("relu", "silu", ""),
            "": self.one(0, 1, 0.5, True, "relu", None, (1, 2)),
        }[kind]
        return found

    def _listed(self) -> Value:
        if self.rarely(4):
            return ((4, 1, "relu"), (6, 2, "silu"))
        kind = self.one("int", "int", "float")
        return tuple(self.value(kind) for _ in range(self.one(0, 1, 2, 3, 4)))

    def word(self, name: str, kind: str) -> Expr:
        """A word of printed code: its kind may be unknown."""
        text = f"{name.replace('.', '_')}{self.one('', '', '2')}"
        return named(text, "" if self.rarely(8) else kind)

    def argument(self, name: str) -> Arg:
        """What stands for a name of a formula."""
        kind = KIND[name]
        word = self.word(name, kind)
        if self.rarely(8):
            return self.value(kind)
        if kind == "int" and self.rarely(4):
            other = self.one(self.value("int"), self.word("m", "int"))
            found: Arg = self.one(
                lambda: word + other,
                lambda: other - word,
                lambda: word * other,
                lambda: word // self.one(1, 2, 8),
                lambda: choice(word, over_zero(other), 1),
                lambda: choice(word, equal(word, other), other),
                lambda: item((word, 2), self.word("se", "int")),
            )()
            return found
        if kind == "list" and self.rarely(4):
            parts: dict[str, Arg] = {"a": word, "b": 4}
            return translated("[a, b]", parts.__getitem__)
        return word


def check(drawing: Drawing) -> tuple[list[Fault], str | None]:
    """Draws a formula; says what is wrong with its expression, and how it is printed."""
    text = drawing.formula()
    stands = {
        name: drawing.argument(name) for name in sorted(names(text) & KIND.keys())
    }
    kinds: dict[str, str] = {}
    for arg in stands.values():
        for name, kind in arg.kinds if isinstance(arg, Expr) else ():
            # A word has one kind; one that is unknown here is known nowhere.
            kinds[name] = kind if kinds.setdefault(name, kind) == kind else ""
    stands = {
        name: arg.replaced(lambda n: named(n, kinds[n]))
        if isinstance(arg, Expr)
        else arg
        for name, arg in stands.items()
    }
    found = translated(text, stands.__getitem__)
    code = found.code() if isinstance(found, Expr) else None
    given = {n: getattr(a, "text", a) for n, a in stands.items()}
    faults = [
        Fault(kind, text, f"{given} {code or found!r} {detail}")
        for kind, detail in _faults(drawing, text, stands, kinds, found)
    ]
    return faults, code


def _faults(
    drawing: Drawing,
    text: str,
    stands: dict[str, Arg],
    kinds: dict[str, str],
    found: Arg,
) -> Iterator[tuple[str, str]]:
    if not names_of(found) <= kinds.keys():
        yield "unknown names", str(names_of(found) - kinds.keys())
    known = found.kind if isinstance(found, Expr) else ""
    whole = isinstance(found, Expr) and found.whole()
    for _ in range(3):
        env = {name: drawing.value(kind) for name, kind in kinds.items()}
        try:
            lookup = {name: value_of(arg, env) for name, arg in stands.items()}
        except SpecError:
            if not isinstance(found, Expr):
                continue
            lookup = {}
        told = f"at {env}"
        wanted = _value(lambda: evaluate(text, lookup))  # noqa: B023  # at once
        made = _value(lambda: value_of(found, env))  # noqa: B023  # at once
        if (lookup or not stands) and not _alike(wanted, made):
            yield "another value", f"{told}: {made!r}, not {wanted!r}"
        if isinstance(made, SpecError):
            if known and not _bounds(made):
                yield "a kind of what fails", f"{told}: {known}, {made}"
            continue
        if known and known != _kind(made):
            yield "another kind", f"{told}: {made!r} is no {known}"
        if whole and type(made) is not int:
            yield "not whole", f"{told}: {made!r}"
        if isinstance(found, Expr):
            yield from _printed(found, env, made, told)


def _printed(
    found: Expr, env: dict[str, Value], made: Value, told: str
) -> Iterator[tuple[str, str]]:
    """What Python makes of the text, with names that printed code has for these."""
    kinds = dict(found.kinds)
    safer = found.replaced(lambda name: named(safe(name), kinds[name]))
    code = safer.code() if isinstance(safer, Expr) else repr(safer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            value = eval(code, dict(PYTHON), {safe(n): v for n, v in env.items()})
    except Exception as error:
        yield "fails in Python", f"{told}: {code}: {error!r}"
        return
    if not _alike(value, made):
        yield "another value in Python", f"{told}: {code} is {value!r}, not {made!r}"


def check_tree(drawing: Drawing) -> Iterator[Fault]:
    """Draws a formula; says what its tree gives otherwise when it is simplified."""
    text = drawing.formula().replace("input.channels", "width")
    tree = parse(text)
    before = ast.dump(tree)
    found = simplified(tree, KIND)
    code = ast.unparse(found)
    if ast.dump(tree) != before:
        yield Fault("changed in place", text, code)
    for _ in range(3):
        env = {name: drawing.value(kind) for name, kind in KIND.items()}
        wanted = _value(lambda: computed(tree, env))  # noqa: B023  # at once
        made = _value(lambda: computed(found, env))  # noqa: B023  # at once
        if not _alike(wanted, made):
            detail = f"{code} at {env}: {made!r}, not {wanted!r}"
            yield Fault("another value of the tree", text, detail)


def _value(compute: Callable[[], Value]) -> Any:
    try:
        return compute()
    except SpecError as error:
        return error


def _bounds(error: SpecError) -> bool:
    """Whether a formula fails for the size of its numbers."""
    return isinstance(error, LimitError) or "beyond 2 ** 53" in str(error)


def _alike(wanted: Any, made: Any) -> bool:
    """Whether values are equal and of one type, or refused alike; bounds apart."""
    if isinstance(wanted, SpecError):
        return isinstance(made, SpecError) or _bounds(wanted)
    return type(wanted) is type(made) and repr(wanted) == repr(made)


def _kind(value: Value) -> str:
    return "list" if isinstance(value, tuple) else type(value).__name__


def laid_out(codes: Iterable[str]) -> list[str]:
    """The texts that `ruff format` writes otherwise, with what it writes."""
    kept = [code for code in dict.fromkeys(codes) if len(code) <= LONGEST]
    lines = [f"x = {code}" for code in kept]
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache"]
    command += ["--line-length", "320", "--stdin-filename", "x.py", "-"]
    given = "\n".join(lines) + "\n"
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    if done.returncode:
        return [done.stderr]
    found = done.stdout.splitlines()
    if len(found) != len(lines):
        return ["ruff writes another number of lines"]
    return [f"{a} -> {b}" for a, b in zip(lines, found, strict=True) if a != b]


def main(count: int, seed: int = 0) -> int:
    """Checks formulas, and says what was found."""
    drawing = Drawing(Random(seed))
    shortest: dict[str, Fault] = {}
    times: dict[str, int] = {}
    codes: list[str] = []
    for _ in range(count):
        faults, code = check(drawing)
        for fault in [*faults, *check_tree(drawing)]:
            times[fault.kind] = times.get(fault.kind, 0) + 1
            kept = shortest.setdefault(fault.kind, fault)
            if len(fault.text) < len(kept.text):
                shortest[fault.kind] = fault
        codes += [code] if code else []
    for fault in shortest.values():
        print(f"{times[fault.kind]:6} {fault.kind}: {fault.text}\n{fault.detail}")
    layout = laid_out(codes)
    for told in sorted(layout, key=len)[:5]:
        print(told)
    print(f"{count} formulas, {sum(times.values()) + len(layout)} faults")
    return int(bool(times or layout))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
