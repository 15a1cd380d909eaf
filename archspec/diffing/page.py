"""A report as one HTML file, for attaching to a pull request: both nets in one picture.

The first net's parts stand as `archspec draw` has them, and among them what the second
one adds: added is green, removed red, and changed amber, with both values. What is
unchanged is folded, and so are instances that changed as the first one did. The page
needs no network, and is readable without scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from archspec.diffing.changes import Fact
from archspec.diffing.report import Report
from archspec.diffing.text import heading, report_line, text, totals
from archspec.diffing.told import Change
from archspec.diffing.wiring import inputs
from archspec.drawing import Above, Mark, draw_both
from archspec.errors import plain

STYLE = """
:root{color-scheme:light dark}
.above{font:15px/1.45 system-ui,sans-serif;margin:24px auto;padding:0 16px;
max-width:1500px}
.above h1{font-size:20px;margin:0}
.above h2{font-size:15px;margin:24px 0 8px}
.answer{margin:4px 0 16px}
.answer::before{content:"";display:inline-block;width:.8em;height:.8em;border-radius:50%;
margin-right:.5em;background:#9a6700}
.equal::before{background:#1a7f37}.different::before{background:#c1272d}
.above table{border-collapse:collapse}
.above td,.above th{padding:2px 14px 2px 0;text-align:left;vertical-align:top}
.above th[scope=row]{font-weight:normal}
.wide{overflow-x:auto}
.above td.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tr.added td:first-child{color:light-dark(#1a7f37,#4ac26b)}
tr.removed td:first-child{color:light-dark(#c1272d,#ff7b72)}
.changes td:first-child{font-family:monospace;font-weight:bold}
.above pre{overflow-x:auto;font-size:13px}
.above a{color:inherit}
"""
KINDS = {"+": "added", "-": "removed", "~": "changed"}
MOST = 6
"""Lines that one box has."""
LITTLE = 0.2
"""Of the smaller net's nodes; with fewer in both a picture of both says nothing."""


def page(report: Report) -> str:
    """The whole document."""
    drawn = bool(report.changes) and _common(report) >= LITTLE
    parts = [
        f"<h1>{escape(heading(report))}</h1>",
        f'<p class="answer {report.verdict.answer.replace(" ", "-")}">'
        f"{escape(plain(report_line(report)))}</p>",
        *_changes(report, drawn),
        *_totals(report),
        "<details><summary>The same as text</summary>",
        f"<pre>{escape(text(report))}</pre></details>",
    ]
    if drawn:
        parts += [
            "<h2>Both nets</h2>",
            "<p>The parts of the first net; what only the second has is green, what it "
            "lacks is red, and what it changes is amber.</p>",
        ]
        above = Above(heading(report), "\n".join(parts), STYLE)
        one, other = report.one.graph, report.other.graph
        return str(
            draw_both(one, other, pairs(report), marks(report), "html", above=above)
        )
    if report.changes:
        parts.append("<p>The nets have too little in common for a picture of both.</p>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(heading(report))}</title><style>{STYLE}</style></head>\n"
        f'<body><main class="above">{body}</main></body></html>\n'
    )


def _common(report: Report) -> float:
    """Which part of the nodes of the smaller net both have."""
    nodes = sum(a.node is not None is not b.node for a, b in report.found.pairs)
    return nodes / min(len(report.one.graph), len(report.other.graph))


def _changes(report: Report, linked: bool) -> Iterator[str]:
    if not report.changes:
        return
    yield "<h2>Changes</h2>"
    yield '<div class="wide"><table class="changes">'
    yield "<tr><th></th><th>where</th><th>change</th></tr>"
    for change in report.changes:
        cells = (change.sign, change.where, f"{change.text}{change.times()}")
        row = [escape(plain(cell)) for cell in cells]
        name = _first(change) if linked else ""
        if name:
            shown = 1 if row[1] else 2
            row[shown] = (
                f'<a href="#drawing" data-node="{escape(name)}">{row[shown]}</a>'
            )
        row[0] = f'<span title="{KINDS[row[0]]}">{row[0]}</span>'
        told = "".join(f"<td>{cell}</td>" for cell in row)
        yield f'<tr class="{change.kind}">{told}</tr>'
    yield "</table></div>"


def _first(change: Change) -> str:
    """The part of the picture where a change is first seen."""
    fact = change.facts[0]
    if not _inside(fact):
        return ""
    return next(iter(fact.one or fact.other), "")


def _totals(report: Report) -> Iterator[str]:
    rows = [*totals(report)]
    if not rows:
        return
    yield "<h2>Totals</h2>"
    yield '<div class="wide"><table>'
    names = "".join(f"<th>{escape(plain(name))}</th>" for name in report.called)
    yield f"<tr><th></th>{names}<th></th></tr>"
    for name, *numbers in rows:
        cells = "".join(f'<td class="number">{escape(n)}</td>' for n in numbers)
        yield f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    yield "</table></div>"


def pairs(report: Report) -> dict[str, str]:
    """What is the same part of both nets, by path: nodes, blocks and inputs."""
    found = inputs(report.one.graph, report.other.graph)
    found |= {a.name: b.name for a, b in report.found.pairs if a.parent is not None}
    return found


def marks(report: Report) -> dict[str, Mark]:
    """What is said of the parts that both nets have, by path in the first."""
    told: dict[str, dict[str, None]] = {}
    for fact in report.facts:
        if _inside(fact) and fact.kind not in ("added", "removed"):
            for name in fact.one:
                told.setdefault(name, {})[fact.text] = None
    return {
        name: Mark("changed", "\n".join(map(plain, [*texts][:MOST])))
        for name, texts in told.items()
    }


def _inside(fact: Fact) -> bool:
    """Whether it is about parts of the nets, and not about their outside."""
    return fact.kind not in ("param", "input", "output", "tap")
