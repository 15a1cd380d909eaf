"""A report for machines; docs/diff.md says what the keys mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.diffing.report import Report

VERSION = 1


def data(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    known = report.tensors
    return {
        "archspec_diff": VERSION,
        "a": _side(report, 0),
        "b": _side(report, 1),
        "answer": report.verdict.answer,
        "text": report.verdict.text,
        "changes": [
            {
                "kind": change.kind,
                "where": change.where,
                "text": change.text,
                "count": change.count,
                "instances": change.of,
                "places": [
                    {
                        "a": [*fact.one],
                        "b": [*fact.other],
                        "attribute": fact.attribute or None,
                        "before": _plain(fact.before),
                        "after": _plain(fact.after),
                    }
                    for fact in change.facts
                ],
            }
            for change in report.changes
        ],
        "nodes": [
            [a.name, b.name]
            for a, b in report.found.pairs
            if a.node is not None and b.node is not None
        ],
        "shapes": [
            {"a": a, "before": [*before], "b": b, "after": [*after]}
            for a, before, b, after in report.shapes
        ],
        "tensors": {
            "kept": known.kept,
            "renamed": known.renamed,
            "resized": known.resized,
            "lost": known.lost,
            "new": known.new,
        },
        "rename": report.rename,
        "totals": {
            name: {"before": before, "after": after}
            for name, (before, after) in report.totals.items()
        },
    }


def _side(report: Report, number: int) -> dict[str, Any]:
    spec = (report.one, report.other)[number]
    called = report.called[number]
    return {"spec": called, "name": spec.name, "fingerprint": spec.fingerprint}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [*map(_plain, value)] if isinstance(value, tuple | list) else value
