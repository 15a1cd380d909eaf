"""archspec.source.plan: what is given up, in which order, and that the last step is one.

The last plan has everything literal, so it always prints: random specs are printed by
it alone, and compute what their definition says.
"""

from __future__ import annotations

import pytest
from random_specs import numbered
from random_specs_checks import Case, built
from random_specs_text import loaded, written
from unfolding import nodes_of, unfolded

from archspec.backend import backend
from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.ops import Op, Shape
from archspec.source import generalise
from archspec.source.generalise import outline
from archspec.source.outline import OpUse, walk
from archspec.source.plan import Plan, Unfit

PLACE = ("block", "width")
REPEAT = ("block", "layer")


def plan() -> Plan:
    return Plan({"width", "depth", "rate"})


def state(found: Plan) -> tuple[object, ...]:
    return (
        found.arguments,
        found.split,
        found.unrolled,
        found.lines,
        found.apart,
        found.literal,
    )


def test_an_unfit_value_gives_up_one_thing_after_the_other() -> None:
    """First what it costs least: an argument, sharing, a loop, a definition, all."""
    found = plan()
    unfit = Unfit(
        "no expression",
        params=frozenset({"width", "rate", "other"}),
        split=frozenset({PLACE}),
        repeat=REPEAT,
        definition="block",
    )
    rest = {"depth"}
    for wanted in (
        (rest, set(), set(), set(), set(), False),
        (rest, {PLACE}, set(), set(), set(), False),
        (rest, {PLACE}, {REPEAT}, set(), set(), False),
        (rest, {PLACE}, {REPEAT}, {"block"}, set(), False),
        (rest, {PLACE}, {REPEAT}, {"block"}, {"block"}, False),
        (set(), {PLACE}, {REPEAT}, {"block"}, {"block"}, True),
    ):
        found.give_up(unfit)
        assert state(found) == wanted
    with pytest.raises(AssertionError, match="literal plan has no code: no expression"):
        found.give_up(unfit)


def test_what_an_unfit_value_does_not_name_is_kept() -> None:
    found = plan()
    found.give_up(Unfit("", params=frozenset({"other"}), definition="block"))
    assert found.arguments == {"width", "depth", "rate"}
    assert found.lines == {"block"} and not found.split and not found.unrolled
    found.give_up(Unfit("", repeat=REPEAT))
    assert found.unrolled == {REPEAT}
    found.give_up(Unfit("", split=frozenset({PLACE}), definition="other"))
    assert found.split == {PLACE} and found.lines == {"block"}
    found.give_up(Unfit("", split=frozenset({PLACE, ("other", "a")})))
    assert found.split == {PLACE, ("other", "a")}
    assert not found.literal
    found.give_up(Unfit(""))
    assert found.literal and found.arguments == set()


def test_an_unfit_value_says_no_more_than_it_is_told() -> None:
    unfit = Unfit("why")
    assert str(unfit) == "why"
    assert (unfit.params, unfit.split, unfit.repeat, unfit.definition) == (
        frozenset(),
        frozenset(),
        None,
        "",
    )


def test_what_varies_is_an_argument_unless_instances_are_split_by_it() -> None:
    found = plan()
    assert not found.varies(*PLACE)
    found.variable.add(PLACE)
    assert found.varies(*PLACE)
    assert not found.varies("other", "width")
    found.split.add(PLACE)
    assert not found.varies(*PLACE)


def test_what_is_unrolled() -> None:
    found = plan()
    found.unrolled.add(REPEAT)
    assert found.unrolls(*REPEAT)
    assert not found.unrolls("block", "other") and not found.unrolls("other", "layer")
    found.literal = True
    assert found.unrolls("block", "other")


# The last plan


def literally(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing is general."""
    monkeypatch.setattr(generalise, "Plan", lambda arguments: Plan(set(), literal=True))


def graphs(start: int, stop: int) -> list[tuple[str, Graph]]:
    """The texts of random specs, those that are valid, with their graphs."""
    found = []
    for number in range(start, stop):
        text = written(numbered(number))
        try:
            found.append((text, loaded(text)))
        except ArchspecError:
            continue
    return found


def signature(op: Op, shapes: tuple[Shape, ...]) -> dict[str, int]:
    return {"rank": len(shapes[0])}


def test_the_last_plan_says_everything_literally(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    literally(monkeypatch)
    for text, graph in graphs(2000, 2100):
        definitions = outline(graph, signature)
        assert unfolded(definitions, graph) == (nodes_of(graph), graph.outputs), text
        for definition in definitions:
            assert len(definition.instances) == 1
            assert not definition.arguments and not definition.constants
            for line in walk(definition.lines):
                assert line.when is True and line.count is None
                if isinstance(line.target, OpUse):
                    (op,) = line.target.ops
                    assert op.kind == line.target.kind


# torch may copy the input for an even kernel: slower, and the same numbers.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kind", ["torch", "keras"])
def test_the_last_plan_is_printed_and_runs(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    literally(monkeypatch)
    for text, _ in graphs(2100, 2110):
        net = Case(text).net
        found = built(backend(kind), net)
        net.compare(f"{kind}: output", found, rounds=net.rounds())
