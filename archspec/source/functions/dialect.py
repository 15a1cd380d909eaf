"""What tells one function-printing framework from another, as data.

An op is lowered to steps. In Keras, ReLU's is `Layer(Call("layers.ReLU"))`, printed as

    x = layers.ReLU(name="relu")(x)

In a file that adds nodes to an ONNX graph it is `Layer(Call("net.add", ("Relu",)))`,
and `called` puts the values among the arguments:

    x = net.add("Relu", x, name="relu")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archspec.graph import Graph
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Display, Doc, Names, flat
from archspec.source.tree import Signature


@dataclass(frozen=True, slots=True)
class Layer:
    """What has a name: the op's, with `suffix` behind the dialect's separator."""

    made: Call
    suffix: str = ""


Function = Callable[[Sequence[Doc]], Doc]
"""What has no name: a value from the variables that are read."""
Step = Layer | Function
"""One statement."""
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


def on_values(made: Call, values: Sequence[Doc]) -> Call:
    """A layer that is called on its value, or on a list of several."""
    return Call(made, (values[0] if len(values) == 1 else Display((*values,)),))


@dataclass(frozen=True, slots=True)
class Frame:
    """What the function of the whole net has around its own statements.

    Attributes:
        before, behind: its parameters before and behind the net's arguments.
        opening: its first lines.
        inputs: the variables that then hold the inputs.
        given: arguments that are no parameters, and the code that computes them.
        result: what it returns, from the variables of the outputs by their names.
    """

    before: Sequence[str]
    behind: Sequence[str]
    opening: Sequence[str]
    inputs: Sequence[str]
    given: Mapping[str, str]
    result: Callable[[Mapping[str, str]], Doc]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A function-printing framework.

    Attributes:
        backend: the backend's name.
        lowerings: for each kind of op its steps.
        initial: the call of a layer that has the op's own name, with its weights.
        called: a layer with its name, called on values.
        signature: what of an op can't be an argument of a printed function.
        tensor, model: the types of values, and of what the net's function gives.
        separator: what stands between the parts of a layer's name.
        channels: the channels of a value, in whose code `{}` is the variable.
        title: how the net's own function is named.
        frame: what that has around its statements.
        prepared: the graph that is printed, if passes come before.
        imports: for each name that code may read, its import statement.
        helpers: classes and functions that are printed where code reads their names.
        channels_last: whether images are so, for the docstring.
    """

    backend: str
    lowerings: Mapping[str, Lowering]
    signature: Signature
    tensor: str
    model: str
    separator: str
    channels: str
    title: Callable[[str], str]
    frame: Callable[[Graph], Frame]
    initial: Callable[[OpUse, Call, Constants], Call] = lambda use, made, known: made
    called: Callable[[Call, Sequence[Doc]], Call] = on_values
    prepared: Callable[[Graph], Graph] = lambda graph: graph
    imports: Mapping[str, str]
    helpers: Mapping[str, str] = field(default_factory=dict)
    channels_last: bool = False
