"""Plants small faults, one at a time, and says which ones the tests don't notice.

    python tests/mutate.py                              # 150 anywhere
    python tests/mutate.py --module archspec/source --count 400 --seed 7

A fault is planted in a copy of the tree: a comparison flipped, a term dropped, a
constant off by one, a condition inverted, a statement gone. Then the tests that mirror
its module run, `tests/source/test_expr.py` for `archspec/source/expr.py` (or what
`ELSEWHERE` in `tests/test_layout.py` says), for at most 60 s of processor time. What they don't notice is listed with its place; the command
fails if that is more than 3 in 100.

What changes nothing is no fault: annotations, assertions (zip's `strict` is one),
decorators, texts of errors, what gives the same bytecode, and what `mutate_equal.yaml`
lists, each with the reason.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from queue import SimpleQueue
from random import Random
from tempfile import TemporaryDirectory
from types import CodeType
from typing import Any

import yaml
from test_layout import ELSEWHERE, mirrored

ROOT = Path(__file__).parent.parent
PLACES = (
    "archspec/language",
    "archspec/ops",
    "archspec/source",
    "archspec/weights",
    "backends",
)
EQUAL = Path(__file__).with_name("mutate_equal.yaml")
ENOUGH = 0.97
MEMORY = 8 * 2**30
PRELOAD = ["pytest", "hypothesis", "numpy", "yaml", "pydantic", "torch"]
"""What every run needs; it is imported once, and each run starts from there."""
ALONE = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is there
FLIPPED = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
}


@dataclass(frozen=True)
class Fault:
    """A change of a module's text: `new` stands for the bytes from start to stop."""

    module: str
    row: int
    kind: str
    start: int
    stop: int
    old: str
    new: str

    @property
    def change(self) -> str:
        """What is changed, on one line."""
        return " -> ".join(" ".join(text.split()) for text in (self.old, self.new))

    def planted(self, text: bytes) -> bytes:
        """The module's text with the fault."""
        assert text[self.start : self.stop].decode() == self.old
        made = text[: self.start] + self.new.encode() + text[self.stop :]
        assert made != text
        return made


# Faults of a module


def faults(module: str, text: str) -> list[Fault]:
    """The faults of a module's text that change its bytecode, in their order."""
    before, source = bytecode(text), text.encode()
    return [f for f in changes(module, text) if bytecode(f.planted(source)) != before]


def changes(module: str, text: str) -> list[Fault]:
    """All that may be planted in a module's text, in its order."""
    plant = _Plant(module, text)
    plant.visit(ast.parse(text))
    return sorted(set(plant.found), key=lambda f: (f.start, f.stop, f.new))


def bytecode(text: str | bytes) -> Any:
    """What a text computes, without its places; "" where it is no code."""
    try:
        return _instructions(compile(text, "", "exec", optimize=2))
    except SyntaxError:
        return ""


