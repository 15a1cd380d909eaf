"""Files that extend and contain others."""

from __future__ import annotations

from pathlib import Path

import pytest
from spelled import CONV, IMAGE, net, refused, shape, wired

from archspec import load
from archspec.errors import ArchspecError


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(f"archspec: 1\nname: {name}\n{text}")


BASE = """
title: Base
description: A base.
source: https://example.org
params: {width: 4, depth: 1}
inputs: {image: [3, 8, 8], other: [3, 8, 8]}
defaults: {conv2d: {bias: false, kernel: 1}, max_pool2d: {kernel: 2}}
blocks:
  unit: {graph: [{op: conv2d, channels: =width}]}
  spare: {graph: [relu]}
graph:
  join: {op: add, from: [image, other]}
  unit: {block: unit, repeat: =depth}
  act: relu
  pool: max_pool2d
taps: {a: unit, b: act}
outputs: {x: act, y: pool}
expect: {params: 12}
"""


def test_extends_merges_by_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=BASE,
        middle="extends: base.yaml\nparams: {depth: 2}\ntaps: {b: null}\n",
        own="""
extends: middle.yaml
params: {width: 5, kind: tanh}
inputs: {image: [3, 6, 6], other: [3, 6, 6]}
defaults: {conv2d: {kernel: 3, bias: null, padding: 1}, max_pool2d: null}
blocks: {spare: null}
graph:
  act: =kind
  pool: {op: global_avg_pool2d, from: act}
  tail: sigmoid
taps: {c: tail}
outputs: {y: tail}
""",
    )
    own = load(tmp_path / "own.yaml")
    graph = own.graph
    assert wired(graph) == {
        "join": "add image other",
        "unit.0.0": "conv2d join",
        "unit.1.0": "conv2d unit.0.0",
        "act": "tanh unit.1.0",
        "pool": "global_avg_pool2d act",
        "tail": "sigmoid pool",
    }
    assert graph.params == {"width": 5, "depth": 2, "kind": "tanh"}
    assert graph.inputs == {"image": (3, 6, 6), "other": (3, 6, 6)}
    assert list(graph.taps) == ["a", "c"]
    assert graph.outputs == {"x": "act", "y": "tail"}
    assert graph.nodes[1].op.model_dump()["bias"] and graph.shapes()["act"] == (5, 6, 6)
    assert (graph.name, graph.title, graph.description, graph.source) == (
        *("own", "", "", ""),
    )
    assert not own.unexpected()
    assert load(tmp_path / "base.yaml").graph.title == "Base"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("taps: {z: null}", "'z'"),
        ("graph: {z: null}", "'z'"),
        ("blocks: {units: null}", "did you mean 'unit'"),
        ("params: {z: null}", "'z'"),
        ("defaults: {conv2d: {stride: null}}", "'stride'"),
        ("params: {width: wide}", "width must be int"),
        ("graph: [relu]", "a mapping can't extend|a list"),
        ("blocks: {unit: null}", "there is no block 'unit'"),
        ("graph: {act: null}", "'act'"),
    ],
)
def test_extends_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, base=BASE, own=f"extends: base.yaml\n{text}\n")
    with pytest.raises(ArchspecError, match=message):
        load(tmp_path / "own.yaml")


def test_null_removes_from_a_base_only() -> None:
    refused("graph: {a: relu, b: null}", "null removes|extends")
    refused("graph: {a: relu}\ntaps: {b: null}", "null removes|extends")


def test_files_in_a_circle(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="extends: b.yaml",
        b="extends: a.yaml",
        c="inputs: {x: [3, 8, 8]}\ngraph: {c: {spec: c.yaml}}",
    )
    for name in ("a", "c"):
        with pytest.raises(ArchspecError, match=r"one another|contains itself"):
            load(tmp_path / f"{name}.yaml")


