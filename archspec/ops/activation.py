"""Activations and regularisers: the shape stays as it is."""

from typing import Annotated, Literal

from pydantic import Field

from archspec.ops.base import Flag, Op, Shape, Weighted
from archspec.ops.init import AnyInit, Constant

Rate = Annotated[float, Field(ge=0, lt=1)]


class Pointwise(Op):
    """An op whose output has the shape of its input."""

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]


class Relu(Pointwise):
    """max(x, 0); the derivative at 0 is 0."""

    kind = "relu"


class Relu6(Pointwise):
    """min(max(x, 0), 6)."""

    kind = "relu6"


class LeakyRelu(Pointwise):
    """x where positive, negative_slope x elsewhere."""

    kind = "leaky_relu"
    negative_slope: float = 0.01


class Prelu(Weighted):
    """leaky_relu with learned slopes: one, or one per channel when not `shared`.

    Weights: weight [1] or [C], 0.25 at first. https://arxiv.org/abs/1502.01852
    """

    kind = "prelu"
    weighted = ("weight",)
    shared: Flag = True

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        return {"weight": (1,) if self.shared else inputs[0][:1]}

    def default_init(self, name: str) -> AnyInit:
        return Constant(value=0.25)


class Elu(Pointwise):
    """x where positive, alpha (exp(x) - 1) elsewhere. https://arxiv.org/abs/1511.07289"""

    kind = "elu"
    alpha: float = 1.0


class Selu(Pointwise):
    """Scaled elu with the fixed constants of https://arxiv.org/abs/1706.02515."""

    kind = "selu"


class Gelu(Pointwise):
    """x times the normal distribution function, or its tanh approximation.

    https://arxiv.org/abs/1606.08415
    """

    kind = "gelu"
    approximate: Literal["none", "tanh"] = "none"


class Silu(Pointwise):
    """x sigmoid(x), also called swish."""

    kind = "silu"


class Mish(Pointwise):
    """x tanh(softplus(x)). https://arxiv.org/abs/1908.08681"""

    kind = "mish"


class Sigmoid(Pointwise):
    """1 / (1 + exp(-x))."""

    kind = "sigmoid"


class HardSigmoid(Pointwise):
    """relu6(x + 3) / 6. https://arxiv.org/abs/1905.02244"""

    kind = "hard_sigmoid"


class HardSwish(Pointwise):
    """x relu6(x + 3) / 6. https://arxiv.org/abs/1905.02244"""

    kind = "hard_swish"


class Tanh(Pointwise):
    """Hyperbolic tangent."""

    kind = "tanh"


class Softplus(Pointwise):
    """log(1 + exp(x))."""

    kind = "softplus"


class Softmax(Pointwise):
    """exp(x) over its sum over the channels."""

    kind = "softmax"


class LogSoftmax(Pointwise):
    """Logarithm of the softmax over the channels."""

    kind = "log_softmax"


class Identity(Pointwise):
    """x itself."""

    kind = "identity"

    def passes_through(self) -> bool:
        return True


class Chance(Pointwise):
    """An op that zeroes at random in training, and else does nothing."""

    rate: Rate

    def passes_through(self) -> bool:
        return self.rate == 0


class Dropout(Chance):
    """Training: zeroes values with probability `rate`, scales the rest by 1/(1 - rate).

    https://jmlr.org/papers/v15/srivastava14a.html
    """

    kind = "dropout"
    rate: Rate = 0.5


class DropPath(Chance):
    """Training: zeroes whole images with probability `rate`, scales the rest.

    Stochastic depth, https://arxiv.org/abs/1603.09382; timm's DropPath.
    """

    kind = "drop_path"
    rate: Rate = 0.0
