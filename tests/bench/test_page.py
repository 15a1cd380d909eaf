"""The page: bars as long as the times, in one file that runs nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from bench.made import entry, report, section

from archspec.bench.page import page
from archspec.bench.section import Entry

ROWS = (
    entry("torch", [[0.08, 0.1], [0.1, 0.2]]),
    entry("onnx", [[0.05], [0.05]]),
    entry("onnx<int8>", [[0.025], [0.025]], 3.7e-2),
)


def test_bars_are_as_long_as_times() -> None:
    (svg,) = re.findall(r"<svg.*?</svg>", page(report(section(*ROWS))), re.DOTALL)
    root = ElementTree.fromstring(svg)
    bars = [(bar.get("class"), bar.get("width")) for bar in root.iter("rect")]
    assert bars == [("first", "50.00%"), ("bar", "25.00%"), ("other", "12.50%")]
    ranges = [
        (line.get("x1"), line.get("x2"))
        for line in root.iter("line")
        if line.get("class") == "range"
    ]
    assert ranges[0] == ("40.00%", "100.00%")
    texts = [text.text for text in root.iter("text")]
    assert texts[:3] == ["torch", "100.0 ms", "onnx"]
    assert texts[3] == "50.0 ms, 0.444"
    assert texts[4] == "onnx<int8> !"


def test_the_peak_is_a_line() -> None:
    """0.0811 GFLOP at 92 GFLOP/s take 0.88 ms, of 200."""
    (place,) = re.findall(r'class="peak" x1="(.*?)%"', page(report(section(*ROWS))))
    assert float(place) == pytest.approx(0.44, abs=0.01)


def test_nothing_is_fetched_or_run() -> None:
    text = page(report(section(*ROWS), section(*ROWS[:1])))
    assert "<script" not in text and "http" not in text and "url(" not in text
    assert text.count("<svg") == 2 and "prefers-color-scheme:dark" in text
    assert "onnx&lt;int8&gt;" in text and "<int8>" not in text


def test_what_is_not_there_is_said() -> None:
    text = page(report(section(Entry("torch", missing="not <installed>"))))
    assert "<svg" not in text and "not &lt;installed&gt;" in text
