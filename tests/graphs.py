"""Random valid specs for hypothesis: every op, chains, branches, joins, blocks."""

from __future__ import annotations

import json
from typing import Any

import archspec_flax.lowering
import archspec_keras.lowering
import archspec_onnx.lowering
import archspec_torch.lowering
from attributes import OF_BOTH, OF_IMAGES, OF_VECTORS, Draw, channels, one
from hypothesis import strategies as st
from nets import graph_of

from archspec.errors import ArchspecError
from archspec.ops import OPS, Shape

Statement = Any

REFUSALS = (
    archspec_torch.lowering.unsupported,
    archspec_keras.lowering.unsupported,
    archspec_flax.lowering.unsupported,
    archspec_onnx.lowering.unsupported,
)
"""What is drawn, every backend can express."""
LARGEST = 600
"""Values of one image between two ops: these graphs are many."""
JOINS = tuple(op.kind for op in OPS if op.arity[1] != 1)
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
        self.scopes: list[Shape] = []
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
            if any(refuse(node.op, read) for refuse in REFUSALS):
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
        self.scopes.append(shape)
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
        self.scopes.pop()
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
        self.scopes.append(shape)
        for _ in range(length):
            statement, shape = self.statement(shape, depth)
            made.append(statement)
        self.scopes.pop()
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
            more = alone = {**statement, "repeat": times}
        elif how == "when":
            wide = "=input.channels > 2"
            test = one(self.draw, "=flag", "=not flag", wide)
            more = alone = {**statement, "when": test}
            if test == wide:  # Of the scope's input, which is not what it reads.
                alone = {**statement, "when": self.scopes[-1][0] > 2}
        if how is not None:
            found = self.measured(alone, shape)
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
