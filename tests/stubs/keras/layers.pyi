from collections.abc import Sequence
from typing import Any

from keras import KerasTensor, Variable
from keras.initializers import Initializer

Drawn = str | dict[str, Any] | Initializer
Sides = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]
Size = int | tuple[int, int]

class Layer:
    trainable: bool
    def __init__(
        self,
        *,
        trainable: bool = True,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None: ...
    def __call__(self, inputs: KerasTensor | Sequence[KerasTensor]) -> KerasTensor: ...
    def call(self, *args: Any, **kwargs: Any) -> KerasTensor: ...

class Activation(Layer):
    def __init__(self, activation: str | None, *, name: str | None = None) -> None: ...

class Add(Layer): ...
class Concatenate(Layer): ...
class Flatten(Layer): ...
class Multiply(Layer): ...
class Subtract(Layer): ...

class AdaptiveAveragePooling2D(Layer):
    def __init__(self, output_size: Size, *, name: str | None = None) -> None: ...

class AveragePooling2D(Layer):
    def __init__(
        self,
        pool_size: Size,
        strides: Size | None = None,
        padding: str = "valid",
        *,
        name: str | None = None,
    ) -> None: ...

class MaxPooling2D(AveragePooling2D): ...

class BatchNormalization(Layer):
    momentum: float
    moving_variance: Variable
    def __init__(
        self,
        *,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Drawn = "zeros",
        gamma_initializer: Drawn = "ones",
        name: str | None = None,
    ) -> None: ...

class GroupNormalization(Layer):
    def __init__(
        self,
        groups: int = 32,
        *,
        epsilon: float = 1e-3,
        beta_initializer: Drawn = "zeros",
        gamma_initializer: Drawn = "ones",
        name: str | None = None,
    ) -> None: ...

class LayerNormalization(Layer):
    def __init__(self, *, epsilon: float = 1e-3, name: str | None = None) -> None: ...

class Conv2D(Layer):
    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        *,
        strides: Size = 1,
        padding: str = "valid",
        dilation_rate: Size = 1,
        groups: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Drawn = "glorot_uniform",
        bias_initializer: Drawn = "zeros",
        name: str | None = None,
    ) -> None: ...

class Conv2DTranspose(Conv2D): ...

class Cropping2D(Layer):
    def __init__(self, cropping: Sides, *, name: str | None = None) -> None: ...

class Dense(Layer):
    def __init__(
        self,
        units: int,
        *,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Drawn = "glorot_uniform",
        bias_initializer: Drawn = "zeros",
        name: str | None = None,
    ) -> None: ...

class DepthwiseConv2D(Layer):
    def __init__(
        self,
        kernel_size: Size,
        *,
        strides: Size = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        dilation_rate: Size = 1,
        use_bias: bool = True,
        depthwise_initializer: Drawn = "glorot_uniform",
        bias_initializer: Drawn = "zeros",
        name: str | None = None,
    ) -> None: ...

class Dropout(Layer):
    def __init__(
        self,
        rate: float,
        *,
        noise_shape: tuple[int | None, ...] | None = None,
        name: str | None = None,
    ) -> None: ...

class GlobalAveragePooling2D(Layer):
    def __init__(self, *, keepdims: bool = False, name: str | None = None) -> None: ...

class GlobalMaxPooling2D(GlobalAveragePooling2D): ...

class Permute(Layer):
    def __init__(
        self, dims: tuple[int, int, int], *, name: str | None = None
    ) -> None: ...

class LeakyReLU(Layer):
    def __init__(
        self, *, negative_slope: float = 0.3, name: str | None = None
    ) -> None: ...

class PReLU(Layer):
    def __init__(
        self,
        *,
        alpha_initializer: Drawn = "zeros",
        shared_axes: tuple[int, ...] | None = None,
        name: str | None = None,
    ) -> None: ...

class ReLU(Layer):
    def __init__(
        self, max_value: float | None = None, *, name: str | None = None
    ) -> None: ...

class UpSampling2D(Layer):
    def __init__(
        self, size: Size, *, interpolation: str = "nearest", name: str | None = None
    ) -> None: ...

class ZeroPadding2D(Layer):
    padding: tuple[tuple[int, int], tuple[int, int]]
    def __init__(
        self,
        padding: Sides,
        *,
        data_format: str | None = None,
        name: str | None = None,
    ) -> None: ...
