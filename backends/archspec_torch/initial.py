"""Initial weights in PyTorch's words: a rule for each kind of layer, and exceptions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archspec.errors import BackendError
from archspec.graph import Graph
from archspec.ops.base import STATISTICS, Role
from archspec.ops.init import (
    AnyInit,
    Constant,
    FanInUniform,
    KaimingUniform,
)
from archspec.source.layout import layout, statement
from archspec.source.outline import Definition, Line, Nested, OpUse, Use
from archspec.source.text import Call, Code, Display, Doc, Infix, Names, snake_case
from archspec_torch.fills import NEXT, Fill, Present, branch, gotten, kind_of

LAYERS = {
    "conv2d": "nn.Conv2d",
    "conv_transpose2d": "nn.ConvTranspose2d",
    "linear": "nn.Linear",
}
Starts = dict[str, AnyInit]
"""What each parameter of a node, or of a kind of layers, starts from."""
Kinds = dict[str, dict[str, Starts]]
"""For each kind of ops, and each node of that kind, what its parameters start from."""


FEW = 4
"""Parts of a net that are named one by one."""
NATIVE: dict[Role, AnyInit] = {
    "kernel": KaimingUniform(a=math.sqrt(5), nonlinearity="leaky_relu"),
    "bias": FanInUniform(),
    "factor": Constant(value=1.0),
    "offset": Constant(value=0.0),
    "scale": Constant(value=1.0),
    "slope": Constant(value=0.25),
}
"""What PyTorch's layers start from already."""


class Initials:
    """What a graph's weights start from, in groups that have rules of their own.

    The net is one group, unless rules would then set some weights twice: a part of the
    net whose layers start in another way than the others' is a group of its own.
    """

    def __init__(
        self,
        graph: Graph,
        definitions: list[Definition],
        titles: Mapping[int, str],
        names: Names,
    ) -> None:
        known = Known(definitions, titles)
        starts: Kinds = {}
        for node, shapes in graph.located():
            op, weights = node.op, [*node.op.weights(*shapes)]
            if {"bias", "affine"} & node.texts.keys():  # they may depend on arguments
                weights = [n for n, role in op.stored.items() if role not in STATISTICS]
                maybe = weights if "affine" in node.texts else ["bias"]
                known.optional.update(f"{node.name}.{name}" for name in maybe)
            if weights:
                own = {name: _said(op.initial(name), op.role(name)) for name in weights}
                starts.setdefault(op.kind, {})[node.name] = own
                for name, init in own.items():
                    known.parameters[f"{node.name}.{name}"] = op.kind, name, init
            known.roles |= {(op.kind, name): op.role(name) for name in weights}
        self.groups = [*_groups(known, starts)]

    def child(self, use: OpUse, made: Doc) -> Doc:
        """A layer, which is made with torch's own initial weights."""
        return made

    def rules(self) -> list[str]:
        """The functions that set weights; nothing where there is no rule."""
        found = [rules for group in self.groups if (rules := group.rules())]
        return [*"\n\n\n".join(map("\n".join, found)).splitlines()]

    def last(self, net: Definition) -> list[str]:
        """The statements of a net's class that set weights."""
        return [row for group in self.groups for row in group.last(net)]


@dataclass(slots=True)
class Known:
    """What all groups of a graph's weights know.

    Attributes:
        definitions, titles: the printed classes, and their names by their ids.
        parameters: for each name its node's kind, its own name and what it starts from.
        roles: the role of each kind's parameters.
        optional: names of parameters that an argument may leave out.
    """

    definitions: list[Definition]
    titles: Mapping[int, str]
    parameters: dict[str, tuple[str, str, AnyInit]] = field(default_factory=dict)
    roles: dict[tuple[str, str], Role] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)

    def native(self, kind: str, starts: Starts) -> bool:
        """Whether PyTorch's own layers start so."""
        return all(NATIVE.get(self.roles[kind, k]) == v for k, v in starts.items())


def _groups(known: Known, starts: Kinds) -> Iterator[Group]:
    """The whole net; or the parts that agree with most of it, and then the others.

    Nets in one file are one group: what is a part of theirs is another in each.
    """
    *blocks, net = known.definitions
    whole = Group(known, starts)
    lines = {line.name: line for line in net.lines}
    parts = {_part(node) for of in starts.values() for node in of}
    odd = {
        _part(node): True
        for kind in whole.common
        for node, own in starts[kind].items()
        for parameter, init in own.items()
        if known.roles[kind, parameter] == "kernel"
        and whole.differs(kind, parameter, init)
        and not (_part(node) in lines and isinstance(lines[_part(node)].target, OpUse))
    }
    alone = net.net and not any(made.net for made in blocks)
    apart = alone and len(net.lines) == len(lines)
    apart = apart and all(
        part in lines and part.isidentifier() and lines[part].when is True
        for part in parts
    )
    usual = parts - odd.keys()
    named = [
        name
        for name in lines
        if any(
            name == _part(node) and not known.native(kind, own)
            for kind, of in starts.items()
            for node, own in of.items()
        )
        and name in usual
    ]
    if not (odd and apart and 0 < len(named) <= FEW):
        yield whole
        return
    alike: dict[tuple[object, ...], list[str]] = {}
    for part in odd:
        rule = Group(known, _within(starts, {part})).common
        alike.setdefault((*map(str, rule.items()),), []).append(part)
    groups = [Group(known, _within(starts, usual), "init_weights", named)]
    for names in alike.values():
        title = f"init_{snake_case(names[0])}"
        groups.append(Group(known, _within(starts, names), title, names))
    # A class of which some start otherwise sets them twice in its own group, too.
    yield from [whole] if any(group.twice() for group in groups) else groups


