"""`archspec list`: the zoo's nets with their facts, by family too."""

from __future__ import annotations

import json

from typer.testing import CliRunner, Result

import archspec
from archspec.catalog import names
from archspec.cli.app import application

OF_D = (
    *("resnet101d", "resnet152d", "resnet18d", "resnet200d", "resnet26t", "resnet34d"),
    *("resnet50c", "resnet50d", "resnet50s", "resnet50t"),
    *("resnetrs101", "resnetrs152", "resnetrs50", "resnext50d_32x4d"),
)
"""The nets of resnetd, and of the family that extends it."""


def run(*options: str) -> Result:
    return CliRunner().invoke(application(), ["list", *options])


def test_every_net_has_a_line() -> None:
    heading, *lines = run().stdout.splitlines()
    assert heading.split() == ["name", "family", "params", "MACs", "input", "publisher"]
    assert [line.split()[0] for line in lines] == list(names())


def test_a_family() -> None:
    _, *lines = run("--family", "resnetd").stdout.splitlines()
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert tuple(rows) == OF_D
    facts = "resnetd 25,576,264 4,328,824,832 3 x 224 x 224 timm"  # as timm counts them
    assert rows["resnet50d"].split() == facts.split()
    assert {row.split()[0] for row in rows.values()} == {"resnetd", "resnetrs"}


def test_json() -> None:
    found = json.loads(run("--family", "resnetd", "--json").stdout)
    assert tuple(net["name"] for net in found) == OF_D
    assert all("resnetd" in net["families"] for net in found)
    for net in found:
        if net["name"] in ("resnet18d", "resnetrs50"):
            graph = archspec.load(net["name"]).graph
            assert net["parameters"] == graph.parameter_count()
            assert net["params"] == json.loads(json.dumps(dict(graph.params)))
            assert net["preprocessing"] == graph.recipe()
            assert net["macs"] == graph.macs()
            assert net["inputs"] == {k: list(v) for k, v in graph.inputs.items()}
            assert (net["title"], net["source"]) == (graph.title, graph.source)
    (net,) = (net for net in found if net["name"] == "resnetrs50")
    assert net["family"] == "resnetrs" and net["publisher"] == "timm"
    assert net["families"] == ["resnetrs", "resnetd", "resnet"]
    assert len(json.loads(run("--json").stdout)) == len(names())


def test_an_unknown_family() -> None:
    found = run("--family", "resnet_d")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "there is no family 'resnet_d'" in found.stderr
    assert "resnetd" in found.stderr
