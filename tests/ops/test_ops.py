"""The registry holds every class that is an op, once."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from archspec.ops import BY_KIND, OPS, Op


def subclasses(op: type[Op]) -> Iterator[type[Op]]:
    for inner in op.__subclasses__():
        yield inner
        yield from subclasses(inner)


def test_every_class_of_a_kind_is_listed() -> None:
    ours = {op for op in subclasses(Op) if op.__module__.startswith("archspec.ops.")}
    kinds = {op for op in ours if "kind" in vars(op)}
    assert kinds == set(OPS) and len(OPS) == len(kinds)


def test_each_is_found_by_its_kind() -> None:
    assert [op.kind for op in OPS] == list(BY_KIND)
    assert all(BY_KIND[op.kind] is op for op in OPS)


def test_the_example_names_all_that_is_required() -> None:
    for op in OPS:
        made = op.model_validate(yaml.safe_load(f"{{{op.example}}}"))
        assert made.kind == op.kind