def _part(node: str) -> str:
    """The part of the net in which a node is."""
    return node.partition(".")[0]


def _within(starts: Kinds, parts: Collection[str]) -> Kinds:
    """The starts of the nodes of some parts."""
    found = {
        kind: {node: own for node, own in of.items() if _part(node) in parts}
        for kind, of in starts.items()
    }
    return {kind: of for kind, of in found.items() if of}


class Group:
    """What the weights of the net, or of some `parts` of it, start from.

    A kind's commonest initialisers make its rule, a function named `title`; norms start
    as PyTorch's do. A class says where all its instances differ from the rule, and the
    net where a node does.
    """

    def __init__(
        self,
        known: Known,
        starts: Kinds,
        title: str = "init_weights",
        parts: Sequence[str] = (),
    ) -> None:
        self.titles = known.titles
        self.blocks = [
            made for made in known.definitions if not (made.net or made.model)
        ]
        nodes = {node for of in starts.values() for node in of}
        self.parameters = {
            name: found
            for name, found in known.parameters.items()
            if name.rpartition(".")[0] in nodes
        }
        self.roles, self.optional = known.roles, known.optional
        self.starts, self.title, self.parts = starts, title, parts
        self.common = {k: _usual(of) for k, of in starts.items() if k in LAYERS}

    def rules(self) -> list[str]:
        """The function that applies to modules; nothing where there is no rule."""
        by_start: dict[tuple[tuple[str, AnyInit], ...], list[str]] = {}
        for kind, starts in self.common.items():
            told = {k: v for k, v in starts.items() if v != self._native(kind, k)}
            if told:
                key = tuple(sorted(told.items(), reverse=True))
                by_start.setdefault(key, []).append(kind)
        biases = Counter(dict(start).get("bias") for start in by_start)
        shared: dict[AnyInit, list[str]] = {}
        branches: list[tuple[Call, Sequence[Fill | Present]]] = []
        for start, kinds in by_start.items():
            fills: list[Fill] = []
            for name, init in start:
                if name != "bias":
                    fills.append(Fill(init, f"module.{name}", f"module.{name}"))
                elif biases[init] > 1:
                    shared.setdefault(init, []).extend(kinds)
                else:
                    sometimes = not self._always_biased(kinds)
                    fills.append(Fill(init, "module.bias", "module.weight", sometimes))
            branches.append((_layers(kinds), fills))
        classes: dict[tuple[Fill | Present, ...], list[str]] = {}
        for definition in self.blocks:
            title = self.titles[id(definition)]
            classes.setdefault(tuple(self._exceptions(definition)), []).append(title)
        branches += [(kind_of(titles), found) for found, titles in classes.items()]
        lines: list[str] = []
        for test, found in branches:
            if found:
                lines += branch("elif " if lines else "if ", test, found)
        for init, kinds in shared.items():
            tests = _layers(kinds), Code("module.bias is not None")
            lines += statement("if ", Infix(tests, ("and",)), 4, ":")
            lines += Fill(init, "module.bias", "module.weight").rows(8)
        head = [
            f"def {self.title}(module: nn.Module) -> None:",
            '    """Sets the initial weights of a layer."""',
        ]
        return [*head, *lines] if lines else []

    def last(self, net: Definition) -> list[str]:
        """Statements for the parameters that no rule covers, by name."""
        covered = {
            f"{node}.{parameter}"
            for definition in self.blocks
            for _, line in _children(definition)
            for parameter in self._own(line)
            for node in line.nodes
        }
        found: dict[str, list[AnyInit | None]] = {}
        optional: set[str] = set()
        for tree in net.instances:
            start = f"{tree.name}." if tree.name else ""
            for name, (kind, parameter, init) in self.parameters.items():
                if not name.startswith(start):
                    continue
                path = name.removeprefix(start)
                differs = name not in covered and self.differs(kind, parameter, init)
                found.setdefault(path, []).append(init if differs else None)
                if name in self.optional:
                    optional.add(path)
        by_init: dict[AnyInit, list[str]] = {}
        for path, inits in found.items():
            if len({*inits}) > 1:
                raise BackendError(
                    f"{path!r} starts unlike in nets that share a class",
                    code="AS516",
                    hint="print them into files of their own",
                )
            if inits[0] is not None:
                by_init.setdefault(inits[0], []).append(path)
            if len(inits) < len(net.instances):
                optional.add(path)
        lines = self._applied() if self.rules() else []
        for init, names in by_init.items():
            if not optional.isdisjoint(names):
                lines += Present(init, "self", tuple(names)).rows(8)
            elif len(names) == 1 and _typed(net, names[0]):
                lines += Fill(init, f"self.{names[0]}", f"self.{names[0]}").rows(8)
            elif len(names) == 1:
                lines += Fill(init, *gotten("self", names[0])).rows(8)
            else:
                lines += layout(Display(tuple(names), "()"), 8, "for name in ", ":")
                tensor = "self.get_parameter(name)"
                lines += Fill(init, tensor, f"self.{NEXT}").rows(12)
        return lines

    def _applied(self) -> list[str]:
        """The statements that apply the rules to the net, or to the parts of it."""
        parts = [f"self.{part}" for part in self.parts] or ["self"]
        return [f"        {part}.apply({self.title})" for part in parts]

    def _always_biased(self, kinds: list[str]) -> bool:
        """Whether a bias is never None; torch's types say so of linear layers alone."""
        return kinds == ["linear"] and all(
            "bias" in starts and f"{node}.bias" not in self.optional
            for node, starts in self.starts["linear"].items()
        )

    def twice(self) -> bool:
        """Whether a kernel is set by the rule, and then in another way."""
        return any(
            self.roles[kind, parameter] == "kernel"
            and self.differs(kind, parameter, init)
            for kind, parameter, init in self.parameters.values()
            if kind in self.common
        )

    def differs(self, kind: str, parameter: str, init: AnyInit) -> bool:
        """Whether a parameter starts in another way than the rule has it."""
        expected = self.common.get(kind, {}).get(parameter)
        return init != (expected or self._native(kind, parameter))

    def _native(self, kind: str, parameter: str) -> AnyInit | None:
        return NATIVE.get(self.roles[kind, parameter])

    def _exceptions(self, definition: Definition) -> Iterator[Fill | Present]:
        """The parameters of a class whose start differs in all instances."""
        for name, line in _children(definition):
            for parameter, init in self._own(line).items():
                path, nodes = f"{name}.{parameter}", line.nodes
                sometimes = any(f"{n}.{parameter}" in self.optional for n in nodes)
                known = isinstance(line.target, OpUse) and (
                    line.target.kind != "scale" or parameter == "weight"
                )
                if known and name.isidentifier():
                    tested = sometimes or parameter == "bias"
                    weight = f"module.{name}.weight"
                    yield Fill(init, f"module.{path}", weight, tested)
                elif sometimes:
                    yield Present(init, "module", (path,))
                else:  # a type checker doesn't know it
                    yield Fill(init, *gotten("module", path))

    def _own(self, line: Line) -> Starts:
        """Where a line's parameters differ from the rule, alike in all instances."""
        if not isinstance(line.target, OpUse) or not line.plain:
            return {}
        kind = line.target.kind
        of = self.starts.get(kind, {})
        own = [of[name] for name in line.nodes if name in of]
        if not own or any(starts != own[0] for starts in own):
            return {}
        return {k: v for k, v in own[0].items() if self.differs(kind, k, v)}


