"""Nets that fit into memory."""

from __future__ import annotations

import pytest

from archspec.errors import ArchspecError
from archspec.verify import memory
from archspec.verify.setting import Setting


def test_a_net_is_shrunk_until_it_fits() -> None:
    setting = Setting("vgg16")
    graph = setting.graph()
    need = memory.needed(graph, "float64", training=True)
    small = memory.shrunk(setting, graph, need // 2, training=True)
    found = small.graph()
    assert memory.needed(found, "float64", training=True) <= need // 2
    assert found.parameter_count() < graph.parameter_count()
    with pytest.raises(ArchspecError, match="not even shrunk"):
        memory.shrunk(setting, graph, memory.FRAMEWORK, training=True)
