"""archspec.source.liveness: the variables of small functions, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from archspec.ops.activation import Relu
from archspec.source.expr import Arg, named
from archspec.source.liveness import Variables, local_names, output_names, variables
from archspec.source.outline import Argument, Definition, Line, Nested, OpUse, Ref, Use

INPUT = Ref(None)
RELU = OpUse([Relu()], [((4, 8, 8),)], {}, (4,))


def line(
    *inputs: Ref,
    name: str = "",
    outputs: int = 1,
    when: Arg = True,
    count: Arg | None = None,
    otherwise: Ref | None = None,
) -> Line:
    return Line(
        name,
        RELU,
        inputs,
        when=when,
        count=count,
        outputs=outputs,
        otherwise=otherwise,
    )


def targets(
    lines: Sequence[Line], outputs: Mapping[str, Ref], *inputs: str
) -> list[tuple[str, ...]]:
    return variables(lines, inputs or ("x",), outputs).targets


def single(lines: Sequence[Line], outputs: Mapping[str, Ref], *inputs: str) -> str:
    found = targets(lines, outputs, *inputs)
    assert all(len(names) == 1 for names in found)
    return " ".join(names[0] for names in found)


def test_a_chain_stays_in_its_variable() -> None:
    lines = [line(INPUT, name="a"), line(Ref(0), name="b"), line(Ref(1), name="c")]
    assert single(lines, {"": Ref(2)}) == "x x x"


def test_a_branch_takes_the_next_letter_while_the_input_is_read() -> None:
    lines = [
        line(INPUT, name="conv"),
        line(Ref(0), name="bn"),
        line(INPUT, name="down"),
        line(Ref(1), Ref(2), name="add"),
    ]
    found = variables(lines, ["x"], {"": Ref(3)})
    assert found.targets == [("y",), ("y",), ("x",), ("x",)]
    assert found.reads == [("x",), ("y",), ("x",), ("y", "x")]
    assert found.live == [{"x"}, {"x"}, {"y"}, set()]
    assert found.outputs == ["x"]


def test_a_branch_keeps_its_letter_where_an_earlier_one_is_free() -> None:
    lines = [line(INPUT), line(INPUT), line(Ref(0)), line(Ref(2), Ref(1))]
    assert single(lines, {"": Ref(3)}) == "y x y x"


def test_the_alphabet_goes_on_with_numbers() -> None:
    lines = [*(line(INPUT) for _ in range(5)), line(*map(Ref, range(5)))]
    assert single(lines, {"": Ref(5)}) == "y z x2 x3 x x"


def test_an_output_that_is_an_input_is_left_alone() -> None:
    found = variables([line(INPUT)], ["x"], {"0": INPUT, "1": Ref(0), "2": INPUT})
    assert found.targets == [("y",)]
    assert found.outputs == ["x", "y", "x"]


def test_an_input_that_nothing_reads_is_free() -> None:
    assert single([line(Ref(None, 1)), line(Ref(0))], {"": Ref(1)}, "y", "x") == "x x"


def test_no_lines() -> None:
    found = variables([], ["a", "b"], {"": Ref(None, 1)})
    assert found == Variables([], [], [], ["b"])


def test_a_value_that_nothing_reads_frees_its_variable_at_once() -> None:
    lines = [line(INPUT), line(INPUT), line(INPUT)]
    assert single(lines, {"": Ref(2)}) == "y y x"


def test_inputs_with_names_carry_what_flows_through_them() -> None:
    lines = [line(Ref(None, 0)), line(Ref(None, 1)), line(Ref(0), Ref(1))]
    assert single(lines, {"": Ref(2)}, "low", "high") == "low high x"


# Names of the spec.


def test_a_named_output_keeps_its_name() -> None:
    lines = [line(INPUT, name="stem"), line(Ref(0), name="layer1"), line(Ref(1))]
    found = variables(lines, ["x"], {"c2": Ref(1), "logits": Ref(2)})
    assert found.targets == [("x",), ("c2",), ("logits",)]
    assert found.outputs == ["c2", "logits"]


def test_a_named_node_that_several_lines_read_keeps_its_name() -> None:
    lines = [
        line(INPUT, name="preact"),
        line(Ref(0), name="conv"),
        line(Ref(0), name="shortcut"),
        line(Ref(1), Ref(2), name="add"),
    ]
    assert single(lines, {"": Ref(3)}) == "preact x y x"


def test_one_line_that_reads_a_node_twice_is_one_reader() -> None:
    lines = [line(INPUT, name="gate"), line(Ref(0), Ref(0), name="square")]
    assert single(lines, {"": Ref(1)}) == "x x"


def test_an_output_is_a_reader_too() -> None:
    lines = [line(INPUT, name="stem"), line(Ref(0), name="head")]
    assert single(lines, {"0": Ref(0), "1": Ref(1)}) == "stem head"


def test_two_names_of_one_output_are_one_variable() -> None:
    found = variables([line(INPUT, name="a")], ["x"], {"p": Ref(0), "q": Ref(0)})
    assert found.targets == [("p",)]
    assert found.outputs == ["p", "p"]


@pytest.mark.parametrize("name", ["0", "a-b", "", "max", "for", "_", "F", "low"])
def test_a_name_that_can_not_stand_there_is_none(name: str) -> None:
    """`low` is the input, and is read later."""
    lines = [line(Ref(None, 0), name=name), line(Ref(0)), line(Ref(0), Ref(None, 0))]
    found = variables(lines, ["low"], {"": Ref(2)}, taken={"F"})
    assert found.targets[0] == ("x",)


def test_a_name_may_be_that_of_an_input_that_is_read_no_more() -> None:
    lines = [
        line(Ref(None, 1), name="up"),
        line(Ref(None, 0), Ref(0), name="p4"),
        line(Ref(1)),
        line(Ref(1)),
    ]
    found = variables(lines, ["p4", "p5"], {"a": Ref(2), "b": Ref(3)})
    assert found.targets == [("p5",), ("p4",), ("a",), ("b",)]


def test_a_named_variable_is_for_its_value_alone() -> None:
    lines = [line(INPUT, name="tap"), line(Ref(0)), line(Ref(0)), line(Ref(2), Ref(1))]
    assert single(lines, {"": Ref(3)}) == "tap x y x"


def test_a_name_of_several_lines_is_that_of_the_last() -> None:
    lines = [
        line(INPUT, name="stage"),
        line(Ref(0), name="stage"),
        line(Ref(0), Ref(1), name="a"),
        line(Ref(1), Ref(2), name="b"),
    ]
    assert single(lines, {"": Ref(3)}) == "x stage x x"


# Loops, and lines that are not always there.


def test_a_line_that_may_be_absent_takes_the_variable_of_what_stands_for_it() -> None:
    lines = [
        line(INPUT),
        line(Ref(0), name="pool"),
        line(INPUT),
        line(Ref(1), when=False, otherwise=Ref(2), name="extra"),
        line(Ref(3), Ref(1)),
    ]
    assert single(lines, {"": Ref(4)}) == "y pool x x x"
    lines[4] = line(Ref(3), Ref(2))
    assert single(lines, {"": Ref(4)}) == "y y x z x"


def test_what_a_line_reads_is_not_overwritten_by_what_stands_for_it() -> None:
    """`z = x` comes first, where `x` is needed later."""
    optional = [
        line(INPUT),
        line(Ref(0), when=False, otherwise=INPUT),
        line(Ref(1), INPUT),
    ]
    assert single(optional, {"": Ref(2)}) == "y z x"
    two = [line(INPUT), line(INPUT, Ref(0), when=False), line(Ref(1), INPUT)]
    assert single(two, {"": Ref(2)}) == "y z x"


def test_a_loop_takes_the_variable_that_it_reads_whatever_its_name() -> None:
    lines = [line(INPUT, name="stem"), line(Ref(0), count=3), line(Ref(1), count=2)]
    found = variables(lines, ["x"], {"": Ref(2)})
    assert found.targets == [("x",), ("x",), ("x",)]
    named = [line(INPUT, name="a"), line(Ref(0)), line(Ref(0), count=3)]
    lines = [*named, line(Ref(1), Ref(2))]
    assert single(lines, {"": Ref(3)}) == "a x a x"


def test_a_named_loop_has_its_own_variable() -> None:
    lines = [line(INPUT, name="c2"), line(Ref(0), count=3, name="layer")]
    assert single(lines, {"c2": Ref(0), "c3": Ref(1)}) == "c2 c3"


# Several values at once.


def test_several_values_are_named_after_their_line() -> None:
    lines = [line(INPUT, name="cells", outputs=3), line(Ref(0, 2), Ref(0, 0))]
    found = variables(lines, ["x"], {"": Ref(1)})
    assert found.targets == [("cells_0", "_", "cells_2"), ("x",)]
    assert found.reads[1] == ("cells_2", "cells_0")


def test_an_output_of_several_keeps_its_name() -> None:
    lines = [line(INPUT, name="fpn", outputs=2)]
    found = variables(lines, ["x"], {"0": Ref(0, 0), "pool": Ref(0, 1)})
    assert found.targets == [("fpn_0", "pool")]


def test_several_values_of_a_number_go_to_letters() -> None:
    lines = [line(INPUT, name="0", outputs=2), line(Ref(0, 0), INPUT, Ref(0, 1))]
    assert targets(lines, {"": Ref(1)}) == [("y", "z"), ("x",)]


def test_a_block_names_its_values() -> None:
    block = Definition("split", False, False, False, ("x",), [])
    block.outputs = {"low": INPUT, "high": INPUT}
    both = line(INPUT, name="a", outputs=2)
    both.target = Use(block, {})
    lines = [both, line(Ref(0, 1), Ref(0, 0))]
    assert targets(lines, {"": Ref(1)}) == [("low", "high"), ("x",)]
    block.outputs = {"0": INPUT, "1": INPUT}
    assert targets(lines, {"": Ref(1)}) == [("a_0", "a_1"), ("x",)]
    assert output_names(block) == ("0", "1")


def test_the_names_that_a_definition_has_of_its_own() -> None:
    inner = line(INPUT, count=3)
    inner.index, inner.start, inner.rows = "j", {"c": 8}, {"stride": (1, 2, 1)}
    lines = [Line("part", Nested("part", False, False, [inner], (INPUT,)), (INPUT,))]
    block = Definition("net", False, False, False, ("x",), [], lines=lines)
    block.arguments = {"depth": Argument("depth", [3])}
    block.constants = {"wide": named("depth", "int")}
    assert local_names(block) == {"depth", "wide", "j", "c", "stride"}


def test_a_name_of_several_that_is_in_use_makes_all_of_them_letters() -> None:
    lines = [
        line(INPUT, name="a", outputs=2),
        line(Ref(0, 0), Ref(0, 1), Ref(None, 1)),
    ]
    assert targets(lines, {"": Ref(1)}, "x", "a_1") == [("x", "y"), ("x",)]


def test_many_values_go_to_one_variable() -> None:
    lines = [
        line(INPUT, name="wide", outputs=40),
        line(*(Ref(0, n) for n in range(39)), INPUT),
        line(Ref(0, 39), Ref(1)),
    ]
    found = variables(lines, ["x"], {"": Ref(2)})
    assert found.targets == [("y",), ("x",), ("x",)]
    assert found.reads[1] == (*(f"y[{n}]" for n in range(39)), "x")
    assert found.reads[2] == ("y[39]", "x")
    assert found.live[1] == {"y"}


def test_a_loop_has_no_part_of_a_variable_for_its_own() -> None:
    lines = [
        line(INPUT, name="wide", outputs=40),
        line(Ref(0, 39), count=2),
        line(*(Ref(0, n) for n in range(39)), INPUT, Ref(1)),
    ]
    assert targets(lines, {"": Ref(2)}) == [("y",), ("z",), ("x",)]


@pytest.mark.parametrize(
    ("name", "variable"), [("C2", "c2"), ("Stem", "stem"), ("F", "F"), ("c", "c")]
)
def test_a_variable_is_in_lower_case_but_for_one_letter(
    name: str, variable: str
) -> None:
    """An `l` could be taken for a 1."""
    lines = [line(INPUT, name=name), line(Ref(0), name="b")]
    assert single(lines, {"a": Ref(1), "0": Ref(0)}) == f"{variable} a"
    assert single([line(INPUT)], {name: Ref(0), "b": INPUT}) == variable


def test_names_that_just_fit() -> None:
    lines = [line(INPUT, name="a" * 27, outputs=2)]
    outputs = {"0": Ref(0, 0), "1": Ref(0, 1)}
    wide = "a" * 27
    assert targets(lines, outputs) == [(f"{wide}_0", f"{wide}_1")]
    lines[0].name += "a"
    assert targets(lines, outputs) == [("x", "y")]


# What stands around.


def test_busy_variables_stay_as_they_are() -> None:
    found = variables([line(INPUT)], ["x"], {"": Ref(0)}, busy={"x", "y"})
    assert found.targets == [("z",)]
    assert found.live == [{"x", "y"}]


def test_taken_names_are_no_variables() -> None:
    found = variables(
        [line(INPUT), line(INPUT, Ref(0))], ["x"], {"": Ref(1)}, taken="y"
    )
    assert found.targets == [("z",), ("x",)]


def test_a_line_that_hands_its_input_on_has_no_variable() -> None:
    """Its input lives as long as itself, and has its name."""
    lines = [
        line(INPUT, name="a"),
        line(Ref(0), name="b"),
        line(Ref(1), name="c"),
        line(INPUT),
        line(Ref(3), Ref(2)),
    ]
    found = variables(lines, ["x"], {"": Ref(4), "tap": Ref(2)}, handed=[1, 2])
    assert found.targets == [("tap",), (), (), ("x",), ("x",)]
    assert found.reads[4] == ("x", "tap")
    assert found.outputs == ["x", "tap"]


def test_a_line_that_hands_on_gives_the_first_that_it_reads() -> None:
    lines = [line(INPUT), line(Ref(0), INPUT), line(Ref(1))]
    found = variables(lines, ["x"], {"": Ref(2)}, handed=[1])
    assert found.targets == [("x",), (), ("x",)]


def test_only_lines_that_compute_count_as_readers() -> None:
    lines = [line(INPUT, name="a"), line(Ref(0), name="b"), line(Ref(0), Ref(1))]
    assert variables(lines, ["x"], {"": Ref(2)}, handed=[1]).targets[0] == ("x",)


def test_a_long_function_takes_linear_time() -> None:
    lines = [line(INPUT if n == 0 else Ref(n - 1), name=f"n{n}") for n in range(20_000)]
    found = variables(lines, ["x"], {"": Ref(19_999)})
    assert found == Variables(
        [("x",)] * 20_000, [("x",)] * 20_000, [frozenset()] * 20_000, ["x"]
    )
