"""The command that plants faults: what it plants, what it leaves alone, whose tests run."""

from __future__ import annotations

from pathlib import Path

import mutate
import pytest

MODULE = '''\
"""Doc 1."""

from __future__ import annotations

Number = int | float


def least(a: int, b: int = 2) -> int:
    """At least 0."""
    assert a != 7
    if a < b and not b:
        raise ValueError(f"{a + 1} is too small")
    a = 0 if a is None else a - b
    first = [a for _ in "x" if a]
    first.append(True)
    last = first[0][-1:]
    return a
'''


PLANTED = """
constant: 2 -> (1)
constant: 2 -> 3
condition: a < b and not b -> ((a < b) or (not b))
term: a < b and not b -> (a < b)
condition: a < b and not b -> (not (a < b and not b))
term: a < b and not b -> (not b)
comparison: < -> <=
term: not b -> (b)
statement: raise ValueError(f"{a + 1} is too small") -> pass
statement: a = 0 if a is None else a - b -> pass
constant: 0 -> (-1)
constant: 0 -> 1
condition: a is None -> (not (a is None))
comparison: is -> is not
term: a - b -> (a)
term: a - b -> (b)
condition: a -> (not (a))
statement: first.append(True) -> pass
constant: True -> False
constant: first[0] -> first[-1]
constant: first[0] -> first[1]
constant: -1 -> (-2)
constant: -1 -> (0)
term: -1 -> (1)
statement: return a -> pass
"""


def test_the_faults_of_a_module() -> None:
    found = mutate.faults("module.py", MODULE)
    assert [f"{f.kind}: {f.change}" for f in found] == PLANTED.strip().splitlines()


def test_every_fault_changes_what_is_computed() -> None:
    before = mutate.bytecode(MODULE)
    for fault in mutate.faults("module.py", MODULE):
        text = fault.planted(MODULE.encode()).decode()
        assert mutate.bytecode(text) not in (before, "")
        old, new = MODULE.splitlines(), text.splitlines()
        assert old[: fault.row - 1] == new[: fault.row - 1]
        assert old[fault.row - 1] != new[fault.row - 1]


def test_what_changes_nothing() -> None:
    assert mutate.faults("module.py", "def f() -> None:\n    return\n") == []
    text = "def f(x: int = 1) -> int:\n    return x\n"
    other = text.replace("    return x", "\n    # why\n    return (x)")
    assert mutate.bytecode(text) == mutate.bytecode(other)
    assert mutate.bytecode(text) != mutate.bytecode(text.replace("1", "2"))


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("archspec/source/expr.py", "tests/source/test_expr.py"),
        ("archspec/source/classes/api.py", "tests/source/classes/test_api.py"),
        ("archspec/source/classes/forward.py", "tests/source/classes"),
        ("archspec/source/classes/__init__.py", "tests/source/classes"),
        ("archspec/source/classes/other.py", None),
        ("archspec/source/__init__.py", None),
        ("archspec/spec.py", None),
        ("archspec/source/other.py", None),
        (
            "backends/archspec_torch/lowering.py",
            "tests/backends/torch/test_lowering.py",
        ),
        ("archspec/nowhere/a.py", None),
    ],
)
def test_a_module_and_its_tests(module: str, tests: str | None, tmp_path: Path) -> None:
    for name in (
        "source/test_expr.py",
        "source/classes/test_api.py",
        "backends/torch/test_lowering.py",
    ):
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert mutate.tests_of(module, tmp_path) == (Path(tests) if tests else None)


def test_what_was_reviewed_is_there() -> None:
    modules = {module for module, _, _ in mutate.reviewed()}
    texts = {m: (mutate.ROOT / m).read_text(encoding="utf-8") for m in modules}
    there = {
        (m, text.splitlines()[fault.row - 1].strip(), fault.change)
        for m, text in texts.items()
        for fault in mutate.changes(m, text)
    }
    assert mutate.reviewed().keys() <= there
