"""archspec.weights.publishers: whose names are what, and for which nets they are."""

from __future__ import annotations

from functools import cache

import pytest

import archspec
from archspec.cli.weights import READ
from archspec.errors import WeightsError
from archspec.graph import Graph
from archspec.weights import initial_weights, load, write
from archspec.weights.publishers import TRANSFORMERS, Row, row_of
from archspec.weights.sources import SOURCES, source

LISTS = [known.name for known in SOURCES if not known.layered]
NETS = {
    "transformers": {"resnet18", "resnet50", "wide_resnet50_2"},
    "mmpretrain": {
        "resnet18",
        "resnet50",
        "resnet50d",
        "resnet50c",
        "seresnet50",
        "vgg16_bn",
    },
    "mmdet": {"resnet50d", "resnet50c"},
    "detectron2": {"resnet18", "resnet50"},
    "kuangliu": {"cifar_resnet18", "resnet20", "resnet20_b", "resnet50"},
    "weiaicunzai": {"cifar_resnet18", "resnet50"},
    "xternalz": {"wrn_16_8"},
    "sequential": {"resnet18", "resnet50d", "vgg16", "seresnet50"},
}
"""Some nets that a publisher has names for."""


def test_a_row_of_a_list() -> None:
    name = "layer1.0.bn2.weight"
    found = row_of(name, TRANSFORMERS[0])
    assert found is not None
    assert found[0] == "resnet.encoder.stages.0.layers.0.layer.1.normalization.weight"
    assert row_of("layer1.0.bn2.gamma", TRANSFORMERS[0]) is None


@pytest.mark.parametrize(
    ("row", "name", "key"),
    [
        (Row("fc.*", "head.{1}"), "fc.bias", "head.bias"),
        (Row("a#.&", "b{1+3}.{2}"), "a10.c.d.weight", "b13.c.d.weight"),
        (Row("a#.*", "{1-1}.{2}"), "a1.weight", "0.weight"),
        (Row("a.b", "{}"), "a.b", "{}"),
        (Row("a.b", "c"), "axb", None),
        (Row("fc.*", "c"), "fc.weight.weight", None),
    ],
)
def test_rows(row: Row, name: str, key: str | None) -> None:
    found = row_of(name, [row])
    assert (found and found[0]) == key


@cache
def graph_of(net: str) -> Graph:
    """A net of the zoo."""
    return archspec.load(net).graph


@pytest.mark.parametrize("name", NETS)
def test_nets_of_a_publisher(name: str) -> None:
    """A list has all of a net's names, each once, or none: never a part of them."""
    for net in sorted({net for nets in NETS.values() for net in nets}):
        graph = graph_of(net)
        places = list(source(name).places(graph))
        stored = {**graph.parameters(), **graph.buffers()}
        if places:
            assert [place.name for place in places] == list(stored), net
            assert len({place.key for place in places}) == len(stored), net
        assert places or net not in NETS[name], net


def test_the_command_lists_all() -> None:
    known = dict.fromkeys(known.name for known in SOURCES)
    assert READ.replace(" or ", ", ").split(", ") == [*known]


@pytest.mark.parametrize("name", ["transformers", "mmpretrain", "kuangliu"])
def test_written_and_read_again(name: str, tmp_path: object) -> None:
    graph = archspec.load("resnet18", widths=[4, 4, 4, 4], depths=[1] * 4).graph
    weights = initial_weights(graph, 1)
    path = f"{tmp_path}/f.safetensors"
    write(path, graph, weights, name)
    assert set(load(path)) == {place.key for place in source(name).places(graph)}
    again = load(path, graph)
    assert all((again[key] == weights[key]).all() for key in weights)


def test_a_net_without_such_names(tmp_path: object) -> None:
    graph = archspec.load("vgg11", hidden=[4, 4], num_classes=2).graph
    path = f"{tmp_path}/f.safetensors"
    for attempt in (
        lambda: write(path, graph, initial_weights(graph), "transformers"),
        lambda: load(path, graph, source="transformers"),
    ):
        with pytest.raises(WeightsError) as caught:
            attempt()
        assert caught.value.message == (
            "transformers has no names for the weights of vgg11"
        )
        assert caught.value.code == "AS608"
        write(path, graph, initial_weights(graph))
