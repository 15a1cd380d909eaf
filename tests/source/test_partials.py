"""archspec.source.partials: what calls share is said once, where that is shorter."""

from __future__ import annotations

import doctest
import itertools

import pytest

from archspec.source import partials
from archspec.source.expr import named
from archspec.source.partials import LEAST, WORTH, Partials
from archspec.source.text import Call, Code, Display, Doc, Names, flat

BIAS = ("use_bias", False)
INIT = ("kernel_initializer", Code("HE_NORMAL"))
SAME = ("padding", "same")
WORD = named("down", "int")
NAMED = itertools.count()
"""No two layers have one name."""


def conv(*options: tuple[str, Doc]) -> Call:
    return Call("layers.Conv2D", (64, 3), (*options, ("name", Code(f"n{next(NAMED)}"))))


def printed(*calls: Call, names: Names | None = None) -> list[str]:
    """The assignments, and then how the first call is printed without its name."""
    made = Partials(calls, names or Names())
    short = made.short(calls[0])
    return [*made.lines(), flat(Call(short.fn, short.args, short.kwargs[:-1]))]


def test_the_example() -> None:
    found = doctest.testmod(partials, extraglobs={"flat": flat})
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    "value",
    [WORD, Display((WORD, 1), "()"), Call("f", (WORD,)), Display((Display((WORD,)),))],
)
def test_what_reads_an_argument_is_not_shared(value: Doc) -> None:
    """It means nothing outside of the function."""
    found = printed(*[conv(BIAS, INIT, ("strides", value)) for _ in range(3)])
    assert [text.count("strides") for text in found] == [0, 1]


def test_what_all_calls_share() -> None:
    assert printed(conv(BIAS, INIT), conv(BIAS, INIT)) == [
        "conv2d = partial(layers.Conv2D, use_bias=False, kernel_initializer=HE_NORMAL)",
        "conv2d(64, 3)",
    ]


def test_what_saves_most_is_shared() -> None:
    """To say the padding in the partial would make the third call a long one."""
    calls = [conv(SAME, BIAS, INIT), conv(SAME, BIAS, INIT), conv(BIAS, INIT)]
    assert printed(*calls) == [
        "conv2d = partial(layers.Conv2D, use_bias=False, kernel_initializer=HE_NORMAL)",
        'conv2d(64, 3, padding="same")',
    ]


def test_a_call_without_all_that_is_shared_is_written_out() -> None:
    calls = [conv(BIAS, INIT), conv(BIAS, INIT), conv(BIAS, INIT), conv(INIT)]
    made = Partials(calls, Names())
    assert made.short(calls[3]) is calls[3]
    assert made.short(Call("layers.ReLU")) == Call("layers.ReLU")


def test_of_two_values_of_a_keyword_the_commoner_is_shared() -> None:
    other = ("kernel_initializer", Code("HE_UNIFORM"))
    calls = [conv(other), *(conv(INIT, BIAS) for _ in range(2)), conv(other, BIAS)]
    calls += [conv(INIT, BIAS)]
    made = Partials(calls, Names())
    (line,) = made.lines()
    assert "HE_NORMAL" in line and "use_bias=False" in line and "UNIFORM" not in line


def test_the_rarer_value_leaves_room_for_what_comes_after_it() -> None:
    """The second value of a keyword is no reason to share less."""
    other = ("kernel_initializer", Code("HE_UNIFORM"))
    calls = [conv(other), conv(other), conv(INIT), conv(INIT, BIAS), conv(INIT, BIAS)]
    (line,) = Partials(calls, Names()).lines()
    assert line.endswith("kernel_initializer=HE_NORMAL, use_bias=False)")


def test_an_expression_is_the_functions_own() -> None:
    rate = ("a_long_keyword_of_a_layer", named("rate", "float"))
    assert printed(conv(rate), conv(rate)) == [
        "layers.Conv2D(64, 3, a_long_keyword_of_a_layer=rate)"
    ]


@pytest.mark.parametrize("values", [(1, 1.0), (1, True), ("1", 1)])
def test_values_of_other_types_are_not_the_same(values: tuple[Doc, Doc]) -> None:
    calls = [conv(("a_long_keyword_of_a_layer", value)) for value in values]
    assert len(printed(*calls)) == 1


def saving(length: int, times: int) -> list[str]:
    """What is printed for calls with an option of that many characters."""
    option = ("k" * (length - 2), 1)
    return printed(*(conv(option) for _ in range(times)))


def test_a_partial_has_to_earn_its_line() -> None:
    half = WORTH // 2
    assert len(saving(half, 1)) == 1
    assert len(saving(half - 1, 2)) == 1
    assert len(saving(half, 2)) == 2
    assert len(saving(LEAST - 1, 9)) == 1
    assert len(saving(LEAST, 9)) == 2


def test_its_name_is_none_that_is_taken() -> None:
    names = Names(["conv2d"])
    (line, call) = printed(conv(BIAS, INIT), conv(BIAS, INIT), names=names)
    assert line.startswith("conv2d2 = ") and call == "conv2d2(64, 3)"
    assert "conv2d2" in names.taken
