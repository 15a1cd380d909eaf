"""ResNet-50 with the layout and the parameter names of torchvision.

Source: https://arxiv.org/abs/1512.03385
Parameters: 25,557,032; MACs: 4,089,184,256; input: image 3 x 224 x 224; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint 54e66ae05fccbf93, checksum 0f9aafb6cceacd5f

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


def projection(
    net: Net, x: ir.Value, in_channels: int, channels: int, stride: int, name: str
) -> ir.Value:
    """The shortcut of a unit that changes the size or the channels.

    Maps [N, in_channels, H, W] to [N, channels, H / stride, W / stride].
    """
    x = conv(
        net, x, (channels, in_channels, 1, 1), strides=[stride] * 2, name=f"{name}.0"
    )
    return batch_norm(net, x, channels, name=f"{name}.1")


def bottleneck(
    net: Net, x: ir.Value, in_channels: int, channels: int, stride: int, name: str
) -> ir.Value:
    """1x1, 3x3 and 1x1 convolutions beside a shortcut.

    Maps [N, in_channels, H, W] to [N, channels * 4, H / stride, W / stride].
    """
    y = conv(net, x, (channels, in_channels, 1, 1), name=f"{name}.conv1")
    y = batch_norm(net, y, channels, name=f"{name}.bn1")
    y = net("Relu", y, name=f"{name}.relu1")
    y = conv(
        net,
        y,
        (channels, channels, 3, 3),
        strides=[stride] * 2,
        pads=[1, 1, 1, 1],
        name=f"{name}.conv2",
    )
    y = batch_norm(net, y, channels, name=f"{name}.bn2")
    y = net("Relu", y, name=f"{name}.relu2")
    y = conv(net, y, (channels * 4, channels, 1, 1), name=f"{name}.conv3")
    y = batch_norm(net, y, channels * 4, name=f"{name}.bn3")
    if stride != 1 or in_channels != channels * 4:
        x = projection(
            net, x, in_channels, channels * 4, stride, name=f"{name}.downsample"
        )
    x = net("Add", y, x, name=f"{name}.add")
    return net("Relu", x, name=f"{name}.relu3")


def stage(
    net: Net,
    x: ir.Value,
    in_channels: int,
    channels: int,
    depth: int,
    stride: int,
    name: str,
) -> ir.Value:
    """Units in a chain, of which the first has the stride."""
    for i in range(depth):
        x = bottleneck(net, x, in_channels, channels, stride, name=f"{name}.{i}")
        in_channels, stride = channels * 4, 1
    return x


def resnet50(
    weights: Mapping[str, np.ndarray],
    num_classes: int = 1000,
    *,
    in_channels: int = 3,
    dtype: str = "float32",
    name: str = "resnet50",
) -> ir.Model:
    """ResNet-50: maps [N, in_channels, H, W] to [N, num_classes]."""
    net = Net(weights, dtype)
    image = net.input("image", "N", in_channels, "H", "W")
    x = conv(
        net,
        image,
        (64, in_channels, 7, 7),
        strides=[2, 2],
        pads=[3, 3, 3, 3],
        name="conv1",
    )
    x = batch_norm(net, x, 64, name="bn1")
    x = net("Relu", x, name="relu")
    x = net(
        "MaxPool",
        x,
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        name="maxpool",
    )
    x = stage(net, x, 64, 64, depth=3, stride=1, name="layer1")
    x = stage(net, x, 256, 128, depth=4, stride=2, name="layer2")
    x = stage(net, x, 512, 256, depth=6, stride=2, name="layer3")
    x = stage(net, x, 1024, 512, depth=3, stride=2, name="layer4")
    x = net("GlobalAveragePool", x, name="avgpool")
    x = net("Flatten", x, axis=1, name="flatten")
    x = linear(net, x, (num_classes, 2048), name="fc")
    return net.model([image], [net.output(x, "N", num_classes)], name=name)
