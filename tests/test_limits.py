"""Limits, from Python and from the environment, and what a net's work is counted by."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from spelled import spoken

import archspec
from archspec.errors import ArchspecError, LimitError, Location
from archspec.limits import DEFAULT, Budget, Limits, limits

AT = Location("net.yaml", 3, 5)


def test_the_defaults() -> None:
    assert Limits() == DEFAULT == (2**19, 64, 5_000, 10**7, 2**53, 20_000, 10_000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", DEFAULT),
        ("nodes=3", Limits(nodes=3)),
        ("nodes=3 depth=4,work=5", Limits(nodes=3, depth=4, work=5)),
        ("nodes=3 nodes=4", Limits(nodes=4)),
    ],
)
def test_the_environment(
    text: str, found: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHSPEC_LIMITS", text)
    assert limits() == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("node=3", "found 'node=3' (did you mean 'nodes'?)"),
        ("nodes=many", "found 'nodes=many' (did you mean 'nodes'?)"),
        ("nodes", "found 'nodes' (did you mean 'nodes'?)"),
        (
            "zzz=1",
            "found 'zzz=1' (known are file_bytes, depth, nodes, work, integer, "
            "list_length, alias_nodes)",
        ),
    ],
)
def test_the_environment_is_refused(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHSPEC_LIMITS", text)
    with pytest.raises(ArchspecError) as caught:
        limits()
    expected = f"AS100 ARCHSPEC_LIMITS: expected NAME=NUMBER, {message}"
    assert spoken(caught.value) == expected


def test_a_limit_that_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    assert archspec.load("resnet18", limits=Limits(nodes=70)).name == "resnet18"
    with pytest.raises(LimitError) as caught:
        archspec.load("resnet18", limits=Limits(nodes=60))
    assert caught.value.code == "AS321"
    assert caught.value.hint == (
        "ARCHSPEC_LIMITS=nodes=600 would allow ten times as much"
    )
    monkeypatch.setenv("ARCHSPEC_LIMITS", "nodes=60")
    with pytest.raises(LimitError):
        archspec.load("resnet18")
    assert archspec.load("resnet18", limits=Limits()).name == "resnet18"


def test_an_error_says_how_to_raise_the_limit() -> None:
    error = Limits(depth=7).error("depth", "AS121", "too deep", AT)
    assert isinstance(error, LimitError)
    assert spoken(error) == (
        "AS121 3:5 too deep (ARCHSPEC_LIMITS=depth=70 would allow ten times as much)"
    )


def test_a_budget_is_spent_to_the_last_unit() -> None:
    budget = Budget(Limits(work=10))
    budget.spend(4)
    assert budget.left == 6
    budget.spend(6, AT)
    with pytest.raises(LimitError) as caught:
        budget.spend(1, AT)
    assert spoken(caught.value) == (
        "AS322 3:5 expanding the net takes more than 10 units of work "
        "(ARCHSPEC_LIMITS=work=100 would allow ten times as much)"
    )


def test_what_touching_values_costs() -> None:
    budget = Budget(Limits(work=100))
    budget.touch("abc", 1, True, None, 2.5, (), (1, 2), ("ab", (3, (4,))))
    assert 100 - budget.left == 3 + 2 + 2 + 2 + 1


def test_lists_are_bounded_with_all_that_is_in_them() -> None:
    budget = Budget(Limits(list_length=4))
    budget.listed(4)
    budget.touch((1, (2, 3)))
    steps: list[Callable[[], None]] = [
        lambda: budget.listed(5),
        lambda: budget.touch((1, 2, (3, 4, 5))),
    ]
    for step in steps:
        with pytest.raises(LimitError) as caught:
            step()
        assert spoken(caught.value) == (
            "AS304 a list holds at most 4 items "
            "(ARCHSPEC_LIMITS=list_length=40 would allow ten times as much)"
        )


def test_the_prices_allow_as_many_nodes_as_there_may_be() -> None:
    assert DEFAULT.nodes * Budget.STEP < DEFAULT.work < DEFAULT.nodes**2 * Budget.ABSENT
    assert (Budget.COPY, Budget.ABSENT, Budget.STEP) == (60, 150, 700)
