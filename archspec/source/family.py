"""Several nets in one file: their blocks once, a model for all, a builder for each.

    family = Family((load("resnet50").graph, load("resnet101").graph))
    print(backend("torch").emit_family(family).text)

The nets are joined to one graph, whose root uses each of them as if it were a block.
What holds for blocks then holds for nets: those of one text share a definition, and
what differs between them is an argument. What a caller may choose of a net, and what
it reads, is the root's, by names with the net's number: `num_classes__0`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from archspec.errors import BackendError
from archspec.fingerprint import fingerprint
from archspec.graph import Graph, Node, Scope, Value
from archspec.nodes import FAMILY
from archspec.ops import Shape
from archspec.source.arrange import CLASSES
from archspec.source.expr import Arg, Expr, named, names_of, put
from archspec.source.naming import TAKEN, safe
from archspec.source.outline import Argument, Definition, Use

PREFIX = "net"
"""What stands before the number of a net in the root."""


@dataclass(frozen=True)
class Family:
    """Nets that are printed into one file.

    Attributes:
        graphs: the nets, in the order of their builders; their names are distinct.
    """

    graphs: tuple[Graph, ...]

    def __post_init__(self) -> None:
        """Raises BackendError for nets that can't be in one file."""
        seen: set[str] = set()
        for graph in self.graphs:
            if graph.name in seen:
                message = f"two nets of one file are called {graph.name!r}"
                raise BackendError(message, code="AS516", hint="rename one")
            if not graph.inputs.keys().isdisjoint(graph.outputs.values()):
                message = f"{graph.name!r} gives an input of its own as an output"
                hint = "print it into a file of its own"
                raise BackendError(message, code="AS516", hint=hint)
            seen.add(graph.name)

    @property
    def title(self) -> str:
        """What the nets are called together, such as ResNet."""
        return " and ".join(dict.fromkeys(graph.family for graph in self.graphs))

    def graphs_of(self, net: Definition) -> list[Graph]:
        """The nets that share a definition."""
        slots = (tree.scope.slot for tree in net.instances)
        return [self.graphs[int(slot.removeprefix(PREFIX))] for slot in slots]

    def title_of(self, net: Definition) -> str:
        """What the nets of one definition are called together."""
        return self.graphs_of(net)[0].family

    def fingerprint(self) -> str:
        """SHA-256, in hex, of what the nets compute and start from, in their order."""
        found = " ".join(map(fingerprint, self.graphs))
        return hashlib.sha256(found.encode()).hexdigest()

    def whole(self) -> Graph:
        """The graph of all nets, which is for printing only."""
        members = [_Member(number, graph) for number, graph in enumerate(self.graphs)]
        inputs: dict[str, Shape] = {}
        outputs: dict[str, str] = {}
        params: dict[str, Value] = {}
        texts: dict[str, str] = {}
        taints: dict[str, frozenset[str]] = {}
        for member in members:
            graph, own = member.graph, member.own
            inputs |= {own(name): shape for name, shape in graph.inputs.items()}
            outputs |= {own(k): member.value(v) for k, v in graph.outputs.items()}
            params |= {own(name): graph.params[name] for name in graph.arguments}
            for name, value in graph.root.inputs.items():
                told, read = f"{own(value)}.channels", f"{name}.channels"
                taints[told] = member.taint(graph.root.taints[read])
                if (text := graph.root.texts.get(f"{value}.channels")) is not None:
                    texts[told] = member.text(text)
        root = replace(
            self.graphs[0].root,
            definition="",
            title=self.title,
            kind=FAMILY,
            listed=False,
            params=params,
            texts=texts,
            defaults={},
            taints=taints,
            inputs={name: name for name in inputs},
            outputs=outputs,
            decided={},
            named={},
        )
        return Graph(
            name=self.graphs[0].name,
            inputs=inputs,
            nodes=tuple(node for member in members for node in member.nodes(root)),
            outputs=outputs,
            taps={},
            params=params,
            root=root,
            arguments=tuple(params),
            title=self.title,
        )

    def builders(
        self, root: Definition, taken: Container[str] = TAKEN
    ) -> list[Builder]:
        """What builds each net, from the definition of the whole graph.

        What models take and what callers choose is called as `naming.rename` calls it.
        """
        found = []
        for number, line in enumerate(root.lines):
            assert isinstance(line.target, Use)
            member = _Member(number, self.graphs[number], taken)
            model = line.target.definition
            given = {
                name: member.plain(arg)
                for name, arg in line.target.arguments.items()
                if name in model.arguments
            }
            use = Use(model, {k: v for k, v in given.items() if model.asks(k, v)})
            read = {name for arg in given.values() for name in names_of(arg)}
            own = {member.safe(n): member.own(n) for n in member.graph.arguments}
            arguments = {k: root.arguments[v] for k, v in own.items() if k in read}
            arguments = {k: replace(v, name=k) for k, v in arguments.items()}
            found.append(Builder(member.graph, arguments, use))
        return found


