"""Ratios, rates, and which time counts: numbers that are reckoned by hand."""

from __future__ import annotations

import os

import pytest
from bench.made import FLOP, entry, section

from archspec.bench.section import Entry, Ratio


def test_ratios_are_of_rounds() -> None:
    """The machine was twice as slow in the second round, for both."""
    first = entry("torch", [[1, 3, 1], [2, 2], [1]])
    other = entry("onnx", [[0.5], [1, 1, 9], [0.75]])
    one = section(first, other)
    assert one.ratio(other) == Ratio(0.5, 0.5, 0.75)
    assert one.ratio(first) == Ratio(1, 1, 1)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio(0.733, 0.69, 0.75), "0.733 [0.69, 0.75]"),
        (Ratio(1.01, 0.94, 1.04), "1.01 [0.94, 1.04] ~"),
        (Ratio(20.3, 18.58, 21.4), "20.3 [18.58, 21.40]"),
    ],
)
def test_a_ratio_in_words(ratio: Ratio, text: str) -> None:
    assert str(ratio) == text


def test_the_first_that_is_there_is_what_others_are_compared_with() -> None:
    gone = Entry("torch", missing="not installed")
    one = section(gone, entry("keras", [[2]]), entry("onnx", [[1]]))
    assert one.ratio(one.entries[2]).median == 0.5
    assert [row.backend for row in one.there] == ["keras", "onnx"]


def test_which_time_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    row = entry("torch", [[1]])
    assert section(row, others=2.9).compared == "wall", "a processor was free"
    assert section(row, others=3.2).compared == "cpu"
    assert section(row, others=0.3, threads=4).compared == "cpu"
    unknown = section(row, others=None)
    assert unknown.load == 6.3 and unknown.compared == "cpu"
    unknown.load = 4.1
    assert unknown.compared == "wall"
    unknown.load = None
    assert unknown.compared == "wall"


def test_a_device_has_no_processor_time() -> None:
    row = entry("torch", [[1]])
    row.device = "A card"
    assert section(row).compared == "wall"


def test_rates_are_those_of_a_quiet_machine() -> None:
    """Processor time of two threads is twice what a clock would say."""
    row = entry("torch", [[0.2, 0.4, 0.4]])
    one, two = section(row), section(row, threads=2)
    assert one.rate(row) == pytest.approx(FLOP / 0.4)
    assert two.rate(row) == pytest.approx(FLOP / 0.2)
    assert (one.peak(), one.peak("sgemm")) == (92e9, 85e9)
    assert two.peak() == 2 * 92e9
    assert (one.peak("conv", 0), one.peak("conv", 1)) == (92e9, 1e9)
    assert section(row, others=0.0).rate(row) == pytest.approx(FLOP / 0.8)
    assert section(row, others=0.0).peak() == 46e9


@pytest.mark.parametrize(
    ("error", "same"), [(6.7e-6, True), (1e-3, False), (0.0, True), (None, False)]
)
def test_what_is_the_same_function(error: float | None, same: bool) -> None:
    assert entry("torch", [[1]], error).same is same
