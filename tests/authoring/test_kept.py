"""archspec.authoring.kept: params whose every use is their plain name."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.authoring.kept import kept, origin

SPEC = """
params: {a: 3, c: 4}
inputs: {image: [=a, 8, 8]}
blocks:
  outer:
    params: {channels: int}
    graph:
      one: {block: inner, repeat: 2, width: =channels}
  inner:
    params: {width: int, own: =width, fixed: 4}
    graph:
      plain: {op: conv2d, channels: =own, kernel: 1}
      deep: {graph: [{op: conv2d, channels: =width, kernel: 1}]}
      files: {op: conv2d, channels: =c, kernel: 1}
      const: {op: conv2d, channels: =fixed, kernel: 1}
      computed: {op: conv2d, channels: =c * 1, kernel: 1}
graph:
  net: {block: outer, channels: =a}
"""


def test_what_is_kept() -> None:
    found = kept(graph_of(SPEC))
    assert found.params == ("a",) and found.inputs == {"image": "a"}
    parts = ("plain", "deep.0")
    names = {f"net.one.{n}.{part}" for n in (0, 1) for part in parts}
    assert found.attributes == {(name, "channels"): "a" for name in names}


def test_a_default_reads_the_files_param_past_those_that_follow() -> None:
    text = """
params: {n: 2, m: 3}
inputs: {image: [1, 8, 8]}
blocks:
  b:
    params: {early: =n, n: =n, late: =n}
    graph:
      early: {op: conv2d, channels: =early, kernel: 1}
      own: {op: conv2d, channels: =n, kernel: 1}
      late: {op: conv2d, channels: =late, kernel: 1}
graph:
  given: {block: b, n: =m}
  left: {block: b}
"""
    found = kept(graph_of(text))
    assert {name: param for (name, _), param in found.attributes.items()} == {
        "given.early": "n",
        "given.own": "m",
        "given.late": "m",
        "left.early": "n",
        "left.own": "n",
        "left.late": "n",
    }


@pytest.mark.parametrize(
    ("node", "param"),
    [
        ("plain", "a"),
        ("deep.0", "a"),
        ("files", "c"),
        ("const", None),
        ("computed", None),
    ],
)
def test_where_a_value_comes_from(node: str, param: str | None) -> None:
    found = graph_of(SPEC)[f"net.one.1.{node}"]
    assert origin(found.texts["channels"], found.scope) == param
