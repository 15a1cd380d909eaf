"""What Keras can't do, refused where it stands."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec.backend import backend
from archspec.errors import UnsupportedError


@pytest.mark.parametrize("size", [[1, 3], [4, 1]])
def test_a_pool_without_a_derivative_on_tensorflow(size: list[int]) -> None:
    graph = graph_of(
        "inputs: {image: [2, 5, 6]}\n"
        f"graph: {{n: {{op: adaptive_max_pool2d, size: {size}}}}}\n"
    )
    with pytest.raises(UnsupportedError, match="nobody wrote"):
        backend("keras").emit(graph)


def test_weights_that_only_lend_a_size() -> None:
    graph = graph_of(
        "inputs: {image: [2, 5, 6]}\ngraph:\n"
        "  n: {op: conv2d, channels: 2, kernel: 3}\n"
        "  m: {op: resize, from: [input, n]}\n"
    )
    with pytest.raises(UnsupportedError, match="only reads its size") as caught:
        backend("keras").emit(graph)
    assert str(caught.value.at) == "net.yaml:5:3"
