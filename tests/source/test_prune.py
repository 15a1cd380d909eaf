"""archspec.source.prune: what a framework's words don't need is gone, and no more."""

from __future__ import annotations

from typing import Any

from archspec.ops import BY_KIND
from archspec.source.expr import Arg, Expr, named, over_zero
from archspec.source.outline import Argument, Definition, Line, Nested, OpUse, Ref, Use
from archspec.source.prune import prune

WORDS = ("in_channels", "width", "depth", "unread")


def word(name: str) -> Expr:
    return named(name, "int")


def op(kind: str, channels: Arg, **attributes: Arg) -> OpUse:
    given = {"channels": 4, "kernel": 3} if kind == "conv2d" else {}
    return OpUse([BY_KIND[kind](**given)], [], attributes, (channels,))


def line(target: Any, **more: Any) -> Line:
    return Line("line", target, (Ref(None),), **more)


def block(*lines: Line, **constants: Arg) -> Definition:
    made = Definition("unit", False, False, False, ("input",), [], lines=[*lines])
    made.arguments = {name: Argument(name, [4]) for name in WORDS}
    made.positional = ("in_channels", "width", "unread")
    for name, value in constants.items():
        assert isinstance(value, Expr)
        made.constants[name] = value
    return made


def reads(use: OpUse) -> bool:
    return use.kind == "conv2d"


def pruned(*lines: Line, **constants: Arg) -> Definition:
    made = block(*lines, **constants)
    prune([made], reads)
    return made


def left(*lines: Line, **constants: Arg) -> tuple[list[str], list[str]]:
    made = pruned(*lines, **constants)
    return list(made.arguments), list(made.constants)


def test_channels_of_what_does_not_say_them() -> None:
    relu, conv = (
        line(op("relu", word("in_channels"))),
        line(op("conv2d", word("width"))),
    )
    found = pruned(relu, conv)
    assert isinstance(relu.target, OpUse) and relu.target.channels == ()
    assert isinstance(conv.target, OpUse) and conv.target.channels == (word("width"),)
    assert list(found.arguments) == ["width"] and found.positional == ("width",)


def test_inside_of_nested_graphs() -> None:
    inner = line(op("relu", word("width"), slope=word("depth")))
    outer = line(Nested("part", False, False, [inner], (Ref(0),)), when=word("unread"))
    assert left(outer) == (["depth", "unread"], [])


def test_callers_hand_over_what_is_left() -> None:
    unit = block(line(op("conv2d", word("in_channels"))))
    given: dict[str, Arg] = {"in_channels": word("width"), "width": word("depth")}
    use = line(Use(unit, given | {"unread": word("unread")}))
    net = block(use)
    net.model = True
    prune([unit, net], reads)
    assert isinstance(use.target, Use)
    assert use.target.arguments == {"in_channels": word("width")}
    assert list(net.arguments) == [*WORDS]
    assert net.positional == ("in_channels", "width", "unread")


def test_constants_that_others_need() -> None:
    constants = {"a": word("width") * 2, "b": word("a") + 1, "c": word("depth") * 2}
    assert left(line(op("conv2d", word("b"))), **constants) == (["width"], ["a", "b"])
    assert left(line(op("conv2d", word("a"))), **constants) == (["width"], ["a"])
    assert left(line(op("relu", word("a"))), **constants) == ([], [])


def loop(target: Any, start: dict[str, Arg], carried: dict[str, Arg]) -> Line:
    return line(target, count=2, index="i", start=start, carried=carried)


def flows(found: Definition) -> list[tuple[list[str], list[str]]]:
    return [(list(line.start), list(line.carried)) for line in found.lines]


def test_what_a_loop_carries_for_nobody() -> None:
    step = word("flow") + word("depth")
    unread = loop(op("relu", word("flow")), {"flow": word("width")}, {"flow": step})
    found = pruned(unread)
    assert flows(found) == [([], [])] and list(found.arguments) == []
    read = loop(op("conv2d", word("flow")), {"flow": word("width")}, {"flow": step})
    found = pruned(read)
    assert flows(found) == [(["flow"], ["flow"])]
    assert list(found.arguments) == ["width", "depth"]


def test_what_a_later_line_or_loop_needs_is_carried() -> None:
    relu = op("relu", word("flow"))
    first = loop(relu, {"flow": word("width")}, {"flow": word("flow") + word("depth")})
    found = pruned(first, line(op("conv2d", word("flow"))))
    assert flows(found)[0] == (["flow"], ["flow"])
    first = loop(op("relu", 4), {"flow": word("width")}, {"flow": word("flow") * 2})
    later = loop(op("conv2d", word("other")), {"other": word("flow")}, {})
    found = pruned(first, later)
    assert flows(found) == [(["flow"], ["flow"]), (["other"], [])]
    assert list(found.arguments) == ["width"]
    first = loop(op("relu", 4), {"flow": word("width")}, {"flow": word("flow") * 2})
    later = loop(op("conv2d", 4), {"other": word("flow")}, {})
    assert flows(pruned(first, later)) == [([], []), ([], [])]


def test_counts_and_conditions_are_read() -> None:
    relu = op("relu", word("in_channels"))
    assert left(line(relu, count=word("depth"), index="i"))[0] == ["depth"]
    assert left(line(relu, when=over_zero(word("width"))))[0] == ["width"]
