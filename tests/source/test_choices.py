"""archspec.source.choices: where an op is an argument, and what it is called then."""

from __future__ import annotations

import pytest
from notation import said
from outline_cases import CHOSEN, Case, cases, check, named

from archspec.source import choices
from archspec.source.choices import find, spell
from archspec.source.plan import Unfit

WORDS = {"relu": "nn.ReLU", "tanh": '"tanh"', "silu": "silu"}
CASES = {named(case).removeprefix("ops_"): case for case in cases("choices")}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_outlines(case: Case) -> None:
    check(case)


def spelled(name: str) -> str:
    definitions = CASES[name].found()
    spell(definitions, WORDS, "type[Module]")
    return said(definitions)


def test_what_is_handed_on_is_spelled() -> None:
    text = spelled("an_op_that_a_param_names_is_an_argument")
    assert "unit(in_channels: int, act: type[Module]) -> 4" in text
    assert "act: op[op=act](conv)" in text
    assert "a: unit[in_channels=3, act=nn.ReLU](input)" in text
    assert 'b: unit[in_channels=4, act="tanh"](a)' in text
    text = spelled("of_the_net_handed_on")
    assert "stage(act: type[Module]) -> 3" in text
    assert "  a: unit[act=act](input)\n" in text and 'b: unit[act="tanh"](a)' in text
    assert "a: stage[act=nn.ReLU](input)" in text and "b: stage[act=silu](a)" in text


def test_choices_and_tables_are_spelled() -> None:
    text = spelled("chosen_by_a_condition_and_by_a_list")
    assert "unit(deep: bool) -> 3" in text
    assert 'act: op[op="tanh" if deep else nn.ReLU](input)' in text
    assert 'for i, op in range(3), (nn.ReLU, "tanh", nn.ReLU): graph(b)' in text
    text = spelled("a_row_of_a_table")
    assert 'range(3), (4, 6, 5), (nn.ReLU, "tanh", silu): unit[' in text
    assert "act=act, width=width](input)" in text
    assert "unit(in_channels: int, act: type[Module], width: int) -> width" in text


def test_constants_are_spelled() -> None:
    text = spelled("a_param_that_is_computed")
    assert "act: type[Module]" in text and "deep: bool" in text
    assert 'inner = "tanh" if deep else act' in text
    assert "a: unit[act=nn.ReLU, deep=True](input)" in text


def test_comparisons() -> None:
    """A text is equal, an object the same one."""
    text = spelled("that_are_compared")
    assert "if act is nn.ReLU\n" in text and "if act is not other\n" in text
    definitions = CASES["that_are_compared"].found()
    spell(definitions, {kind: f'"{kind}s"' for kind in CHOSEN}, "str")
    text = said(definitions)
    assert 'if act == "relus"\n' in text and "if act is not other\n" in text
    assert 'b: unit[act="tanhs", other="relus"](a)' in text


def test_names_that_stand_for_ops() -> None:
    definitions = CASES["of_the_net_handed_on"].found()
    found = find(definitions)
    titles = {d.title: found[id(d)] for d in definitions}
    assert titles == {"unit": {"act"}, "stage": {"act"}, "net": set()}
    definitions = CASES["a_param_that_is_computed"].found()
    found = find(definitions)
    assert found[id(definitions[0])] == {"inner", "act"}
    definitions = CASES["no_argument_where_one_of_them_is_none"].found()
    assert set().union(*find(definitions).values()) == set()


def test_without_words_an_op_is_no_argument() -> None:
    definitions = CASES["an_op_that_a_param_names_is_an_argument"].found()
    choices.check(definitions, CHOSEN)
    with pytest.raises(Unfit) as caught:
        choices.check(definitions, ["relu"])
    assert caught.value.definition == "net.yaml#" and not caught.value.split
