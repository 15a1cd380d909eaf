"""The first node that differs, in nets in which any nodes are broken.

The backends are numbers: a value is the sum of what it reads and its own, so that one
with another number differs, and so does all that stands behind it. Every node is tried,
which no search does, and the first of them is the oracle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from nets import graph_of
from numpy.typing import NDArray

from archspec.graph import Graph
from archspec.verify.bisection import Finding, Search, search
from archspec.verify.comparison import CHECKS
from archspec.verify.process import NotAvailable
from archspec.verify.target import parse_all
from archspec.verify.task import Task

PAIR = parse_all("torch,keras")
CHECK = CHECKS[0]


class Sums:
    """A backend of a graph whose nodes are sums; it remembers what it was asked."""

    def __init__(self, graph: Graph, faults: Mapping[str, float]) -> None:
        self.asked: list[Task] = []
        self.values: dict[str, float] = dict.fromkeys(graph.inputs, 1.0)
        for node in graph.nodes:
            total = sum(self.values[name] for name in node.inputs)
            self.values[node.name] = total + 1 + faults.get(node.name, 0.0)

    def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
        self.asked.append(task)
        return {"probe/": np.array([self.values[task.node]])}

    def close(self) -> None:
        pass


def net(draw: Random, count: int) -> Graph:
    there = ["x", "z"]
    lines = []
    for number in range(count):
        reads = [draw.choice(there[-4:]) for _ in range(draw.randint(1, 2))]
        op = "relu" if len(reads) == 1 else "add"
        lines.append(f"  n{number}: {{op: {op}, from: [{', '.join(reads)}]}}")
        there.append(f"n{number}")
    # What nothing reads is an output.
    read = " ".join(lines)
    loose = [n for n in there[2:] if not any(f"{n}{c}" in read for c in ",]")]
    outputs = ", ".join(f"o{n}: {n}" for n in loose)
    body = "\n".join(lines)
    return graph_of(
        f"inputs: {{x: [3], z: [3]}}\ngraph:\n{body}\noutputs: {{{outputs}}}\n"
    )


def found(
    graph: Graph, value: str, faults: Mapping[str, float]
) -> tuple[Finding | str, Sums]:
    one, other = Sums(graph, {}), Sums(graph, faults)
    return search(graph, CHECK, 1e-12, value, one, other), other


def above(graph: Graph, value: str) -> set[str]:
    """A node and all that it needs."""
    inputs = {node.name: node.inputs for node in graph.nodes}
    seen: set[str] = set()
    waiting = [value]
    while waiting:
        name = waiting.pop()
        if name in inputs and name not in seen:
            seen.add(name)
            waiting += inputs[name]
    return seen


def firsts(graph: Graph, value: str, faults: Mapping[str, float]) -> set[str]:
    """Nodes before a value that differ although what they read agrees."""
    good, bad = Sums(graph, {}).values, Sums(graph, faults).values
    wrong = {name for name in above(graph, value) if good[name] != bad[name]}
    reads = {node.name: node.inputs for node in graph.nodes}
    return {name for name in wrong if not wrong & {*reads[name]}}


@pytest.mark.parametrize("seed", range(60))
def test_any_net_with_any_faults(seed: int) -> None:
    draw = Random(seed)
    graph = net(draw, draw.randint(1, 25))
    names = [node.name for node in graph.nodes]
    faults = dict.fromkeys(draw.sample(names, min(len(names), 1 + seed % 3)), 0.5)
    for value in graph.outputs.values():
        wanted = firsts(graph, value, faults)
        finding, _ = found(graph, value, faults)
        if not wanted:
            assert isinstance(finding, str) and "agrees when the net ends" in finding
        else:
            assert isinstance(finding, Finding) and finding.node in wanted


def chain(count: int) -> Graph:
    ops: Sequence[str] = ["relu"] * count
    return graph_of(f"inputs: {{x: [3]}}\ngraph: [{', '.join(ops)}]\n")


@pytest.mark.parametrize("first", [0, 1, 499, 998, 999])
def test_a_search_halves(first: int) -> None:
    finding, other = found(chain(1000), "999", {str(first): 0.5})
    assert isinstance(finding, Finding) and finding.node == str(first)
    assert len(other.asked) <= 13
    assert {(task.kind, task.weights, task.training) for task in other.asked} == {
        ("probe", CHECK.weights, CHECK.training)
    }
    nodes = [task.node for task in other.asked]
    assert len(nodes) == len(set(nodes)), "nothing is asked twice"


def test_the_words() -> None:
    graph = graph_of(
        "inputs: {x: [3], z: [3]}\ngraph:\n"
        "  a: {op: relu, from: x}\n  b: {op: add, from: [a, z]}\n"
    )
    finding, _ = found(graph, "b", {"b": 0.25})
    assert isinstance(finding, Finding)
    assert (finding.node, finding.op, finding.at) == ("b", "add", "net.yaml:6:3")
    assert finding.error == pytest.approx(0.25 / 4)
    assert finding.text == (
        "net.yaml:6:3: the first node that differs is 'b' (add), by 6.2e-02; what it "
        "reads agrees: 'a' and 'z'"
    )


def test_an_input_never_differs() -> None:
    graph = chain(2)
    asked: list[str] = []

    def apart(name: str) -> float:
        asked.append(name)
        return 0.25

    walk = Search(graph, apart, lambda name: 0.2)
    assert not walk.differs("x") and asked == []
    assert walk.differs("0") and walk.differs("0")
    assert asked == ["0"] and walk.errors == {"0": 0.25}
    assert not Search(graph, apart, lambda name: 0.25).differs("0")


def test_a_backend_that_gives_up() -> None:
    class Dying(Sums):
        def ask(self, task: Task) -> Mapping[str, NDArray[Any]]:
            raise NotAvailable("the process crashed")

    graph = chain(3)
    told = search(graph, CHECK, 1e-12, "2", Sums(graph, {}), Dying(graph, {}))
    assert told == "the search for the node ended: the process crashed"
