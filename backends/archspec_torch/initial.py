"""Initial weights in PyTorch's words: a rule for each kind of layer, and exceptions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from archspec.graph import Graph, Node
from archspec.ops.base import Role
from archspec.ops.init import (
    AnyInit,
    Constant,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.source.outline import Definition, Line, OpUse
from archspec.source.text import Call, Code, Doc, Infix, call, flat, layout, statement

LAYERS = {
    "conv2d": "nn.Conv2d",
    "conv_transpose2d": "nn.ConvTranspose2d",
    "linear": "nn.Linear",
}
Plan = tuple[tuple[str, AnyInit], ...]


def filled(init: AnyInit, tensor: str) -> Call:
    """The call that fills a tensor."""
    x = Code(tensor)
    if isinstance(init, KaimingNormal | KaimingUniform):
        fn = "normal" if isinstance(init, KaimingNormal) else "uniform"
        return call(
            f"nn.init.kaiming_{fn}_",
            x,
            a=(init.a, 0.0),
            mode=(init.mode, "fan_in"),
            nonlinearity=(init.nonlinearity, "leaky_relu"),
        )
    if isinstance(init, XavierNormal | XavierUniform):
        fn = "normal" if isinstance(init, XavierNormal) else "uniform"
        return call(f"nn.init.xavier_{fn}_", x, gain=(init.gain, 1.0))
    if isinstance(init, TruncNormal):
        numbers: dict[str, tuple[Doc, float]] = {
            "mean": (init.mean, 0.0),
            "std": (init.std, 1.0),
            "a": (init.a, -2.0),
            "b": (init.b, 2.0),
        }
        return call("nn.init.trunc_normal_", x, **numbers)
    if isinstance(init, Normal):
        return call("nn.init.normal_", x, mean=(init.mean, 0.0), std=(init.std, 1.0))
    if isinstance(init, Uniform):
        return call("nn.init.uniform_", x, a=(init.a, 0.0), b=(init.b, 1.0))
    return constant(init, x)


def constant(init: Constant, x: Code) -> Call:
    """zeros_, ones_ or constant_."""
    if init.value in (0.0, 1.0):
        return Call("nn.init.ones_" if init.value else "nn.init.zeros_", (x,))
    return Call("nn.init.constant_", (x, init.value))


def plan(node: Node, weights: tuple[str, ...]) -> Plan:
    """What a node's weights start from."""
    return tuple((name, node.op.initial(name)) for name in weights)


def plans(graph: Graph) -> dict[str, dict[str, Plan]]:
    """For each kind of op with weights, the plan of each node."""
    found: dict[str, dict[str, Plan]] = {}
    for node, shapes in graph.located():
        weights = tuple(node.op.weights(*shapes))
        if weights:
            found.setdefault(node.op.kind, {})[node.name] = plan(node, weights)
    return found


def usual(of: dict[str, Plan]) -> dict[str, AnyInit]:
    """The commonest initialiser of each parameter."""
    found: dict[str, AnyInit] = {}
    for parameter in dict.fromkeys(name for plan in of.values() for name, _ in plan):
        counts = Counter(
            init for plan in of.values() for name, init in plan if name == parameter
        )
        found[parameter] = counts.most_common(1)[0][0]
    return found


NATIVE: dict[Role, AnyInit] = {
    "kernel": KaimingUniform(a=math.sqrt(5), nonlinearity="leaky_relu"),
    "factor": Constant(value=1.0),
    "offset": Constant(value=0.0),
    "scale": Constant(value=1.0),
    "slope": Constant(value=0.25),
}
"""What PyTorch's layers start from already; a bias is drawn."""


def _shared(by_plan: dict[Plan, list[str]]) -> dict[tuple[str, AnyInit], list[str]]:
    """What biases start from in several plans, and all the kinds of layers there."""
    found: dict[tuple[str, AnyInit], list[list[str]]] = {}
    for plan_, kinds in by_plan.items():
        for item in plan_:
            if item[0] == "bias":
                found.setdefault(item, []).append(kinds)
    return {
        item: [kind for kinds in groups for kind in kinds]
        for item, groups in found.items()
        if len(groups) > 1
    }


def _isinstance(kinds: list[str]) -> str:
    layers = " | ".join(LAYERS[kind] for kind in kinds)
    return f"isinstance(module, {layers})"


def children(definition: Definition) -> Iterator[tuple[str, Line]]:
    """The lines of a class with the names that its children have in every instance."""
    if definition.listed and definition.inline:
        return
    for number, line in enumerate(definition.lines):
        if definition.listed and not line.plain:
            return
        name = str(number) if definition.listed else line.name
        if name.isidentifier() or definition.listed:
            yield name, line


