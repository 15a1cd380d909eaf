"""Ops as arguments: which texts are ops, and what the frameworks call them."""

from __future__ import annotations

import ast

import outline_cases
import pytest
from nets import graph_of
from notation import said

from archspec.backend import backend
from archspec.source.choices import Unspoken, check, find, spell
from archspec.source.expr import Expr, named, translated
from archspec.source.generalise import outline
from archspec.source.outline import CHOSEN, Definition, OpUse, Use, walk
from archspec.source.plan import Unfit

KINDS = ("relu", "silu", "identity")
WORDS = {kind: f"nn.{kind.upper()}" for kind in KINDS}
UNIT = """
blocks:
  unit:
    params: {act: str}
    graph:
      - {op: conv2d, channels: CHANNELS, kernel: 1}
      - {op: =act, when: WHEN}
graph: GRAPH
"""


def net(graph: str, when: str = "true", channels: str = "4") -> list[Definition]:
    """The outline of a net that uses a block with an op for a param."""
    text = UNIT.replace("GRAPH", graph).replace("WHEN", when)
    spec = "inputs: {image: [4, 6, 6]}" + text.replace("CHANNELS", channels)
    return outline(graph_of(spec), lambda op, shapes: {}, KINDS)


def spoken(definitions: list[Definition]) -> list[str]:
    """What is used as an op, or handed on as one, in order."""
    found = []
    for definition in definitions:
        for line in walk(definition.lines):
            target = line.target
            given = target.arguments if isinstance(target, Use) else {}
            if isinstance(target, OpUse) and CHOSEN in target.attributes:
                given = {CHOSEN: target[CHOSEN]}
            found += [
                arg.code() if isinstance(arg, Expr) else repr(arg)
                for name, arg in given.items()
                if name in (CHOSEN, "act")
            ]
            found += [str(column) for column in line.rows.values()]
    return found


def test_a_param_that_names_an_op_is_an_argument() -> None:
    unit, whole = net("[{block: unit, act: relu}, {block: unit, act: silu}]")
    assert unit.arguments["act"].values == ["relu", "silu"]
    assert find([unit, whole]) == {id(unit): {"act"}, id(whole): set()}
    spell([unit, whole], WORDS, "type[nn.Module]")
    assert unit.arguments["act"].type() == "type[nn.Module]"
    assert spoken([unit, whole]) == ["act", "nn.RELU", "nn.SILU"]


WHOLE = """
params: {act: relu, other: silu}
inputs: {image: [4, 6, 6]}
graph: [{op: =act}, GRAPH]
"""


def test_a_param_of_the_net_that_names_an_op_is_an_argument_with_a_default() -> None:
    graph = graph_of(WHOLE.replace("GRAPH", "{op: conv2d, channels: 4, kernel: 1}"))
    (whole,) = outline(graph, lambda op, shapes: {}, KINDS)
    spell([whole], WORDS, "type[nn.Module]")
    argument = whole.arguments["act"]
    assert argument.type() == "type[nn.Module]"
    assert isinstance(argument.default, Expr)
    assert argument.default.code() == "nn.RELU"


@pytest.mark.parametrize(
    "op",
    [
        "{op: conv2d, channels: '=4 if act == \"none\" else 8', kernel: 1}",
        "{op: tanh, when: true}, {op: '=[\"silu\", act][0]'}",
    ],
)
def test_a_param_of_the_net_that_is_more_than_an_op(op: str) -> None:
    graph = graph_of(WHOLE.replace("act: relu", "act: relu").replace("GRAPH", op))
    (whole,) = outline(graph, lambda op, shapes: {}, KINDS)
    spell([whole], WORDS, "type[nn.Module]")
    assert ("act" in whole.arguments) is ("tanh" in op)


def test_an_op_that_no_framework_may_be_given_is_none_of_its_arguments() -> None:
    text = "params: {act: none}\ninputs: {image: [4, 6, 6]}\ngraph: [{op: =act}, relu]"
    for kinds in (KINDS, ()):
        (whole,) = outline(graph_of(text), lambda op, shapes: {}, kinds)
        assert not whole.arguments


