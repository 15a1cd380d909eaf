"""What `--json` gives is what the schemas say, over the whole zoo and for mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from bad_specs import cases, prelude
from commands import command, done
from nets import graph_of
from recorded import check

from archspec import load
from archspec.authoring import records
from archspec.catalog import names
from archspec.table import data


@pytest.mark.parametrize("name", records.RECORDS)
def test_the_schemas_are_printed(name: str) -> None:
    schema = json.loads(done("schema", name))
    assert schema == records.record(name)
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.proof)])
def test_the_zoo(every: int) -> None:
    found = json.loads(done("list", "--json"))
    check("list", found)
    assert [net["name"] for net in found] == [*names()]
    for net in found[::every]:
        shown = json.loads(json.dumps(data(load(net["name"]).graph), allow_nan=False))
        check("show", shown)
        same = ("params", "preprocessing", "parameters", "macs", "inputs", "source")
        assert {key: net[key] for key in same} == {key: shown[key] for key in same}


def test_numbers() -> None:
    """Axes of different strides, a fraction of a pixel, a whole image, a vector."""
    graph = graph_of(
        "inputs: {x: [3, 8, 8]}\ngraph:\n"
        "  a: {op: conv2d, channels: 2, kernel: [1, 3], stride: [1, 2]}\n"
        "  b: {op: resize, scale: 4, mode: nearest}\n"
        "  c: {op: adaptive_avg_pool2d, size: 3}\n"
        "  d: global_avg_pool2d\n"
    )
    found = json.loads(json.dumps(data(graph)))
    check("show", found)
    axes = [(node["receptive_field"], node["stride"]) for node in found["nodes"]]
    assert axes[0] == ([1, 3], [1, 2]) and axes[1][1] == [0.25, 0.5]
    assert axes[2][0] is None and axes[3] == (None, None)


def test_mistakes(tmp_path: Path) -> None:
    for case in cases():
        folder = tmp_path / case.name
        folder.mkdir()
        for name, text in case.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(prelude(name, text) + text)
    found = json.loads(command("validate", tmp_path, "--json").stdout)
    check("validate", found)
    assert {error["severity"] for error in found} == {"error", "warning"}
    assert len({error["code"] for error in found}) > 40
    check("validate", json.loads(command("validate", "none.yaml", "--json").stdout))
