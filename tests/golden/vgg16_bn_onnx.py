"""VGG-16 BN: VGG D with batch norm, as torchvision's vgg16_bn.

Source: https://arxiv.org/abs/1409.1556
Parameters: 138,365,992; MACs: 15,470,264,320; input: image 3 x 224 x 224; gives logits.
Preprocessing: resize 256, crop 224, interpolation bilinear, range [0, 1], channels RGB,
mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225].
"""

# archspec: fingerprint c0f800bf255fd1e7, checksum 16a632dbe18727bc

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
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


def length(net: Net, x: ir.Value, axis: int, *, name: str) -> ir.Value:
    """How long an axis is when the net runs: a scalar."""
    shape = net("Shape", x, name=f"{name}/")
    return net("Gather", shape, net.constant(axis, f"{name}/"), name=f"{name}/")


def windows(net: Net, x: ir.Value, axis: int, size: int, *, name: str) -> ir.Value:
    """Which pixels of an axis each of `size` windows covers: booleans [size, pixels].

    Window i of n pixels covers those from floor(i n / size) to ceil((i + 1) n / size).
    """
    inner = f"{name}/"
    pixels = length(net, x, axis, name=name)
    zero, one = net.constant(0, inner), net.constant(1, inner)
    divisor, up = net.constant(size, inner), net.constant(size - 1, inner)
    places = np.arange(size)[:, None]
    first = net("Mul", net.constant(places, inner), pixels, name=inner)
    first = net("Div", first, divisor, name=inner)
    last = net("Mul", net.constant(places + 1, inner), pixels, name=inner)
    last = net("Div", net("Add", last, up, name=inner), divisor, name=inner)
    every = net("Range", zero, pixels, one, name=inner)
    behind = net("GreaterOrEqual", every, first, name=inner)
    return net("And", behind, net("Less", every, last, name=inner), name=inner)


def adaptive_avg_pool(
    net: Net, x: ir.Value, size: Sequence[int], *, name: str
) -> ir.Value:
    """The means of windows, as a product with a matrix for each axis."""
    inner = f"{name}/"
    shares = []
    for axis, number in zip((2, 3), size, strict=True):
        covered = windows(net, x, axis, number, name=name)
        covered = net("Cast", covered, to=net.dtype, name=inner)
        counts = net("ReduceSum", covered, net.constant([1], inner), name=inner)
        shares.append(net("Div", covered, counts, name=inner))
    rows, columns = shares
    x = net("MatMul", rows, x, name=inner)
    columns = net("Transpose", columns, perm=[1, 0], name=inner)
    return net("MatMul", x, columns, name=name)


def stage(
    net: Net,
    x: ir.Value,
    in_channels: int,
    channels: int,
    depth: int,
    names: Iterator[str],
) -> ir.Value:
    """3x3 convolutions and a max pool."""
    for _ in range(depth):
        x = conv(
            net,
            x,
            (channels, in_channels, 3, 3),
            pads=[1, 1, 1, 1],
            bias=True,
            name=next(names),
        )
        x = batch_norm(net, x, channels, name=next(names))
        x = net("Relu", x, name=next(names))
        in_channels = channels
    return net("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], name=next(names))


def vgg16_bn(
    weights: Mapping[str, np.ndarray],
    num_classes: int = 1000,
    *,
    in_channels: int = 3,
    dtype: str = "float32",
    name: str = "vgg16_bn",
) -> ir.Model:
    """VGG-16 BN: maps [N, in_channels, H, W] to [N, num_classes]."""
    net = Net(weights, dtype)
    image = net.input("image", "N", in_channels, "H", "W")
    names = (f"features.{i}" for i in count())
    x = image
    for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        x = stage(net, x, in_channels, channels, depth, names=names)
        in_channels = channels
    x = adaptive_avg_pool(net, x, [7, 7], name="avgpool")
    x = net("Flatten", x, axis=1, name="flatten")
    x = linear(net, x, (4096, 512 * 7 * 7), name="classifier.0")
    x = net("Relu", x, name="classifier.1")
    x = linear(net, x, (4096, 4096), name="classifier.3")
    x = net("Relu", x, name="classifier.4")
    x = linear(net, x, (num_classes, 4096), name="classifier.6")
    return net.model([image], [net.output(x, "N", num_classes)], name=name)