def test_words_that_are_texts_stay_texts() -> None:
    definitions = net("[{block: unit, act: relu}, {block: unit, act: silu}]")
    spell(definitions, {"relu": "'r'", "silu": "'s'"}, "str")
    assert spoken(definitions) == ["act", "'r'", "'s'"]


def test_of_two_and_by_a_table() -> None:
    graph = (
        '[{block: unit, act: \'=["relu", "silu", "relu"][index]\', repeat: 3},'
        ' {block: unit, act: \'="relu" if index == 0 else "silu"\', repeat: 2}]'
    )
    definitions = net(graph)
    spell(definitions, WORDS, "type[nn.Module]")
    act, row, column, choice = spoken(definitions)
    assert (act, row) == ("act", "act") and column.count("nn.RELU") == 2
    assert choice == "nn.RELU if i == 0 else nn.SILU"


def test_of_two_that_no_name_stands_for() -> None:
    text = """
inputs: {image: [4, 6, 6]}
graph:
  - {op: '="relu" if index == 0 else "silu"', repeat: 3}
"""
    definitions = outline(graph_of(text), lambda op, shapes: {}, KINDS)
    spell(definitions, WORDS, "")
    assert spoken(definitions) == ["nn.RELU if i == 0 else nn.SILU"]


def test_an_op_is_compared_by_what_it_is() -> None:
    both = "[{block: unit, act: relu}, {block: unit, act: identity}]"
    for words, wanted in (
        (WORDS, "act is not nn.IDENTITY"),
        (dict.fromkeys(KINDS, "'linear'"), "act != 'linear'"),
    ):
        definitions = net(both, when='=act != "identity"')
        spell(definitions, words, "")
        when = definitions[0].lines[1].when
        assert isinstance(when, Expr) and ast.unparse(when.tree) == wanted


@pytest.mark.parametrize(
    "channels",
    [
        '\'=4 if act in ["relu", "silu"] else 8\'',
        "'=4 if act == \"none\" else 8'",
    ],
)
def test_a_text_that_is_more_than_an_op_is_no_argument(channels: str) -> None:
    graph = "[{block: unit, act: relu}, {block: unit, act: silu}]"
    one, other, whole = net(graph, channels=channels)
    assert [*one.arguments, *other.arguments, *whole.arguments].count("act") == 0
    assert find([one, other, whole])[id(one)] == set()


def test_an_op_with_attributes_is_no_argument() -> None:
    text = UNIT.replace("when: WHEN", "negative_slope: 0.1")
    text = text.replace("CHANNELS", "4").replace(
        "GRAPH", "[{block: unit, act: leaky_relu}]"
    )
    graph = graph_of("inputs: {image: [4, 6, 6]}" + text)
    unit, _ = outline(graph, lambda op, shapes: {}, ("leaky_relu",))
    assert not unit.arguments and unit.lines[1].target.kind == "leaky_relu"  # type: ignore[union-attr]  # an OpUse


def test_what_has_no_word() -> None:
    definitions = net("[{block: unit, act: relu}, {block: unit, act: silu}]")
    check(definitions, KINDS)
    with pytest.raises(Unspoken):
        spell(definitions, {"relu": "nn.ReLU"}, "")


@pytest.mark.parametrize("name", ["torch", "keras"])
def test_printed(name: str) -> None:
    spec = UNIT.replace("WHEN", '=act != "identity"').replace("CHANNELS", "8")
    graph = "[{block: unit, act: hard_swish}, {block: unit, act: identity}]"
    text = (
        backend(name)
        .emit(graph_of("inputs: {image: [4, 6, 6]}" + spec.replace("GRAPH", graph)))
        .text
    )
    wanted = {
        "torch": (
            "act: type[nn.Module]",
            "*([act()] if act is not nn.Identity else [])",
            "Unit(4, act=nn.Hardswish), Unit(8, act=nn.Identity)",
        ),
        "keras": (
            "act: str",
            'if act != "linear":',
            "layers.Activation(act, ",
            'act="hard_silu"',
            'act="linear"',
        ),
    }
    for part in wanted[name]:
        assert part in text


