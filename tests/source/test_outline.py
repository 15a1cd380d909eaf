"""archspec.source.outline: what lines say, read and bind, and what covers values."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.graph import Value
from archspec.ops import BY_KIND
from archspec.ops.base import Op
from archspec.ops.convolution import Conv2d
from archspec.source.expr import Arg, Expr, choice, named, names_of
from archspec.source.outline import (
    CHOSEN,
    Argument,
    Definition,
    Line,
    Nested,
    OpUse,
    Ref,
    Target,
    Use,
    annotation,
    expressions,
    free_names,
    read_by,
    rewrite,
    walk,
)

A, B, C, D, N = (named(name, "int") for name in "abcdn")
INDEX, FLOW = named("i", "int"), named("flow", "int")
GO = named("go", "bool")


def conv(channels: Arg = A, reads: Arg = B) -> OpUse:
    return OpUse([], [], {"channels": channels, "kernel": 3}, (reads,))


def block(inline: bool = False) -> Definition:
    return Definition("unit", False, True, inline, ("input",), [])


def line(target: Target | None = None, **more: Any) -> Line:
    return Line("conv", target or conv(), (Ref(None),), **more)


def nested(*lines: Line, inline: bool = False) -> Nested:
    return Nested("part", False, inline, [*lines], (Ref(0),))


def names(args: Any) -> list[str]:
    return [name for arg in args for name in sorted(names_of(arg))]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, 2], "int"),
        ([1, 2.0], "float"),
        ([True], "bool"),
        ([True, 1], "bool | int"),
        (["a"], "str"),
        ([None], "None"),
        ([None, 1], "int | None"),
        (["a", None, 1], "int | str | None"),
        ([(1, 2)], "tuple[int, int]"),
        ([(1, 2), (3, 4)], "tuple[int, int]"),
        ([(1, 2.0)], "tuple[int, float]"),
        ([(1, 2), (3.0, 4)], "tuple[float, int]"),
        ([(1, "a", True, None)], "tuple[int, str, bool, None]"),
        ([(1, 2, 3, 4, 5)], "tuple[int, ...]"),
        ([(1,)], "tuple[int, ...]"),
        ([()], "tuple[int, ...]"),
        ([(1, 2), (1, 2, 3)], "tuple[int, ...]"),
        ([(1, 2), (1.0, 2, 3)], "tuple[float, ...]"),
        ([(1, 2), 3], "int | tuple[int, int]"),
        ([((1, 2), (3, 4))], "tuple[tuple[int, int], tuple[int, int]]"),
        ([((1, 2),) * 4], "tuple[tuple[int, int], ...]"),  # 73 characters otherwise
    ],
)
def test_annotations(values: list[Value], found: str) -> None:
    assert annotation(values) == Argument("a", values).type() == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([(1,)], "tuple[int]"),
        ([(1, 2, 3, 4, 5)], "tuple[int, int, int, int, int]"),
        ([(1, 2), (1, 2, 3)], "tuple[int, ...]"),
        # As long as a type may be, and longer
        ([(True, *range(11))], f"tuple[bool{', int' * 11}]"),
        ([(1.0, *range(11))], "tuple[float, ...]"),
    ],
)
def test_annotations_of_lists_whose_length_is_fixed(
    values: list[Value], found: str
) -> None:
    assert annotation(values, sized=True) == found
    assert Argument("a", values, sized=True).type() == found


def test_an_argument_says_its_type_and_its_default() -> None:
    assert Argument("a", [1]).declaration() == "a: int"
    assert Argument("a", [1], 2).declaration() == "a: int"
    assert Argument("a", [1], None, keyword=True).declaration() == "a: int = None"
    assert Argument("a", [1], 2, keyword=True, note="Any").declaration() == "a: Any = 2"


def test_defaults() -> None:
    found = line()
    assert (found.outputs, found.when, found.count, found.single) == (
        1,
        True,
        None,
        False,
    )
    argument = Argument("a", [1])
    assert not found.instead and Ref(1).output == 0
    assert (argument.default, argument.keyword, argument.invented) == (
        None,
        False,
        False,
    )


def test_an_op() -> None:
    ops: list[Op] = [Conv2d(channels=n, kernel=3) for n in (4, 8, 4)]
    use = OpUse(ops, [], {"channels": A, "kernel": 3}, (B,))
    assert (
        OpUse(ops[:1], [], {}, ()).kind == use.kind == "conv2d" and use["channels"] is A
    )
    assert use.values("channels") == {4, 8} and use.values("kernel") == {3}


def test_an_op_that_an_argument_says() -> None:
    ops: list[Op] = [BY_KIND["relu"](), BY_KIND["tanh"]()]
    use = OpUse(ops, [], {CHOSEN: named("act", "str")}, ())
    assert use.kind == CHOSEN == "op" and use.values(CHOSEN) == {"relu", "tanh"}


@pytest.mark.parametrize(
    ("shape", "found"), [((3, 8, 8), True), ((3,), False), ((3, 8), False)]
)
def test_whether_an_op_reads_an_image(shape: tuple[int, ...], found: bool) -> None:
    assert OpUse([], [(shape,)], {}, ()).image is found


@pytest.mark.parametrize(
    ("padding", "four"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        (((0, 1), (2, 3)), ((0, 1), (2, 3))),
    ],
)
def test_numbers_of_an_op_by_how_they_are_told(padding: Any, four: Any) -> None:
    made: Op = Conv2d(channels=4, kernel=3, padding=padding)
    use = OpUse([made], [], {"padding": padding, "kernel": 3}, ())
    assert use.four("padding") == four
    assert use.two("kernel") == (3, 3)
    told: Op = Conv2d(channels=4, kernel=(3, 5))
    pair = OpUse([told], [], {"kernel": named("size", "list")}, ()).two("kernel")
    assert [part.code() for part in pair if isinstance(part, Expr)] == [
        "size[0]",
        "size[1]",
    ]


def test_what_a_line_reads() -> None:
    assert line().reads == (Ref(None),)
    assert line(otherwise=Ref(2, 1)).reads == (Ref(None), Ref(2, 1))


def test_what_stands_in_the_list_around() -> None:
    assert not line().spread
    assert line(Use(block(inline=True), {})).spread
    assert not line(Use(block(), {})).spread
    assert line(nested(inline=True)).spread and not line(nested()).spread


def test_what_is_one_child_and_always_there() -> None:
    assert line().plain
    assert not line(when=GO).plain and not line(count=1).plain
    assert not line(nested(inline=True)).plain


def test_what_a_line_says() -> None:
    full = line(
        when=GO,
        count=N,
        index="i",
        start={"flow": C},
        carried={"flow": FLOW},
        after={"flow": D},
    )
    assert names(full.said()) == ["go", "n", "c", "flow", "a", "b"]
    use = line(Use(block(), {"width": C, "depth": 2}))
    assert [*use.said()] == [True, C, 2]
    named_by = line(rows={"c": D, "d": (1, 2)}, alias=("a", N), template=("b", INDEX))
    assert names(named_by.said()) == ["d", "n", "i", "a", "b"]
    around = line(nested(line(), use), when=GO)
    assert [*around.said()] == [GO]
    assert names(expressions(around)) == ["go", "a", "b", "c"]


def test_the_names_of_a_line() -> None:
    loop = line(
        conv(FLOW, INDEX),
        when=GO,
        count=N,
        index="i",
        start={"flow": C},
        carried={"flow": D},
        rows={"row": (1, 2)},
    )
    assert loop.bound() == {"i", "flow", "row"}
    assert line().bound() == set()
    assert free_names(loop) == {"go", "n", "c", "d"}
    assert loop.repeated() == {"flow", "i", "go", "d"}
    outer = line(nested(loop), count=2, index="j")
    assert free_names(outer) == {"go", "n", "c", "d"}
    assert free_names(line(nested(line(conv(INDEX))), count=2, index="i")) == {"b"}


def test_lists_over_whose_items_a_loop_runs() -> None:
    """Where a name for these items is read: who reads none, doesn't read the list."""
    rows = {"a": C, "b": (1, 2), "c": D}
    loop = line(conv(N, FLOW), count=GO, rows=rows)
    assert [*loop.lists({"a", "b"})] == [C] and [*loop.lists(rows)] == [C, D]
    assert [*loop.lists(())] == []
    assert free_names(loop) == {"go", "n", "flow"}
    assert free_names(line(conv(A), count=GO, rows=rows)) == {"go", "c"}
    # What is outside has its own `a`.
    around = line(conv(N, FLOW), count=A, start={"x": C, "y": A}, rows={"a": D})
    assert free_names(around) == {"n", "flow", "a", "c"}
    assert free_names(line(conv(N, 3), count=A, rows={"a": (1, 2)})) == {"n", "a"}
    inner = line(nested(line(conv(A, N))), count=GO, rows=rows)
    assert free_names(inner) == {"go", "c", "n"}


