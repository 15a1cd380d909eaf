"""Params: their types, what callers give, defaults, and what a file requires."""

from __future__ import annotations

from typing import Any

import pytest
from spelled import net, refused, shape, spoken, told

from archspec.errors import Location, SpecError, SpecErrors
from archspec.language.files import Files
from archspec.language.params import (
    accept,
    bind,
    is_type,
    require,
    type_of,
    wrong_params,
)
from archspec.language.syntax import Param
from archspec.language.values import CLEAN, Known, Variables
from archspec.limits import Budget, Limits

AT = Location("net.yaml", 1, 1)


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        ("int", True),
        ("int or str", True),
        ("int or str or list", True),
        ("any", True),
        ("map", False),
        ("int or", False),
        ("int or map", False),
        ("int, str", False),
        (3, False),
        (None, False),
    ],
)
def test_names_of_types(raw: Any, result: bool) -> None:
    assert is_type(raw) is result


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        (None, "any"),
        ("=a", "any"),
        ("a", "str"),
        (1, "int"),
        (True, "bool"),
        (1.5, "float"),
        ([1], "list"),
        ((), "list"),
    ],
)
def test_the_type_of_a_default(default: Any, kind: str) -> None:
    assert type_of(default) == kind


@pytest.mark.parametrize(
    ("declared", "given", "found"),
    [
        ("int", 3, 3),
        ("4", 3, 3),
        ("1.5", 3, 3.0),
        ("float", 3, 3.0),
        ("bool", True, True),
        ("'a'", "b", "b"),
        ("str", "b", "b"),
        ("[1]", [2, [3]], (2, (3,))),
        ("list", [], ()),
        ("any", 3, 3),
        ("any", [3, 4], (3, 4)),
    ],
)
def test_a_type_or_a_default_fixes_the_type(
    declared: str, given: Any, found: Any
) -> None:
    text = f"params: {{p: {declared}}}\ngraph: {{a: {{op: relu, when: =p == p}}}}"
    value = net(text, p=given).params["p"]
    assert value == found and type(value) is type(found)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("int", 1.0),
        ("int", True),
        ("4", 1.5),
        ("4", "4"),
        ("1.5", "a"),
        ("bool", 1),
        ("true", 0),
        ("str", 1),
        ("'a'", 1),
        ("[1]", 1),
        ("list", "a"),
    ],
)
def test_a_wrong_type(declared: str, given: Any) -> None:
    refused(
        f"params: {{p: {declared}}}\ngraph: {{a: {{op: relu, when: =p == p}}}}",
        "p must be",
        p=given,
    )


def test_several_types() -> None:
    param = Param("same", AT, AT, "int or str", typed=True)
    for value in (0, "x"):
        assert accept(param, value, "p", AT) == value
    both = Param(1, AT, AT, "float or int", typed=True)
    assert type(accept(both, 2, "p", AT)) is int
    assert accept(Param(1.5, AT, AT, "float"), 2, "p", AT) == 2.0
    assert accept(Param(None, AT, AT, "any"), None, "p", AT) is None


