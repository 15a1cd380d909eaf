"""What names mean at a place."""

from __future__ import annotations

from archspec.editor.sights import Sights
from archspec.language.begun import begun
from archspec.language.files import Files

TEXT = """\
archspec: 1
name: net
params: {width: 3}
inputs: {image: [3, 8, 8]}
blocks:
  unit:
    params: {channels: int}
    graph:
      a: {op: conv2d, channels: =channels}
graph:
  first: relu
  second: {graph: {inner: {op: conv2d, channels: =i}}, repeat: =width, index: i}
"""


def test_names_and_nodes_of_a_place() -> None:
    raw = begun(TEXT, "net.yaml").raw
    sights = Sights(Files().begun(raw, "net.yaml"))
    seen, block = sights.names(raw, ("blocks", "unit", "graph", "a", "channels"))
    sizes = {"input.channels", "input.height", "input.width"}
    assert seen.names == {"width", "channels", *sizes}
    assert block is not None and block.name == "unit"
    inner = ("graph", "second", "graph", "inner")
    seen, block = sights.names(raw, (*inner, "channels", 0))
    assert seen.names == {"width", "i", *sizes} and block is None
    assert sights.names(raw, ("title",))[0].names == frozenset()
    view = sights.view(raw, ("graph", "second", "repeat"))
    assert view is not None and view.statement.key == "second"
    assert [*view.sight.nodes] == ["first"] and view.block is None
    view = sights.view(raw, inner)
    assert view is not None and view.statement.key == "inner"
    assert not view.sight.nodes
    assert sights.view(raw, ("params", "width")) is None
