"""Lines on axes: what is drawn is where its numbers are."""

from __future__ import annotations

from math import inf
from xml.etree import ElementTree

import pytest

from archspec.plot import BAND, Axis, Flag, Line, frame, marks, plot

SIZE = (720.0, 280.0)
SVG = "{http://www.w3.org/2000/svg}"
LOG = Axis("error", log=True)


def test_a_decade_is_as_high_as_another() -> None:
    points = [(0, 1e-16), (1, 1e-12), (2, 1e-8)]
    laid = frame([Line("a", points)], Axis("x"), LOG, SIZE)
    first, second, third = (laid.place(y, 0) for _, y in points)
    assert first - second == pytest.approx(second - third) and first > third
    assert laid.x.at(1) == pytest.approx((laid.x.at(0) + laid.x.at(2)) / 2)
    assert laid.zero is None and laid.far is None
    texts = [text for _, text in marks(laid.y)]
    assert texts[0] == "1e-16" and texts[-1] == "1e-8"


def test_zero_and_infinity_have_bands_outside_the_axis() -> None:
    one = Line("a", [(0, 0.0), (1, 1e-15), (2, inf)])
    other = Line("b", [(0, 0.0), (2, 1e-3)])
    laid = frame([one, other], Axis("x"), LOG, SIZE)
    assert laid.zero is not None and laid.far is not None
    lanes = [laid.place(0.0, lane) for lane in (0, 1)]
    assert all(laid.zero < lane < laid.zero + BAND for lane in lanes)
    assert lanes[0] != lanes[1], "equal lines are both seen"
    assert laid.place(1e-15, 0) <= laid.zero
    assert laid.far < laid.place(inf, 0) < laid.far + BAND <= laid.place(1e-3, 0)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.1, 2.3, ["0", "0.5", "1", "1.5", "2", "2.5"]),
        (1, 20, ["0", "5", "10", "15", "20"]),
        (90, 100, ["90", "92", "94", "96", "98", "100"]),
    ],
)
def test_marks_of_a_linear_axis_are_round(
    low: float, high: float, texts: list[str]
) -> None:
    laid = frame([Line("a", [(0, low), (1, high)])], Axis("x"), Axis("y"), SIZE)
    assert [text for _, text in marks(laid.y)] == texts


def test_the_picture_is_xml_and_names_are_text() -> None:
    hostile = "<script>alert(1)</script>&\"'\x00\ud800"
    lines = [
        Line(hostile, [(0, 1e-3), (1, 0.0), (2, inf)]),
        Line("dots", [(0, 1e-2), (2, 1e-1)], "dots"),
        Line("floor", [(1, 1e-5)], "floor"),
        Line("bound", [(0, 1.0), (2, 1.0)], "bound"),
    ]
    axis = Axis(hostile, bands=[(0, hostile), (1, "b")], ends=(0, 2))
    text = plot(
        lines, axis, Axis(hostile, log=True), title=hostile, flags=[Flag(1, hostile)]
    )
    text.encode()
    found = ElementTree.fromstring(text)
    kinds = {element.tag.removeprefix(SVG) for element in found.iter()}
    assert kinds == {"svg", "style", "rect", "text", "path", "circle"}
    said = [element.text for element in found.iter(f"{SVG}text")]
    assert sum("<script>" in (words or "") for words in said) >= 3


@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(0.0, inf)], [(3.0, 1e-300)]])
@pytest.mark.parametrize("log", [True, False])
def test_little_to_draw(points: list[tuple[float, float]], log: bool) -> None:
    if points and points[0][1] == inf and not log:
        points = [(0.0, 5.0)]
    ElementTree.fromstring(plot([Line("a", points)], Axis("x"), Axis("y", log=log)))


def test_a_long_line_keeps_its_peaks() -> None:
    points = [(float(n), 1e-15) for n in range(5000)]
    points[2345] = (2345.0, 1e-2)
    text = plot([Line("a", points)], Axis("x"), LOG)
    laid = frame([Line("a", points)], Axis("x"), LOG, SIZE, 22.0)
    peak = f"{laid.place(1e-2, 0):.1f}".removesuffix(".0")
    assert f" {peak}" in text
    assert len(text) < 30_000
