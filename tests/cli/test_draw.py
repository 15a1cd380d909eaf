"""`archspec draw`: each kind of file, and what is refused."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import command as run

import archspec
from archspec.authoring import gallery
from archspec.drawing import Mark, draw

HOSTILE = """
archspec: 1
name: hostile
title: '</script><script>alert(1)</script><img src=x onerror=alert(2)>"&@@DATA@@'
description: "]]> --> </style><svg onload=alert(3)> \\u202e"
inputs: {x: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, padding: 1}
  relu: relu
taps: {c1: conv}
"""
THREE = """
archspec: 1
name: three
inputs: {left: [8, 16, 16], right: [8, 16, 16], late: [8, 8, 8]}
graph:
  a: {op: conv2d, from: left, channels: 16, kernel: 3, padding: 1}
  b: {op: conv2d, from: right, channels: 16, kernel: 3, padding: 1}
  sum: {op: add, from: [a, b]}
  pool: {op: max_pool2d, kernel: 2, stride: 2}
  c: {op: conv2d, from: late, channels: 16, kernel: 1}
  all: {op: concat, from: [pool, c]}
outputs: {mask: all, edge: sum}
"""


class Tags(HTMLParser):
    """Counts the elements of a page, as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_hostile_texts_are_no_markup() -> None:
    graph = archspec.loads(HOSTILE).graph
    marks = {"conv": Mark("changed", "</text><script>alert(4)</script>")}
    page = Tags(str(draw(graph, "html", marks=marks)))
    plain = Tags(str(draw(archspec.load("resnet18").graph, "html")))
    assert page.seen["script"] == plain.seen["script"] == 2
    assert page.seen["img"] == 0 and page.seen["style"] == plain.seen["style"]
    assert not page.handlers
    svg = str(draw(graph, marks=marks))
    tags = {e.tag.partition("}")[2] for e in ElementTree.fromstring(svg).iter()}
    assert not tags & {"script", "img"}
    assert "\u202e" not in svg
    assert "<script" not in str(draw(graph, "mmd", marks=marks))


def test_several_inputs_and_outputs() -> None:
    svg = str(draw(archspec.loads(THREE).graph))
    texts = [e.text for e in ElementTree.fromstring(svg).iter() if e.text]
    assert {"left", "right", "late", "output mask", "output edge"} <= set(texts)


@pytest.mark.parametrize("kind", ["html", "svg", "png", "mmd", "dot"])
def test_each_kind(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{kind}"
    done = run("draw", "resnet18", "-o", str(path))
    assert (done.exit_code, done.stdout) == (0, f"wrote {path}\n")
    begins = {
        "html": b"<!DOCTYPE html>",
        "svg": b"<svg",
        "png": b"\x89PNG",
        "mmd": b"flowchart",
        "dot": b"digraph",
    }
    assert path.read_bytes().startswith(begins[kind])
    again = run("draw", "resnet18", "-o", str(path))
    assert again.exit_code == 1 and "--force overwrites it" in again.stderr


def test_diagrams_have_the_edges() -> None:
    graph = archspec.load("resnet18").graph
    text = str(draw(graph, "dot", depth=1))
    found = re.findall(r"n(\d+) -> n(\d+)", text)
    assert found == [(str(n), str(n + 1)) for n in range(11)]
    assert text.count("{") == text.count("}")
    mermaid = str(draw(graph, "mmd", depth=1))
    assert mermaid.count("-->") == 11 and "layer3 stage" in mermaid


@pytest.mark.parametrize("kind", ["added", "removed", "changed", "differs"])
def test_diagrams_have_marks(kind: str) -> None:
    graph = archspec.load("resnet18").graph
    plain = str(draw(graph, "dot"))
    marked = str(draw(graph, "dot", marks={"conv1": Mark(kind)}))
    assert marked.count("color=") == plain.count("color=") + 1
    assert f" {kind}\n" in str(draw(graph, "mmd", marks={"conv1": Mark(kind)}))


def test_a_repeat_is_one_box_and_a_stage_is_not() -> None:
    svg = str(draw(archspec.load("resnet50").graph, depth=2))
    counts = re.findall("bottleneck \u00d7 ([0-9]+)", svg)
    assert counts == ["3", "4", "6", "3"]
    opened = str(draw(archspec.load("resnet50").graph, opened=["layer3.0"]))
    assert "without downsample" in opened and "conv2 stride" in opened


def test_options(tmp_path: Path) -> None:
    done = run("draw", "resnet18", "-o", "-", "--depth", "1", "--taps")
    assert "output c5" in done.stdout and ">fc<" not in done.stdout
    done = run(
        "draw", "resnet18", "-o", "-", "--input-size", "64", "--set", "depths=[1,1,1,1]"
    )
    assert "3 \u00d7 64 \u00d7 64" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resnet18", "-o", "net.gif"], "expected a file that ends in .html"),
        (["resnet18", "-o", "-", "--open", "layr1"], "did you mean 'layer1'?"),
        ([], "expected a SPEC, or --all"),
        (["resnet18", "--all"], "--all draws every net"),
    ],
)
def test_what_is_refused(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("draw", *words)
    assert done.exit_code == 1 and said in done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())


def test_the_index_of_the_gallery() -> None:
    from archspec.listing import nets

    found = [net for net in nets() if net.name in ("resnet18", "resnet50")]
    page = gallery.index(
        [(n, [f"{n.name}.html", f"{n.name}.svg", f"{n.name}.yaml"]) for n in found]
    )
    assert "25,557,032" in page and "81.214" in page and "resnet50.yaml" in page


@pytest.mark.proof
def test_the_gallery(tmp_path: Path) -> None:
    done = run("draw", "--all", "-o", str(tmp_path / "site"))
    assert done.exit_code == 0, done.stderr
    names = set(os.listdir(tmp_path / "site"))
    text = (tmp_path / "site" / "index.html").read_text()
    assert set(re.findall('(?:href|src)="([^"]*)"', text)) <= names
    assert json.dumps("resnet50_torch.py")[1:-1] in names
