"""An open file: what is wrong in it, and what is kept while it is being written."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_specs import cases
from opened import HEAD, opened

from archspec import catalog
from archspec.authoring.messages import facts, singly
from archspec.editor.document import Document, Problem
from archspec.errors import ArchspecError
from archspec.opening import load

GOOD = f"{HEAD}graph:\n  a: {{op: conv2d, channels: 4, kernel: 3}}\n  b: relu\n"


def test_problems_are_those_of_validate(tmp_path: Path) -> None:
    for number, case in enumerate(cases()):
        folder = tmp_path / str(number)
        for name, text in case.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        path = folder / "net.yaml"
        try:
            spec = load(path)
        except ArchspecError as error:
            told = [facts(e) for e in singly([error])]
        else:
            told = [facts(e) for e in spec.validate()]
        text = path.read_bytes().decode("utf-8-sig", "replace")
        if "archspec:" not in text:
            continue
        found = Document(str(path), text).problems()
        assert [p.code for p in found] == [f["code"] for f in told], case.name
        for problem, fact in zip(found, told, strict=True):
            assert str(fact["message"]) in problem.message
            assert str(fact["hint"] or "") in problem.message
            if fact["file"] == str(path):
                where = problem.line, problem.column, problem.end
                assert where == (fact["line"], fact["column"], fact["end_column"])


def test_a_problem_of_a_base_is_told_where_it_is_extended(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"{HEAD}graph: [rellu]\n")
    text = "archspec: 1\nname: mine\nextends: base.yaml\n"
    (problem,) = Document(str(tmp_path / "mine.yaml"), text).problems()
    assert (problem.line, problem.column, problem.end) == (3, 10, 19)
    assert problem.code == "AS205" and "'rellu'" in problem.message
    assert problem.elsewhere is not None and problem.elsewhere.line == 4


def test_other_yaml_has_no_problems() -> None:
    assert Document("x.yaml", "services: {web: 1}\n").problems() == []
    assert Document("x.yaml", "").problems() == []
    document = Document("x.yaml", GOOD)
    assert document.problems() == []
    document.text = "name: x\n"
    assert document.problems() != []


def test_the_last_net_stays_while_a_text_is_none() -> None:
    document = Document("x.yaml", GOOD)
    document.problems()
    net = document.net
    assert net is not None and net.rows["a"].shape == (4, 30, 30)
    for text in (f"{GOOD}  c: {{op: ", f"{GOOD}  c: rellu\n", "", "archspec: ["):
        document.text = text
        document.problems()
        assert document.net is net
    document.text = GOOD.replace("4", "5")
    document.problems()
    assert document.net is not net


def test_problems_stay_while_a_text_is_no_yaml() -> None:
    wrong = f"{HEAD}graph:\n  a: relu\n  b: rellu\n  c: relu\n  d: tahn\n"
    document = Document("x.yaml", wrong)
    first = document.problems()
    assert [(p.line, p.code) for p in first] == [(6, "AS205"), (8, "AS205")]
    document.text = wrong.replace("  c: relu\n", "  c: relu\n  e: {op: [\n")
    torn, *others = document.problems()
    assert torn.code == "AS103"
    assert [(p.line, p.column) for p in others] == [(6, 6), (9, 6)]
    document.text = wrong.replace("b: rellu", "b: {")
    assert [(p.line, p.code) for p in document.problems()[1:]] == [(8, "AS205")]
    document.text = wrong
    assert document.problems() == first


def test_the_zoo_has_no_problems() -> None:
    for name in ("resnet18", "families/resnet_cifar"):
        path = catalog.find(name)
        assert path is not None
        document = Document(str(path), path.read_text())
        assert document.problems() == [] and document.net is not None


def test_where_nodes_stand() -> None:
    document = Document("x.yaml", GOOD)
    document.problems()
    assert document.net is not None
    assert {n: at.line for n, at in document.net.homes.items()} == {"a": 5, "b": 6}
    assert [*document.net.places.values()] == [["a"], ["b"]]


@pytest.mark.parametrize("text", ["|", "|{{", "a: |\n"])
def test_a_cursor_in_little(text: str) -> None:
    document, line, column = opened(text)
    cursor = document.cursor(line, column)
    assert cursor is None or cursor.unit.file == document.file
    assert document.written().file == document.file


def test_a_warning() -> None:
    text = f"{GOOD}params: {{width: 3}}\n"
    (problem,) = Document("x.yaml", text).problems()
    assert isinstance(problem, Problem) and problem.is_warning
    assert (problem.code, problem.line, problem.end) == ("AS701", 7, 15)
