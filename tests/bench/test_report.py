"""What is said of numbers, in any width, and for machines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from bench.made import entry, report, section
from recorded import check

from archspec.bench.section import Entry

ROWS = (
    entry("torch", [[0.1317], [0.1311]]),
    entry("onnx", [[0.0935], [0.0936]], 5.6e-7),
    entry("onnx:int8", [[0.0481], [0.0481]], 3.7e-2),
)


def test_no_peak_is_told_where_none_was_measured() -> None:
    made = replace(section(Entry("torch", missing="not installed")), peaks=[])
    text = report(made).text()
    assert "torch: not available: not installed" in text
    assert "peak here" not in text


def test_the_whole_table() -> None:
    lines = report(section(*ROWS)).text().splitlines()
    assert lines[0] == (
        "resnet20, image [1, 3, 32, 32], float32, eval; 0.04055 G MACs = 0.0811 GFLOP "
        "a run"
    )
    assert "torch 1.0, onnx 1.0, onnx:int8 1.0" in lines[1]
    assert lines[2] == "random weights, seed 0"
    assert lines[3] == (
        "peak here: sgemm 85 GFLOP/s, conv 3x3 256 at 56x56 92 GFLOP/s (1 thread, "
        "before and after: 92, 1)"
    )
    head, *rows = (line.split() for line in lines[5:9])
    assert " ".join(head) == (
        "backend error first s cpu ms (min) wall ms ratio to torch GFLOP/s of peak "
        "peak MiB"
    )
    assert rows[0] == [
        *("torch", "1.0e-07", "0.50", "131.4", "131.1", "262.8", "1", "0.6", "1%", "3")
    ]
    assert rows[1][5:9] == ["187.1", "0.712", "[0.71,", "0.71]"]
    assert rows[2][:3] == ["onnx:int8", "3.7e-02", "!"] and rows[2][-3:-1] == ["-", "-"]
    told = " ".join(lines[10:])
    assert "2 rounds x 1 runs" in told and "paired cpu times" in told
    assert "! another function" in told and "load 6.3 on " in told
    assert "others keep 99.0 busy" in told


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_fits(width: int) -> None:
    text = report(section(*ROWS)).text(width)
    table = [line for line in text.splitlines() if line.startswith(("torch ", "onnx"))]
    assert max(map(len, text.splitlines())) <= width or width < 60
    assert len(table) >= 3 and all("[" in line for line in table[1:3])


def test_wall_times_where_nobody_disturbs() -> None:
    text = report(section(*ROWS[:2], others=0.0)).text(70)
    assert "wall ms" in text and "cpu ms" not in text
    assert "paired wall times" in " ".join(text.split())
    assert "load" not in text and "another function" not in text


def test_what_is_not_there() -> None:
    gone = Entry("keras", missing="the backend 'keras' needs keras [AS502]")
    made = report(section(gone, *ROWS[:2]))
    assert not made.whole and report(section(*ROWS)).whole
    assert (
        "keras: not available: the backend 'keras' needs keras [AS502]" in made.text()
    )
    empty = report(section(gone))
    assert "not available" in empty.text() and "ratio" not in empty.text()
    amid = section(*ROWS)
    amid.rounds = 5
    assert "interrupted after 2 of 5 rounds" in report(amid).text()
    assert report().text() == "nothing was measured\n"


def test_not_finite() -> None:
    text = report(section(entry("torch", [[1]], None))).text()
    assert "not finite !" in text


def test_where_weights_are_from() -> None:
    assert "\nnet.pth\n" in report(section(*ROWS), weights="net.pth").text()


def test_for_machines() -> None:
    gone = Entry("keras", missing="no")
    made = report(section(*ROWS, gone), section(entry("torch", [[1]], None))).facts()
    found = json.loads(json.dumps(made, allow_nan=False))
    check("bench", found)
    rows = found["sections"][0]["backends"]
    assert rows[1]["ratio"]["median"] == pytest.approx(0.712, abs=1e-3)
    assert [row["same_function"] for row in rows] == [True, True, False, None]
    assert rows[0]["of_peak"] == pytest.approx(0.0067, rel=0.01)
    assert rows[3]["ratio"] is None and rows[3]["missing"] == "no"
    assert found["sections"][0]["peak_flops_per_second"]["conv"] == [92e9, 1e9]
