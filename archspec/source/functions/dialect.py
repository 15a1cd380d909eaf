"""What tells one function-printing framework from another, as data.

An op is lowered to steps. Keras, where an op with weights is a layer that has a name,
says

    lambda values, name: Call(Call("layers.ReLU", (), (("name", name("")),)), values)

and ONNX, through a helper that adds a node to a graph,

    lambda values, name: Call("net", ("Relu", name(""), *values))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archspec.graph import Graph
from archspec.source.outline import OpUse
from archspec.source.text import Code, Doc, Names, flat
from archspec.source.tree import Signature

Name = Callable[[str], Doc]
"""An op's name as code; what it is given is added behind the dialect's separator."""
Step = Callable[[Sequence[Doc], Name], Doc]
"""One statement: from the variables of what it reads and the op's name, its value."""


class Constants:
    """Values that a module computes once, each under a name."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.named: dict[str, tuple[str, Doc]] = {}

    def name(self, wanted: str, value: Doc) -> Code:
        """The name of a value: the wanted one, with a number beside another value's."""
        text = flat(value)
        if text not in self.named:
            self.named[text] = self.names.take(wanted), value
        return Code(self.named[text][0])


Lowering = Callable[[OpUse, Constants], Sequence[Step]]
"""The steps of an op: the first reads its inputs, each other one the step before."""


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
        tensor, model: the types of values, and of what the net's function gives.
        separator: what stands between the parts of a layer's name.
        channels: the channels of a value, in whose code `{}` is the variable.
        title: how the net's own function is named.
        frame: what the net's function has around its statements.
        signature: what of an op can't be an argument of a printed function.
        prepared: the graph that is printed, if passes come before.
        imports: for each name that code may read, its import statement.
        helpers: classes and functions that are printed where code reads their names.
        channels_last: whether images are so, for the docstring.
    """

    backend: str
    lowerings: Mapping[str, Lowering]
    tensor: str
    model: str
    separator: str
    channels: str
    title: Callable[[str], str]
    frame: Callable[[Graph], Frame]
    imports: Mapping[str, str]
    signature: Signature = lambda op, shapes: {"rank": len(shapes[0])}
    prepared: Callable[[Graph], Graph] = lambda graph: graph
    helpers: Mapping[str, str] = field(default_factory=dict)
    channels_last: bool = False