def test_a_block_that_contains_itself() -> None:
    refused("blocks: {b: {graph: {c: {block: b}}}}\ngraph: {b: {block: b}}", "itself")


SUB = """
params: {width: 4}
inputs: {image: [3, 8, 8]}
defaults: {conv2d: {kernel: 1, bias: false}}
graph:
  one: {op: conv2d, channels: =width}
  two: {op: conv2d, channels: =input.channels * 2}
  head: global_avg_pool2d
taps: {c1: one, c2: two}
"""


def test_a_spec_node(tmp_path: Path) -> None:
    write(
        tmp_path,
        sub=SUB,
        net=IMAGE + "defaults: {conv2d: {bias: true, kernel: 1}}\n"
        "graph: {pre: {op: conv2d, channels: 5}, sub: {spec: sub.yaml, width: 6}}\n",
        tapped=IMAGE + "graph:\n  sub: {spec: sub.yaml, taps: true}\n"
        "  add: {op: concat, from: [sub.c1, sub.c2]}\n",
        one=IMAGE + "graph:\n  sub: {spec: sub.yaml, taps: true}\n"
        "  add: {op: relu, from: sub.c1}\n",
    )
    graph = load(tmp_path / "net.yaml").graph
    assert wired(graph)["sub.head"] == "global_avg_pool2d sub.two"
    assert shape(graph) == [10]
    assert list(graph.parameters()) == [
        *("pre.weight", "pre.bias", "sub.one.weight", "sub.two.weight"),
    ]
    assert set(wired(load(tmp_path / "tapped.yaml").graph)) == {
        *("sub.one", "sub.two", "add"),
    }
    assert set(wired(load(tmp_path / "one.yaml").graph)) == {"sub.one", "add"}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{spec: sub.yaml, widht: 3}", "no param 'widht'"),
        ("{spec: sub.yaml, from: [input, input]}", "reads 1 value"),
        ("{spec: resnet5}", "did you mean 'resnet"),
        ("{spec: nothing.yaml}", "can't be read"),
        ("{spec: ../sub.yaml}", "outside the folder"),
        ("{spec: /etc/sub.yaml}", "outside the folder"),
        ("{block: sub, taps: true}", "taps"),
        ("{spec: resnet50, taps: true}", "has the outputs c2"),
    ],
)
def test_a_spec_node_is_refused(tmp_path: Path, node: str, message: str) -> None:
    write(tmp_path, sub=SUB, net=f"{IMAGE}blocks: {{sub: {{graph: [relu]}}}}\n"
          f"graph: {{sub: {node}}}\n")  # fmt: skip
    with pytest.raises(ArchspecError, match=message):
        load(tmp_path / "net.yaml")


def test_a_spec_of_the_zoo() -> None:
    graph = net(
        "graph:\n  body: {spec: resnet18, taps: true, widths: [4, 4, 8, 8]}\n"
        "  up: {op: relu, from: body.c2}\n"
    )
    assert "body.layer1.1.add" in wired(graph)
    assert not any(".layer2" in name or ".fc" in name for name in wired(graph))


def test_expect(tmp_path: Path) -> None:
    write(tmp_path, net="params: {c: 4}\n" + IMAGE + f"graph: {{a: {CONV}}}\n"
          "expect: {params: 17, macs: 768, output: [4, 8, 8]}\n")  # fmt: skip
    (wrong,) = load(tmp_path / "net.yaml").unexpected()
    assert "expected params 17, the net has 16" in str(wrong)
    assert wrong.at is not None and wrong.at.line == 6
    assert not load(tmp_path / "net.yaml", c=5).unexpected()
    assert not load(tmp_path / "net.yaml", size=(9, 9)).unexpected()
    write(tmp_path, net=IMAGE + "graph: {a: relu}\nexpect: {parms: 1}\n")
    with pytest.raises(ArchspecError, match=r".parms. .*did you mean .params"):
        load(tmp_path / "net.yaml")
