"""Random attributes keep to what an op's class says of them, and reach all of it."""

from __future__ import annotations

from math import prod
from random import Random
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt
from nets import graph_of
from pydantic import Field

from archspec.ops import BY_KIND
from archspec.testing.variants import LARGEST, Variant, drawn, variants


@pytest.mark.parametrize("kind", BY_KIND)
def test_variants_are_legal_and_unlike(kind: str) -> None:
    found = list(variants(BY_KIND[kind], 12))
    assert found and len(set(found)) == len(found) <= 12
    assert found == list(variants(BY_KIND[kind], 12)), "the seed is all"
    for variant in found:
        (node,) = graph_of(variant.spec()).nodes
        assert node.op.kind == kind and str(node.at).split(":")[1] == "4"
        assert prod(node.shape) <= LARGEST
        assert len(node.inputs) == len(variant.shapes)
        fewest, most = node.op.arity
        assert fewest <= len(node.inputs) <= (most or 99)
        said = node.op.model_dump(include={name for name, _ in variant.attributes})
        again = BY_KIND[kind].model_validate(dict(variant.attributes))
        assert again.model_dump(include=set(said)) == said


def test_seeds_differ() -> None:
    conv = BY_KIND["conv2d"]
    assert list(variants(conv, 5, 0)) != list(variants(conv, 5, 1))


@pytest.mark.parametrize(
    ("annotation", "facts", "values"),
    [
        (bool, [], {True, False}),
        (Literal["a", "b"], [], {"a", "b"}),
        (int, [Ge(2), Lt(6)], {2, 3, 4}),
        (int, [Gt(2), Le(6)], {3, 4, 6}),
        (Annotated[int, Ge(4)], [Le(6)], {4, 6}),
        (Annotated[int, Field(ge=4, le=6)], [], {4, 6}),
        (Annotated[str, Field(pattern="^g")], [], {"gamma"}),
        (float, [Gt(1)], {2.0, 1.5, 3.0}),
        (int | None, [Ge(8)], {8}),
        (tuple[bool, Literal["x"]], [], {(True, "x"), (False, "x")}),
    ],
)
def test_every_value_within_bounds(
    annotation: Any, facts: list[Any], values: set[Any]
) -> None:
    random = Random(0)
    assert {drawn(random, annotation, facts) for _ in range(300)} == values


def test_a_variant_in_words_and_as_a_spec() -> None:
    variant = Variant("concat", (("axis", "channels"),), ((4, 9, 10), (4, 9, 10)), True)
    assert str(variant) == "concat axis=channels 4x9x10 4x9x10 again"
    plain = Variant("add", (), ((4,), (4,)))
    (node,) = graph_of(plain.spec()).nodes
    assert node.inputs == ("x0", "x1")
    twice = Variant("add", (), ((4,), (4,)), True)
    graph = graph_of(twice.spec())
    assert list(graph.inputs) == ["x0"] and graph.nodes[0].inputs == ("x0", "x0")


def test_an_op_of_a_graph_on_its_own() -> None:
    graph = graph_of(
        "inputs: {image: [3, 8, 8]}\ngraph:\n"
        "  c: {op: conv2d, channels: 4, kernel: 3, init: {weight: xavier_normal}}\n"
    )
    variant = Variant.of(graph.nodes[0].op, ((3, 8, 8),))
    (node,) = graph_of(variant.spec()).nodes
    assert node.shape == graph.nodes[0].shape
    assert "init" not in dict(variant.attributes)
