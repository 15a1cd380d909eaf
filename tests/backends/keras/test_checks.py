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
