"""What the names of a spec's formulas are called in one printed definition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archspec.graph import Scope, Value
from archspec.language.formula import CONSTANTS, names
from archspec.nodes import FAMILY, file_of
from archspec.source.columns import Text, default_of
from archspec.source.expr import (
    Arg,
    Expr,
    kind_of,
    named,
    names_of,
    of_length,
    translated,
)
from archspec.source.outline import Argument, Definition
from archspec.source.plan import Place, Unfit
from archspec.source.tree import Forest, Tree

INDICES = "ijkmnpq"


class Unsayable(Exception):
    """A name has no word in printed code; `depends` are the arguments behind it."""

    def __init__(self, name: str, depends: frozenset[str] = frozenset()) -> None:
        super().__init__(name)
        self.depends = depends


class Vocabulary:
    """The words of one definition, made as they are asked for.

    A param whose values differ between the instances, or that depends on an argument of
    the net, is an argument of the definition; any other is a constant.

    Attributes:
        envs: in each instance of the definition, the values of its words.
        dims: for the inputs of each scope, by its id, how many channels they have.
        counters: what counts the instances of a repeated scope, by its id.
        flows: variables that loops set anew, with what they hold behind the loop in the
            words around it, or None where no expression says that.
    """

    def __init__(
        self,
        forest: Forest,
        group: Sequence[Tree],
        definition: Definition,
        params: Sequence[str],
    ) -> None:
        self.forest = forest
        self.group = group
        self.definition = definition
        self.arguments = forest.plan.arguments
        self.envs: list[dict[str, Value]] = [{} for _ in group]
        self.dims: dict[int, dict[str, Arg]] = {}
        self.counters: dict[int, Arg] = {}
        self._own_scopes = {id(tree.scope) for tree in group}
        self.flows: dict[str, Arg] = {}
        self.reserved: set[str] = set()
        """Names of loops around, which may yet turn out to need none."""
        self._reads: dict[str, frozenset[str]] = {}
        self._fixed: dict[str, Value] = {}
        self._params = {*params, *(p for tree in group for p in tree.scope.params)}
        self.fixed_loops: set[str] = set()
        """Variables of loops whose number of turns is a constant."""

    def variable(self, depth: int) -> str:
        """What counts the turns of a loop in so many others."""
        free = [letter for letter in INDICES if letter not in self._params]
        return free[depth] if depth < len(free) else self.free(f"i{depth}")

    def free(self, name: str) -> str:
        """A name that stands for nothing yet."""
        wanted, number = name, 2
        while (
            wanted in self.definition.arguments
            or wanted in self.envs[0]
            or wanted in self.flows
            or wanted in self.reserved
            or wanted in self._params
        ):
            wanted, number = f"{name}{number}", number + 1
        return wanted

    def loop(self, variable: str, count: Arg) -> None:
        """Notes what counts the turns of a loop, and how many there are."""
        self._reads[variable] = names_of(count)
        self.fixed_loops.discard(variable)
        if not isinstance(count, Expr):
            self.fixed_loops.add(variable)

    def flowing(self, name: str, *behind: Arg) -> Expr:
        """The word for what flows through a loop; `behind` is what it is set to."""
        self._reads[name] = frozenset().union(*map(names_of, behind)) - {name}
        return named(name, "int")

    def argument(self, name: str, values: Sequence[Value]) -> Expr:
        """An argument of the definition; made where there is none of the name."""
        if name not in self.definition.arguments:
            sized = (scope_id(self.group), name) in self.forest.plan.lengths
            self.definition.arguments[name] = Argument(name, list(values), sized=sized)
            self._bind(name, values)
        return self.word(name)

    def closed(self, arg: Arg, inside: frozenset[str] = frozenset()) -> Arg:
        """An expression without variables of loops, where others say what they hold.

        What a loop in a loop leaves may be said by itself: such a variable stays.
        """
        flows = self.flows.items()
        held = {k: v for k, v in flows if v is not None and k not in inside}
        if not isinstance(arg, Expr) or not arg.names() & held.keys():
            return arg
        kinds = dict(arg.kinds)

        def word(name: str) -> Arg:
            if name not in held:
                return named(name, kinds[name])
            return self.closed(held[name], inside | {name})

        return arg.replaced(word)

    def unclosed(self, arg: Arg) -> frozenset[str] | None:
        """What is behind the variables of loops that an expression reads, if any."""
        read = names_of(arg)
        return self.behind(read) if read & self.flows.keys() else None

    def invented(self, hint: str, values: Sequence[Value]) -> Expr:
        """An argument that no param of the spec stands for."""
        held = self.definition.arguments
        flag = hint.startswith("with_")
        for name, argument in held.items():
            alike = name.startswith("with_" if flag else hint)
            if alike and argument.invented and argument.values == list(values):
                return self.word(name)
        name = self.free(hint)
        found = self.argument(name, values)
        held[name].invented = True
        return found

    def local(self, name: str, value: Expr) -> Expr:
        """A constant that the body computes first, under a free name."""
        return self._constant(self.free(name), value)

    def _constant(self, name: str, value: Expr) -> Expr:
        values = [value.value(env) for env in self.envs]
        self.definition.constants[name] = value
        self._bind(name, values)
        return named(name, kind_of(values))

    def _bind(self, name: str, values: Sequence[Value]) -> None:
        for env, value in zip(self.envs, values, strict=True):
            env[name] = value

    def word(self, name: str) -> Expr:
        """The expression of an argument or a constant."""
        return named(name, kind_of(env[name] for env in self.envs))

    def behind(self, found: Iterable[str]) -> frozenset[str]:
        """The arguments that printed names depend on."""
        waiting, seen, known = list(found), set[str](), set[str]()
        while waiting:
            name = waiting.pop()
            if name in self.definition.arguments:
                seen.add(name)
            elif name in self.definition.constants:
                waiting += self.definition.constants[name].names()
            elif name in self._reads and name not in known:
                known.add(name)
                waiting += self._reads[name]
        return frozenset(seen)

    def unfit(self, message: str, depends: frozenset[str]) -> Unfit:
        """The error for a value that depends on arguments and has no expression."""
        definition = self.definition
        held = definition.arguments
        invented = frozenset(name for name in depends if held[name].invented)
        params = frozenset(root for name in depends for root in self.behind_root(name))
        split: frozenset[Place] = frozenset(
            (scope_id(self.group), self._told(name)) for name in depends - invented
        )
        lengths = frozenset(
            (scope_id(self.group), name)
            for name in depends - invented
            if length(held[name].values)
        )
        if definition.model:
            params, split, lengths = depends | params, frozenset(), frozenset()
        return Unfit(
            message,
            params=params,
            lengths=lengths,
            split=split,
            definition=scope_id(self.group),
        )

    def behind_root(self, name: str) -> frozenset[str]:
        """The arguments of the whole that an argument depends on."""
        return self._roots(name) & self.arguments

    def _told(self, name: str) -> str:
        """What of a scope's names an argument stands for."""
        number = self.definition.channel_arguments.get(name)
        if number is None:
            return name
        return f"{self.definition.inputs[number]}.channels"

    def _roots(self, name: str) -> frozenset[str]:
        """The params of the net that an argument of a block depends on."""
        told = self._told(name)
        return frozenset().union(
            *(tree.scope.taints.get(told, frozenset()) for tree in self.group)
        )

    # From names of the spec to words

    def translated(self, text: Text) -> Arg:
        """A formula in the words of printed code; Unsayable where a name has none."""
        words: dict[str, Arg] = {}
        depends: set[str] = set()
        failed = ""
        for name in sorted(names(text.text)):
            if name in CONSTANTS:
                continue
            try:
                words[name] = self._found(name, text)
            except Unsayable as unsayable:
                failed = name
                depends |= unsayable.depends
        if not failed:
            found = translated(text.text, words.__getitem__)
            held = self.definition.arguments
            read = names_of(found) & held.keys()
            sized = (name for name in read if held[name].sized)
            return of_length(found, {n: length(held[n].values) for n in sized})
        for word in words.values():
            depends |= self.behind(names_of(word))
        raise Unsayable(failed, frozenset(depends))

    def _found(self, name: str, text: Text) -> Arg:
        """The word for a name of a formula."""
        scope = text.scope
        if name == (text.counter or "index") and text.index is not None:
            return text.index
        if "." in name:
            source, _, dimension = name.partition(".")
            while source not in scope.inputs and scope.kind == "graph":
                assert scope.parent is not None
                scope = scope.parent  # a nested graph sees the inputs around it
            if dimension != "channels":
                return self._size(name, scope)
            found = self.dims[id(scope)].get(source)
            if found is not None:
                return found
            # A pass left no reader of that input.
            behind = scope.taints.get(name, frozenset()) & self.arguments
            if behind:
                raise Unfit(name, params=behind, definition=scope_id(self.group))
            raise Unsayable(name)  # a dotted name is no param either
        while scope.kind == "graph":
            if scope.index is not None and name == (scope.counter or "index"):
                return self.counters[id(scope)]
            assert scope.parent is not None
            scope = scope.parent
        if name in text.hidden or name not in scope.params:
            return self._of_file(name, scope)
        if id(scope) in self._own_scopes:
            return self._own(name, scope)
        assert scope.parent is not None
        if name in scope.texts:
            return self.translated(Text(scope.texts[name], scope.parent))
        if name in scope.defaults:
            return self.translated(default_of(name, scope))
        return scope.params[name]

    def _of_file(self, name: str, scope: Scope) -> Arg:
        """A param of the file that a scope stands in, whatever hides it in between."""
        file = scope if scope.kind in ("file", FAMILY) else file_of(scope)
        above: Scope | None = scope
        while above is not None and id(above) not in self._own_scopes:
            if above is file:
                if name not in file.params:
                    raise Unsayable(name)
                return self._found(name, Text("", file))
            above = above.parent
        assert above is not None
        if above is file or name not in above.params:
            return self._own(name, above)
        if name not in file.params:
            raise Unsayable(name)
        behind = file.taints.get(name, frozenset()) & self.arguments
        if behind or self.forest.plan.varies(file.definition, name):
            raise Unfit(name, params=behind, definition=scope_id(self.group))
        return file.params[name]

    def _size(self, name: str, scope: Scope) -> Arg:
        """A height or a width, as a constant; whoever uses it checks it everywhere."""
        if id(scope) not in self._own_scopes or self.definition.net:
            # Inside, it may depend on any argument: on a stride, say.
            behind = scope.taints.get(name, frozenset()) & self.arguments
            if not self.definition.net:
                behind = frozenset(self.definition.arguments)
            if behind:
                raise Unsayable(name, behind)
        source, _, dimension = name.partition(".")
        if source not in scope.inputs:
            raise Unsayable(name)  # a pass left no reader of it
        shape = self.forest.shapes[scope.inputs[source]]
        return shape[1 if dimension == "height" else 2]

    def _own(self, name: str, scope: Scope) -> Arg:
        """A param of the definition, or of the file that it stands in."""
        definition = self.definition
        if name in definition.channel_arguments:
            # A param of the same name is something else.
            place = scope_id(self.group), name
            if name in scope.params and place not in self.forest.plan.taken:
                raise Unfit(f"{name} is a param", taken=frozenset((place,)))
            raise Unsayable(name, frozenset((name,)))
        if name in definition.arguments or name in definition.constants:
            return self.word(name)
        if definition.model:
            if name not in scope.params:
                raise Unsayable(name)
            if self._computed(name):
                return self._default(name, scope, [scope.params[name]])
            return scope.params[name]
        if name in self._fixed:
            return self._fixed[name]
        values: list[Value] = []
        varies = False
        for tree in self.group:
            holder = tree.scope if name in tree.scope.params else file_of(tree.scope)
            if name not in holder.params:
                raise Unsayable(name)
            values.append(holder.params[name])
            taint = tree.scope.taints.get(name, frozenset())
            varies = varies or bool(taint & self.arguments)
        varies = varies or self.forest.plan.varies(scope_id(self.group), name)
        if not varies and same(values) and not self._computed(name):
            self._fixed[name] = values[0]
            return values[0]
        if all(name in tree.scope.defaults for tree in self.group):
            text = default_of(name, scope)
            # Here a param hides what it reads, not where the block is called.
            if not names(text.text) & text.hidden:
                return self._default(name, scope, values)
        return self.argument(name, values)

    def _computed(self, name: str) -> bool:
        """Whether the default of a param that isn't given depends on arguments."""
        for tree in self.group:
            if name in tree.scope.defaults:
                text = default_of(name, tree.scope)
                try:
                    return bool(self.behind(names_of(self.translated(text))))
                except Unsayable as unsayable:
                    return bool(unsayable.depends)
        return False

    def _default(self, name: str, scope: Scope, values: list[Value]) -> Arg:
        """A param that is nowhere given: its default, computed first in the body."""
        try:
            found = self.translated(default_of(name, scope))
        except Unsayable as unsayable:
            if unsayable.depends:
                raise
            return self.argument(name, values)
        if not isinstance(found, Expr):
            return found if same([found, *values]) else self.argument(name, values)
        if found.is_name():
            return found
        if any(
            found.value(env) != value
            for env, value in zip(self.envs, values, strict=True)
        ):
            raise self.unfit(f"{name} is not its default", self.behind(found.names()))
        return self._constant(name, found)


def scope_id(group: Sequence[Tree]) -> str:
    """The definition that all instances of a group are of."""
    return group[0].scope.definition


def length(values: Sequence[Value]) -> int:
    """How many items lists have; 0 where values are no lists of one length.

    A table is none: its length would make an annotation that nobody reads.
    """
    sizes = {len(value) if isinstance(value, tuple) else 0 for value in values}
    items = (item for value in values if isinstance(value, tuple) for item in value)
    return sizes.pop() if len(sizes) == 1 and not any(map(_listed, items)) else 0


def _listed(value: Value) -> bool:
    return isinstance(value, tuple)


def same(values: Sequence[Value]) -> bool:
    """Whether values are one value, of one type."""
    first = values[0]
    return all(value == first and type(value) is type(first) for value in values)
