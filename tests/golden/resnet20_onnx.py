"""ResNet-20 for CIFAR.

The paper's ResNet-20 for CIFAR-10: shortcuts of option A, without weights.

Source: https://arxiv.org/abs/1512.03385
Parameters: 269,722; MACs: 40,551,040; input: image 3 x 32 x 32; gives logits.
Preprocessing: size 32, range [0, 1], channels RGB, mean [0.4914, 0.4822, 0.4465], std
[0.247, 0.2435, 0.2616].
"""

# archspec: fingerprint dfa4b76b343fe733, checksum a444c662be79c220

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

OPSET = 21


class Net:
    """Nodes and weights of a graph, each named after its place in the net."""

    def __init__(self, weights: Mapping[str, np.ndarray], dtype: str) -> None:
        self.weights = weights
        self.dtype = ir.DataType.from_numpy(np.dtype(dtype))
        self.nodes: list[ir.Node] = []
        self.initializers: dict[str, ir.Value] = {}
        self.numbers: Counter[str] = Counter()

    def __call__(
        self, op: str, *inputs: ir.Value | None, name: str, **attributes: Any
    ) -> ir.Value:
        """Add a node; one of several in a place that ends with / is named by its op."""
        name = self.named(name, op)
        node = ir.node(op, inputs, attributes, name=name)
        node.metadata_props["namespace"] = name.partition("/")[0].rpartition(".")[0]
        node.outputs[0].name = name
        self.nodes.append(node)
        return node.outputs[0]

    def weight(self, name: str, *shape: int) -> ir.Value:
        """Look up a weight; a ValueError says where it has another shape."""
        if name not in self.weights:
            raise ValueError(f"there is no weight {name}")
        array = np.asarray(self.weights[name], self.dtype.numpy())
        if array.shape != shape:
            raise ValueError(f"{name} is {array.shape}, the net's is {shape}")
        return self.held(array, name)

    def constant(self, value: Any, name: str) -> ir.Value:
        """Add what is no weight: integers, or numbers of the net's type."""
        array = np.asarray(value)
        dtype = np.int64 if array.dtype.kind == "i" else self.dtype.numpy()
        return self.held(array.astype(dtype), self.named(name, "Constant"))

    def held(self, array: np.ndarray, name: str) -> ir.Value:
        value = ir.val(name, const_value=ir.tensor(array, name=name))
        self.initializers[name] = value
        return value

    def named(self, name: str, kind: str) -> str:
        if not name.endswith("/"):
            return name
        self.numbers[name + kind] += 1
        number = self.numbers[name + kind]
        return f"{name}{kind}" if number == 1 else f"{name}{kind}_{number}"

    def input(self, name: str, *shape: int | str) -> ir.Value:
        return ir.val(name, self.dtype, shape)

    def output(self, x: ir.Value, *shape: int | str | None, name: str = "") -> ir.Value:
        """Say the shape of an output, which may have a name of its own."""
        if x.producer() is None or name not in ("", x.name):
            x = self("Identity", x, name=name or "output")
        x.type, x.shape = ir.TensorType(self.dtype), ir.Shape(shape)
        return x

    def model(
        self, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], name: str
    ) -> ir.Model:
        graph = ir.Graph(
            inputs,
            outputs,
            nodes=self.nodes,
            initializers=[*self.initializers.values()],
            opset_imports={"": OPSET},
            name=name,
        )
        return ir.Model(graph, ir_version=10, producer_name="archspec")


def conv(
    net: Net,
    x: ir.Value,
    shape: Sequence[int],
    *,
    bias: bool = False,
    name: str,
    **attributes: Any,
) -> ir.Value:
    """A convolution whose weight has a shape."""
    weights = [net.weight(f"{name}.weight", *shape)]
    if bias:
        weights.append(net.weight(f"{name}.bias", shape[0]))
    return net("Conv", x, *weights, name=name, **attributes)


def linear(
    net: Net, x: ir.Value, shape: Sequence[int], *, bias: bool = True, name: str
) -> ir.Value:
    """A linear layer whose weight has a shape, [features, those it reads]."""
    weights = [net.weight(f"{name}.weight", *shape)]
    if bias:
        weights.append(net.weight(f"{name}.bias", shape[0]))
    return net("Gemm", x, *weights, transB=1, name=name)


