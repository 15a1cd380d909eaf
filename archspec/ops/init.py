"""How a spec says initial weights: by name, those of `torch.nn.init` and one more.

In YAML an initialiser is a number (a constant), a bare name, or one name with its
arguments: `{kaiming_normal: {mode: fan_out}}`.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from archspec.errors import nearest

Real = Annotated[float, Field(ge=-1e30, le=1e30)]
"""A number that single precision holds, with room for what is computed from it."""
Spread = Annotated[float, Field(ge=0, le=1e30)]


class Unsuited(ValueError):
    """An initialiser that nothing can be drawn from, or that doesn't suit a tensor."""


class Init(BaseModel):
    """One initialiser; frozen, so that an op that holds it stays hashable."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, allow_inf_nan=False
    )

    name: ClassVar[str]
    by_fan: ClassVar[bool] = False
    """Whether it reads a fan, which only a kernel has."""
    of_bias: ClassVar[bool] = False
    """Whether it reads the fan of the kernel in front of a bias, too."""


Init.__annotations__.clear()  # they name no field; see `Op`


class Kaiming(Init):
    """Arguments of both Kaiming initialisers; `a` is leaky_relu's slope."""

    by_fan = True
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Literal["relu", "leaky_relu", "linear", "tanh", "sigmoid", "selu"] = (
        "relu"
    )
    a: Real = 0.0


class KaimingNormal(Kaiming):
    """N(0, gain² / fan). https://arxiv.org/abs/1502.01852"""

    name = "kaiming_normal"


class KaimingUniform(Kaiming):
    """U(-b, b) with b = gain · sqrt(3 / fan). https://arxiv.org/abs/1502.01852"""

    name = "kaiming_uniform"


class XavierNormal(Init):
    """N(0, gain² · 2 / (fan_in + fan_out)), by Glorot and Bengio, 2010."""

    name = "xavier_normal"
    by_fan = True
    gain: Spread = 1.0


class XavierUniform(Init):
    """U(-b, b), b = gain · sqrt(6 / (fan_in + fan_out)), by Glorot and Bengio, 2010."""

    name = "xavier_uniform"
    by_fan = True
    gain: Spread = 1.0


class FanInUniform(Init):
    """U(-b, b) with b = 1 / sqrt(fan_in), as torch.nn's convolutions and Linear start.

    Of a bias too, which is drawn by the fan in of its layer's weight.
    """

    name = "fan_in_uniform"
    by_fan = True
    of_bias = True


class TruncNormal(Init):
    """N(mean, std²) with values outside [a, b] drawn anew; a and b are absolute.

    The mean is at most 2 std outside of them, where torch.nn.init ends to be exact.
    """

    name = "trunc_normal"
    mean: Real = 0.0
    std: Spread = 1.0
    a: Real = -2.0
    b: Real = 2.0

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.a < self.b or self.std == 0:
            raise Unsuited(
                f"needs a < b and std > 0, found a {self.a:g}, b {self.b:g} and "
                f"std {self.std:g}"
            )
        if not self.a - 2 * self.std <= self.mean <= self.b + 2 * self.std:
            raise Unsuited(
                f"almost nothing lies between a {self.a:g} and b {self.b:g}, which are "
                f"values, not multiples of std; found mean {self.mean:g} and std "
                f"{self.std:g}"
            )
        return self


class Normal(Init):
    """N(mean, std²)."""

    name = "normal"
    mean: Real = 0.0
    std: Spread = 1.0


class Uniform(Init):
    """U(a, b)."""

    name = "uniform"
    a: Real = 0.0
    b: Real = 1.0

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.a > self.b:
            raise Unsuited(f"needs a <= b, found a {self.a:g} and b {self.b:g}")
        return self


class Constant(Init):
    """The same value everywhere."""

    name = "constant"
    value: Real


AnyInit = (
    KaimingNormal
    | KaimingUniform
    | XavierNormal
    | XavierUniform
    | FanInUniform
    | TruncNormal
    | Normal
    | Uniform
    | Constant
)
BY_NAME: dict[str, type[AnyInit]] = {
    kind.name: kind
    for kind in (
        KaimingNormal,
        KaimingUniform,
        XavierNormal,
        XavierUniform,
        FanInUniform,
        TruncNormal,
        Normal,
        Uniform,
        Constant,
    )
}
CONSTANTS = {"zeros": 0.0, "ones": 1.0}


def _read(value: Any) -> Any:
    if isinstance(value, Init):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Constant(value=value)
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("expected a number, a name, or one name with its arguments")
    ((name, arguments),) = value.items()
    if name in CONSTANTS and not arguments:
        return Constant(value=CONSTANTS[name])
    if name not in BY_NAME:
        known = (*BY_NAME, *CONSTANTS)
        hint = nearest(str(name), known) or "known are " + ", ".join(known)
        raise ValueError(f"there is no initialiser {name!r}; {hint}")
    kind = BY_NAME[name]
    if not isinstance(arguments, dict):
        given = ", ".join(kind.model_fields)
        told = f"its arguments by name: {given}" if given else "no arguments"
        raise ValueError(f"{name} takes {told}")
    return kind.model_validate(arguments)


class _Reads:
    """Lets `_read` alone validate; pydantic's own check of the union costs a start."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core.core_schema import no_info_plain_validator_function

        return no_info_plain_validator_function(_read)


Initializer = Annotated[AnyInit, _Reads()]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of rank 2 or more, as torch.nn.init counts them."""
    receptive = prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive
