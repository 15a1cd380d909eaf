"""Faults in printed code, planted one at a time, and what verify says of each.

    python -m faults.planted [--on keras] [--net windows] [--write ../docs/faults.md]

prints a line for each fault: which checks it fails, and whether they name its node.
A fault is an edit of the text that a backend prints (`faults.yaml`), so that it stands
for a wrong lowering as well as for a wrong printer; it counts only where the text was
there to be edited. The backend runs alone, against nothing but the definitions.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from archspec.errors import ArchspecError
from archspec.source.program import Source
from archspec.verify.bisection import Finding
from archspec.verify.process import NotAvailable
from archspec.verify.proof import Proof
from archspec.verify.run import layers
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse
from archspec.verify.task import Bench, Task

HERE = Path(__file__).parent
COST = (
    *("exact", "definitions", "gradients", "training", "chance", "initial", "sizes"),
    "alone",
)
HEAD = """# What verify was tried on

Faults planted in printed code, one at a time: an edit that a wrong lowering, a wrong
printer or a hand could have made. `archspec verify` ran on the edited code alone. Each
row says the node with the fault, the edit, and the checks that had failed when the node
was named; made by
`cd tests; python -m faults.planted --write ../docs/faults.md`.
"""


@dataclass(frozen=True)
class Fault:
    """An edit of what a backend prints for a net: texts to find and to put there."""

    net: str
    on: str
    node: str
    edits: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        old, new = self.edits[0]
        return f"{self.net}-{self.on}-{self.node}: {old!r} -> {new!r}"

    def row(self) -> str:
        """The start of its row in a table."""
        old, new = self.edits[0]
        node = self.node.replace("|", " or ")
        cells = (f"{self.net}, {self.on}", node, *map(_cell, (old[:90], new[:90])))
        return "| " + " | ".join(cells) + " |"

    def planted(self, text: str) -> str:
        """The text with the fault, as far as it has the places."""
        for old, new in self.edits:
            text = re.sub(_pattern(old), _filled(old, new), text)
        return text

    def whole(self, text: str) -> bool:
        """Whether a text has every place."""
        return all(re.search(_pattern(old), text) for old, _ in self.edits)


def _cell(text: str) -> str:
    """Text as code in a Markdown table."""
    shown = text.replace("\n", " ").replace("|", "\\|").strip()
    return f"`{shown}`" if shown else "(nothing)"


def _pattern(old: str) -> str:
    """Text that starts with `re:` is a regular expression."""
    return old[3:] if old.startswith("re:") else re.escape(old)


def _filled(old: str, new: str) -> str:
    return new if old.startswith("re:") else new.replace("\\", r"\\")


@dataclass(frozen=True)
class Answer:
    """What verify said of a fault.

    Attributes:
        hit: whether the text of the net had the place.
        checks: titles of those that failed.
        named: what they name: nodes, and parameters.
        proof: all of it.
    """

    hit: bool
    checks: tuple[str, ...]
    named: tuple[str, ...]
    proof: Proof

    def names(self, nodes: str) -> bool:
        """Whether one of them names a node, or a parameter of it.

        Of a class, or of a line that no pruned net has, several nodes are right:
        patterns with `|` between.
        """
        return any(
            fnmatchcase(name, node) or fnmatchcase(name, f"{node}.*")
            for name in self.named
            for node in nodes.split("|")
        )


@cache
def faults() -> tuple[Fault, ...]:
    """All that the table has."""
    return tuple(_read(yaml.safe_load((HERE / "faults.yaml").read_text())))


def _read(table: dict[str, dict[str, list[list[Any]]]]) -> Iterator[Fault]:
    for net, backends in table.items():
        for on, rows in backends.items():
            for node, old, new, *more in rows:
                pairs = [(old, new), *(tuple(pair) for pair in (more or [[]])[0])]
                lines = (
                    (a.replace("\\n", "\n"), b.replace("\\n", "\n")) for a, b in pairs
                )
                yield Fault(net, on, node, tuple(lines))


class Altered(Bench):
    """A backend in this process that prints a fault; here a crash is an answer too."""

    def ask(self, task: Task) -> Any:
        try:
            return super().ask(task)
        except ArchspecError as error:
            raise NotAvailable(str(error)) from error
        except Exception as error:
            raise NotAvailable(f"{type(error).__name__}: {error}") from error


def proved(fault: Fault | None, setting: Setting, target: Target) -> Answer:
    """What verify says of a net without a fault, or with one.

    In the order of what they cost, and no further than to a layer that names the node.
    """
    hits: list[bool] = []

    def start(setting: Setting, target: Target) -> Bench:
        chosen: Any = copy(target.found().on(target.engine, setting.dtype))
        emit = chosen.emit

        def emitted(graph: Any) -> Source:
            source: Source = emit(graph)
            if fault is None:
                return source
            hits.append(fault.whole(source.text))
            return replace(source, text=fault.planted(source.text))

        chosen.emit = emitted
        return Altered(chosen, setting.data())

    answer = Answer(False, (), (), Proof((), (), ()))
    found = layers(setting, (target,))
    for prove, made, _ in sorted(found, key=lambda item: _cost(item[0])):
        proof = answer.proof.joined(prove(made, (target,), start, lambda text: None))
        wrong = [r for r in proof.rows if r.verdict not in ("pass", "forward only")]
        nodes = [f.node for _, f in proof.findings if isinstance(f, Finding)]
        checks = dict.fromkeys(row.check for row in wrong)
        named = (*nodes, *(row.where for row in wrong))
        answer = Answer(any(hits), tuple(checks), named, proof)
        if fault is not None and answer.names(fault.node):
            break
    return answer


def _cost(prove: Any) -> int:
    module: str = getattr(prove, "func", prove).__module__
    return COST.index(module.rpartition(".")[2])


def tried(fault: Fault) -> Answer:
    """What verify says of a fault."""
    spec = str(HERE / "nets" / f"{fault.net}.yaml")
    return proved(fault, Setting(spec), parse(fault.on))


def main() -> None:
    """Prints, and with `--write` writes, the table."""
    words = argparse.ArgumentParser()
    words.add_argument("--on", default="")
    words.add_argument("--net", default="")
    words.add_argument("--write", type=Path)
    given = words.parse_args()
    missed = unnamed = 0
    rows = [HEAD, "| Net | Node | Text | Planted | Noticed by |\n|---|---|---|---|---|"]
    chosen = [
        f for f in faults() if given.on in ("", f.on) and given.net in ("", f.net)
    ]
    for fault in chosen:
        answer = tried(fault)
        verdict = (
            "caught" if answer.names(fault.node) else f"caught, names {answer.named}"
        )
        if not answer.hit or not answer.checks:
            verdict = "MISSED" if answer.hit else "NOT PLANTED"
            missed += 1
        unnamed += verdict.startswith("caught,")
        rows.append(f"{fault.row()} {'; '.join(answer.checks)} |")
        print(f"{fault}: {verdict} {', '.join(answer.checks)}", flush=True)
        for row in answer.proof.rows:
            if row.reason:
                print(f"    {row.check}: {row.reason[:200]}")
    if given.write:
        given.write.write_text("\n".join(rows) + "\n")
    print(f"{len(chosen)} faults, {missed} missed, {unnamed} without their node")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
