"""What becomes of each tensor."""

from __future__ import annotations

from nets import graph_of

from archspec.diffing.matching import match
from archspec.diffing.tensors import Tensors, tensors

NET = """inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  bn: batch_norm
  scale: {op: scale, weight: gamma}
  pool: global_avg_pool2d
  fc: {op: linear, features: 10}
"""


def between(*edits: tuple[str, str]) -> Tensors:
    other = NET
    for edit in edits:
        other = other.replace(*edit)
    graphs = graph_of(NET), graph_of(other)
    return tensors(*graphs, match(*graphs))


def test_kept() -> None:
    found = between(("image", "x"))
    assert found.kept == [*found.ours] and len(found.kept) == 9
    assert found.filled() == (3 * 9 * 4 + 4 + 16 + 4 + 50,) * 2


def test_a_head_of_other_classes() -> None:
    found = between(("features: 10", "features: 4"))
    assert found.resized == {"fc.weight": "fc.weight", "fc.bias": "fc.bias"}
    assert found.rows("fc.weight") == (4, 4) and found.rows("fc.bias") == (4, 4)
    taken, total = found.filled()
    assert total - taken == 4 * 4 + 4


def test_what_is_no_matter_of_rows() -> None:
    found = between(("channels: 4", "channels: 8"))
    assert found.rows("fc.weight") is None
    assert found.rows("conv.weight") == (4, 8)


def test_other_names() -> None:
    """Of a layer, and of its only parameter."""
    found = between(("conv:", "first:"), ("gamma", "factor"))
    assert found.renamed == {
        "conv.weight": "first.weight",
        "conv.bias": "first.bias",
        "scale.gamma": "scale.factor",
    }


def test_another_norm_keeps_what_is_called_the_same() -> None:
    found = between(("batch_norm", "{op: group_norm, groups: 2}"))
    assert found.lost == ["bn.running_mean", "bn.running_var"]
    assert "bn.weight" in found.kept and not found.new


def test_lost_and_new() -> None:
    found = between(
        ("  bn: batch_norm\n", "  deep: {op: conv2d, channels: 4, kernel: 1}\n")
    )
    assert [name.partition(".")[0] for name in found.lost] == ["bn"] * 4
    assert found.new == ["deep.weight", "deep.bias"]
