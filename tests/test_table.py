"""A net as a table: what `show` prints, with numbers that can be worked out by hand."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec import load
from archspec.fingerprint import fingerprint
from archspec.table import data, edges, lines, params, render, size, summary, tree

SPEC = """
archspec: 1
name: small
title: A small net
source: by hand
inputs: {image: [3, 8, 8]}
blocks:
  body:
    graph:
      conv: {op: conv2d, channels: 4, kernel: 3, padding: 1, bias: false}
      bn: batch_norm
graph:
  stem: {op: conv2d, channels: 4, kernel: 2, stride: 2}
  layer: {block: body, repeat: 3}
  pool: global_avg_pool2d
  fc: {op: linear, features: 10}
taps: {c1: layer.0, all: pool}
"""
SMALL = graph_of(SPEC)
TABLE = """\
layer           what               output     params   MACs   memory  field  stride
stem            conv2d             4 x 4 x 4      52    768    256 B      2       2
layer.0 *3      body               4 x 4 x 4     456  6,912  1.5 KiB     14       2
  layer.0.conv  conv2d             4 x 4 x 4     144  2,304    256 B      6       2
  layer.0.bn    batch_norm         4 x 4 x 4       8           256 B      6       2
pool            global_avg_pool2d  4                            16 B    all
fc              linear             10             50     40     40 B    all
"""
"""Equal blocks are one line, whose counts are of all and whose field is the last's."""


def test_the_table() -> None:
    title, source, blank, *rest = render(SMALL).splitlines()
    assert (title, source, blank) == ("A small net", "by hand", "")
    wanted = TABLE.replace("*", "\N{MULTIPLICATION SIGN}").splitlines()
    assert rest[: rest.index("")] == wanted


def test_a_depth() -> None:
    wanted = TABLE.replace("*", "\N{MULTIPLICATION SIGN}").splitlines()
    outer = [" ".join(row.split()) for row in wanted if not row.startswith("  ")]
    found = render(SMALL, 1).split("\n\n")[1].splitlines()
    assert [" ".join(row.split()) for row in found] == outer
    assert render(SMALL, 2) == render(SMALL)


def test_nothing_is_folded_in_the_tree() -> None:
    root = tree(SMALL)
    assert [row.name for row in root.rows] == [
        *("stem", "layer.0", "layer.1", "layer.2", "pool", "fc")
    ]
    assert [row.name for row in root.rows[1].rows] == ["layer.0.conv", "layer.0.bn"]
    assert (root.what, root.shape) == ("net", (10,))
    assert root.params == SMALL.parameter_count() == 52 + 3 * 152 + 50
    assert root.macs == SMALL.macs() == 768 + 3 * 2304 + 40
    assert root.memory == SMALL.activation_bytes()
    assert [row[0] for row in lines(root.rows, 1)] == [row.name for row in root.rows]


def test_what_is_inlined_has_no_row() -> None:
    graph = graph_of(
        "inputs: {image: [3, 8, 8]}\ngraph:\n"
        "  a: {inline: true, graph: {b: relu, c: {graph: {d: relu}}}}\n"
    )
    assert [row.name for row in tree(graph).rows] == ["b", "c"]


def test_unlike_neighbours_are_apart() -> None:
    graph = graph_of(
        "inputs: {image: [2, 8, 8]}\nblocks:\n"
        "  body: {params: {k: 1}, graph: {conv: {op: conv2d, channels: 2, kernel: =k}}}\n"
        "graph:\n  a: {block: body, repeat: 2}\n  b: {block: body, k: 3}\n"
        "  c: {block: body, repeat: 2}\n  d: relu\n  e: relu\n"
    )
    rows = render(graph, 1).split("\n\n")[1].splitlines()[1:]
    times = "\N{MULTIPLICATION SIGN}2"
    assert [" ".join(row.split()[:2]) for row in rows] == [
        *(f"a.0 {times}", "b body", f"c.0 {times}", "d relu", "e relu")
    ]


def test_the_totals() -> None:
    assert summary(SMALL) == {
        "inputs": "image 3 x 8 x 8",
        "outputs": "10",
        "parameters": "558",
        "buffers": "24",
        "MACs": "7,720",
        "FLOPs": "15,440 (2 x MACs)",
        "activations": "1.8 KiB an image in float32",
        "taps": "c1 4 x 4 x 4 (stride 2), all 4",
    }
    plain = graph_of(
        "inputs: {x: [4], z: [4]}\ngraph: {add: {op: add, from: [x, z]}}\n"
    )
    assert summary(plain)["inputs"] == "x 4, z 4"
    assert "taps" not in summary(plain)
    assert render(plain).startswith("net\n\nlayer")


def test_the_same_for_machines() -> None:
    found = data(SMALL)
    nodes = {node["name"]: node for node in found.pop("nodes")}
    assert found == {
        "name": "small",
        "title": "A small net",
        "source": "by hand",
        "fingerprint": fingerprint(SMALL),
        "params": {},
        "arguments": [],
        "preprocessing": {},
        "inputs": {"image": [3, 8, 8]},
        "outputs": {"": [10]},
        "taps": {"c1": [4, 4, 4], "all": [4]},
        "parameters": 558,
        "buffers": 24,
        "macs": 7720,
        "flops": 15440,
        "activation_bytes": 4 * (7 * 64 + 4 + 10),
    }
    assert nodes["layer.1.conv"] == {
        "name": "layer.1.conv",
        "op": "conv2d",
        "attributes": {
            "init": None,
            "channels": 4,
            "kernel": 3,
            "stride": 1,
            "padding": 1,
            "dilation": 1,
            "groups": 1,
            "bias": False,
        },
        "inputs": ["layer.0.bn"],
        "shape": [4, 4, 4],
        "parameters": 144,
        "macs": 2304,
        "receptive_field": [10, 10],
        "stride": [2, 2],
        "at": "net.yaml:10:7",
    }


def test_edges() -> None:
    graph = graph_of(
        "inputs: {x: [4]}\ngraph: {a: relu, b: {op: add, from: [a, input]}}\n"
    )
    assert edges(graph) == "a <- x  (relu)\nb <- a, x  (add)\n"


def test_params_and_what_decides_them() -> None:
    graph = graph_of("""
params:
  depth: 2
  kinds: [relu, relu]
  marked: {default: 3, fixed: true}
  width: 4
  idle: 1
inputs: {image: [3, 8, 8]}
graph:
  act:
    op: ="none" if depth > 2 else kinds[0]
  convs:
    repeat: =depth
    op: conv2d
    channels: =width
    kernel: =marked
""")
    assert graph.arguments == ("width",)
    assert {name: at.line for name, at in graph.fixed.items()} == {
        "marked": 7,
        "depth": 15,
    }
    made = params(graph, 60)
    assert made.left_out == []
    assert (
        "\n".join(made.lines)
        == """\
param   value             in printed code  decided at
depth   2                 a constant       net.yaml:15:13
kinds   ["relu", "relu"]  a constant
marked  3                 a constant       net.yaml:7:21
width   4                 an argument
idle    1                 not used here"""
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20, "1.0 MiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**41, "2048.0 GiB"),
    ],
)
def test_bytes_in_words(count: int, text: str) -> None:
    assert size(count) == text


def test_the_published_numbers_of_resnet50() -> None:
    """25.6 million parameters and 4.09 GMACs, as torchvision's table has them."""
    facts = summary(load("resnet50").graph)
    assert facts["parameters"] == "25,557,032"
    assert facts["MACs"].startswith("4,089,")
