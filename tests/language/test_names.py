"""What a name may be."""

from __future__ import annotations

import pytest
import torch
from nets import graph_of
from spelled import net, refused, spoken, told, wired

from archspec.backend import backend, backends
from archspec.errors import Location, SpecError, UnsupportedError
from archspec.language.names import (
    LENGTH,
    NONE,
    RESERVED,
    check,
    check_alias,
    check_spec,
)

AT = Location("net.yaml", 2, 3)
SHAPE = "no identifier (letters, digits and _, a letter first)"


def test_what_torch_reserves_is_what_the_installed_one_has() -> None:
    names = {*dir(torch.nn.Module()), *torch.nn.Module.__annotations__}
    assert {n for n in names if not n.startswith("_")} <= RESERVED["torch"]


def test_what_is_reserved_is_what_the_installed_backends_say() -> None:
    said: dict[str, frozenset[str]] = {
        name: getattr(backend(name), "reserved", frozenset()) for name in backends()
    }
    for name, reserved in said.items():
        assert name not in RESERVED or reserved <= RESERVED[name]


def test_what_another_backend_reserves_it_refuses() -> None:
    """A list of Flax' has an `index`: no reason why others shouldn't."""
    graph = graph_of("inputs: {image: [1, 4, 4]}\ngraph: {index: relu, x: relu}")
    assert backend("torch").emit(graph).text
    with pytest.raises(UnsupportedError, match=r"'index' is flax.nnx.Module's own"):
        backend("flax").emit(graph)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("class", "is a word of Python"),
        ("_a", f"is {SHAPE}"),
        ("1a", f"is {SHAPE}"),
        ("a-b", f"is {SHAPE}"),
        ("é", f"is {SHAPE}"),
        ("", f"is {SHAPE}"),
        ("a.b", f"is {SHAPE}"),
        ("a\n", f"is {SHAPE}"),
        ("a" * 101, "is longer than 100 characters"),
        ("forward", "is reserved: every module of torch has one of its own"),
    ],
)
def test_a_name_that_is_none(name: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(name, AT, RESERVED)
    assert spoken(caught.value) == (
        f"AS310 2:3 the name {name!r} {problem} (choose another)"
    )


@pytest.mark.parametrize("name", ["a", "A1_b", "a" * 100, "if_", "torch", "self"])
def test_a_name_that_is_one(name: str) -> None:
    check(name, AT, RESERVED)


def test_what_becomes_no_attribute_is_not_reserved() -> None:
    check("forward", AT, NONE)
    check("forward", AT, {"mine": frozenset(("other",))})
    with pytest.raises(SpecError, match="every module of mine"):
        check("sow", AT, {"torch": frozenset(), "mine": frozenset(("sow",))})


def test_numbers_are_names_where_they_are_asked_for() -> None:
    for name in ("0", "7", "10", "123"):
        check(name, AT, RESERVED, number=True)
        with pytest.raises(SpecError):
            check(name, AT, RESERVED)
    for name in ("01", "-1", "1.0", "1a"):
        with pytest.raises(SpecError):
            check(name, AT, RESERVED, number=True)


@pytest.mark.parametrize("name", ["a", "9", "resnet50.a1-x_Y", "a" * 100])
def test_the_name_of_a_net(name: str) -> None:
    check_spec(name)


@pytest.mark.parametrize("name", ["", ".a", "-a", "_a", "a b", "a/b", "é", "a" * 101])
def test_what_no_net_is_called(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_spec(name, AT)
    assert spoken(caught.value) == (
        f"AS310 2:3 the name {name!r} may hold letters, digits, '_', '-' and '.'"
    )


@pytest.mark.parametrize("name", ["class", "_a", "append", "a" * 101])
def test_nodes_everywhere(name: str) -> None:
    refused(f"graph: {{'{name}': relu, b: tanh}}", f"the name '{name}' is")
    refused(f"graph: {{x: {{graph: {{'{name}': relu, b: tanh}}}}}}", f"'{name}' is")
    refused("graph: {x: {graph: {input: relu}}}", "the name 'input' is taken by an inp")


def test_other_names_are_identifiers_too() -> None:
    problem = f"the name 'a b' is {SHAPE} (choose another)"
    for text, place in (
        ("blocks: {'a b': {graph: [relu]}}\ngraph: {a: relu}", "1:10"),
        ("graph: {a: relu}\ntaps: {'a b': a}", "2:8"),
        ("graph: {a: relu}\noutputs: {'a b': a}", "2:11"),
        ("graph: [{op: relu, name: a b}]", "1:26"),
    ):
        assert told(text) == [f"AS310 {place} {problem}"]


def test_what_python_prints_anyway_is_a_fine_name() -> None:
    names = ("torch", "nn", "F", "x", "self", "layers", "image2", "if_")
    graph = net("graph: {" + ", ".join(f"{name}: relu" for name in names) + "}")
    assert tuple(wired(graph)) == names


def test_an_alias_is_as_long_as_any_name() -> None:
    check_alias("a" * LENGTH, AT)
    for alias in ("a" * (LENGTH + 1), "a b", ""):
        with pytest.raises(SpecError, match="may hold letters"):
            check_alias(alias, AT)
