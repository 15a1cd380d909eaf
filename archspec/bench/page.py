"""A report as one HTML file: bars and tables, without a script or a network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from statistics import median

from archspec.bench.report import Report, cells, columns, milliseconds, plural
from archspec.bench.section import Section
from archspec.errors import plain

STYLE = """
:root{color-scheme:light dark;--bar:#3a6fb5;--first:#5f6f7a;--other:#b97a1c;
--line:#66717d;--dim:#4a5460}
@media (prefers-color-scheme:dark){:root{--bar:#7fb0ee;--first:#9fb0bb;
--other:#e0a94f;--line:#8d99a6;--dim:#b4bfca}}
body{font:15px/1.45 system-ui,sans-serif;margin:24px auto;padding:0 16px;
max-width:1100px}
h1{font-size:20px;margin:0 0 16px}
h2{font-size:15px;margin:32px 0 8px}
p{margin:2px 0}.dim{color:var(--dim);font-size:13px}
svg{display:block;margin:16px 0 8px}
svg text{font:14px system-ui,sans-serif;fill:currentColor}
.bar{fill:var(--bar)}.first{fill:var(--first)}.other{fill:var(--other)}
.range{stroke:currentColor;stroke-width:1.5}
.peak{stroke:var(--line);stroke-dasharray:4 3}
svg .value{text-anchor:end;font-variant-numeric:tabular-nums}
.table{overflow-x:auto;margin:8px 0}
table{border-collapse:collapse}
td,th{padding:2px 14px 2px 0;text-align:left;white-space:nowrap;
font-variant-numeric:tabular-nums}
.right{text-align:right}
td:first-child{font-family:monospace;font-weight:bold}
"""
ROW, BAR, TEXT = 44, 14, 15
"""Pixels of a row, of its bar, and of its text's baseline from the top."""


def page(report: Report) -> str:
    """The whole document."""
    title = escape(plain(f"{report.spec.name} on {_names(report)}"))
    parts = [f"<h1>{title}</h1>"]
    for section in report.sections:
        parts += _section(report, section)
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _names(report: Report) -> str:
    names = [contender.text for contender in report.plan.contenders]
    return ", ".join(names)


def _section(report: Report, section: Section) -> Iterator[str]:
    images = f"{section.batch} image{'s' * (section.batch > 1)}"
    shared = f", shared by {section.share}" if section.share > 1 else ""
    told = f"{images}, {plural(section)}: {section.compared} time of a run{shared}"
    yield f"<h2>{told}</h2>"
    if section.there:
        yield from (_bars(section), _table(section))
    for line in (*report.head(section), *report.notes(section)):
        yield f'<p class="dim">{escape(plain(line))}</p>'


def _bars(section: Section) -> str:
    """A bar for each backend, as wide as a share of the window; text keeps its size."""
    widest = max(max(section.runs(entry)) for entry in section.there)
    parts = []
    for number, entry in enumerate(section.there):
        top, runs = number * ROW, section.runs(entry)
        seconds = median(runs)
        kind = "first" if not number else "bar" if entry.same else "other"
        mark = "" if entry.same else " !"
        ratio = f", {section.ratio(entry).short}" if number else ""
        middle = top + TEXT + 6 + BAR / 2
        ends = [f"{100 * end / widest:.2f}%" for end in (min(runs), max(runs))]
        parts += [
            f'<text x="0" y="{top + TEXT}">{escape(entry.backend)}{mark}</text>',
            f'<text class="value" x="100%" y="{top + TEXT}">'
            f"{milliseconds(seconds)} ms{ratio}</text>",
            f'<rect class="{kind}" x="0" y="{top + TEXT + 6}" rx="2" '
            f'width="{100 * seconds / widest:.2f}%" height="{BAR}"/>',
            f'<line class="range" x1="{ends[0]}" x2="{ends[1]}" '
            f'y1="{middle}" y2="{middle}"/>',
        ]
    height = len(section.there) * ROW
    told = "bars are medians, lines reach from the least run to the greatest"
    best = section.peak() and section.flop / section.peak()
    if 0 < best < widest:
        place = f"{100 * best / widest:.2f}%"
        parts += [
            f'<line class="peak" x1="{place}" x2="{place}" y1="0" y2="{height}"/>'
        ]
        told += "; dashed: what the machine's peak would take"
    label = f"times of {len(section.there)} backends"
    return (
        f'<svg role="img" aria-label="{label}" width="100%" height="{height}">'
        f'{"".join(parts)}</svg><p class="dim">{told}</p>'
    )


def _table(section: Section) -> str:
    heads, there = columns(section), section.there
    kinds = [' class="right"' if column.right else "" for column in heads]
    titles = (column.heading for column in heads)
    rows = []
    for tag, texts in [("th", titles), *(("td", cells(section, e)) for e in there)]:
        pairs = zip(texts, kinds, strict=True)
        rows += ["".join(f"<{tag}{k}>{escape(text)}</{tag}>" for text, k in pairs)]
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="table"><table>{lines}</table></div>'
