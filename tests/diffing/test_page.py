"""A report as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import command, done
from diffing.pairs_of_nets import Pair, pairs, spec

import archspec
from archspec.diffing.page import marked, page
from archspec.diffing.report import Report, compare
from archspec.drawing import Mark

LIGHT = 300_000
"""Bytes of a page that one attaches to a pull request."""


def between(one: str, other: str) -> Report:
    return compare(archspec.load(one), archspec.load(other))


def pictures(text: str) -> list[ElementTree.Element]:
    """The pictures of a page, each valid XML."""
    found = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    return [ElementTree.fromstring(picture) for picture in found]


class Checker(HTMLParser):
    """Every element is closed, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("pair", pairs()[::4], ids=lambda pair: pair.path.stem)
def test_a_page_is_whole(pair: Pair) -> None:
    report = compare(*pair.specs())
    text = page(report)
    checker = Checker()
    checker.feed(text)
    assert not checker.open
    assert len(pictures(text)) == 2 * bool(report.changes)
    assert len(text.encode()) < LIGHT
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text)


def test_colours() -> None:
    """Added is green in the second net, removed red in the first, changed amber twice."""
    one = spec("resnet18")
    report = compare(one, archspec.load("resnet18d"))
    first, second = marked(report, 0), marked(report, 1)
    assert second["layer2.0.downsample.0"] == Mark("added")
    assert second["layer2.0.downsample.1"] == Mark("changed", "stride 2 -> 1")
    assert first["layer2.0.downsample.0"] == Mark("changed", "stride 2 -> 1")
    back = marked(compare(archspec.load("resnet18d"), one), 0)
    assert back["layer2.0.downsample.0"] == Mark("removed")


def test_what_changed_alike_is_shown_once() -> None:
    marks = marked(between("resnet50", "seresnet50"), 1)
    assert marks["layer1.0.se"] == Mark("added")
    assert marks["layer1.1"] == Mark("changed", "as in layer1.0")
    assert "layer1.1.se" not in marks and "layer1.2.bn3" not in marks


def test_a_net_and_itself_has_no_pictures() -> None:
    text = page(between("resnet18", "resnet18"))
    assert "equal: no difference" in text and not pictures(text)


def test_hostile_texts() -> None:
    """A param's text, which a report shows, is no markup."""
    told = "<script>alert(1)</script>"
    net = f"""archspec: 1
name: net
params: {{mode: "{told}"}}
inputs: {{image: [3, 8, 8]}}
graph: [{{op: conv2d, channels: "=4 if mode != 1 else 1", kernel: 1}}]
"""
    one, other = archspec.loads(net), archspec.loads(net.replace("alert(1)", ""))
    text = page(compare(one, other, ("<b>a</b>.yaml", "b.yaml")))
    assert "<script>" not in text and "<b>" not in text
    assert "&lt;script&gt;" in text and "&lt;b&gt;" in text


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "2 -> 4 basic_block" in done(
        "diff", "resnet18", "resnet34", "--html", "net.html"
    )
    assert "2 -&gt; 4 basic_block" in Path("net.html").read_text()
    again = command("diff", "resnet18", "resnet34", "--html", "net.html")
    assert again.exit_code == 1 and "--force" in again.stderr
    done("diff", "resnet18", "resnet34", "--html", "net.html", "--force")
    wrong = command("diff", "resnet18", "resnet34", "--html", "net.txt")
    assert wrong.exit_code == 1 and "ends in .html" in wrong.stderr
