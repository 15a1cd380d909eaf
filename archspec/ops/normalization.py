"""Normalisations and the learned scale."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.errors import ShapeError
from archspec.ops.base import (
    Flag,
    Op,
    Pixels,
    Positive,
    Role,
    Shape,
    Stored,
    Weighted,
    divided,
    image,
)
from archspec.ops.init import Real

Epsilon = Annotated[float, Field(gt=0, le=1e30)]


class Norm(Weighted):
    """What the norms share: a factor of one and an offset of zero per channel."""

    stored: ClassVar[Stored] = {"weight": "factor", "bias": "offset"}
    follows = True
    eps: Epsilon = 1e-5
    affine: Flag = True

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        size = inputs[0][:1]
        return {"weight": size, "bias": size} if self.affine else {}

    @property
    def counts_channels(self) -> bool:
        return True


class BatchNorm(Norm):
    """Batch normalisation per channel; [C, H, W] or [F], same shape out.

    `momentum` is torch's: the weight of the new statistics. `running_var` asks for one
    definition of the running variance in every framework, torch's `unbiased` or Keras'
    `biased`; without it each framework keeps its own. Weights: weight, bias [C];
    buffers: running_mean, running_var [C]. Source: https://arxiv.org/abs/1502.03167,
    torch.nn.BatchNorm2d.
    """

    kind = "batch_norm"
    stored: ClassVar[Stored] = {
        **Norm.stored,
        "running_mean": "mean",
        "running_var": "variance",
    }
    centres = True
    momentum: Annotated[float, Field(ge=0, le=1)] = 0.1
    running_var: Literal["unbiased", "biased"] | None = None

    def buffers(self, *inputs: Shape) -> dict[str, Shape]:
        size = inputs[0][:1]
        return {"running_mean": size, "running_var": size}


class LayerNorm(Norm):
    """Normalises the channels at each position; [C, H, W] or [F], same shape out.

    Weights: weight, bias [C]. Source: https://arxiv.org/abs/1607.06450, ConvNeXt's
    LayerNorm2d for images.
    """

    kind = "layer_norm"


class GroupNorm(Norm):
    """Normalises each of `groups` contiguous groups of channels; [C, H, W], same out.

    Weights: weight, bias [C]. ShapeError when groups don't divide the channels. Source:
    https://arxiv.org/abs/1803.08494, torch.nn.GroupNorm.
    """

    kind = "group_norm"
    example = "groups: 2"
    groups: Positive

    def shape(self, *inputs: Shape) -> Shape:
        channels, _, _ = image(self.kind, inputs[0])
        divided(self.groups, channels)
        return inputs[0]


class LocalResponseNorm(Op):
    """x / (k + alpha / size * sum of squares over `size` channels) ** beta.

    [C, H, W], same shape out; an even window leans to lower channels. Source: AlexNet;
    torch.nn.LocalResponseNorm.
    """

    kind = "local_response_norm"
    example = "size: 2"
    size: Pixels
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def shape(self, *inputs: Shape) -> Shape:
        return image(self.kind, inputs[0])

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0] and self.k > 0 and self.alpha >= 0


class Scale(Weighted):
    """A learned factor per channel; [C, H, W] or [F], same shape out.

    `weight` names the parameter, [C]. Source: CaiT's LayerScale,
    https://arxiv.org/abs/2103.17239.
    """

    kind = "scale"
    stored: ClassVar[Stored] = {"weight": "scale"}
    naming = "weight"
    weight: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)] = (
        "weight"
    )

    def shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) not in (1, 3):
            raise ShapeError(
                f"scale needs channels, found {list(inputs[0])}", code="AS401"
            )
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        return {self.weight: inputs[0][:1]}

    def role(self, name: str) -> Role:
        return "scale"

    @property
    def counts_channels(self) -> bool:
        return True