def test_names_behind_an_expression() -> None:
    arg = translated("a if c else [b, d][i]", lambda name: named(name, "str"))
    assert isinstance(arg, Expr) and arg.names() == {"a", "b", "c", "d", "i"}


# Side by side with their specs

SAID = {"relu": "nn.ReLU", "tanh": '"tanh"', "silu": "silu"}
CASES = {
    outline_cases.named(case).removeprefix("ops_"): case
    for case in outline_cases.cases("choices")
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_outlines(case: outline_cases.Case) -> None:
    outline_cases.check(case)


def spelled(name: str) -> str:
    definitions = CASES[name].found()
    spell(definitions, SAID, "type[Module]")
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
    assert "net(act: type[Module] = nn.ReLU) -> 3" in text
    assert "a: stage[act=act](input)" in text and "b: stage[act=silu](a)" in text


def test_choices_and_tables_are_spelled() -> None:
    text = spelled("chosen_by_a_condition_and_by_a_list")
    assert "unit(act: type[Module], deep: bool) -> 3" in text
    assert 'act: op[op="tanh" if deep else act](input)' in text
    assert 'x: op[op=(nn.ReLU, "tanh", act)[i]](input)' in text
    text = spelled("a_row_of_a_table")
    assert 'range(3), (4, 6, 5), (nn.ReLU, "tanh", silu): unit[' in text
    assert "act=act, width=width](input)" in text
    assert "unit(in_channels: int, act: type[Module], width: int) -> width" in text


def test_constants_are_spelled() -> None:
    text = spelled("a_param_that_is_computed")
    assert "act: type[Module]" in text and "deep: bool" in text
    assert 'inner = "tanh" if deep else act' in text
    assert "a: unit[act=nn.ReLU, deep=True](input)" in text
    definitions = CASES["a_param_that_is_computed"].found()
    spell(definitions, {kind: f"nn.{kind}" for kind in outline_cases.CHOSEN}, "")
    assert "inner = nn.tanh if deep else act" in said(definitions)


def test_comparisons() -> None:
    """A text is equal, an object the same one."""
    text = spelled("that_are_compared")
    assert "if act is nn.ReLU\n" in text and "if act is not other\n" in text
    definitions = CASES["that_are_compared"].found()
    spell(definitions, {kind: f'"{kind}s"' for kind in outline_cases.CHOSEN}, "str")
    text = said(definitions)
    assert 'if act == "relus"\n' in text and "if act is not other\n" in text
    assert 'b: unit[act="tanhs", other="relus"](a)' in text


def test_channels_that_hang_on_an_op() -> None:
    """What a layer reads compares the op as what made it does."""
    channels = "\"=3 if act == 'relu' else 5\""
    graph = "[{block: unit, act: relu}, {block: unit, act: silu}, batch_norm]"
    text = UNIT.replace("GRAPH", graph).replace("CHANNELS", channels)
    text = text.replace("{op: =act, when: WHEN}", "batch_norm\n      - op: =act")
    found = backend("torch").emit(graph_of(f"inputs: {{image: [4, 6, 6]}}{text}"))
    assert found.text.count("3 if act is nn.ReLU else 5") == 2
    assert "==" not in found.text


def test_names_that_stand_for_ops() -> None:
    definitions = CASES["of_the_net_handed_on"].found()
    found = find(definitions)
    titles = {d.title: found[id(d)] for d in definitions}
    assert titles == {"unit": {"act"}, "stage": {"act"}, "net": {"act"}}
    definitions = CASES["a_param_that_is_computed"].found()
    found = find(definitions)
    assert found[id(definitions[0])] == {"inner", "act"}
    definitions = CASES["no_argument_where_one_of_them_is_none"].found()
    assert set().union(*find(definitions).values()) == set()


def test_without_words_an_op_is_no_argument() -> None:
    definitions = CASES["an_op_that_a_param_names_is_an_argument"].found()
    check(definitions, outline_cases.CHOSEN)
    with pytest.raises(Unfit) as caught:
        check(definitions, ["relu"])
    assert caught.value.definition == "net.yaml#" and not caught.value.split
