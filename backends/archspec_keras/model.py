"""The dialect of Keras, and what the function of a net has around it."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.graph import Graph
from archspec.source.functions import Dialect, Frame
from archspec.source.literal import lit
from archspec.source.module import definitions
from archspec.source.text import Call, Code, Display, Doc, Table, class_name
from archspec_keras.checks import loose, prepared
from archspec_keras.lowering import LOWERINGS, signature

SIZED = "this net needs an input_shape with a height and a width"
DEEP = 900
"""Layers from which on Keras, which recurses once a layer, needs a higher limit."""


def frame(graph: Graph) -> Frame:
    """The inputs with their shapes before, and the model behind."""
    single = len(graph.inputs) == 1
    variables = ["inputs" if single else f"{name}_input" for name in graph.inputs]
    shapes = ["input_shape" if single else f"{name}_shape" for name in graph.inputs]
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
    following = loose(graph)
    read = {name for node in graph.nodes for name in node.inputs}
    return any(
        node.op.flattens and node.name in read and node.inputs[0] in following
        for node in graph.nodes
    )


KERAS = Dialect(
    backend="keras",
    lowerings=LOWERINGS,
    tensor="KerasTensor",
    model="keras.Model",
    separator="_",
    channels="{}.shape[-1]",
    title=class_name,
    frame=frame,
    signature=signature,
    prepared=prepared,
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