def batch_norm(
    net: Net,
    x: ir.Value,
    channels: int,
    *,
    eps: float = 1e-5,
    affine: bool = True,
    name: str,
) -> ir.Value:
    """Normalise by statistics that were gathered in training."""
    weights = affine_of(net, channels, affine, name)
    for part in ("running_mean", "running_var"):
        weights.append(net.weight(f"{name}.{part}", channels))
    return net("BatchNormalization", x, *weights, epsilon=float(eps), name=name)


def affine_of(net: Net, channels: int, affine: bool, name: str) -> list[ir.Value]:
    """The factor and the offset of a norm; ones and zeros where it has none."""
    if affine:
        parts = ("weight", "bias")
        return [net.weight(f"{name}.{part}", channels) for part in parts]
    return [net.constant([value] * channels, f"{name}/") for value in (1.0, 0.0)]


def pad(net: Net, x: ir.Value, pads: Sequence[int], *, name: str) -> ir.Value:
    """Zeros before each of the four axes, then behind each."""
    zero = net.constant(0.0, f"{name}/")
    return net("Pad", x, net.constant([*pads], f"{name}/"), zero, name=name)


def zero_padding(
    net: Net, x: ir.Value, in_channels: int, channels: int, stride: int, name: str
) -> ir.Value:
    """A shortcut without weights, option A of the paper.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """
    x = net("MaxPool", x, kernel_shape=[1, 1], strides=[stride] * 2, name=f"{name}.0")
    return pad(net, x, [0, 0, 0, 0, 0, channels - in_channels, 0, 0], name=f"{name}.1")


def basic_block(
    net: Net, x: ir.Value, in_channels: int, channels: int, stride: int, name: str
) -> ir.Value:
    """Two 3x3 convolutions beside a shortcut; the first has the stride.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """
    y = conv(
        net,
        x,
        (channels, in_channels, 3, 3),
        strides=[stride] * 2,
        pads=[1, 1, 1, 1],
        name=f"{name}.conv1",
    )
    y = batch_norm(net, y, channels, name=f"{name}.bn1")
    y = net("Relu", y, name=f"{name}.relu1")
    y = conv(
        net, y, (channels, channels, 3, 3), pads=[1, 1, 1, 1], name=f"{name}.conv2"
    )
    y = batch_norm(net, y, channels, name=f"{name}.bn2")
    if stride != 1 or in_channels != channels:
        x = zero_padding(
            net, x, in_channels, channels, stride, name=f"{name}.downsample"
        )
    x = net("Add", y, x, name=f"{name}.add")
    return net("Relu", x, name=f"{name}.relu2")


def stage(
    net: Net, x: ir.Value, in_channels: int, channels: int, stride: int, name: str
) -> ir.Value:
    """Units in a chain, of which the first has the stride.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """
    for i in range(3):
        x = basic_block(net, x, in_channels, channels, stride, name=f"{name}.{i}")
        in_channels, stride = channels, 1
    return x


def resnet20(
    weights: Mapping[str, np.ndarray],
    num_classes: int = 10,
    *,
    in_channels: int = 3,
    dtype: str = "float32",
    name: str = "resnet20",
) -> ir.Model:
    """ResNet-20 for CIFAR: maps [N, in_channels, H, W] to [N, num_classes]."""
    net = Net(weights, dtype)
    image = net.input("image", "N", in_channels, "H", "W")
    x = conv(net, image, (16, in_channels, 3, 3), pads=[1, 1, 1, 1], name="conv1")
    x = batch_norm(net, x, 16, name="bn1")
    x = net("Relu", x, name="relu")
    x = stage(net, x, 16, 16, stride=1, name="layer1")
    x = stage(net, x, 16, 32, stride=2, name="layer2")
    x = stage(net, x, 32, 64, stride=2, name="layer3")
    x = net("GlobalAveragePool", x, name="avgpool")
    x = net("Flatten", x, axis=1, name="flatten")
    x = linear(net, x, (num_classes, 64), name="fc")
    return net.model([image], [net.output(x, "N", num_classes)], name=name)
