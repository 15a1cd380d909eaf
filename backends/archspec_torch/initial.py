"""Initial weights in PyTorch's words: a rule for each kind of layer, and exceptions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from archspec.errors import BackendError
from archspec.graph import Graph
from archspec.ops.base import STATISTICS, Role
from archspec.ops.init import (
    AnyInit,
    Constant,
    FanInUniform,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.source.outline import Definition, Line, OpUse
from archspec.source.text import (
    Call,
    Code,
    Display,
    Doc,
    Infix,
    call,
    flat,
    layout,
    statement,
)

LAYERS = {
    "conv2d": "nn.Conv2d",
    "conv_transpose2d": "nn.ConvTranspose2d",
    "linear": "nn.Linear",
}
Starts = dict[str, AnyInit]
"""What each parameter of a node, or of a kind of layers, starts from."""


class Fill(NamedTuple):
    """A tensor, and what fills it where it is there: it may be None `sometimes`.

    `weight` is the weight of its layer, by whose fan in a bias may be drawn.
    """

    init: AnyInit
    tensor: str
    weight: str
    sometimes: bool = False

    def test(self) -> Doc:
        """Whether the tensor is there."""
        return Code(f"{self.tensor} is not None")

    def rows(self, indent: int) -> list[str]:
        """The statements."""
        made = filled(self.init, self.tensor, self.weight)
        if not self.sometimes:
            return layout(made, indent)
        test = layout(self.test(), indent, "if ", ":")
        return [*test, *layout(made, indent + 4)]


class Present(NamedTuple):
    """Names of parameters of a module, and what fills those that are there."""

    init: AnyInit
    owner: str
    names: tuple[str, ...]

    def rows(self, indent: int) -> list[str]:
        """The statements."""
        return [
            f"{' ' * indent}for name, parameter in {self.owner}.named_parameters():",
            *layout(Display(self.names, "()"), indent + 4, "if name in ", ":"),
            *Fill(self.init, "parameter", f"{self.owner}.{NEXT}").rows(indent + 8),
        ]


NEXT = 'get_parameter(name.removesuffix("bias") + "weight")'
"""The weight of the layer to which a parameter of this name belongs."""


def filled(init: AnyInit, tensor: str, weight: str) -> Call:
    """The call that fills a tensor, of the layer with this weight."""
    x = Code(tensor)
    if isinstance(init, FanInUniform):
        return Call("fan_in_uniform_", (x, Code(weight)))
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
    if init.value in (0.0, 1.0):
        return Call("nn.init.ones_" if init.value else "nn.init.zeros_", (x,))
    return Call("nn.init.constant_", (x, init.value))


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
    """What a graph's weights start from, as rules for kinds of layers and exceptions.

    A kind's commonest initialisers make its rule; norms start as PyTorch's do. A class
    says where all its instances differ from the rule, and the net where a node does.
    """

    def __init__(
        self,
        graph: Graph,
        definitions: list[Definition],
        titles: Mapping[int, str],
    ) -> None:
        self.titles = titles
        self.blocks = [made for made in definitions if not (made.net or made.model)]
        self.starts: dict[str, dict[str, Starts]] = {}
        self.parameters: dict[str, tuple[str, str, AnyInit]] = {}
        self.roles: dict[tuple[str, str], Role] = {}
        self.optional: set[str] = set()
        for node, shapes in graph.located():
            op, weights = node.op, [*node.op.weights(*shapes)]
            if {"bias", "affine"} & node.texts.keys():  # they may depend on arguments
                weights = [n for n, role in op.stored.items() if role not in STATISTICS]
                maybe = weights if "affine" in node.texts else ["bias"]
                self.optional.update(f"{node.name}.{name}" for name in maybe)
            if weights:
                own = {name: _said(op.initial(name), op.role(name)) for name in weights}
                self.starts.setdefault(op.kind, {})[node.name] = own
                for name, init in own.items():
                    self.parameters[f"{node.name}.{name}"] = op.kind, name, init
            self.roles |= {(op.kind, name): op.role(name) for name in weights}
        self.common = {k: _usual(of) for k, of in self.starts.items() if k in LAYERS}

    def child(self, use: OpUse, made: Doc) -> Doc:
        """A layer, which is made with torch's own initial weights."""
        return made

    def rules(self) -> list[str]:
        """The function `init_weights`; nothing where there is no rule."""
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
        branches += [(_is(titles), found) for found, titles in classes.items()]
        lines: list[str] = []
        for test, found in branches:
            if found:
                lines += _branch("elif " if lines else "if ", test, found)
        for init, kinds in shared.items():
            tests = _layers(kinds), Code("module.bias is not None")
            lines += statement("if ", Infix(tests, ("and",)), 4, ":")
            lines += Fill(init, "module.bias", "module.weight").rows(8)
        head = [
            "def init_weights(module: nn.Module) -> None:",
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
                differs = name not in covered and self._differs(kind, parameter, init)
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
        lines = ["        self.apply(init_weights)"] if self.rules() else []
        for init, names in by_init.items():
            if not optional.isdisjoint(names):
                lines += Present(init, "self", tuple(names)).rows(8)
            elif len(names) == 1:
                lines += Fill(init, *_gotten("self", names[0])).rows(8)
            else:
                lines += layout(Display(tuple(names), "()"), 8, "for name in ", ":")
                tensor = "self.get_parameter(name)"
                lines += Fill(init, tensor, f"self.{NEXT}").rows(12)
        return lines

    def _always_biased(self, kinds: list[str]) -> bool:
        """Whether a bias is never None; torch's types say so of linear layers alone."""
        return kinds == ["linear"] and all(
            "bias" in starts and f"{node}.bias" not in self.optional
            for node, starts in self.starts["linear"].items()
        )

    def _differs(self, kind: str, parameter: str, init: AnyInit) -> bool:
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
                known = isinstance(line.target, OpUse) and line.target.kind != "scale"
                if known and name.isidentifier():
                    tested = sometimes or parameter == "bias"
                    weight = f"module.{name}.weight"
                    yield Fill(init, f"module.{path}", weight, tested)
                elif sometimes:
                    yield Present(init, "module", (path,))
                else:  # a type checker doesn't know it
                    yield Fill(init, *_gotten("module", path))

    def _own(self, line: Line) -> Starts:
        """Where a line's parameters differ from the rule, alike in all instances."""
        if not isinstance(line.target, OpUse) or not line.plain:
            return {}
        kind = line.target.kind
        of = self.starts.get(kind, {})
        own = [of[name] for name in line.nodes if name in of]
        if not own or any(starts != own[0] for starts in own):
            return {}
        return {k: v for k, v in own[0].items() if self._differs(kind, k, v)}


def _said(init: AnyInit, role: Role) -> AnyInit:
    """An initialiser of a parameter in torch's words."""
    own = role == "kernel" and isinstance(init, FanInUniform)
    return NATIVE[role] if own else init


def _gotten(owner: str, path: str) -> tuple[str, str]:
    """A parameter by its path, and the weight of the same layer."""
    weight = path.removesuffix("bias") + "weight"
    get = f"{owner}.get_parameter"
    return flat(Call(get, (path,))), flat(Call(get, (weight,)))


def _usual(of: Mapping[str, Starts]) -> Starts:
    """The commonest initialiser of each parameter."""
    counts: dict[str, Counter[AnyInit]] = {}
    for starts in of.values():
        for parameter, init in starts.items():
            counts.setdefault(parameter, Counter())[init] += 1
    return {name: counter.most_common(1)[0][0] for name, counter in counts.items()}


def _layers(kinds: list[str]) -> Call:
    """Whether a module is a layer of one of these kinds."""
    return _is([LAYERS[kind] for kind in kinds])


def _is(classes: list[str]) -> Call:
    """Whether a module is of one of these classes."""
    either = Infix(tuple(map(Code, classes)), ("|",) * (len(classes) - 1))
    return Call("isinstance", (Code("module"), either))


def _branch(word: str, test: Doc, fills: Sequence[Fill | Present]) -> list[str]:
    """The statements for a kind of modules; a lone test of a tensor joins theirs."""
    first = fills[0]
    if len(fills) == 1 and isinstance(first, Fill) and first.sometimes:
        test = Infix((test, first.test()), ("and",))
        fills = [first._replace(sometimes=False)]
    rows = (row for fill in fills for row in fill.rows(8))
    return [*statement(word, test, 4, ":"), *rows]


def _children(definition: Definition) -> Iterator[tuple[str, Line]]:
    """The lines of a class with the names that its children have in every instance."""
    if definition.listed and definition.inline:
        return
    for number, line in enumerate(definition.lines):
        if definition.listed and not line.plain:
            return
        if definition.listed:
            yield str(number), line
        elif line.name.isidentifier() and not line.single:
            yield line.name, line
