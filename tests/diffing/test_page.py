"""A report as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import command, done
from diffing.pairs_of_nets import Pair, pairs

import archspec
from archspec.diffing.page import marks, page
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
        assert tag not in ("link", "img", "iframe")
        if tag not in ("meta", "input"):
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
    assert len(pictures(text)) == (bool(report.changes) and "too little in" not in text)
    assert len(text.encode()) < LIGHT
    assert not re.search(r"""(src|href)=["']?http""", text)


def test_what_is_said_of_a_part() -> None:
    """Each value that changed, in a line of its own; what is added says so itself."""
    found = marks(between("resnet34", "resnet50"))
    assert found["layer2.0.conv1"] == Mark(
        "changed", "kernel 3 -> 1\nstride 2 -> 1\npadding 1 -> 0"
    )
    assert found["layer2.0"].text == "becomes bottleneck"
    assert not any(mark.kind != "changed" for mark in found.values())


def test_a_change_leads_to_its_place() -> None:
    text = page(between("resnet50", "seresnet50"))
    assert '<a href="#drawing" data-node="layer1.0.se">block bottleneck</a>' in text
    assert '<a href="#drawing" data-node="layer1.0.bn3">' in text


def test_nets_with_little_in_common() -> None:
    text = page(between("resnet18", "vgg11"))
    assert "too little in common for a picture" in text
    assert not pictures(text) and "<script" not in text and "<a " not in text


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
    assert text.count("<script>") == 1 and "<b>" not in text
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
