"""Reports as one page: errors along the depth of the net, above the net's picture.

The page needs no network. Without scripts it has the curves, the layers' table and
the picture, in which the nodes that differ are open and marked; with them a curve says
what lies under the pointer, and a click shows that node in the picture.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from math import isfinite

from archspec import plot
from archspec.drawing import Above, Mark, draw
from archspec.drawing.labels import clean
from archspec.graph import Graph
from archspec.opening import load
from archspec.verify.alone import BACKWARD, FORWARD
from archspec.verify.bisection import Finding
from archspec.verify.comparison import Curve
from archspec.verify.depth import CHECK
from archspec.verify.exact import CHECKS
from archspec.verify.own import TITLES
from archspec.verify.report import HEADER, STYLES, Report, cells

LEADING = (CHECK, *TITLES.values(), CHECKS["nodes"])
"""Curves that are open at first; others are, where one fails."""
WIDE = 1000.0


def page(reports: Sequence[Report]) -> str:
    """The document on one net, in one precision or several."""
    setting = reports[0].setting
    graph = load(setting.spec, params=setting.params, size=setting.size).graph
    order = {node.name: number for number, node in enumerate(graph.nodes)}
    marks = _marks(reports, order)
    told: list[str] = []
    shown: list[str] = []
    for report in reports:
        told += _section(report, graph, order, shown)
    nodes = [[node.name, node.op.kind] for node in graph.nodes]
    data = {"nodes": nodes, "left": plot.MARGIN["left"], "right": plot.MARGIN["right"]}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    passed = all(report.passed for report in reports)
    answer = "equal" if passed else "not shown equal"
    title = clean(graph.title or graph.name)
    body = (
        f"<h1>{escape(title)}: {answer}</h1>"
        f'<p><a href="#drawing">The picture of the net</a> is below.</p>'
        + "".join(told)
        + f'<script type="application/json" id="curves">{safe}</script>'
    )
    above = Above(
        f"{title}: {answer}",
        body,
        _asset("page.css")
        + plot.LIGHT
        + "@media (prefers-color-scheme:dark){:root:not([data-theme=light]){"
        + plot.DARK
        + "}}:root[data-theme=dark]{"
        + plot.DARK
        + "}",
        _asset("page.js"),
    )
    return str(draw(graph, "html", marks=marks, above=above))


def _asset(name: str) -> str:
    return files("archspec.verify").joinpath(name).read_text(encoding="utf-8")


def _marks(reports: Sequence[Report], order: Mapping[str, int]) -> dict[str, Mark]:
    """The nodes that are found to differ, with who differs there."""
    said: dict[str, dict[str, None]] = {}
    for report in reports:
        for key, found in report.proof.findings if report.proof else ():
            if isinstance(found, Finding) and found.node in order:
                said.setdefault(found.node, {})[f"{key}, by {_number(found.error)}"] = (
                    None
                )
    return {name: Mark("differs", "; ".join(texts)) for name, texts in said.items()}


def _number(value: float) -> str:
    return f"{value:.1e}" if isfinite(value) else "no number"


def _section(
    report: Report, graph: Graph, order: Mapping[str, int], shown: list[str]
) -> Iterator[str]:
    proof = report.proof
    yield f"<h2>{escape(clean(report.title()))}</h2>"
    for key, found in proof.findings if proof else ():
        text = found.text if isinstance(found, Finding) else found
        words = f"{escape(clean(key))}: {escape(clean(text))}"
        if isinstance(found, Finding) and found.node in order:
            words += f" {_link(found.node)}"
        yield f'<p class="found">{words}</p>'
    wrong = (
        {(row.check, row.target) for row in proof.rows if row.verdict == "FAIL"}
        if proof
        else set()
    )
    checks: dict[str, list[Curve]] = {}
    for curve in proof.curves if proof else ():
        if len(curve.errors) > 1:
            checks.setdefault(curve.check, []).append(curve)
    first = sorted(checks, key=lambda c: LEADING.index(c) if c in LEADING else 99)
    for check in first:
        fails = any((check, curve.target) in wrong for curve in checks[check])
        opened = " open" if fails or check in LEADING else ""
        words = escape(f"{check}{': differs' if fails else ''}")
        yield f"<details{opened}><summary>{words}</summary>"
        yield _chart(checks[check], graph, order)
        yield "</details>"
    yield '<div class="wide"><table class="layers"><tr>'
    yield "".join(f"<th>{name}</th>" for name in HEADER)
    yield "</tr>"
    there = report.cells()
    for row in proof.rows if proof else ():
        if cells(row) in there:
            *values, outcome = (escape(clean(cell)) for cell in cells(row))
            node = row.where if row.where in order else row.where.rpartition(".")[0]
            if node in order:
                values[-1] = _link(node, row.where)
            kind = {"green": "pass", "dim": "none"}.get(
                STYLES.get(row.verdict, ""), "bad"
            )
            line = "".join(f"<td>{value}</td>" for value in values)
            yield f'<tr>{line}<td class="{kind}">{outcome}</td></tr>'
    yield "</table></div>"
    marked = {
        str(f.text)
        for _, f in (proof.findings if proof else ())
        if isinstance(f, Finding)
    }
    for line in report.lines():
        if not any(text in line for text in marked):
            yield f"<p>{escape(clean(line))}</p>"


def _link(name: str, words: str = "") -> str:
    """A link to a node in the picture."""
    shown = escape(clean(words or name))
    return f'<a href="#drawing" data-node="{escape(clean(name))}">{shown}</a>'


def _chart(curves: Sequence[Curve], graph: Graph, order: Mapping[str, int]) -> str:
    """One check of every backend, with what the pointer says of each node."""
    kind = "dots" if curves[0].check in (FORWARD, BACKWARD) else "line"
    names = sorted(
        {n for curve in curves for n in curve.errors if n in order},
        key=order.__getitem__,
    )
    lines = []
    values: dict[str, list[str]] = {}
    for curve in curves:
        points = [
            (float(order[n]), curve.errors[n]) for n in names if n in curve.errors
        ]
        equal = all(y == 0 for _, y in points)
        name = f"{curve.target}: 0 throughout" if equal else curve.target
        lines.append(plot.Line(name, points, kind))
        values[curve.target] = _row(names, curve.errors)
    floors = _joined((curve.floors for curve in curves), max)
    limits = _joined((curve.limits for curve in curves), min)
    for name, found, look in (("floor", floors, "floor"), ("bound", limits, "bound")):
        if found:
            name += ": 0, the very bits" * (not any(found.values()))
            points = [(float(order[n]), found[n]) for n in names if n in found]
            lines.append(plot.Line(name, points, look))
            values[name] = _row(names, found)
    flags: list[plot.Flag] = []
    for curve in curves:
        beyond = (
            n
            for n in names
            if curve.errors.get(n, 0.0) > curve.limits.get(n, float("inf"))
        )
        wrong = next(beyond, None)
        if wrong is not None and not any(f.x == order[wrong] for f in flags):
            flags.append(plot.Flag(order[wrong], f"{wrong} differs on {curve.target}"))
    flat = all(y == 0 for line in lines for _, y in line.points)
    made = plot.plot(
        lines,
        plot.Axis(
            "nodes, in the order of the net", bands=_parts(graph), ends=_ends(graph)
        ),
        plot.Axis("" if flat else "relative error", log=True),
        size=(WIDE, 96.0 if flat else 300.0),
        flags=flags[:1],
        style="",
    )
    at = [order[n] for n in names]
    data = json.dumps([at, [*values], [*values.values()]], separators=(",", ":"))
    return (
        f'<figure class="curve" tabindex="0" data-values="{escape(data)}" '
        f'data-last="{len(graph.nodes) - 1}">{made}'
        '<figcaption class="readout" aria-live="polite"></figcaption></figure>'
    )


def _row(names: Sequence[str], found: Mapping[str, float]) -> list[str]:
    """Numbers as they are read; one text where all are alike."""
    said = [
        ("0" if not found[n] else _number(found[n])) if n in found else ""
        for n in names
    ]
    return said[:1] if len(set(said)) == 1 else said


def _joined(
    found: Iterator[Mapping[str, float]], choose: Callable[[float, float], float]
) -> dict[str, float]:
    """Of each node the number that is chosen of all backends'."""
    made: dict[str, float] = {}
    for one in found:
        for name, value in one.items():
            made[name] = choose(made.get(name, value), value)
    return made


def _parts(graph: Graph) -> list[tuple[float, str]]:
    """Where each part of the net begins, as its names have it."""
    found: list[tuple[float, str]] = []
    for number, node in enumerate(graph.nodes):
        part = node.name.partition(".")[0]
        if not found or found[-1][1] != part:
            found.append((float(number), part))
    return found


def _ends(graph: Graph) -> tuple[float, float]:
    return 0.0, float(max(len(graph.nodes) - 1, 1))
