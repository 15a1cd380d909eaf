"""The dialect of Keras, and what the function of a net has around it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archspec.graph import Graph
from archspec.ops.pooling import Adaptive
from archspec.ops.shaping import Resize
from archspec.source.functions import Dialect, Frame
from archspec.source.module import definitions
from archspec.source.text import Call, Code, Display, Doc, Names, Table, class_name, lit
from archspec_keras.lowering import LOWERINGS

SIZED = "this net needs an input_shape with a height and a width"
DEEP = 900
"""Layers from which on Keras, which recurses once a layer, needs a higher limit."""


def frame(graph: Graph, arguments: Collection[str]) -> Frame:
    """The inputs with their shapes before, and the model behind."""
    names = Names(tuple(arguments))
    single = len(graph.inputs) == 1
    variables = [names.take("inputs" if single else f"{n}_input") for n in graph.inputs]
    shapes = [
        names.take("input_shape" if single else f"{name}_shape")
        for name in graph.inputs
    ]
    opening = []
    if len(graph.nodes) > DEEP:
        limit = f"max(sys.getrecursionlimit(), {20 * len(graph.nodes)})"
        opening.append(f"    sys.setrecursionlimit({limit})")
    if sized(graph):
        images = [
            text
            for text, shape in zip(shapes, graph.inputs.values(), strict=True)
            if len(shape) == 3
        ]
        every = ", ".join(f"*{text}" for text in images)
        told = images[0] if len(images) == 1 else f"({every})"
        opening += [f"    if None in {told}:", f'        raise ValueError("{SIZED}")']
    before = []
    for name, variable, text in zip(graph.inputs, variables, shapes, strict=True):
        channels, *size = graph.inputs[name]
        kind = "int | None, int | None, int" if size else "int"
        before.append(f"{text}: tuple[{kind}] = {lit((*size, channels))}")
        opening.append(f"    {variable} = keras.Input({text}, name={lit(name)})")
    root = graph.root.texts

    def model(outputs: Mapping[str, str]) -> Doc:
        read = [Code(variable) for variable in variables]
        given: Doc = read[0] if single else Display(tuple(read))
        made: Doc = Table(tuple((key, Code(name)) for key, name in outputs.items()))
        if [*outputs] == [""]:
            made = Code(outputs[""])
        return Call("keras.Model", (given, made), (("name", Code("name")),))

    return Frame(
        before=before,
        behind=[f"name: str = {lit(graph.name)}"],
        opening=opening,
        inputs=variables,
        given={
            root[f"{name}.channels"]: f"{text}[-1]"
            for name, text in zip(graph.inputs, shapes, strict=True)
            if f"{name}.channels" in root
        },
        result=model,
    )


def sized(graph: Graph) -> bool:
    """Whether the number of features that a flatten gives depends on the image."""
    free = {name for name, shape in graph.inputs.items() if len(shape) == 3}
    read = {name for node in graph.nodes for name in node.inputs}
    for node in graph.nodes:
        if free.isdisjoint(node.inputs):
            continue
        if node.op.kind == "flatten" and node.name in read:
            return True
        op = node.op
        fixed = isinstance(op, Adaptive)
        fixed = fixed or (isinstance(op, Resize) and op.size is not None)
        if len(node.shape) == 3 and not fixed:
            free.add(node.name)
    return False


KERAS = Dialect(
    backend="keras",
    lowerings=LOWERINGS,
    tensor="KerasTensor",
    model="keras.Model",
    separator="_",
    channels="{}.shape[-1]",
    title=class_name,
    frame=frame,
    imports={
        "sys": "import sys",
        "keras": "import keras",
        "np": "import numpy as np",
        "KerasTensor": "from keras import KerasTensor",
        "initializers": "from keras import initializers",
        "layers": "from keras import layers",
        "ops": "from keras import ops",
    },
    helpers=definitions("archspec_keras"),
    channels_last=True,
)