def _said(init: AnyInit, role: Role) -> AnyInit:
    """An initialiser of a parameter in torch's words."""
    own = role == "kernel" and isinstance(init, FanInUniform)
    return NATIVE[role] if own else init


def _typed(within: Definition | Nested, path: str) -> bool:
    """Whether a type checker knows that attributes of a class lead to a weight."""
    name, _, rest = path.partition(".")
    line = next((line for line in within.lines if line.name == name), None)
    if line is None or within.listed or line.single or not line.plain:
        return False
    target = line.target
    if isinstance(target, OpUse):
        return name.isidentifier() and rest == "weight"
    inner = target.definition if isinstance(target, Use) else target
    return name.isidentifier() and _typed(inner, rest)


def _usual(of: Mapping[str, Starts]) -> Starts:
    """The commonest initialiser of each parameter."""
    counts: dict[str, Counter[AnyInit]] = {}
    for starts in of.values():
        for parameter, init in starts.items():
            counts.setdefault(parameter, Counter())[init] += 1
    return {name: counter.most_common(1)[0][0] for name, counter in counts.items()}


def _layers(kinds: list[str]) -> Call:
    """Whether a module is a layer of one of these kinds."""
    return kind_of([LAYERS[kind] for kind in kinds])


def _children(definition: Definition) -> Iterator[tuple[str, Line]]:
    """The lines of a class with the names that its children have in every instance."""
    if definition.listed and definition.inline:
        return
    for number, line in enumerate(definition.lines):
        if definition.listed and not line.plain:
            return
        if definition.listed:
            yield str(number), line
        elif line.name.isidentifier() and not (line.single or line.value):
            yield line.name, line
