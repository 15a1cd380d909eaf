"""How errors look, for people and for machines; warnings; receptive fields."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from nets import graph_of
from typer.testing import CliRunner

from archspec.authoring.codes import answers
from archspec.authoring.messages import span
from archspec.backend import backends
from archspec.cli.app import application
from archspec.ops import BY_KIND
from archspec.receptive import reaches

HEAD = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"


@pytest.mark.parametrize(
    ("line", "column", "text"),
    [
        ("  conv: {op: conv2d, kernel: 3}", 3, "conv"),
        ("  conv: {op: conv2d, kernel: 3}", 9, "{op: conv2d, kernel: 3}"),
        ("  conv: {op: conv2d, kernel: 3}", 14, "conv2d"),
        ("  conv: {op: conv2d, kernel: 3}", 30, "3"),
        ("  a: =b + 1  # why", 6, "=b + 1"),
        ("  a: '=f(x, y)'  # why", 6, "'=f(x, y)'"),
        ('  a: {b: "x: }", c: 1}', 10, '"x: }"'),
        ("  a: [b, [c, d]]", 10, "[c, d]"),
        ("- relu", 3, "relu"),
        ("a: x:y", 4, "x:y"),
        ("a: >-", 4, ">"),
        ("a: [1,", 4, "[1,"),
    ],
)
def test_what_is_underlined(line: str, column: int, text: str) -> None:
    assert line[column - 1 : column - 1 + span(line, column)] == text


def test_a_shape_error_in_a_block_of_a_base_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(
        f"{HEAD}blocks:\n"
        "  unit:\n"
        "    params: {channels: 3}\n"
        "    graph:\n"
        "      conv: {op: conv2d, channels: =channels, kernel: 1}\n"
        "      add: {op: add, from: [conv, input]}\n"
        "graph: {layer3: {block: unit, repeat: 2}}\n"
    )
    Path("net.yaml").write_text(
        "archspec: 1\nname: net\nextends: base.yaml\n"
        "graph: {layer3: {block: unit, repeat: 2, channels: 4}}\n"
    )
    result = CliRunner().invoke(application(), ["validate", "net.yaml"])
    assert result.exit_code == 1 and not result.stdout
    assert result.stderr == (
        "base.yaml:9:7: error: 'layer3.0.add': add needs equal shapes (or [C, 1, 1] "
        "beside an image), found [4, 8, 8] and [3, 8, 8] [AS402]\n"
        "  9 |       add: {op: add, from: [conv, input]}\n"
        "    |       ^^^\n"
        "    reads 'layer3.0.conv', [4, 8, 8], from conv2d at base.yaml:8:7\n"
        "    reads the input 'image', [3, 8, 8]\n"
        "    in layer3.0, the block 'unit', at net.yaml:4:9\n"
        "    extended by net.yaml:3:10\n"
    )
    found = json.loads(
        CliRunner().invoke(application(), ["validate", "net.yaml", "--json"]).stdout
    )
    assert [
        (f["code"], f["severity"], f["file"], f["line"], f["column"], f["end_column"])
        for f in found
    ] == [("AS402", "error", "base.yaml", 9, 7, 10)]
    assert len(found[0]["notes"]) == 4


def test_a_long_line_is_cut_around_the_place() -> None:
    keys = ", ".join(f"k{n}: relu" for n in range(90))
    (text,) = answers(f"{HEAD}graph: {{{keys}, bad: rellu, last: tanh}}\n")
    line, marks = text.split("\n")[1:3]
    assert len(line) < 120
    assert line[marks.index("^") : marks.rindex("^") + 1] == "rellu"


def test_warnings_are_errors_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}params: {{width: 3}}\ngraph: [relu]\n")
    run = CliRunner().invoke
    found = run(application(), ["validate", str(path)])
    assert found.exit_code == 0
    assert "warning: no formula reads the param 'width' [AS701]" in found.stderr
    assert run(application(), ["validate", "--strict", str(path)]).exit_code == 1
    facts = json.loads(run(application(), ["validate", "--json", str(path)]).stdout)
    assert [fact["severity"] for fact in facts] == ["warning"]


@pytest.mark.parametrize("kind", BY_KIND)
def test_an_ops_page(kind: str) -> None:
    result = CliRunner().invoke(application(), ["ops", kind])
    assert result.exit_code == 0
    for name in backends():
        shown = result.stdout.partition(f"in {name}:\n")[2]
        assert shown.startswith("    ")
    for name in BY_KIND[kind].model_fields:
        assert f"\n  {name}: " in result.stdout


@pytest.mark.parametrize(
    "nodes",
    [
        "{op: conv2d, channels: 1, kernel: 3}",
        "{op: conv2d, channels: 1, kernel: [5, 3], stride: [2, 3]}, tanh, "
        "{op: avg_pool2d, kernel: 3, stride: 2}",
        "{op: conv2d, channels: 1, kernel: 3, dilation: 3}, "
        "{op: avg_pool2d, kernel: 2}, {op: conv2d, channels: 1, kernel: 3}",
        "{op: conv_transpose2d, channels: 1, kernel: 4, stride: 2, padding: 1}, "
        "{op: conv2d, channels: 1, kernel: 3, stride: 4}",
    ],
)
def test_receptive_fields_are_what_gradients_reach(nodes: str) -> None:
    text = f"inputs: {{x: [1, 60, 61]}}\ngraph: [{nodes}]\n"
    graph = graph_of(text)
    from archspec.backend import backend
    from archspec.weights import initial_weights

    weights = initial_weights(graph, 0, "float64")
    for array in weights.values():
        array[:] = 1
    model = backend("torch").build(graph, weights, dtype="float64")
    last = graph.nodes[-1].name
    reach = reaches(graph)[last]
    assert reach.field is not None and reach.stride is not None
    extents = []
    for step in (0, 1):
        image = torch.rand(1, 1, 60, 61, dtype=torch.float64, requires_grad=True)
        out = model(image * 0.01)
        row, column = (n // 2 + step * 2 for n in out.shape[2:])
        out[0, 0, row, column].backward()
        assert image.grad is not None
        seen = image.grad[0, 0].nonzero()
        extents.append((seen.min(0).values, seen.max(0).values))
    (low, high), (later, _) = extents
    assert tuple((high - low + 1).tolist()) == tuple(map(int, reach.field))
    assert tuple((later - low).tolist()) == tuple(2 * int(s) for s in reach.stride)


def test_the_published_receptive_field_of_vgg16() -> None:
    # Araujo et al. 2019, table of networks.
    from archspec import load

    reach = reaches(load("vgg16").graph)["features.30"]
    assert reach.field is not None and reach.stride is not None
    assert [*map(int, reach.field), *map(int, reach.stride)] == [212, 212, 32, 32]
