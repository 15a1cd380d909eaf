"""Confirms a certificate with numpy alone: python check.py NET.json NET.npz

Nothing of archspec is imported or copied here: the ops are written once more, from
their definitions, for images [N, C, H, W] and vectors [N, F]. The data hold `graph`, a
text whose SHA-256 is the certificate's `computed`, and arrays `weight/NAME` and
`image/NAME`, whose hashes it has too. Each value is computed, hashed and compared.
`archspec verify SPEC --certificate NET.json --data NET.npz` writes both files.
"""

import gzip
import json
import sys
from hashlib import sha256
from math import inf

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Refused(Exception):
    """The certificate is not confirmed; the message says why."""


def main(certificate, data):
    opened = gzip.open if certificate.endswith(".gz") else open
    with opened(certificate, "rb") as file:
        wanted = json.load(file)
    with np.load(data, allow_pickle=False) as arrays:
        count = confirm(wanted, arrays)
    print(f"{wanted['net']}: {count} values confirmed, root {wanted['root']}")


def confirm(wanted, arrays):
    """How many values were confirmed; raises Refused at the first that differs."""
    text = arrays["graph"].tobytes()
    if sha256(text).hexdigest() != wanted["computed"]:
        raise Refused("the data are of another graph")
    graph = json.loads(text)
    images = {
        name.removeprefix("image/"): arrays[name] for name in named(arrays, "image/")
    }
    rows = {name: (shape, digits) for name, _, shape, digits in wanted["nodes"]}
    put_in = {"images": total(images.items()), "weights": sha256()}
    whole, values, last = sha256(), dict(images), {}
    for name, _, _, inputs, _ in graph["nodes"]:
        last.update(dict.fromkeys(inputs, name))
    stored = weights(arrays)
    for name, kind, attributes, inputs, _ in graph["nodes"]:
        own = {part: arrays[place] for part, place in stored.get(name, {}).items()}
        read = [values[value] for value in inputs]
        values[name] = made = computed(name, kind, attributes, read, own)
        if name in rows:
            for part, array in own.items():
                put_in["weights"].update(line(f"{name}.{part}", array))
            shape, digits = rows.pop(name)
            if list(made.shape) != shape or not digest(made).startswith(digits):
                raise Refused(f"{name} ({kind}) is not as certified")
            whole.update(line(name, made))
        for value in set(inputs):
            if last[value] == name:
                del values[value]
    if rows:
        raise Refused(f"the graph has no node {min(rows)}")
    for what, found in {**put_in, "root": whole}.items():
        if found.hexdigest() != wanted[what]:
            raise Refused(f"the {what} are not those that were certified")
    return len(wanted["nodes"])


def named(arrays, start):
    return [name for name in arrays.files if name.startswith(start)]


def weights(arrays):
    """By node: the places of its weights, in the order in which they were stored."""
    found = {}
    for place in named(arrays, "weight/"):
        node, _, part = place.removeprefix("weight/").rpartition(".")
        found.setdefault(node, {})[part] = place
    return found


def digest(x):
    """SHA-256 of a value: -0 as 0, little-endian, channels first."""
    plain = np.ascontiguousarray(x + 0.0)
    return sha256(plain.astype(plain.dtype.newbyteorder("<")).tobytes()).hexdigest()


def line(name, x):
    return f"{name} {'x'.join(map(str, x.shape))} {digest(x)}\n".encode()


def total(items):
    found = sha256()
    for name, array in items:
        found.update(line(name, array))
    return found


def computed(name, kind, attributes, read, own):
    """The value of a node; Refused for what this script doesn't know."""
    if kind not in OPS:
        raise Refused(f"{name}: this script has no op {kind}")
    function, usual = OPS[kind]
    given = {key: value for key, value in attributes.items() if key not in IGNORED}
    given = {k: v for k, v in given.items() if not k.startswith("init.")}
    if given.keys() - usual.keys():
        unknown = min(given.keys() - usual.keys())
        raise Refused(f"{name}: this script has no {kind} with {unknown}")
    with np.errstate(all="ignore"):
        return function(*read, **own, **{**usual, **given})


def pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


