"""What a name may be, and how `init` is written."""

from __future__ import annotations

import pytest
import torch
from spelled import net, refused, wired

from archspec.language.names import RESERVED

# Names


def test_the_frozen_list_of_module_attributes_is_the_installed_torchs() -> None:
    names = {*dir(torch.nn.Module()), *torch.nn.Module.__annotations__}
    assert {n for n in names if not n.startswith("_")} <= RESERVED["torch"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("class", "a word of Python"),
        ("_a", "no identifier"),
        ("a-b", "no identifier"),
        ("é", "no identifier"),
        ("01", "no identifier"),
        ("forward", "is reserved: every module of torch has one"),
        ("append", "is reserved: every module of torch has one"),
        ("input", "'input'"),
        ("a" * 101, "longer than"),
        ("a.b", "no identifier"),
    ],
)
def test_a_name_that_is_none(name: str, message: str) -> None:
    refused(f"graph: {{'{name}': relu, b: tanh}}", message)
    refused(f"graph: {{x: {{graph: {{'{name}': relu, b: tanh}}}}}}", message)


@pytest.mark.parametrize(
    "text",
    [
        "blocks: {'a b': {graph: [relu]}}\ngraph: {a: relu}",
        "graph: {a: relu}\ntaps: {'a b': a}",
        "graph: {a: relu}\noutputs: {'a b': a}",
        "graph: [{op: relu, name: a b}]",
    ],
)
def test_other_names_are_identifiers_too(text: str) -> None:
    refused(text, "'a b' is no identifier")


def test_what_python_prints_anyway_is_a_fine_name() -> None:
    names = ("torch", "nn", "F", "x", "self", "layers", "image2", "if_")
    graph = net("graph: {" + ", ".join(f"{name}: relu" for name in names) + "}")
    assert tuple(wired(graph)) == names


def test_paths_that_collide_as_layer_names() -> None:
    refused("graph: {a_b: relu, a: {graph: {b: relu}}}", "a_b")


# Init


@pytest.mark.parametrize(
    "init",
    [
        "{kaiming_normal: {mode: fan_out}}",
        "kaiming_uniform",
        "{xavier_uniform: {gain: 2.0}}",
        "{trunc_normal: {std: 0.02}}",
        "{normal: {std: =s}}",
        "{uniform: {a: -1.0, b: 1}}",
        "{constant: {value: 1.0}}",
        "0.5",
    ],
)
def test_init(init: str) -> None:
    conv = f"{{op: conv2d, channels: 1, kernel: 1, init: {{weight: {init}}}}}"
    text = f"params: {{s: 0.1}}\ngraph: {{a: {conv}}}"
    assert net(text).nodes[0].op.inits()


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("{weight: kaiming_norm}", "did you mean 'kaiming_normal'"),
        ("{wieght: 0}", "no parameter 'wieght'"),
        ("{weight: {normal: {sdt: 1.0}}}", "sdt"),
        ("{weight: {kaiming_normal: {mode: fan}}}", "fan_in"),
        ("0", "init"),
        (
            "{weight: {trunc_normal: {std: 0}}}",
            "net.yaml:4:79: conv2d: init: weight: needs a < b and std > 0, found a -2, ",
        ),
        (
            "{weight: {trunc_normal: {a: 1, b: 1}}}",
            "net.yaml:4:79: conv2d: init: weight: needs a < b and std > 0, found a 1, b 1",
        ),
        ("{weight: {uniform: {a: 1, b: 0}}}", "needs a <= b, found a 1 and b 0"),
        ("{weight: {normal: {std: -1}}}", "std: expected greater than or equal to 0"),
        ("{weight: {xavier_normal: {gain: -1}}}", "gain: expected greater than or"),
        ("{weight: {xavier_uniform: {gain: -1}}}", "gain: expected greater than or"),
        ("{weight: {constant: {}}}", "no argument 'value', which it needs"),
    ],
)
def test_init_is_refused(init: str, message: str) -> None:
    refused(
        f"graph: {{a: {{op: conv2d, channels: 1, kernel: 1, init: {init}}}}}", message
    )
