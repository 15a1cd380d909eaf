"""A report as text for a terminal, and as Markdown for a review comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from archspec.diffing.changes import by
from archspec.diffing.report import Report
from archspec.diffing.told import Change
from archspec.errors import plain
from archspec.table import size

FEW = 4
"""Tensors that are named one by one."""
HEADINGS = {
    "parameters": "parameters",
    "buffers": "buffers",
    "macs": "MACs",
    "activation_bytes": "activations",
    "receptive_field": "receptive field",
    "nodes": "nodes",
}
MARKED = re.compile(r"[\\`*\[\]<|~&$!]|(?<!\w)_|_(?!\w)|(?<=:)//|(?<=www)\.")
"""What Markdown would read as marks, and as links."""
PEOPLE = re.compile("[@#]")
"""What hosts read as mentions of people, and of issues."""


def text(report: Report) -> str:
    """The report in plain text, several lines."""
    found = [heading(report), report_line(report), ""]
    found += [f"{change.sign} {plain(change.line())}" for change in report.changes]
    found += [""] * bool(report.changes)
    found += [*_tensors(report)]
    found += [*_shapes(report)]
    rows = [*totals(report)]
    widths = [max(len(row[n]) for row in rows) for n in range(4)] if rows else []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [row[n].rjust(widths[n]) for n in (1, 2, 3)]
        found.append("  ".join(cells).rstrip())
    while found and not found[-1]:
        found.pop()
    return "\n".join(found) + "\n"


def heading(report: Report) -> str:
    """What both nets are called."""
    return plain(" -> ".join(report.called))


def report_line(report: Report) -> str:
    """What there is to say in one line."""
    told = report.verdict.text
    known = report.tensors
    if report.verdict.answer == "different":
        told += f": {_counts(report)}"
    elif known.renamed:
        told += f"; {len(known.renamed)} of {len(known.ours)} tensors are renamed"
    starts = any(change.kind == "init" for change in report.changes)
    if starts and report.verdict.answer == "equal":
        told += ", from other initial values"
    if not report.changes and report.verdict.answer == "equal":
        told = "equal: no difference"
    return told


def _counts(report: Report) -> str:
    """What becomes of the first net's tensors, in words."""
    known = report.tensors
    counts = (
        (len(known.kept), "keep name and shape", "keeps name and shape"),
        (len(known.renamed), "are renamed", "is renamed"),
        (len(known.resized), "are resized", "is resized"),
        (len(known.lost), "are lost", "is lost"),
    )
    of = f"{len(known.ours)} tensors"
    there = [(n, one if n == 1 else many) for n, many, one in counts if n]
    if len(there) == 1:
        told = f"all {of} {there[0][1]}"
    else:
        told = f"of {of} " + ", ".join(f"{n} {what}" for n, what in there)
    new = len(known.new)
    return f"{told}; {new} {'is' if new == 1 else 'are'} new" if new else told


def _tensors(report: Report) -> Iterator[str]:
    known = report.tensors
    resized = [
        f"  {plain(name)} {by(known.ours[name])} -> {by(known.theirs[new])}"
        for name, new in known.resized.items()
    ]
    if resized:
        yield "resized tensors:"
        yield from _few(resized)
    if known.renamed and report.rename is None:
        yield "renamed tensors: more than options can say; --json has them"
    elif known.renamed and report.rename is not None:
        yield "renamed tensors, as options of `archspec build`:"
        pairs = report.rename.items()
        options = [f"  --rename '{plain(old)}={plain(new)}'" for old, new in pairs]
        yield from _few(options, 2 * FEW)
    if resized or known.renamed:
        yield ""


def _few(lines: Sequence[str], most: int = FEW) -> Iterator[str]:
    if len(lines) <= most:
        yield from lines
        return
    yield from lines[: most - 1]
    yield f"  and {len(lines) - most + 1} more"


def _shapes(report: Report) -> Iterator[str]:
    """How many nodes give another height or width, and which is the first."""
    pixels = [row for row in report.shapes if row[1][1:] != row[3][1:]]
    if pixels:
        name, before, _, after = pixels[0]
        told = f"{plain(name)} gives another size"
        if len(pixels) > 1:
            told = f"{len(pixels)} nodes give another size, first {plain(name)}"
        yield f"{told}: {by(before)} -> {by(after)}"
        yield ""


def totals(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """Rows of numbers: what is counted, before, after, and the difference."""
    if all(before == after for before, after in report.totals.values()):
        return
    for key, (before, after) in report.totals.items():
        if isinstance(before, str) or isinstance(after, str):
            if before != after:
                yield HEADINGS[key], str(before), str(after), ""
            continue
        shown = size if key == "activation_bytes" else "{:,}".format
        change = "" if before == after else _percent(before, after)
        if before != after or key in ("parameters", "macs"):
            yield HEADINGS[key], shown(before), shown(after), change


def _percent(before: int, after: int) -> str:
    if not before:
        return "new"
    part = 100 * (after - before) / before
    return f"{part:+.1f} %" if abs(part) < 1000 else f"x {after / before:.1f}"


def markdown(report: Report) -> str:
    """The report as a comment on a pull request: a table of numbers, and a list."""
    found = [f"**{marked(heading(report))}**: {marked(report_line(report))}", ""]
    rows = [*totals(report)]
    if rows:
        names = [*map(marked, report.called)]
        found += [f"| | {names[0]} | {names[1]} | |", "|---|--:|--:|--:|"]
        found += [f"| {' | '.join(map(marked, row))} |" for row in rows]
        found.append("")
    if report.changes:
        found += ["| | where | change |", "|---|---|---|"]
        found += [f"| {_row(change)} |" for change in report.changes]
    return "\n".join(found).rstrip() + "\n"


def _row(change: Change) -> str:
    cells = (
        f"`{change.sign}`",
        marked(change.where),
        marked(change.text + change.times()),
    )
    return " | ".join(cells)


def marked(found: str) -> str:
    """A text that Markdown shows as it is: no marks, no links, no mentions.

    Hosts look for people and issues in what is rendered, but not in code.
    """
    told = plain(found)
    if not PEOPLE.search(told):
        return MARKED.sub(r"\\\g<0>", told)
    longest = max((len(run) for run in re.findall("`+", told)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {told} {fence}".replace("|", r"\|")
