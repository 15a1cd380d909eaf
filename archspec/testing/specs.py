"""Random specs: ops in chains and branches, nested graphs, lists, blocks, repeats.

Each is a whole spec as text, a number of which gives it again:

    >>> from archspec.testing.specs import spec
    >>> spec(1) == spec(1) != spec(2)
    True
"""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from random import Random
from string import ascii_lowercase
from typing import Any

from archspec.errors import ArchspecError
from archspec.graph import Graph
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.ops import OPS, Shape
from archspec.testing.variants import drawn

Statement = dict[str, Any]
Fits = Callable[[Graph], bool]

LARGEST = 600
"""Values of one image between two ops."""
SIZES: dict[str, tuple[Any, ...]] = {
    "channels": ("=width", "=width * 2", "=width + 1", "=width", 2, 4),
    "features": ("=width", "=width + 1", "=width", 5),
    "rate": ("=rate", "=rate / 2", 0.25),
    "bias": ("=flag", True, False),
    "momentum": ("=rate", 0.1),
    "negative_slope": ("=rate", 0.3),
    "alpha": ("=rate", 0.5),
    "eps": (1e-5, 1e-3, 0.1),
}
"""What stands for an attribute in place of what its class allows."""
CHOSEN = ("relu", "tanh", "silu", "gelu", "hard_swish")


def graph_of(text: str, **params: Any) -> Graph:
    """The graph of a spec."""
    files = Files()
    return expand(files, files.text(text, "net.yaml"), params)


def spec(number: int, fits: Fits = lambda graph: True) -> str:
    """A random valid spec; `fits` may refuse the graph of any part of it.

    A backend that can't express an op says so, and gets nets without it.
    """
    return Sketch(Random(f"spec {number}"), fits).spec()