def test_names_of_what_a_loop_repeats() -> None:
    loop = line(conv(A, 3), count=N, carried={"flow": C}, template=("b", INDEX))
    assert loop.repeated() == {"a", "c", "i"}


def test_names_that_loops_before_have_set() -> None:
    loop = line(conv(A, 3), count=2, start={"flow": C})
    reader = line(conv(FLOW, 3))
    assert read_by([loop, reader]) == {"a", "c"}
    assert read_by([reader, loop]) == {"a", "c", "flow"}
    assert read_by([]) == set()


def test_walking_nested_lines() -> None:
    inner, other, last = line(), line(), line()
    outer = line(nested(inner, line(nested(other))))
    found = [*walk([outer, last])]
    assert found[0] is outer and found[1] is inner and found[3] is other
    assert found[-1] is last and len(found) == 5


def test_rewriting() -> None:
    """What the line itself starts from and carries stays; that of loops inside not."""

    def change(arg: Arg) -> Arg:
        return named(f"{arg.text}2") if isinstance(arg, Expr) else arg

    def loop() -> Line:
        held: dict[str, Any] = {"start": {"f": C}, "carried": {"f": D}}
        return line(Use(block(), {"width": A}), when=GO, count=N, index="i", **held)

    inner = loop()
    outer = loop()
    outer.target = nested(inner, line())
    rewrite(outer, change)
    assert names(outer.said()) == ["go2", "n2", "c", "d"]
    assert names(inner.said()) == ["go2", "n2", "c2", "d2", "a2"]
    rewrite(outer, change, nested=False)
    assert names(outer.said()) == ["go22", "n22", "c", "d"]
    assert names(inner.said()) == ["go2", "n2", "c2", "d2", "a2"]
    told = line(rows={"c": D, "d": (1, 2)}, alias=("x", N), template=("y", INDEX))
    rewrite(told, change)
    assert names(told.said()) == ["d2", "n2", "i2", "a2", "b2"]
    assert told.rows["d"] == (1, 2) and told.alias[0] == "x"
    op = line(conv(choice(A, GO, 2)))
    rewrite(op, lambda arg: 7)
    assert op.when == 7 and op.count is None
    assert isinstance(op.target, OpUse)
    assert op.target.attributes == {"channels": 7, "kernel": 7}
    assert op.target.channels == (7,)


