"""Reports of pairs of nets: those that were read, and random ones."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
import yaml
from diffing.edited import drawn, edits
from diffing.pairs_of_nets import Pair, pairs
from nets import computed, images, randomised
from proofs import KINDS, sampled

import archspec
from archspec import Spec
from archspec.authoring.resolved import render
from archspec.diffing.data import data
from archspec.diffing.report import Report, compare
from archspec.diffing.text import markdown, text
from archspec.renaming import renamed

ZOO = ("resnet20", "vgg11_bn", "resnet18", "keras_resnet50", "wrn_16_8", "seresnet18")


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.path.stem)
def test_a_pair(pair: Pair) -> None:
    one, other = pair.specs()
    report = compare(one, other)
    assert text(report) == pair.report
    check(report, compare(other, one))


def test_there_are_many() -> None:
    assert len(pairs()) >= 100


@pytest.mark.parametrize("name", sampled(archspec.list_specs(), KINDS))
def test_a_net_is_itself(name: str) -> None:
    spec = archspec.load(name)
    same(compare(spec, spec))


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_random_nets(start: int) -> None:
    found = [spec for n in range(start, start + 20) if (spec := drawn(n)) is not None]
    for one, other in pairwise(found):
        same(compare(one, one))
        check(compare(one, other), compare(other, one))


@pytest.mark.proof
@pytest.mark.parametrize("start", range(100, 1100, 100))
def test_more_random_nets(start: int) -> None:
    found = [spec for n in range(start, start + 100) if (spec := drawn(n)) is not None]
    for one, other in pairwise(found):
        same(compare(one, one))
        check(compare(one, other), compare(other, one))


@pytest.mark.parametrize("name", ZOO)
def test_random_edits(name: str) -> None:
    edited(name, range(3))


@pytest.mark.proof
@pytest.mark.parametrize("name", ZOO)
def test_more_random_edits(name: str) -> None:
    edited(name, range(3, 60))


def edited(name: str, numbers: range) -> None:
    """Compares a net with edits of it, which are few enough to be seen."""
    one = archspec.load(name)
    for number in numbers:
        other = edits(one, number)
        report = compare(one, other)
        check(report, compare(other, one))
        lost = len(report.tensors.lost) + len(report.tensors.new)
        assert lost < len(report.tensors.ours) / 4, f"edits {number}"


@pytest.mark.parametrize("number", range(40))
def test_other_names_are_no_other_function(number: int) -> None:
    """A net whose nodes all have other names: the same function, by a computation."""
    one = drawn(number)
    if one is None:
        return
    other = archspec.loads(shuffled(one, number))
    report = compare(one, other)
    assert report.verdict.answer == "equal"
    known = report.tensors
    assert not (known.lost or known.new or known.resized)
    weights, given = randomised(one.graph), images(one.graph)
    assert report.rename is not None
    moved = {renamed(name, report.rename): array for name, array in weights.items()}
    assert {n: a.shape for n, a in moved.items()} == known.theirs
    wanted = computed(one.graph, weights, given)
    found = computed(other.graph, moved, given)
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)


def shuffled(spec: Spec, number: int) -> str:
    """The net written out, its nodes called by names that say nothing."""
    draw = Random(number)
    raw = yaml.safe_load(render(spec.graph))
    raw["name"] = spec.name
    paths = [node.name for node in spec.graph.nodes]
    names = [f"n{place}" for place in range(len(paths))]
    draw.shuffle(names)
    called = dict(zip(paths, names, strict=True))
    called |= {name: name for name in spec.graph.inputs}
    alone = len(spec.graph.inputs) == 1
    called |= dict.fromkeys(spec.graph.inputs, "input") if alone else {}
    graph = {}
    for node in spec.graph.nodes:
        attributes = json.loads(json.dumps(node.op.settings()))
        inits = {
            n: {i.name: made}
            if (made := i.model_dump(exclude_defaults=True))
            else i.name
            for n, i in node.op.inits().items()
        }
        attributes |= {"init": inits} if inits else {}
        given = [called[value] for value in node.inputs]
        graph[called[node.name]] = {
            "op": node.op.kind,
            "from": given if len(given) > 1 else given[0],
            **attributes,
        }
    raw |= {"graph": graph, "blocks": {}, "taps": {}}
    outputs = spec.graph.outputs
    raw["outputs"] = {name: called[value] for name, value in outputs.items() if name}
    for key in ("blocks", "taps", "outputs", "expect"):
        if not raw.get(key):
            raw.pop(key, None)
    return yaml.safe_dump(raw, sort_keys=False)


def same(report: Report) -> None:
    """A net and itself: there is nothing to say."""
    assert report.same and not report.changes and not report.rename
    assert text(report).splitlines()[1:] == ["equal: no difference"]
    assert report.tensors.kept == [*report.tensors.ours]


def check(report: Report, back: Report) -> None:
    """What holds of every pair, seen from both sides."""
    known = report.tensors
    told = [*known.kept, *known.renamed, *known.resized, *known.lost]
    assert sorted(told) == sorted(known.ours)
    targets = [
        *known.kept,
        *known.renamed.values(),
        *known.resized.values(),
        *known.new,
    ]
    assert sorted(targets) == sorted(known.theirs)
    names = {name: name for name in known.kept} | known.renamed | known.resized
    for name in known.ours if report.rename is not None else ():
        new = renamed(name, report.rename or {})
        assert new == names[name] if name in names else new not in known.theirs
    if report.verdict.answer == "equal":
        assert not (known.lost or known.new or known.resized)
    assert bool(report.changes) or report.verdict.answer == "equal"
    assert markdown(report) and json.dumps(data(report))
    assert flipped(data(report)) == normal(data(back))


def normal(found: dict[str, Any]) -> dict[str, Any]:
    """What a report says of both nets, without its words."""
    places = []
    for change in found["changes"]:
        for place in change["places"]:
            told = [change["kind"], sorted(place["a"]), sorted(place["b"])]
            if plain(change):
                told += [place[key] for key in ("attribute", "before", "after")]
            places.append(json.dumps(told))
    tensors = {key: sorted(value) for key, value in found["tensors"].items()}
    return {
        "answer": found["answer"],
        "places": sorted(places),
        "nodes": sorted(found["nodes"]),
        "tensors": tensors,
        "totals": found["totals"],
    }


def plain(change: dict[str, Any]) -> bool:
    """Whether its values are the same from both sides."""
    return change["kind"] in ("attribute", "param", "init", "input", "output", "tap")


def flipped(found: dict[str, Any]) -> dict[str, Any]:
    """The report as the other order of the nets should have it."""
    turned = {"added": "removed", "removed": "added"}
    changes = [
        {
            **change,
            "kind": turned.get(change["kind"], change["kind"]),
            "places": [
                {
                    **place,
                    "a": place["b"],
                    "b": place["a"],
                    "before": place["after"],
                    "after": place["before"],
                }
                for place in change["places"]
            ],
        }
        for change in found["changes"]
    ]
    tensors = found["tensors"]
    return normal(
        {
            "answer": found["answer"],
            "changes": changes,
            "nodes": [[b, a] for a, b in found["nodes"]],
            "tensors": {
                "kept": tensors["kept"],
                "renamed": [*tensors["renamed"].values()],
                "resized": [*tensors["resized"].values()],
                "lost": tensors["new"],
                "new": tensors["lost"],
            },
            "totals": {
                name: {"before": total["after"], "after": total["before"]}
                for name, total in found["totals"].items()
            },
        }
    )