class Sketch:
    """A spec as it is drawn; every statement is measured before it is kept."""

    def __init__(self, random: Random, fits: Fits) -> None:
        self.random = random
        self.fits = fits
        self.params: dict[str, Any] = {
            "width": random.randint(1, 4),
            "depth": random.randint(1, 3),
            "flag": random.random() < 0.5,
            "rate": random.choice((0.125, 0.3, 0.5)),
            "act": random.choice(CHOSEN),
        }
        self.blocks: dict[str, Any] = {}
        self.count = 0

    def spec(self) -> str:
        """The whole spec."""
        shape = self.one((2, 5, 6), (3, 7, 4), (4, 4, 4), (1, 6, 6), (5,))
        graph, unread = self.mapping(shape, self.random.randint(2, 6), 2)
        facts: dict[str, Any] = {"graph": graph}
        if len(unread) > 1:
            # A node that may be absent can't be an output; one that reads it can.
            ends = {name: self.name() for name in unread if "when" in graph[name]}
            graph |= {end: {"op": "tanh", "from": name} for name, end in ends.items()}
            outputs = [ends.get(name, name) for name in unread]
            facts["outputs"] = {f"out{n}": name for n, name in enumerate(outputs)}
        return self.text({"image": shape}, **facts)

    def text(self, inputs: dict[str, Shape], **facts: Any) -> str:
        """A spec of these parts with the params and the blocks that they use."""
        body = json.dumps([facts, self.blocks])
        shapes = {name: list(shape) for name, shape in inputs.items()}
        used = {k: v for k, v in self.params.items() if k in body}
        blocks = {k: v for k, v in self.blocks.items() if f'"{k}"' in body}
        whole = {"params": used, "inputs": shapes, "blocks": blocks, **facts}
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in whole.items()]
        return "".join(["archspec: 1\nname: net\n", *lines])

    def one(self, *choices: Any) -> Any:
        """One of the choices."""
        return self.random.choice(choices)

    def name(self) -> str:
        """A name that no scope has yet."""
        self.count += 1
        return f"n{self.count}"

    def measured(self, statement: Statement, *shapes: Shape) -> Shape | None:
        """The shape that a statement gives, or None where it doesn't fit."""
        inputs = {f"x{n}": shape for n, shape in enumerate(shapes)}
        node = {**statement, "from": list(inputs) if len(inputs) > 1 else "input"}
        try:
            graph = graph_of(self.text(inputs, graph={"y": node, "z": "tanh"}))
        except ArchspecError:
            return None
        found = graph.nodes[-1].shape
        return found if prod(found) <= LARGEST and self.fits(graph) else None

    # Scopes

    def mapping(
        self, shape: Shape, length: int, depth: int
    ) -> tuple[dict[str, Statement], list[str]]:
        """Statements by name, and the names of the values that none of them reads."""
        made: dict[str, Statement] = {}
        values = {"input": shape}
        unread: list[str] = []
        for _ in range(length):
            source = self.one(*unread[-1:], *unread[-1:], *values)
            reads = [source]
            if len(values) > 1 and self.random.random() < 0.3:
                reads = self.random.sample(sorted(values), 2)
                joined = self.joined(*(values[name] for name in reads))
            else:
                joined = self.statement(values[source], depth)
            if joined is None:
                continue
            statement, found = joined
            name = self.name()
            made[name] = {**statement, "from": reads}
            values[name] = found
            unread = [value for value in unread if value not in reads] + [name]
        if not made:
            made[self.name()] = {"op": "tanh"}
            unread = list(made)
        return made, unread

    def closed(self, shape: Shape, length: int, depth: int) -> dict[str, Statement]:
        """A mapping whose last statement is its only output."""
        while True:
            made, unread = self.mapping(shape, length, depth)
            if len(unread) == 1 and unread[0] == list(made)[-1]:
                return made

    def listed(self, shape: Shape, length: int, depth: int) -> list[Statement]:
        """A chain of numbered children."""
        made = []
        for _ in range(length):
            statement, shape = self.statement(shape, depth)
            made.append(statement)
        return made

    # Statements

    def joined(self, *shapes: Shape) -> tuple[Statement, Shape] | None:
        """A statement that reads two values, if one of those tried fits."""
        kinds = [op for op in OPS if op.arity[1] != 1]
        for op in self.random.sample(kinds, len(kinds)):
            mode = (
                {"mode": self.one("nearest", "bilinear")} if op.kind == "resize" else {}
            )
            found = self.measured({"op": op.kind, **mode}, *shapes)
            if found is not None:
                return {"op": op.kind, **mode}, found
        return None

    def statement(self, shape: Shape, depth: int) -> tuple[Statement, Shape]:
        """A statement that reads one value, and the shape that it gives."""
        kind = self.one("op", "op", "op", "graph", "list", "block", "block")
        length = self.random.randint(1, 3)
        if not depth or kind == "op":
            statement = self.op(shape)
        elif kind == "graph":
            statement = {"graph": self.closed(shape, length, depth - 1)}
        elif kind == "list":
            statement = {"graph": self.listed(shape, length, depth - 1)}
        else:
            statement = self.block(shape, length, depth - 1)
        how = self.one("", "", "repeat", "when")
        more = dict(statement)
        if how == "repeat":
            more["repeat"] = self.one(2, 3, "=depth", "=depth + 1")
        elif how == "when":
            more["when"] = self.one("=flag", "=not flag", "=depth > 1")
        for tried in (more, statement, {"op": "tanh"}):
            found = self.measured(tried, shape)
            if found is not None:
                return tried, found
        raise AssertionError(f"nothing fits {shape}")

    def block(self, shape: Shape, length: int, depth: int) -> Statement:
        """A block that was made before, if it fits, or a new one."""
        given = {
            "size": self.one(2, 3, "=width", "=width + 1"),
            "on": self.one(True, False, "=flag"),
        }
        for name in self.blocks:
            statement = {"block": name, **given}
            if self.measured(statement, shape) and self.random.random() < 0.8:
                return statement
        graph: Any
        if self.random.random() < 0.6:
            graph = self.closed(shape, length, depth)
        else:
            graph = self.listed(shape, length, depth)
        text = json.dumps(graph)
        wider = text.replace("=width", "=size").replace('"=flag"', '"=on"')
        name = f"unit_{ascii_lowercase[len(self.blocks)]}"  # no digit at its end
        for body in (wider, text):
            params = {"size": self.one("int", 3, 2), "on": self.one("bool", True)}
            self.blocks[name] = {"params": params, "graph": json.loads(body)}
            if self.measured({"block": name, **given}, shape):
                return {"block": name, **given}
        del self.blocks[name]
        return {"graph": graph}

    def op(self, shape: Shape) -> Statement:
        """Any op that fits."""
        if self.random.random() < 0.1:
            return {"op": "=act"}
        kinds = [op for op in OPS if op.arity[0] == 1]
        sized = [op for op in kinds if {"channels", "features"} & {*op.model_fields}]
        op = self.one(*self.one(kinds, kinds, sized))
        for turn in range(1, 25):
            if turn % 8 == 0:
                op = self.one(*kinds)
            attributes = {
                name: self.one(*SIZES[name])
                if name in SIZES and self.random.random() < 0.8
                else drawn(self.random, field.annotation, field.metadata)
                for name, field in op.model_fields.items()
                if name != "init"
                and (field.is_required() or self.random.random() < 0.4)
            }
            if self.measured({"op": op.kind, **attributes}, shape) is not None:
                return {"op": op.kind, **attributes}
        return {"op": "tanh"}