@pytest.mark.parametrize(
    ("param", "value", "message"),
    [
        (
            Param("same", AT, AT, "str"),
            0,
            "AS314 1:1 p must be str, found 0 (its default says so; "
            "{type: str or int, default: 'same'} takes both)",
        ),
        (
            Param(4, AT, AT, "int"),
            (1,),
            "AS314 1:1 p must be int, found [1] (its default says so; "
            "{type: int or list, default: 4} takes both)",
        ),
        (
            Param(None, AT, AT, "int or str", typed=True),
            1.5,
            "AS314 1:1 p must be int or str, found 1.5",
        ),
        (Param(None, AT, AT, "int", typed=True), True,
         "AS314 1:1 p must be int, found true"),
        (Param(None, AT, AT, "list", typed=True), None,
         "AS314 1:1 p must be list, found null"),
        *((Param(1, AT, AT, kind), value, f"AS314 1:1 p can't be a map or hold one, found "
           f"{said} (a param is a number, a text, true, false, null, or a list of these)")
          for kind, value, said in [("any", {"a": 1}, "{'a': 1}"),
                                    ("list", (1, ({"a": 1},)), "[1, [{'a': 1}]]")]),
    ],
)  # fmt: skip
def test_a_value_of_no_such_type(param: Param, value: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        accept(param, value, "p", AT)
    assert spoken(caught.value) == message


def test_a_required_param() -> None:
    refused("params: {p: int}\ngraph: {a: relu}", "needs the param 'p'")
    block = "blocks: {b: {params: {w: int}, graph: {a: {op: slice, stop: =w}}}}\n"
    refused(f"{block}graph: {{x: {{block: b}}}}", "needs the param 'w'")
    refused(f"{block}graph: {{x: {{block: b, w: 1.5}}}}", "w must be int")
    assert shape(net(f"{block}graph: {{x: {{block: b, w: 2}}}}")) == [2, 8, 8]


def test_a_default_may_be_a_formula() -> None:
    text = """
params: {a: 2, b: =a + 1, c: "=[a, b]"}
blocks:
  b:
    params: {x: =a + input.channels, y: =x * 2}
    graph: {conv: {op: conv2d, channels: =y, kernel: 1}}
graph: {b: {block: b}}
"""
    graph = net(text)
    assert graph.params == {"a": 2, "b": 3, "c": (2, 3)}
    assert shape(graph) == [10, 8, 8]
    assert net(text, a=5).params["c"] == (5, 6)
    refused("params: {a: =b, b: 1}\ngraph: {c: relu}", "'b'")


UNIT = Files().text(
    """\
archspec: 1
name: net
params: {n: int, w: 1.5, m: =n + 1, s: str}
require:
  n is small: =n < m and n < 5
  s is no number: =not (s == "1")
""",
    "net.yaml",
)
BLOCK = UNIT.block()


def variables() -> Variables:
    return Variables(Budget(Limits()))


def place(name: str, *, key: bool = False) -> Location | None:
    return Location("net.yaml", 9, 1 if key else 2) if name != "nowhere" else None


def wrong(names: str, at: Location | None = AT, **given: Any) -> list[str]:
    known = {name: Known(value) for name, value in given.items()}
    found = wrong_params(BLOCK, [*names.split(), *given], known, place, at)
    return [spoken(error) for error in found]


def test_what_is_wrong_with_the_params_of_a_call() -> None:
    assert wrong("", n=1, s="x") == []
    assert wrong("n s") == []  # their values are not known yet
    assert wrong("", n=1) == [
        "AS313 1:1 the spec 'net' needs the param 's' "
        "(it is declared as str, without a default)"
    ]
    assert [line[:9] for line in wrong("", at=None)] == ["AS313 3:1", "AS313 3:3"]
    assert wrong("s", n="x", w="y") == [
        "AS314 9:2 the spec 'net': n must be int, found 'x'",
        "AS314 9:2 the spec 'net': w must be float, found 'y' (its default says so; "
        "{type: float or str, default: 1.5} takes both)",
    ]
    assert wrong("s zzz", n=1) == [
        "AS312 9:1 the spec 'net' has no param 'zzz' (its params: n, w, m, s)"
    ]
    assert wrong("ss", n=1) == [
        "AS312 9:1 the spec 'net' has no param 'ss' (did you mean 's'?)"
    ]
    none = Files().text("archspec: 1\nname: none\n", "net.yaml").block()
    (error,) = wrong_params(none, ["x"], {}, place, AT)
    assert error.hint == "it has none"


def test_params_are_bound_in_their_order() -> None:
    seen = variables()
    taint = frozenset("q")
    given = {"n": Known(4, "q", taint), "s": Known("x")}
    bound = bind(BLOCK, given, seen, place, AT)
    assert bound.values == {"n": 4, "w": 1.5, "m": 5, "s": "x"}
    assert bound.defaults == {"m": "n + 1"}
    assert seen.values == bound.values
    assert seen.taints == {"n": taint, "w": CLEAN, "m": taint, "s": CLEAN}


def test_the_whole_nets_own_params_taint_themselves() -> None:
    seen = variables()
    bind(BLOCK, {"n": Known(4), "s": Known("x")}, seen, place)
    # One whose default is a formula follows from the params that this reads.
    assert seen.taints == {
        name: frozenset((of,)) for name, of in zip("nwms", "nwns", strict=True)
    }
    # One whose default is a formula, given another value, is nobody's.
    bind(BLOCK, {"n": Known(4), "s": Known("x"), "m": Known(9)}, seen, place)
    assert seen.taints["m"] == CLEAN


def test_binding_refuses_what_is_wrong() -> None:
    with pytest.raises(SpecErrors) as caught:
        bind(BLOCK, {"zz": Known(1)}, variables(), place, AT)
    assert [error.code for error in caught.value.errors] == [
        *("AS313", "AS313", "AS312"),
    ]
    text = "params: {a: 1, b: {type: str, default: =a}}\ngraph: {c: relu}"
    assert told(text) == ["AS314 1:40 the spec 'net': b must be str, found 1"]


def test_what_a_file_requires() -> None:
    def requires(**values: Any) -> None:
        seen = variables()
        bind(BLOCK, {k: Known(v) for k, v in values.items()}, seen, place)
        require(UNIT, seen)

    requires(n=1, s="x")
    with pytest.raises(SpecError) as caught:
        requires(n=5, s="x")
    assert spoken(caught.value) == (
        "AS315 5:15 the spec 'net' requires: n is small; m is 6, n is 5"
    )
    with pytest.raises(SpecError) as caught:
        requires(n=1, s="1")
    assert spoken(caught.value) == (
        "AS315 6:19 the spec 'net' requires: s is no number; s is '1'"
    )
    odd = "require: {it: %s}\ngraph: {a: relu}\nparams: {n: 1}"
    assert told(odd % "=n") == [
        "AS305 1:15 require: a condition is true or false, found 1"
    ]
    assert told(odd % "n") == [
        "AS305 1:15 require: a condition is true or false, found 'n'"
    ]
    assert told(odd % "=false") == ["AS315 1:15 the spec 'net' requires: it; "]


def test_an_unknown_override() -> None:
    text = "params: {depths: 1}\ngraph: {a: {op: slice, stop: =depths}}"
    assert told(text, depth=1) == [
        "AS312 the spec 'net' has no param 'depth' (did you mean 'depths'?)"
    ]
