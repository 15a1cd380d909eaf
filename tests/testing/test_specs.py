"""Random specs and variants: valid, well-conditioned, and of everything there is."""

from __future__ import annotations

from collections import Counter

from archspec.backend import backend
from archspec.ops import OPS
from archspec.testing.agreement import Subject
from archspec.testing.blocks import blocks
from archspec.testing.numbers import Data, truth
from archspec.testing.printed import entry
from archspec.testing.specs import graph_of, spec
from archspec.testing.variants import Variant, variants

NUMBERS = range(40)


def test_nets_are_valid_and_say_much() -> None:
    kinds: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for number in NUMBERS:
        text = spec(number)
        kinds.update(node.op.kind for node in graph_of(text).nodes)
        words.update(w for w in ('"repeat"', '"when"', "outputs:") if w in text)
        words.update({'"block"'} if '{"unit_a"' in text else ())
    assert len(kinds) >= len(OPS) - 5
    assert min(words.values()) >= len(NUMBERS) / 10 and len(words) == 4


def test_a_number_gives_the_same_net_again() -> None:
    assert [spec(n) for n in range(5)] == [spec(n) for n in range(5)]
    assert len({spec(n) for n in range(20)}) == 20


def test_nets_are_of_ops_that_fit() -> None:
    def fits(graph: object) -> bool:
        return "conv" not in str([node.op.kind for node in graph.nodes])  # type: ignore[attr-defined]  # a Graph

    for number in range(20):
        assert '"op": "conv' not in spec(number, fits)


def test_most_nets_are_well_conditioned() -> None:
    """At the first data that are drawn; others are drawn where these aren't."""
    graphs = [graph_of(spec(number)) for number in NUMBERS]
    sound = [truth(Data.drawn(graph, "float64"), "biased").sound for graph in graphs]
    assert sum(sound) >= 0.9 * len(graphs)


def test_arguments_are_there_to_be_tried() -> None:
    """Of nets, of blocks: what is printed takes some, and a block's are called."""
    subject = Subject(backend("torch"))
    found: Counter[str] = Counter()
    for number in NUMBERS[::2]:
        text = spec(number, subject.expresses)
        source = subject.emitted(graph_of(text))
        if source is None:
            continue
        found["nets"] += bool(set(entry(source)) & set(graph_of(text).params))
        found["blocks"] += sum(bool(block.arguments) for block in blocks(text, source))
    assert found["nets"] >= 5 and found["blocks"] >= 10


def test_variants_take_every_kind_of_value() -> None:
    for op in OPS:
        found = [dict(variant.attributes) for variant in variants(op, 150)]
        for name in op.model_fields:
            taken = {repr(said[name]) for said in found if name in said}
            assert len(taken) >= 2 or name == "init", (op.kind, name)
    convolutions = [dict(v.attributes) | {"read": v.shapes[0][0]} for v in _conv2d()]
    kinds = {type(said.get("padding")) for said in convolutions}
    assert kinds == {type(None), int, tuple, str}
    wise = {
        said["channels"] // said["groups"]
        for said in convolutions
        if said.get("groups") == said["read"] > 1
    }
    assert {1, 2} <= wise


def _conv2d() -> list[Variant]:
    (op,) = (op for op in OPS if op.kind == "conv2d")
    return list(variants(op, 150))


def test_a_variant_is_a_net_of_its_op_alone() -> None:
    for op in OPS:
        for variant in variants(op, 5):
            (node,) = graph_of(variant.spec()).nodes
            assert node.op == op.model_validate(dict(variant.attributes))
            assert Variant.of(node.op, variant.shapes).spec()
