"""Rules that give tensors other names."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from archspec.diffing.renames import MOST
from archspec.diffing.renames import rules as found_rules
from archspec.renaming import renamed


def rules(
    names: dict[str, str], others: Sequence[str], taken: Sequence[str] = ()
) -> dict[str, str]:
    found = found_rules(names, others, taken)
    assert found is not None
    return found


def test_the_plainest() -> None:
    names = {
        f"layer{n}.{m}.bn.bias": f"layer{n}.{m}.norm.bias" for n in "12" for m in "01"
    }
    assert rules(names, ()) == {"bn": "norm"}


def test_nothing_to_do() -> None:
    assert rules({"a.weight": "a.weight"}, ["b.weight"]) == {}


def test_numbers_that_shift() -> None:
    """The last one first, so that none is taken for the next."""
    names = {f"f.{n}.weight": f"f.{n + 1}.weight" for n in range(3)}
    found = rules(names, ())
    assert next(iter(found)) == "f.2.*"
    assert all(renamed(name, found) == new for name, new in names.items())


def test_an_exchange() -> None:
    found = rules({"a.weight": "b.weight", "b.weight": "a.weight"}, ())
    assert renamed("a.weight", found) == "b.weight"
    assert renamed("b.weight", found) == "a.weight"


def test_what_is_lost_stays_out_of_the_way() -> None:
    found = rules({"a.weight": "b.weight"}, ["b.weight", "b.bias", "c.weight"])
    assert renamed("a.weight", found) == "b.weight"
    assert renamed("b.weight", found).startswith("unused.")
    assert renamed("c.weight", found) == "c.weight"


def test_names_that_other_tensors_have() -> None:
    found = rules({"a.x": "a.x"}, ["b.x"], ["b.x"])
    assert renamed("b.x", found) == "unused.b.x"


@pytest.mark.parametrize("number", range(200))
def test_any_names(number: int) -> None:
    """Whatever is renamed to whatever."""
    draw = Random(number)
    parts = ["a", "b", "layer1", "0", "1", "conv"]

    def name() -> str:
        return ".".join(draw.choices(parts, k=draw.randint(1, 3)))

    layers = list({name() for _ in range(8)})
    targets = list({name() for _ in range(20)})
    pairs = dict(zip(layers, targets, strict=False))
    kinds = ("weight", "bias")
    names = {f"{a}.{k}": f"{b}.{k}" for a, b in pairs.items() for k in kinds}
    others = [f"{a}.{k}" for a in {name() for _ in range(3)} for k in kinds]
    others = [other for other in others if other not in names]
    found = rules(names, others)
    assert all(renamed(old, found) == new for old, new in names.items())
    assert not any(renamed(o, found) in names.values() for o in others)


def test_nobody_gives_hundreds() -> None:
    """Then the tensors are told one by one."""
    names = {f"a{n}.weight": f"b{n * n}.weight" for n in range(MOST + 1)}
    assert found_rules(names, ()) is None
