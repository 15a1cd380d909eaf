"""Random valid specs for hypothesis: every op, chains, branches, joins, blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from archspec_keras.lowering import unsupported as keras_refuses
from archspec_torch.lowering import unsupported as torch_refuses
from hypothesis import strategies as st
from nets import graph_of

from archspec.errors import ArchspecError
from archspec.ops import Shape

Draw = Callable[[st.SearchStrategy[Any]], Any]
Attributes = dict[str, Any]
Statement = Any

LARGEST = 600
"""Values of one image between two ops: these graphs are many."""


def one(draw: Draw, *choices: Any) -> Any:
    """One of the choices; the first is the simplest."""
    return draw(st.sampled_from(choices))


def dividing(number: int) -> tuple[int, ...]:
    """The divisors of a number."""
    return tuple(n for n in range(1, number + 1) if number % n == 0)


def channels(draw: Draw) -> Any:
    """A number of channels, or a formula for one."""
    return one(draw, 2, 1, 3, 4, 6, "=width", "=width * 2", "=width + 1")


def padding(draw: Draw) -> Any:
    """Padding as convolutions and pools take it."""
    return one(draw, 0, 1, [0, 1], [[1, 0], [0, 1]], [[0, 1], [1, 1]], "same")


def conv2d(draw: Draw, shape: Shape) -> Attributes:
    groups = one(draw, 1, 1, *dividing(shape[0]))
    many = groups * one(draw, 1, 2) if groups > 1 else channels(draw)
    return {
        "channels": many,
        "kernel": one(draw, 1, 2, 3, [1, 3], [3, 2]),
        "stride": one(draw, 1, 2, [1, 2], [2, 1]),
        "padding": padding(draw),
        "dilation": one(draw, 1, 1, 2, [2, 1]),
        "groups": groups,
        "bias": one(draw, True, False),
    }


def conv_transpose2d(draw: Draw, shape: Shape) -> Attributes:
    return {
        "channels": channels(draw),
        "kernel": one(draw, 1, 2, 3, [2, 3]),
        "stride": one(draw, 1, 2, [1, 2], 3),
        "padding": one(draw, 0, 1, [0, 1]),
        "output_padding": one(draw, 0, 0, 1),
        "bias": one(draw, True, False),
    }


def norm(draw: Draw, shape: Shape) -> Attributes:
    return {"eps": one(draw, 1e-5, 1e-3), "affine": one(draw, True, False)}


def batch_norm(draw: Draw, shape: Shape) -> Attributes:
    kind = one(draw, None, "biased", "unbiased")
    extra = {} if kind is None else {"running_var": kind}
    return {**norm(draw, shape), "momentum": one(draw, 0.1, 0.3), **extra}


def local_response_norm(draw: Draw, shape: Shape) -> Attributes:
    size, k = one(draw, 1, 2, 3, 5), one(draw, 1.0, 2.0)
    return {"size": size, "alpha": one(draw, 1e-4, 0.5), "k": k}


def pool(draw: Draw, shape: Shape) -> Attributes:
    found = {"kernel": one(draw, 2, 1, 3, [2, 3]), "padding": padding(draw)}
    stride = one(draw, None, 1, 2, [2, 1])
    if stride is not None:
        found["stride"] = stride
    if found["padding"] != "same":
        found["ceil_mode"] = one(draw, False, True)
    return found


def avg_pool2d(draw: Draw, shape: Shape) -> Attributes:
    return {**pool(draw, shape), "count_include_pad": one(draw, True, False)}


def resize(draw: Draw, shape: Shape) -> Attributes:
    mode = {"mode": one(draw, "nearest", "nearest", "bilinear")}
    if one(draw, True, False):
        return {**mode, "size": one(draw, 3, 1, 5, [4, 7])}
    return {**mode, "scale": one(draw, 2.0, 3.0, [1.0, 2.0], 1.5, 0.7)}


def slice_(draw: Draw, shape: Shape) -> Attributes:
    start = draw(st.integers(0, shape[0] - 1))
    return {"start": start, "stop": draw(st.integers(start + 1, shape[0]))}


def pad(draw: Draw, shape: Shape) -> Attributes:
    return {
        "spatial": one(draw, 1, 0, [1, 0], [[0, 2], [1, 0]]),
        "channels": one(draw, 0, 1, [0, 2]),
    }


def adaptive(draw: Draw, shape: Shape) -> Attributes:
    return {"size": one(draw, 1, 2, [1, 3], 4)}


def none(draw: Draw, shape: Shape) -> Attributes:
    return {}


def rate(draw: Draw, shape: Shape) -> Attributes:
    return {"rate": 0.0}


OF_IMAGES: dict[str, Callable[[Draw, Shape], Attributes]] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "group_norm": lambda draw, shape: {
        **norm(draw, shape),
        "groups": one(draw, *dividing(shape[0])),
    },
    "local_response_norm": local_response_norm,
    "max_pool2d": pool,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive,
    "adaptive_max_pool2d": adaptive,
    "global_avg_pool2d": none,
    "global_max_pool2d": none,
    "pad": pad,
    "resize": resize,
    "pixel_shuffle": lambda draw, shape: {"factor": one(draw, 2, 1)},
    "channel_shuffle": lambda draw, shape: {"groups": one(draw, *dividing(shape[0]))},
}
OF_VECTORS: dict[str, Callable[[Draw, Shape], Attributes]] = {
    "linear": lambda draw, shape: {
        "features": channels(draw),
        "bias": one(draw, True, False),
    },
}
OF_BOTH: dict[str, Callable[[Draw, Shape], Attributes]] = {
    **dict.fromkeys(
        (
            *("relu", "relu6", "selu", "silu", "mish", "sigmoid", "hard_sigmoid"),
            *("hard_swish", "tanh", "softplus", "softmax", "log_softmax", "identity"),
        ),
        none,
    ),
    "batch_norm": batch_norm,
    "layer_norm": norm,
    "scale": lambda draw, shape: {"weight": one(draw, "weight", "gamma")},
    "leaky_relu": lambda draw, shape: {"negative_slope": one(draw, 0.25, 0.01)},
    "prelu": lambda draw, shape: {"shared": one(draw, True, False)},
    "elu": lambda draw, shape: {"alpha": one(draw, 1.0, 0.5)},
    "gelu": lambda draw, shape: {"approximate": one(draw, "none", "tanh")},
    "dropout": rate,
    "drop_path": rate,
    "slice": slice_,
    "flatten": lambda draw, shape: {"order": one(draw, "chw", "hwc")},
}
JOINS = ("add", "multiply", "subtract", "concat", "resize")
"""Ops that read two values; `resize` takes the size of its second."""


class Sketch:
    """A spec as it is drawn; every statement is measured before it is kept."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.params = {
            "width": draw(st.integers(1, 4)),
            "depth": draw(st.integers(1, 3)),
            "flag": draw(st.booleans()),
        }
        self.blocks: dict[str, Any] = {}
        self.made: dict[str, Shape] = {}
        self.count = 0

    def spec(self) -> str:
        """The whole spec, as text."""
        shape = one(self.draw, (2, 5, 6), (1, 4, 4), (3, 7, 3), (4, 2, 2), (5,))
        inputs = {"image": list(shape)}
        length = self.draw(st.integers(1, 6))
        graph, values, unread = self.mapping("input", shape, length, 2)
        facts: dict[str, Any] = {"inputs": inputs, "graph": graph}
        if len(unread) > 1 and one(self.draw, True, False):
            facts["outputs"] = {f"out{n}": name for n, name in enumerate(unread)}
            try:
                graph_of(self.text(**facts))
            except ArchspecError:
                del facts["outputs"]  # One of them is not there.
        if "outputs" not in facts:
            self.joined(graph, values, unread)
        return self.text(**facts)

    def text(self, **facts: Any) -> str:
        """A spec of these parts with all params and blocks."""
        whole = {"params": self.params, "blocks": self.blocks, **facts}
        return "".join(f"{key}: {json.dumps(value)}\n" for key, value in whole.items())

    def measured(self, statement: Statement, *shapes: Shape) -> Shape | None:
        """The shape that a statement gives, or None where it doesn't fit."""
        names = [f"x{n}" for n in range(len(shapes))]
        inputs = {n: list(s) for n, s in zip(names, shapes, strict=True)}
        body = {**statement, "from": names} if len(names) > 1 else statement
        try:
            graph = graph_of(self.text(inputs=inputs, graph={"y": body, "z": "tanh"}))
        except ArchspecError:
            return None
        for node, read in graph.located():
            if torch_refuses(node.op, read) or keras_refuses(node.op, read):
                return None
        found = graph.nodes[-1].shape
        size = 1
        for number in found:
            size *= number
        return found if size <= LARGEST else None

    def name(self) -> str:
        """A name that no scope has yet."""
        self.count += 1
        return f"n{self.count}"

    # Scopes

    def mapping(
        self, first: str, shape: Shape, length: int, depth: int
    ) -> tuple[dict[str, Statement], dict[str, Shape], list[str]]:
        """Statements by name, every value's shape, and the values that none reads."""
        made: dict[str, Statement] = {}
        values = {first: shape}
        unread: list[str] = []
        for _ in range(length):
            source = unread[-1] if unread else first
            if len(values) > 1 and one(self.draw, False, False, True):
                source = one(self.draw, *values)
            pair = len(values) > 1 and one(self.draw, False, False, True)
            name = self.name()
            if pair:
                self.join(made, values, unread, name, source, one(self.draw, *values))
                continue
            statement, found = self.statement(values[source], depth)
            if source != (list(made)[-1] if made else first):
                statement = {**statement, "from": source}
            self.keep(made, values, unread, name, statement, found, (source,))
        return made, values, unread

    def keep(
        self,
        made: dict[str, Statement],
        values: dict[str, Shape],
        unread: list[str],
        name: str,
        statement: Statement,
        shape: Shape,
        sources: tuple[str, ...],
    ) -> None:
        """Adds a statement to its scope."""
        made[name] = statement
        values[name] = shape
        unread[:] = [value for value in unread if value not in sources] + [name]

    def join(
        self,
        made: dict[str, Statement],
        values: dict[str, Shape],
        unread: list[str],
        name: str,
        one_: str,
        other: str,
    ) -> None:
        """Adds a node that reads two values, in a way that fits their shapes."""
        first = one(self.draw, *JOINS)
        for kind in (first, "add", "concat", "resize"):
            statement = {"op": kind}
            if kind == "resize":
                statement["mode"] = one(self.draw, "nearest", "nearest", "bilinear")
            found = self.measured(statement, values[one_], values[other])
            if found is not None:
                statement["from"] = [one_, other]
                self.keep(made, values, unread, name, statement, found, (one_, other))
                return
        flat = []
        for value in (one_, other):
            shape = values[value]
            if len(shape) == 3:
                pooled = self.name()
                statement = {"op": "global_avg_pool2d", "from": value}
                self.keep(made, values, unread, pooled, statement, shape[:1], (value,))
                value = pooled
            flat.append(value)
        total = values[flat[0]][0] + values[flat[1]][0]
        statement = {"op": "concat", "from": flat}
        self.keep(made, values, unread, name, statement, (total,), tuple(flat))

    def joined(
        self, made: dict[str, Statement], values: dict[str, Shape], unread: list[str]
    ) -> Shape:
        """Joins what nobody reads, until one value is left; its shape."""
        while len(unread) > 1:
            self.join(made, values, unread, self.name(), unread[0], unread[1])
        # The last node is the output, so the value that is left stands last.
        if unread[0] != list(made)[-1]:
            name = self.name()
            statement = {"op": "identity", "from": unread[0]}
            found = values[unread[0]]
            self.keep(made, values, unread, name, statement, found, (unread[0],))
        return values[unread[0]]

    def listed(
        self, shape: Shape, length: int, depth: int
    ) -> tuple[list[Statement], Shape]:
        """A chain of numbered children."""
        made = []
        for _ in range(length):
            statement, shape = self.statement(shape, depth)
            made.append(statement)
        return made, shape

    # Statements

    def statement(self, shape: Shape, depth: int) -> tuple[Statement, Shape]:
        """A statement that reads one value, and the shape that it gives."""
        kinds = ["op", "op", "op", "op", "graph", "list", "block"]
        kind = one(self.draw, *(kinds if depth else ["op"]))
        length = self.draw(st.integers(1, 3)) if kind != "op" else 0
        if kind == "graph":
            graph, values, unread = self.mapping("input", shape, length, depth - 1)
            self.joined(graph, values, unread)
            statement: Statement = {"graph": graph}
        elif kind == "list":
            statement = {"graph": self.listed(shape, length, depth - 1)[0]}
        elif kind == "block":
            statement = self.block(shape, length, depth)
        else:
            statement = self.op(shape)
        return self.varied(statement, shape)

    def varied(self, statement: Statement, shape: Shape) -> tuple[Statement, Shape]:
        """Perhaps repeated, or there only under a condition, where that fits."""
        how = one(self.draw, None, None, None, "repeat", "when")
        if how == "repeat":
            times = one(self.draw, 2, 1, 3, "=depth", "=depth - 1", "=depth + 1")
            more = {**statement, "repeat": times}
        elif how == "when":
            test = one(self.draw, "=flag", "=not flag", "=input.channels > 2")
            more = {**statement, "when": test}
        if how is not None:
            found = self.measured(more, shape)
            if found is not None:
                return more, found
        found = self.measured(statement, shape)
        if found is None:  # A list of which nothing is left, and what is in it.
            return {"op": "tanh"}, shape
        return statement, found

    def block(self, shape: Shape, length: int, depth: int) -> Statement:
        """A block that is new, or one that was made before; its body, if none fits."""
        amount = channels(self.draw)
        for name in self.blocks:
            statement = {"block": name, "channels": amount}
            fits = self.measured(statement, shape) is not None
            if fits and one(self.draw, True, False):
                return statement
        graph: Any
        if one(self.draw, True, False):
            graph, values, unread = self.mapping("input", shape, length, depth - 1)
            self.joined(graph, values, unread)
        else:
            graph, _ = self.listed(shape, length, depth - 1)
        name = f"block{len(self.blocks)}"
        wider = json.loads(json.dumps(graph).replace('"=width"', '"=channels"'))
        for body in (wider, graph):
            self.blocks[name] = {"params": {"channels": 3}, "graph": body}
            statement = {"block": name, "channels": amount}
            if self.measured(statement, shape) is not None:
                return statement
        del self.blocks[name]
        return {"graph": graph}

    def op(self, shape: Shape) -> Statement:
        """Any op that fits; one that always does, if the one drawn doesn't."""
        table = {**OF_BOTH, **(OF_IMAGES if len(shape) == 3 else OF_VECTORS)}
        kind = one(self.draw, *table)
        statement = {"op": kind, **table[kind](self.draw, shape)}
        if self.measured(statement, shape) is None:
            return {"op": "tanh"}
        return statement


@st.composite
def specs(draw: st.DrawFn) -> str:
    """The text of a random spec, without its head."""
    return Sketch(draw).spec()
