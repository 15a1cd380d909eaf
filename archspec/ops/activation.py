"""Activations and regularisers: the shape stays as it is.

>>> Relu().nonnegative(False), Tanh().nonnegative(False), Tanh().nonnegative(True)
(True, False, True)
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.ops.base import Flag, Op, Shape, Stored, Weighted
from archspec.ops.init import Real

Rate = Annotated[float, Field(ge=0, lt=1)]


class Pointwise(Op):
    """An op whose output has the shape of its input."""

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]


class Activation(Pointwise):
    """A nonlinearity of each value, which is not below 0 where its input isn't."""

    follows = True

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]


class Nonnegative(Activation):
    """A nonlinearity of which no value is below 0."""

    def nonnegative(self, *inputs: bool) -> bool:
        return True


class Relu(Nonnegative):
    """max(x, 0); the derivative at 0 is 0."""

    kind = "relu"


class Relu6(Nonnegative):
    """min(max(x, 0), 6); the derivative at 0 and at 6 is 0."""

    kind = "relu6"


class LeakyRelu(Activation):
    """x where positive, negative_slope x elsewhere."""

    kind = "leaky_relu"
    negative_slope: Real = 0.01

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0] or self.negative_slope <= 0


class Prelu(Weighted):
    """leaky_relu with learned slopes: one, or one per channel when not `shared`.

    Weights: weight [1] or [C], 0.25 at first. https://arxiv.org/abs/1502.01852
    """

    kind = "prelu"
    stored: ClassVar[Stored] = {"weight": "slope"}
    follows = True
    shared: Flag = True

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        return {"weight": (1,) if self.shared else inputs[0][:1]}

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]

    @property
    def counts_channels(self) -> bool:
        return not self.shared


class Elu(Activation):
    """x where positive, alpha (exp(x) - 1) elsewhere. https://arxiv.org/abs/1511.07289"""

    kind = "elu"
    alpha: Real = 1.0

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0] or self.alpha <= 0


class Selu(Activation):
    """Scaled elu with the fixed constants of https://arxiv.org/abs/1706.02515."""

    kind = "selu"


class Gelu(Activation):
    """x times the normal distribution function, or its tanh approximation.

    https://arxiv.org/abs/1606.08415
    """

    kind = "gelu"
    approximate: Literal["none", "tanh"] = "none"


class Silu(Activation):
    """x sigmoid(x), also called swish."""

    kind = "silu"


class Mish(Activation):
    """x tanh(softplus(x)). https://arxiv.org/abs/1908.08681"""

    kind = "mish"


class Sigmoid(Nonnegative):
    """1 / (1 + exp(-x))."""

    kind = "sigmoid"


class HardSigmoid(Nonnegative):
    """relu6(x + 3) / 6. https://arxiv.org/abs/1905.02244"""

    kind = "hard_sigmoid"


class HardSwish(Activation):
    """x relu6(x + 3) / 6. https://arxiv.org/abs/1905.02244"""

    kind = "hard_swish"


class Tanh(Activation):
    """Hyperbolic tangent."""

    kind = "tanh"


class Softplus(Nonnegative):
    """log(1 + exp(x))."""

    kind = "softplus"


class Softmax(Pointwise):
    """exp(x) over its sum over the channels."""

    kind = "softmax"
    gives = "probabilities"

    def nonnegative(self, *inputs: bool) -> bool:
        return True


class LogSoftmax(Pointwise):
    """Logarithm of the softmax over the channels."""

    kind = "log_softmax"
    gives = "log-probabilities"


class Unchanged(Pointwise):
    """An op that gives its input, at least in evaluation and but for a factor."""

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0]


class Identity(Unchanged):
    """x itself."""

    kind = "identity"

    def passes_through(self) -> bool:
        return True


class Dropout(Unchanged):
    """Training: zeroes values with probability `rate`, scales the rest by 1/(1 - rate).

    https://jmlr.org/papers/v15/srivastava14a.html
    """

    kind = "dropout"
    chance = "rate"
    rate: Rate = 0.5


class DropPath(Unchanged):
    """Training: zeroes whole images with probability `rate`, scales the rest.

    Stochastic depth, https://arxiv.org/abs/1603.09382; timm's DropPath.
    """

    kind = "drop_path"
    example = "rate: 0.1"
    chance = "rate"
    rate: Rate = 0.0