@dataclass(frozen=True)
class Builder:
    """A function that makes one net: its arguments, and the use of the model."""

    graph: Graph
    arguments: Mapping[str, Argument]
    use: Use

    def parameters(
        self,
        before: Sequence[str] = (),
        behind: Sequence[str] = (),
        known: Container[str] = (),
    ) -> list[str]:
        """What its signature says: `num_classes` may be given by position.

        An argument that is `known` from others isn't one.
        """
        names = [name for name in self.arguments if name not in known]
        first = [name for name in names if name == CLASSES]
        rest = [name for name in names if name != CLASSES]
        said = [self.arguments[name].declaration() for name in (*first, *rest)]
        rest = [*said[len(first) :], *(text for text in behind if text != "*")]
        return [*before, *said[: len(first)], *(["*", *rest] if rest else [])]


@dataclass(frozen=True)
class _Member:
    """A net as a part of the whole graph."""

    number: int
    graph: Graph
    taken: Container[str] = TAKEN

    def own(self, name: str) -> str:
        """A name of the net's, as the root has it."""
        return f"{name}__{self.number}"

    def safe(self, name: str) -> str:
        """A name of the net's, as its builder has it."""
        return safe(name, self.taken, self.graph.arguments)

    def value(self, name: str) -> str:
        """The name of a value."""
        return self.own(name) if name in self.graph.inputs else self.path(name)

    def path(self, name: str) -> str:
        """The path of a node or a scope."""
        return f"{PREFIX}{self.number}.{name}" if name else f"{PREFIX}{self.number}"

    def taint(self, names: frozenset[str]) -> frozenset[str]:
        """The root's params behind something."""
        return frozenset(map(self.own, names))

    def text(self, formula: str) -> str:
        """A formula over the net's params, in the root's names."""
        tree = ast.parse(formula, mode="eval")
        for part in ast.walk(tree):
            if isinstance(part, ast.Name) and part.id in self.graph.params:
                part.id = self.own(part.id)
        return ast.unparse(tree)

    def plain(self, arg: Arg) -> Arg:
        """An expression over the root's params, in the builder's names."""
        kinds = dict(arg.kinds) if isinstance(arg, Expr) else {}
        return put(
            arg,
            {
                self.own(name): named(self.safe(name), kinds.get(self.own(name), ""))
                for name in self.graph.arguments
            },
        )

    def nodes(self, root: Scope) -> list[Node]:
        """The net's nodes, in scopes that stand in the root."""
        made: dict[int, Scope] = {id(None): root}

        def scope(old: Scope) -> Scope:
            if id(old) not in made:
                above = old.parent
                made[id(old)] = replace(
                    old,
                    name=self.path(old.name),
                    parent=root if above is None else scope(above),
                    slot=old.slot if above else self.path(""),
                    texts=old.texts
                    if above
                    else {name: self.own(name) for name in self.graph.arguments},
                    taints={k: self.taint(v) for k, v in old.taints.items()},
                    inputs={k: self.value(v) for k, v in old.inputs.items()},
                    outputs={k: self.value(v) for k, v in old.outputs.items()},
                )
            return made[id(old)]

        return [
            replace(
                node,
                name=self.path(node.name),
                inputs=tuple(map(self.value, node.inputs)),
                scope=scope(node.scope),
                taint=self.taint(node.taint),
            )
            for node in self.graph.nodes
        ]