def test_a_signature() -> None:
    """Of a net, what isn't given by position is given by name, behind one `*`."""
    found = block()
    assert not found.net and not found.model
    found.arguments = {name: Argument(name, [1]) for name in ("a", "b")}
    own = [argument.declaration() for argument in found.arguments.values()]
    assert found.parameters(["*", "name"]) == [*own, "*", "name"]
    found.net = True
    assert found.parameters() == ["*", *own]
    assert found.parameters(["*", "name"]) == ["*", *own, "name"]
    found.positional = ("a",)
    assert found.parameters(["*", "name"]) == [own[0], "*", own[1], "name"]
    found.positional = ("a", "b")
    assert found.parameters() == own


def test_the_whole_is_a_net_and_so_is_one_of_a_family() -> None:
    def net(model: bool, **more: Any) -> bool:
        return Definition("net", model, False, False, (), [], **more).net

    assert net(True) and net(False, net=True) and not net(False)


def test_what_a_caller_must_give() -> None:
    """What isn't the default, and whatever callers give by position."""
    found = block()
    for name, default in (("a", 1), ("b", True), ("c", None)):
        found.arguments[name] = Argument(name, [2], default, keyword=True)
    assert found.asks("a", 2) and not found.asks("a", 1)
    assert found.asks("b", 1) and not found.asks("b", True)
    assert found.asks("c", 0)
    found.positional = ("a",)
    assert found.asks("a", 1)
