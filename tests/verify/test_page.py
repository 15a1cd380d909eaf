"""The page of reports: its curves, its table, its picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from math import inf
from pathlib import Path
from typing import Any

import pytest

from archspec.verify.bisection import Finding
from archspec.verify.comparison import Curve, Row
from archspec.verify.depth import CHECK
from archspec.verify.exact import CHECKS
from archspec.verify.page import page
from archspec.verify.proof import Proof
from archspec.verify.report import Report
from archspec.verify.setting import Setting

HOSTILE = "</script><script>alert(1)</script>&\"'"
NAMES = [
    *("conv1", "bn1", "relu", "maxpool"),
    *(f"layer1.0.{name}" for name in ("conv1", "bn1", "relu1", "conv2", "bn2", "add")),
]


def report(*, wrong: str = "", title: str = "torch") -> Report:
    at = NAMES.index(wrong) if wrong else len(NAMES)
    errors = {n: 1e-15 if k < at else 1e-2 for k, n in enumerate(NAMES)}
    errors |= {NAMES[-1]: inf} if wrong else {}
    limits = dict.fromkeys(NAMES, 1e-12)
    floors = dict.fromkeys(NAMES, 2e-15)
    outcome = "FAIL" if wrong else "pass"
    where = wrong or NAMES[0]
    rows = (
        Row("float64", CHECKS["nodes"], title, "pass", 0.0, NAMES[0], limit=0.0),
        Row("float64", CHECK, title, outcome, errors[where], where, "", 2e-15, 1e-12),
    )
    finding = Finding(wrong, "relu", "net.yaml:1:1", 1e-2, f"{wrong!r} differs {title}")
    findings = ((f"{title}, float64", finding),) if wrong else ()
    curves = (
        Curve("float64", CHECKS["nodes"], title, dict.fromkeys(NAMES, 0.0)),
        Curve("float64", CHECK, title, errors, floors, limits),
    )
    proof = Proof(rows, findings, (), (), curves)
    return Report("resnet18", Setting("resnet18"), "torch", proof)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.found)


def test_what_is_equal() -> None:
    text = page([report()])
    assert "ResNet-18: equal" in text
    assert "torch: 0 throughout" in text, "bits that are equal are said to be"
    assert text.count('class="curve"') == 2
    assert text.index(f"<summary>{CHECK}") < text.index(f"<summary>{CHECKS['nodes']}")
    for look in ("ap-floor", "ap-bound", "ap-zero"):
        assert f'class="{look}"' in text, look
    assert 'class="ap-flag"' not in text and '"differs"' not in text
    assert "2.0e-15" in text and "1.0e-12" in text


def test_the_first_that_differs_is_flagged_and_open_in_the_picture() -> None:
    text = page([report(wrong="layer1.0.relu1")])
    assert "ResNet-18: not shown equal" in text
    assert text.count('class="ap-flag"') == 1
    assert "layer1.0.relu1 differs on torch" in text
    assert 'class="ap-far"' in text, "an infinite error has its place"
    assert '<a href="#drawing" data-node="layer1.0.relu1">' in text
    assert 'id="drawing"' in text
    assert "differs: torch, float64, by 1.0e-02" in text


def test_names_are_no_markup(tmp_path: Path) -> None:
    plain = Tags(page([report(wrong="layer1.0.relu1")]))
    hostile = page([report(wrong="layer1.0.relu1", title=HOSTILE)])
    assert "<script>alert" not in hostile
    found = Tags(hostile)
    assert found.count("script") == plain.count("script")
    assert not [
        key for _, attributes in found.found for key in attributes if key == "onload"
    ]
    net = tmp_path / "net.yaml"
    net.write_text(
        'archspec: 1\nname: net\ntitle: "</title><script>alert(1)</script>"\n'
        "inputs: {image: [3, 8, 8]}\ngraph: {conv1: {op: conv2d, channels: 4, kernel: 1}}\n"
    )
    made = Report("net", Setting(str(net)), "torch", report().proof)
    assert "<script>alert" not in page([made])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.mark.proof
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser(browser: Any, tmp_path: Path, width: int) -> None:
    """The pointer reads the curve; its link shows the node in the picture."""
    path = tmp_path / "report.html"
    path.write_text(page([report(wrong="layer1.0.relu1")]))
    view = browser.new_page(viewport={"width": width, "height": 900})
    errors: list[str] = []
    view.on("pageerror", lambda error: errors.append(str(error)))
    view.goto(path.as_uri())
    figure = view.locator(".curve").first
    figure.focus()
    for _ in range(7):
        view.keyboard.press("ArrowRight")
    said = figure.locator(".readout").inner_text()
    assert said.startswith("layer1.0.relu1 (relu): torch 1.0e-02; floor 2.0e-15; bound")
    view.keyboard.press("Enter")
    assert view.locator("#panel h2").inner_text() == "layer1.0.relu1"
    assert view.locator("#stage rect.as-differs.as-chosen").is_visible()
    assert view.locator("#stage rect.as-differs").bounding_box()["y"] < 900
    assert view.evaluate("() => document.documentElement.scrollWidth") <= width
    assert not errors
    view.close()


@pytest.mark.proof
def test_without_scripts(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page([report(wrong="layer1.0.relu1")]))
    context = browser.new_context(java_script_enabled=False)
    view = context.new_page()
    view.goto(path.as_uri())
    assert view.locator("svg text", has_text="differs on torch").is_visible()
    assert view.locator("main svg text", has_text="differs: torch").is_visible()
    assert view.locator("table.layers tr").count() == 3
    context.close()


def test_what_was_not_run() -> None:
    made = Report(
        "resnet18", Setting("resnet18"), "torch", None, ("not run: <b> 9 GiB",)
    )
    text = page([made])
    assert (
        "not shown equal" in text and "&lt;b&gt; 9 GiB" in text and "<b> 9" not in text
    )
