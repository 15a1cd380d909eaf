"""The report as a table."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from archspec.verify.comparison import CHECKS, Row
from archspec.verify.proof import Proof
from archspec.verify.report import Report
from archspec.verify.setting import Setting


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_table_has_room_for_every_name(width: int) -> None:
    where = "stages.2.blocks.110.downsample.conv1.weight"
    rows = [
        Row("float64", check.title, target, outcome, 2e-9, where, "", 1e-15, 1e-12)
        for check in CHECKS
        for target in ("keras:tensorflow", "keras:torch")
        for outcome in ("pass", "ill-conditioned")
    ]
    report = Report("net", Setting("net"), "torch", Proof(tuple(rows), (), ()))
    console = Console(width=width, file=StringIO(), color_system=None)
    console.print(report.rich())
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    assert all(text.count(number) == len(rows) for number in ("2.0e-09", "1.0e-12"))
    assert text.count(" keras:tensorflow ") == len(rows) // 2
    _, header, *lines = text.splitlines()
    start, end = header.index("where"), header.index("verdict")
    ends = (n for n, line in enumerate(lines) if ": ill-conditioned:" in line)
    table = lines[: next(ends)]
    assert "".join(line[start:end].strip(" ─") for line in table) == where * len(rows)
    verdicts = "".join(line[end:].strip(" ─") for line in table)
    assert verdicts == "passill-conditioned" * (len(rows) // 2)


def test_a_backend_that_is_not_there_has_a_line_and_no_rows() -> None:
    missing = [
        Row("float64", check.title, "keras", "not available", reason="no keras")
        for check in CHECKS
    ]
    rows = [Row("float64", "outputs", "torch", "pass"), *missing]
    setting = Setting("net")
    report = Report("net", setting, "torch", Proof(tuple(rows), (), ()))
    assert [row[:2] for row in report.cells()] == [("outputs", "torch")]
    assert report.lines() == ["keras: not available: no keras"] and not report.passed
    assert len(report.facts()["rows"]) == len(rows)
    nothing = Report("net", setting, "torch", Proof(tuple(missing), (), ()))
    assert nothing.plain().splitlines() == [nothing.title(), *nothing.lines()]
    console = Console(width=80, file=StringIO(), color_system=None)
    console.print(nothing.rich())
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == [nothing.title(), *nothing.lines()]


def test_a_pipe_has_columns_that_fit() -> None:
    rows = [
        Row("float64", check.title, "keras:torch", "pass", 2e-9, "layer4.1.relu2")
        for check in CHECKS
    ]
    report = Report("net", Setting("net"), "torch", Proof(tuple(rows), (), ()))
    for width, left in ((120, "error floor limit "), (80, "error "), (64, "")):
        header, *lines = report.plain(width).splitlines()[1:]
        assert header.split() == f"check backend {left}where verdict".split()
        assert all(len(line) <= width and "layer4.1.relu2" in line for line in lines)


def test_what_one_layer_lacks_keeps_its_row() -> None:
    rows = (
        Row("float64", "outputs", "keras", "pass"),
        Row("float64", "gradients", "keras", "not available", reason="no gradients"),
    )
    report = Report("net", Setting("net"), "torch", Proof(rows, (), ()))
    assert len(report.cells()) == 2
