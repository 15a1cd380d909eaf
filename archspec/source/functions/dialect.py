"""What tells one function-printing framework from another, as data.

An op is lowered to steps. In Keras, ReLU's is `Layer(Call("layers.ReLU"))`, printed as

    x = layers.ReLU(name="relu")(x)

In a file that adds nodes to an ONNX graph, a convolution's is

    Function(
        lambda values, name: Call("net", ("Conv", name(""), *values, name("weight"))),
        names=("", "weight"),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archspec.graph import Graph
from archspec.source.outline import Definition, OpUse
from archspec.source.text import Call, Code, Display, Doc, Names, flat
from archspec.source.tree import Signature

Name = Callable[[str], Doc]
"""An op's name as code; what it is given is added behind the dialect's separator."""


@dataclass(frozen=True, slots=True)
class Function:
    """A statement: its value, from the variables that it reads and the op's name.

    `names` are what it puts behind that, for each name that it says.
    """

    value: Callable[[Sequence[Doc], Name], Doc]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that has the op's name, with `suffix` behind it, called on the values.

    `reading` are keywords whose values are computed from the value that is read first.
    """

    made: Call
    suffix: str = ""
    reading: tuple[tuple[str, Callable[[Doc], Doc]], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What it puts behind the op's name."""
        return (self.suffix,)

    def value(self, values: Sequence[Doc], name: Name) -> Doc:
        """The value of the statement."""
        computed = ((key, value(values[0])) for key, value in self.reading)
        named = *self.made.kwargs, *computed, ("name", name(self.suffix))
        read = values[0] if len(values) == 1 else Display((*values,))
        return Call(replace(self.made, kwargs=named), (read,))


Step = Layer | Function
Lowering = Callable[[OpUse], Sequence[Step]]
"""The steps of an op: the first reads its inputs, each other one the step before."""


class Constants:
    """Values that a module computes once, each under a name."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.held: dict[str, tuple[str, Doc]] = {}

    def name(self, wanted: str, value: Doc) -> Code:
        """The name of a value: the wanted one, or with a number behind it."""
        if flat(value) not in self.held:
            self.held[flat(value)] = self.names.take(wanted), value
        return Code(self.held[flat(value)][0])


@dataclass(frozen=True, slots=True)
class Frame:
    """What the function of the whole net has around its own statements.

    Attributes:
        before, behind: its parameters before and behind the net's arguments.
        opening: its first lines.
        inputs: the variables that then hold the inputs.
        given: arguments that are no parameters, and the code that computes them.
        result: what it returns, from the variables of the outputs by their names.
        within: the context manager in which that is computed, if any.
        told: the frame in the words of the finished definition, where its lines say
            how many channels the net reads and gives.
    """

    before: Sequence[str]
    behind: Sequence[str]
    opening: Sequence[str]
    inputs: Sequence[str]
    given: Mapping[str, str]
    result: Callable[[Mapping[str, str]], Doc]
    within: Doc | None = None
    told: Callable[[Definition], Frame] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A function-printing framework.

    Attributes:
        backend: the backend's name.
        lowerings: for each kind of op its steps.
        initial: a layer that has the op's own name, with its initial weights.
        signature: what of an op can't be an argument of a printed function.
        tensor, model: the types of values, and of what the net's function gives.
        separator: what stands between the parts of a layer's name.
        channels: the channels of a value, in whose code `{}` is the variable; empty
            where a value doesn't say them, and callers pass them as an argument.
        title: how the net's own function is named.
        context: a first parameter of every function of a block, with its type, which
            stands in the net's own function under the same name.
        frame: what that has around its statements.
        prepared: the graph that is printed, if passes come before.
        ops: for each kind of op that can be an argument, the code for it; `op` is the
            type of that, and the lowering "op" computes what such an argument says.
        imports: for each name that code may read, its import statement.
        helpers: classes and functions that are printed where code reads their names.
        constants, last: by name, what is printed before and behind all definitions.
        channels_last: whether images are so, for the docstring.
        aliased: whether layers have the names that a spec gives to layers; else they
            have their paths.
    """

    backend: str
    lowerings: Mapping[str, Lowering]
    signature: Signature
    tensor: str
    model: str
    separator: str
    channels: str
    title: Callable[[Graph], str]
    context: str = ""
    frame: Callable[[Graph], Frame]
    initial: Callable[[OpUse, Layer, Constants], Layer] = lambda use, made, known: made
    prepared: Callable[[Graph], Graph] = lambda graph: graph
    imports: Mapping[str, str]
    helpers: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    ops: Mapping[str, str] = field(default_factory=dict)
    op: str = "str"
    channels_last: bool = False
    aliased: bool = True
