"""A report as one HTML file, for attaching to a pull request: both nets side by side.

What is unchanged is folded, and so are instances that changed as the first one did.
What was added is green in the second net, what was removed red in the first, and what
changed amber in both, with both values. The page needs no network and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from archspec.diffing.changes import Fact
from archspec.diffing.items import Item
from archspec.diffing.report import Report
from archspec.diffing.text import heading, report_line, text, totals
from archspec.drawing import Mark, draw
from archspec.errors import plain

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;margin:24px auto;padding:0 16px;
max-width:1500px}
h1{font-size:20px;margin:0}
h2{font-size:15px;margin:24px 0 8px}
.answer{margin:4px 0 16px}
.answer::before{content:"";display:inline-block;width:.8em;height:.8em;border-radius:50%;
margin-right:.5em;background:#9a6700}
.equal::before{background:#1a7f37}.different::before{background:#c1272d}
table{border-collapse:collapse}
td,th{padding:2px 14px 2px 0;text-align:left;vertical-align:top}
td.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tr.added td:first-child{color:#1a7f37}tr.removed td:first-child{color:#c1272d}
td:first-child{font-family:monospace;font-weight:bold}
.nets{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}
figure{margin:0;overflow-x:auto;max-width:100%;flex:1 1 400px}
figcaption{font-weight:bold;margin-bottom:8px}
figure svg{max-width:100%;height:auto}
pre{overflow-x:auto;font-size:13px}
"""
MOST = 3
"""Texts that one mark has."""


def page(report: Report) -> str:
    """The whole document."""
    parts = [
        f"<h1>{escape(heading(report))}</h1>",
        f'<p class="answer {report.verdict.answer.replace(" ", "-")}">'
        f"{escape(plain(report_line(report)))}</p>",
        *_changes(report),
        *_totals(report),
    ]
    if report.changes:
        parts += ["<h2>Both nets</h2>", '<div class="nets">', *_nets(report), "</div>"]
    parts += [
        "<details><summary>The same as text</summary>",
        f"<pre>{escape(text(report))}</pre></details>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(heading(report))}</title><style>{STYLE}</style></head>\n"
        f"<body>\n{_lines(parts)}\n</body></html>\n"
    )


def _lines(parts: list[str]) -> str:
    return "\n".join(parts)


def _changes(report: Report) -> Iterator[str]:
    if not report.changes:
        return
    yield "<h2>Changes</h2>"
    yield "<table>"
    for change in report.changes:
        cells = (change.sign, change.where, f"{change.text}{change.times()}")
        row = "".join(f"<td>{escape(plain(cell))}</td>" for cell in cells)
        yield f'<tr class="{change.kind}">{row}</tr>'
    yield "</table>"


def _totals(report: Report) -> Iterator[str]:
    rows = [*totals(report)]
    if not rows:
        return
    yield "<h2>Totals</h2>"
    yield "<table>"
    names = "".join(f"<th>{escape(plain(name))}</th>" for name in report.called)
    yield f"<tr><th></th>{names}<th></th></tr>"
    for name, *numbers in rows:
        cells = "".join(f'<td class="number">{escape(n)}</td>' for n in numbers)
        yield f"<tr><td>{escape(name)}</td>{cells}</tr>"
    yield "</table>"


def _nets(report: Report) -> Iterator[str]:
    graphs = report.one.graph, report.other.graph
    for side, graph in enumerate(graphs):
        marks = marked(report, side)
        drawn = draw(graph, depth=1, marks=marks)
        yield f"<figure><figcaption>{escape(plain(report.called[side]))}</figcaption>"
        yield str(drawn)
        yield "</figure>"


def marked(report: Report, side: int) -> dict[str, Mark]:
    """What is said of the nodes and blocks of one net, by path.

    Of instances that changed alike the first has it node by node.
    """
    texts: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    for fact in report.facts:
        for name in (fact.one, fact.other)[side] if _inside(fact) else ():
            kind = fact.kind if fact.kind in ("added", "removed") else "changed"
            kinds.setdefault(name, kind)
            told = texts.setdefault(name, [])
            if kind == "changed" and fact.text not in told:
                told.append(fact.text)
    marks = {
        name: Mark(kind, plain("; ".join(texts[name][:MOST])))
        for name, kind in kinds.items()
    }
    root = (report.found.one, report.found.other)[side]
    return _folded(root, marks, {})


Seen = dict[tuple[str, tuple[tuple[str, Mark], ...]], str]
"""By a block's title and the marks in it: where that was first."""


def _folded(item: Item, marks: Mapping[str, Mark], seen: Seen) -> dict[str, Mark]:
    """The marks in a part; a block with the marks of another one has one mark."""
    found: dict[str, Mark] = {}
    for child in item.children:
        if child.name in marks:
            found[child.name] = marks[child.name]
        inside = tuple(
            (inner.name[len(child.name) :], marks[inner.name])
            for inner in child.items()
            if inner is not child and inner.name in marks
        )
        if not inside:
            continue
        first = seen.setdefault((child.title, inside), child.name)
        if first != child.name and child.name not in marks:
            found[child.name] = Mark("changed", f"as in {first}")
        else:
            found |= _folded(child, marks, seen)
    return found


def _inside(fact: Fact) -> bool:
    """Whether it is about parts of the nets, and not about their outside."""
    return fact.kind not in ("param", "input", "output", "tap")
