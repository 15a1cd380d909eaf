"""Statements that fill tensors with initial weights, in PyTorch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archspec.ops.init import (
    AnyInit,
    FanInUniform,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.source.layout import layout, statement
from archspec.source.text import Call, Code, Display, Doc, Infix, call, flat


class Fill(NamedTuple):
    """A tensor, and what fills it where it is there: it may be None `sometimes`.

    `weight` is the weight of its layer, by whose fan in a bias may be drawn.
    """

    init: AnyInit
    tensor: str
    weight: str
    sometimes: bool = False

    def test(self) -> Doc:
        """Whether the tensor is there."""
        return Code(f"{self.tensor} is not None")

    def rows(self, indent: int) -> list[str]:
        """The statements."""
        made = filled(self.init, self.tensor, self.weight)
        if not self.sometimes:
            return layout(made, indent)
        test = layout(self.test(), indent, "if ", ":")
        return [*test, *layout(made, indent + 4)]


class Present(NamedTuple):
    """Names of parameters of a module, and what fills those that are there."""

    init: AnyInit
    owner: str
    names: tuple[str, ...]

    def rows(self, indent: int) -> list[str]:
        """The statements."""
        return [
            f"{' ' * indent}for name, parameter in {self.owner}.named_parameters():",
            *layout(Display(self.names, "()"), indent + 4, "if name in ", ":"),
            *Fill(self.init, "parameter", f"{self.owner}.{NEXT}").rows(indent + 8),
        ]


NEXT = 'get_parameter(name.removesuffix("bias") + "weight")'
"""The weight of the layer to which a parameter of this name belongs."""


def filled(init: AnyInit, tensor: str, weight: str) -> Call:
    """The call that fills a tensor, of the layer with this weight."""
    x = Code(tensor)
    if isinstance(init, FanInUniform):
        return Call("fan_in_uniform_", (x, Code(weight)))
    if isinstance(init, KaimingNormal | KaimingUniform):
        fn = "normal" if isinstance(init, KaimingNormal) else "uniform"
        return call(
            f"nn.init.kaiming_{fn}_",
            x,
            a=(init.a, 0.0),
            mode=(init.mode, "fan_in"),
            nonlinearity=(init.nonlinearity, "leaky_relu"),
        )
    if isinstance(init, XavierNormal | XavierUniform):
        fn = "normal" if isinstance(init, XavierNormal) else "uniform"
        return call(f"nn.init.xavier_{fn}_", x, gain=(init.gain, 1.0))
    if isinstance(init, TruncNormal):
        numbers: dict[str, tuple[Doc, float]] = {
            "mean": (init.mean, 0.0),
            "std": (init.std, 1.0),
            "a": (init.a, -2.0),
            "b": (init.b, 2.0),
        }
        return call("nn.init.trunc_normal_", x, **numbers)
    if isinstance(init, Normal):
        return call("nn.init.normal_", x, mean=(init.mean, 0.0), std=(init.std, 1.0))
    if isinstance(init, Uniform):
        return call("nn.init.uniform_", x, a=(init.a, 0.0), b=(init.b, 1.0))
    if init.value in (0.0, 1.0):
        return Call("nn.init.ones_" if init.value else "nn.init.zeros_", (x,))
    return Call("nn.init.constant_", (x, init.value))


def gotten(owner: str, path: str) -> tuple[str, str]:
    """A parameter by its path, and the weight of the same layer."""
    weight = path.removesuffix("bias") + "weight"
    get = f"{owner}.get_parameter"
    return flat(Call(get, (path,))), flat(Call(get, (weight,)))


def kind_of(classes: list[str]) -> Call:
    """Whether a module is of one of these classes."""
    either = Infix(tuple(map(Code, classes)), ("|",) * (len(classes) - 1))
    return Call("isinstance", (Code("module"), either))


def branch(word: str, test: Doc, fills: Sequence[Fill | Present]) -> list[str]:
    """The statements for a kind of modules; a lone test of a tensor joins theirs."""
    first = fills[0]
    if len(fills) == 1 and isinstance(first, Fill) and first.sometimes:
        test = Infix((test, first.test()), ("and",))
        fills = [first._replace(sometimes=False)]
    rows = (row for fill in fills for row in fill.rows(8))
    return [*statement(word, test, 4, ":"), *rows]