def _instructions(code: CodeType) -> Any:
    constants = [
        _instructions(c) if isinstance(c, CodeType) else (type(c), repr(c))
        for c in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_name, code.co_flags, code.co_code, names, constants


class _Plant(ast.NodeVisitor):
    """Finds what can be changed in a tree."""

    def __init__(self, module: str, text: str) -> None:
        self.module = module
        self.text = text.encode()
        self.found: list[Fault] = []
        lines = self.text.splitlines(keepends=True)
        self.starts = [0]
        for line in lines:
            self.starts.append(self.starts[-1] + len(line))
        self.bound: set[str] | None = None
        """The names that the function around has bound so far."""

    # Places

    def _start(self, node: Any) -> int:
        start: int = self.starts[node.lineno - 1] + node.col_offset
        return start

    def _stop(self, node: Any) -> int:
        stop: int = self.starts[node.end_lineno - 1] + node.end_col_offset
        return stop

    def _said(self, node: ast.AST) -> str:
        return self.text[self._start(node) : self._stop(node)].decode()

    def _put(self, kind: str, node: ast.AST, new: str) -> None:
        self._put_at(kind, node, self._start(node), self._stop(node), new)

    def _put_at(self, kind: str, node: Any, start: int, stop: int, new: str) -> None:
        old = self.text[start:stop].decode()
        if old != new:
            fault = Fault(self.module, node.lineno, kind, start, stop, old, new)
            self.found.append(fault)

    # What is left alone: decorators, annotations, messages of errors

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        around, args = self.bound, node.args
        for default in (*args.defaults, *args.kw_defaults):
            if default is not None:
                self.visit(default)
        self.bound = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
        for part in node.body:
            self.visit(part)
        self.bound = around

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in node.body:
            self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        return

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "strict":  # zip asserts that its arguments are as long
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._gone(node)
        for part in ast.walk(node):
            if not isinstance(part, ast.JoinedStr):
                continue
            for inner in ast.walk(part):
                inner.messages = True  # type: ignore[attr-defined]  # a mark of ours
        self.generic_visit(node)

    def visit(self, node: ast.AST) -> None:
        if not hasattr(node, "messages"):
            super().visit(node)

    # What is changed

    def visit_Compare(self, node: ast.Compare) -> None:
        before: ast.expr = node.left
        for op, after in zip(node.ops, node.comparators, strict=True):
            start, stop = self._stop(before), self._start(after)
            pattern, new = FLIPPED[type(op)]
            gap = self.text[start:stop].decode()
            self._put_at(
                "comparison", node, start, stop, re.sub(pattern, new, gap, count=1)
            )
            before = after
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        for part in (node.left, node.right):
            self._put("term", node, f"({self._said(part)})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        parts = [f"({self._said(value)})" for value in node.values]
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for number in range(len(parts)):
            rest = parts[:number] + parts[number + 1 :]
            kept = f" {word} ".join(rest)
            self._put("term", node, kept if len(rest) == 1 else f"({kept})")
        self._put("condition", node, f"({f' {other} '.join(parts)})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self._put("term", node, f"({self._said(node.operand)})")
        inner = node.operand
        if isinstance(inner, ast.Constant) and type(inner.value) is int:
            for other in (1 - inner.value, -1 - inner.value):
                self._put("constant", node, f"({other})")
            return
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._put("constant", node, str(not node.value))
        elif isinstance(node.value, int):
            self._put("constant", node, str(node.value + 1))
            self._put("constant", node, f"({node.value - 1})")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        index = node.slice
        if not isinstance(index, ast.Constant) or type(index.value) is not int:
            self.generic_visit(node)
            return
        for other in (index.value + 1, index.value - 1):  # `x[0] -> x[1]`, to be read
            self._put("constant", node, f"{self._said(node.value)}[{other}]")
        self.visit(node.value)

    def _inverted(self, test: ast.expr) -> None:
        self._put("condition", test, f"(not ({self._said(test)}))")

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._inverted(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        if not isinstance(node.test, ast.Constant):
            self._inverted(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._inverted(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._inverted(test)
        self.generic_visit(node)

    def _gone(self, node: ast.stmt) -> None:
        if self.bound is not None:
            self._put("statement", node, "pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self._gone(node)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if self.bound is None and _is_alias(node.value):
            return
        targets = [part for target in node.targets for part in ast.walk(target)]
        names = {part.id for part in targets if isinstance(part, ast.Name)}
        stores = any(isinstance(p, ast.Attribute | ast.Subscript) for p in targets)
        # Without its first value a name is none: any test that comes by notices that.
        if stores or names <= (self.bound or set()):
            self._gone(node)
        if self.bound is not None:
            self.bound |= names
        self.generic_visit(node)

    def _statement(self, node: Any) -> None:
        self._gone(node)
        self.generic_visit(node)

    visit_AugAssign = visit_Return = visit_Continue = visit_Break = _statement
    visit_Delete = visit_For = _statement


def _is_alias(tree: ast.expr) -> bool:
    """Whether an assignment only names a type."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        return _is_alias(tree.left) and _is_alias(tree.right)
    return isinstance(tree, ast.Name | ast.Subscript | ast.Constant)


# Which tests are a module's


def tests_of(module: str, root: Path = ROOT) -> Path | None:
    """The tests of a module: those at its path, or where `ELSEWHERE` says, or None."""
    place = Path(mirrored(ROOT / module))
    own = place.with_name(f"test_{place.name}")
    if place.name == "__init__.py" and len(place.parts) > 2:  # of an inner package
        own = place.parent
    tests = Path("tests", own), Path("tests", ELSEWHERE.get(str(place), own))
    return next((path for path in tests if (root / path).exists()), None)


@cache
def reviewed() -> dict[tuple[str, str, str], str]:
    """What changes nothing that can be seen, by module, line and change: the reason."""
    listed = yaml.safe_load(EQUAL.read_text(encoding="utf-8")) or []
    return {
        (item["module"], line, item["change"]): item["why"]
        for item in listed
        for line in item["lines"]
    }


def is_reviewed(fault: Fault, text: str) -> bool:
    """Whether the table knows that a fault changes nothing."""
    line = text.splitlines()[fault.row - 1].strip()
    return (fault.module, line, fault.change) in reviewed()


# Running


class Runner:
    """Runs tests in copies of the tree."""

    def __init__(self, folder: Path, limit: int, jobs: int) -> None:
        self.limit = limit
        self.context: ForkServerContext = get_context("forkserver")
        self.context.set_forkserver_preload(PRELOAD)
        self.copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            self.copies.put(copied(folder / f"tree{number}"))
        self.root = folder / "tree0"

    def passes(self, fault: Fault | None, tests: Path) -> bool | None:
        """Whether tests pass with a fault; None where they go on past the limit."""
        copy = self.copies.get()
        try:
            if fault is None:
                passes = self._run(copy, tests)
                if not passes:
                    print((copy / "log.txt").read_text(encoding="utf-8")[-2000:])
                    print(f"{tests} fails without a fault, or takes too long")
                return passes
            path = copy / fault.module
            text = path.read_bytes()
            path.write_bytes(fault.planted(text))
            try:
                return self._run(copy, tests)
            finally:
                path.write_bytes(text)
        finally:
            self.copies.put(copy)

    def _run(self, copy: Path, tests: Path) -> bool | None:
        process = self.context.Process(
            target=run_tests, args=(str(copy), str(tests), self.limit)
        )
        process.start()
        process.join(20 * self.limit)
        if process.is_alive():
            process.kill()
            process.join()
        code = process.exitcode
        return None if code is None or code < 0 else code == 0


def run_tests(copy: str, tests: str, limit: int) -> None:
    """Runs tests in a tree, in a process of its own, and ends as pytest does."""
    import pytest

    os.chdir(copy)
    sys.path[:0] = [copy, f"{copy}/backends", f"{copy}/tests"]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:3])
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *ALONE, tests]))
    import archspec

    assert Path(archspec.__file__).is_relative_to(copy)
    sys.stdout.flush()
    os._exit(code)


def copied(folder: Path) -> Path:
    """A copy of the tree, with bytecode that is good for its text and no other."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    command = [sys.executable, "-m", "compileall", "-q"]
    command += ["--invalidation-mode", "checked-hash", "archspec", "backends"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def modules(wanted: list[str], root: Path = ROOT) -> Iterator[str]:
    """The modules of some folders, or by name."""
    for place in wanted:
        path = root / place
        for found in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield found.relative_to(root).as_posix()


def main() -> int:
    """Plants faults, and lists what isn't noticed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--module", action="append", help="a module, or a folder")
    parser.add_argument("--count", type=int, default=150, help="of each call")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=60, help="seconds for each")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with TemporaryDirectory() as folder:
        runner = Runner(Path(folder), given.limit, given.jobs)
        root = runner.root  # the tree itself may change while this runs
        texts = {
            m: (root / m).read_text(encoding="utf-8")
            for m in modules(given.module or [*PLACES], root)
        }
        every = [fault for m, text in texts.items() for fault in faults(m, text)]
        equal = [fault for fault in every if is_reviewed(fault, texts[fault.module])]
        every = [fault for fault in every if fault not in equal]
        chosen = Random(given.seed).sample(every, min(given.count, len(every)))
        chosen.sort(key=lambda fault: (fault.module, fault.start))
        tests = {m: tests_of(m, root) for m in {fault.module for fault in chosen}}
        with ThreadPoolExecutor(given.jobs) as pool:
            fit = dict(
                pool.map(
                    lambda path: (path, runner.passes(None, path)),
                    {path for path in tests.values() if path is not None},
                )
            )
            if not all(fit.values()):
                return 2
            return _tell(
                chosen,
                pool.map(lambda f: _noticed(runner, f, tests[f.module]), chosen),
                f"of {len(every)}; {len(equal)} more change nothing",
            )


def _noticed(runner: Runner, fault: Fault, tests: Path | None) -> str:
    """How the tests of a module take a fault."""
    if tests is None:
        return "no tests"
    passes = runner.passes(fault, tests)
    return "not noticed" if passes else "noticed" if passes is False else "hangs"


def _tell(chosen: list[Fault], results: Iterator[str], told: str) -> int:
    """Prints what isn't noticed as it is found, and how much that is."""
    times = dict.fromkeys(("noticed", "hangs", "not noticed", "no tests"), 0)
    for fault, result in zip(chosen, results, strict=True):
        times[result] += 1
        if result != "noticed":
            place = f"{fault.module}:{fault.row}"
            print(f"{place}: {result}: {fault.kind}: {fault.change}", flush=True)
    good = times["noticed"] + times["hangs"]
    counts = ", ".join(f"{count} {result}" for result, count in times.items() if count)
    share = good / max(1, len(chosen))
    print(f"{len(chosen)} faults {told}: {counts}; {share:.1%} noticed")
    return int(share < ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