def borders(padding, size, extent, stride):
    """((top, bottom), (left, right)); `same` puts the odd pixel on the far side."""
    if padding == "same":
        steps = [-(-n // s) for n, s in zip(size, stride)]
        each = [
            max((c - 1) * s + e - n, 0)
            for c, s, e, n in zip(steps, stride, extent, size)
        ]
        return [(t // 2, t - t // 2) for t in each]
    return [tuple(p) if isinstance(p, list) else (p, p) for p in pair(padding)]


def windows(x, kernel, stride, padding, dilation=1, ceil_mode=False, fill=0.0):
    """[N, C, P, Q, kh, kw]: every window; `fill` stands beyond the image."""
    kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    around = borders(padding, x.shape[2:], extent, stride)
    frame = []
    for n, (low, high), e, s in zip(x.shape[2:], around, extent, stride):
        room = n + low + high - e
        count = (room + (s - 1) * ceil_mode) // s + 1
        if ceil_mode and (count - 1) * s >= n + low:
            count -= 1  # a window may hang over, but not start behind the image
        frame.append((low, high + max((count - 1) * s + e - n - low - high, 0)))
    x = np.pad(x, ((0, 0), (0, 0), *frame), constant_values=fill)
    seen = sliding_window_view(x, extent, axis=(2, 3))
    return seen[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def along(vector, x):
    return vector.reshape(-1, *[1] * (x.ndim - 2))


def conv2d(
    x, weight, bias=None, *, channels, kernel, stride, padding, dilation, groups, **_
):
    y = []
    seen = windows(x, kernel, stride, padding, dilation)
    parts = zip(np.split(seen, groups, 1), np.split(weight, groups, 0))
    for images, factors in parts:
        if kernel in (1, [1, 1]):  # the same sum, without an axis for places
            product = np.tensordot(images[..., 0, 0], factors[:, :, 0, 0], (1, 1))
        else:
            product = np.tensordot(images, factors, ((1, 4, 5), (1, 2, 3)))
        y.append(np.moveaxis(product, -1, 1))
    y = np.concatenate(y, 1)
    return y if bias is None else y + along(bias, y)


def linear(x, weight, bias=None, **_):
    y = np.einsum("nf,of->no", x, weight, optimize=True)
    return y if bias is None else y + bias


def batch_norm(x, running_mean, running_var, weight=None, bias=None, *, eps, **_):
    deviation = np.sqrt(running_var + x.dtype.type(eps))
    y = (x - along(running_mean, x)) / along(deviation, x)
    return y if weight is None else y * along(weight, x) + along(bias, x)


def max_pool2d(x, *, kernel, stride, padding, dilation, ceil_mode):
    step = kernel if stride is None else stride
    return windows(x, kernel, step, padding, dilation, ceil_mode, -inf).max((4, 5))


def avg_pool2d(x, *, kernel, stride, padding, ceil_mode, count_include_pad):
    if count_include_pad and padding not in (0, "same"):
        raise Refused("this script has no average over padding")
    step = kernel if stride is None else stride
    counted = windows(np.ones_like(x), kernel, step, padding, 1, ceil_mode)
    seen = windows(x, kernel, step, padding, 1, ceil_mode)
    return seen.sum((4, 5)) / counted.sum((4, 5))


def adaptive_avg_pool2d(x, *, size):
    rows, columns = (
        [(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]
        for n, o in zip(x.shape[2:], pair(size))
    )
    means = [[x[:, :, a:b, c:d].mean((2, 3)) for c, d in columns] for a, b in rows]
    return np.moveaxis(np.array(means), (0, 1), (2, 3))


def global_avg_pool2d(x):
    return x.mean((2, 3))


def add(*values):
    return sum(values[1:], values[0])


def multiply(x, *others):
    for y in others:
        x = x * y
    return x


def flatten(x, *, order):
    if order == "hwc" and x.ndim == 4:
        x = np.moveaxis(x, 1, -1)
    return x.reshape(len(x), -1)


def pad(x, *, spatial, channels):
    around = borders(spatial, x.shape[2:], (1, 1), (1, 1))
    return np.pad(x, ((0, 0), pair(channels), *around))


def resize(x, like=None, *, mode, size, scale):
    if scale is not None:
        size = [int(n * s) for n, s in zip(x.shape[2:], pair(scale))]
    size = like.shape[2:] if like is not None else pair(size)
    for axis, length in zip((2, 3), size):
        n = x.shape[axis]
        if mode == "nearest":
            x = x.take([i * n // length for i in range(length)], axis)
            continue
        middle = np.maximum((np.arange(length) + 0.5) * n / length - 0.5, 0)
        low = np.minimum(middle.astype(int), n - 1)
        high = np.minimum(low + 1, n - 1)
        share = (middle - low).reshape(-1, *[1] * (3 - axis))
        x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    return x


def relu(x):
    return np.where(x > 0, x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    powers = np.exp(x - x.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


WINDOW = {"kernel": None, "stride": None, "padding": 0, "ceil_mode": False}
IGNORED = ("momentum", "affine", "features", "bias")
"""Of training, or seen from what is stored."""
OPS = {
    "conv2d": (
        conv2d,
        {"channels": None, "kernel": None, "stride": 1, "padding": 0, "dilation": 1}
        | {"groups": 1},
    ),
    "linear": (linear, {}),
    "batch_norm": (batch_norm, {"eps": 1e-5}),
    "max_pool2d": (max_pool2d, {**WINDOW, "dilation": 1}),
    "avg_pool2d": (avg_pool2d, {**WINDOW, "count_include_pad": True}),
    "adaptive_avg_pool2d": (adaptive_avg_pool2d, {"size": None}),
    "global_avg_pool2d": (global_avg_pool2d, {}),
    "add": (add, {}),
    "multiply": (multiply, {}),
    "flatten": (flatten, {"order": "chw"}),
    "pad": (pad, {"spatial": 0, "channels": 0}),
    "resize": (resize, {"mode": "nearest", "size": None, "scale": None}),
    "relu": (relu, {}),
    "sigmoid": (sigmoid, {}),
    "softmax": (softmax, {}),
    "identity": (lambda x: x, {}),
    "dropout": (lambda x, **_: x, {"rate": 0.5}),
}
"""Each op with its attributes and what they are where the graph doesn't say."""

if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Refused, KeyError, OSError, ValueError) as error:
        sys.exit(f"not confirmed: {error}")