class Initials:
    """What a graph's weights start from, as rules for kinds of layers and exceptions.

    A kind's commonest initialisers make its rule; norms start as PyTorch's do.
    """

    def __init__(
        self,
        graph: Graph,
        definitions: list[Definition],
        titles: Mapping[int, str],
    ) -> None:
        self.definitions = definitions
        self.titles = titles
        self.plans = plans(graph)
        self.roles: dict[tuple[str, str], Role] = {
            (node.op.kind, name): node.op.role(name)
            for node, shapes in graph.located()
            for name in node.op.weights(*shapes)
        }
        self.common = {k: usual(of) for k, of in self.plans.items() if k in LAYERS}

    def child(self, use: OpUse, made: Doc) -> Doc:
        """A layer, which is made with torch's own initial weights."""
        return made

    def rules(self) -> list[str]:
        """The function `init_weights`."""
        by_plan: dict[Plan, list[str]] = {}
        for kind, of in self.common.items():
            told = tuple(
                sorted(i for i in of.items() if i[1] != self._native(kind, i[0]))
            )
            if told:
                by_plan.setdefault(told, []).append(kind)
        shared = _shared(by_plan)
        lines = [
            "def init_weights(module: nn.Module) -> None:",
            '    """Sets the initial weights of a layer."""',
        ]
        word = "if"
        for plan_, kinds in by_plan.items():
            told = tuple(item for item in reversed(plan_) if item not in shared)
            if not told:
                continue
            lines.append(f"    {word} {_isinstance(kinds)}:")
            word = "elif"
            for parameter, init in told:
                indent = 8
                if parameter == "bias" and not self._always_biased(kinds):
                    lines.append("        if module.bias is not None:")
                    indent = 12
                lines += layout(filled(init, f"module.{parameter}"), indent)
        for definition in self.definitions[:-1]:
            own = self._exceptions(definition)
            if not own:
                continue
            name = self.titles[id(definition)]
            lines.append(f"    {word} isinstance(module, {name}):")
            word = "elif"
            for path, init in own:
                indent = 8
                if path[0].isdigit():
                    tensor = flat(Call("module.get_parameter", (path,)))
                    lines += layout(filled(init, tensor), 8)
                    continue
                if path.endswith(".bias"):  # which torch says may be None
                    lines += layout(Code(f"module.{path} is not None"), 8, "if ", ":")
                    indent = 12
                lines += layout(filled(init, f"module.{path}"), indent)
        for (_, init), kinds in shared.items():
            tests = Code(_isinstance(kinds)), Code("module.bias is not None")
            lines += statement("if ", Infix(tests, ("and",)), 4, ":")
            lines += layout(filled(init, "module.bias"), 8)
            word = "elif"
        return lines if word == "elif" else []

    def _always_biased(self, kinds: list[str]) -> bool:
        """Whether a bias is never None; torch's types say so of linear layers alone."""
        return kinds == ["linear"] and all(
            len(plan_) == 2 for plan_ in self.plans["linear"].values()
        )

    def _differs(self, kind: str, parameter: str, init: AnyInit) -> bool:
        expected = self.common.get(kind, {}).get(parameter)
        return init != (expected or self._native(kind, parameter))

    def _native(self, kind: str, parameter: str) -> AnyInit | None:
        return NATIVE.get(self.roles[kind, parameter])

    def _exceptions(self, definition: Definition) -> list[tuple[str, AnyInit]]:
        """Parameters of a class whose start differs from the rule, in all instances."""
        return [
            (f"{name}.{parameter}", init)
            for name, line in children(definition)
            for parameter, init in self._own(line)
        ]

    def _own(self, line: Line) -> list[tuple[str, AnyInit]]:
        if not isinstance(line.target, OpUse) or not line.plain:
            return []
        kind = line.target.kind
        of = self.plans.get(kind, {})
        own = [of[name] for name in line.nodes if name in of]
        if not own or any(plan_ != own[0] for plan_ in own):
            return []
        return [
            (parameter, init)
            for parameter, init in own[0]
            if self._differs(kind, parameter, init)
        ]

    def last(self) -> list[str]:
        """Statements for the parameters that no rule covers, by name."""
        covered: set[str] = set()
        for definition in self.definitions[:-1]:
            for _, line in children(definition):
                for parameter, _ in self._own(line):
                    covered.update(f"{node}.{parameter}" for node in line.nodes)
        by_init: dict[AnyInit, list[str]] = {}
        for kind, of in self.plans.items():
            for node, plan_ in of.items():
                for parameter, init in plan_:
                    name = f"{node}.{parameter}"
                    if name not in covered and self._differs(kind, parameter, init):
                        by_init.setdefault(init, []).append(name)
        lines = ["        self.apply(init_weights)"] if self.rules() else []
        for init, names in by_init.items():
            if len(names) == 1:
                tensor = flat(Call("self.get_parameter", (names[0],)))
                lines += layout(filled(init, tensor), 8)
                continue
            each = Call("", tuple(names))
            lines += layout(each, 8, "for name in ", ":")
            lines += layout(filled(init, "self.get_parameter(name)"), 12)
        return lines
