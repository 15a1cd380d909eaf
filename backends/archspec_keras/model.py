"""The dialect of Keras, and what the function of a net has around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from archspec.graph import Graph
from archspec.source.functions.dialect import Dialect, Frame
from archspec.source.images import sized, with_vectors, without_order
from archspec.source.literal import lit
from archspec.source.module import definitions
from archspec.source.text import Call, Code, Display, Doc, Table, class_name
from archspec_keras.engines import DRAWING
from archspec_keras.initial import started
from archspec_keras.lowering import LOWERINGS, OPS, signature
from archspec_keras.signs import with_zeros

SIZED = "this net needs an input_shape with a height and a width"
LAST = "call keras.config.set_image_data_format('channels_last')"
MODULES = {
    "keras": ("KerasTensor", "initializers", "layers", "ops"),
    "keras.initializers": ("serialize", *DRAWING),
}
DEEP = 900
"""Layers from which on Keras, which recurses once a layer, needs a higher limit."""


def frame(graph: Graph) -> Frame:
    """The inputs with their shapes before, and the model behind."""
    several = len(graph.inputs) > 1
    opening, before, images, variables, given = [], [], [], [], {}
    for name, (channels, *size) in graph.inputs.items():
        text = f"{name}_shape" if several else "input_shape"
        variables.append(f"{name}_input" if several else "inputs")
        images += [text] if size else []
        kind = "int | None, int | None, int" if size else "int"
        before.append(f"{text}: tuple[{kind}] = {lit((*size, channels))}")
        opening.append(f"    {variables[-1]} = keras.Input({text}, name={lit(name)})")
        given[graph.root.texts.get(f"{name}.channels", "")] = f"{text}[-1]"
    if sized(graph):
        every = ", ".join(f"*{text}" for text in images)
        told = f"({every})" if len(images) > 1 else images[0]
        opening[:0] = [
            f"    if None in {told}:",
            f'        raise ValueError("{SIZED}")',
        ]
    if images:
        opening[:0] = [
            '    if keras.config.image_data_format() != "channels_last":',
            f'        raise ValueError("{LAST}")',
        ]
    limit = Code(str(20 * len(graph.nodes)))
    deep = Call("recursion_limit", (limit,)) if len(graph.nodes) > DEEP else None

    def model(outputs: Mapping[str, str]) -> Doc:
        read, made = map(Code, variables), {k: Code(v) for k, v in outputs.items()}
        inputs: Doc = Display((*read,)) if several else Code(*variables)
        result: Doc = made.get("", Table((*made.items(),)))
        named: tuple[tuple[str, Doc], ...] = (("name", Code("name")),)
        named += (("trainable", False),) if graph.folded else ()
        return Call("keras.Model", (inputs, result), named)

    behind = [f"name: str = {lit(graph.name)}"]
    return Frame(before, behind, opening, variables, given, model, deep)


def prepared(graph: Graph) -> Graph:
    """The graph that is printed.

    Keras takes the channels from input_shape: what those are computed from is no
    argument, but for a name alone, which is read from there.
    """
    texts = [t for k, t in graph.root.texts.items() if k.endswith(".channels")]
    taints, computed = graph.root.taints, set[str]()
    for text in texts:
        if text not in graph.arguments:
            computed.update(*(taints.get(n, ()) for n in re.findall(r"\w+", text)))
    arguments = tuple(name for name in graph.arguments if name not in computed)
    found = with_vectors(without_order(graph))
    return with_zeros(replace(found, arguments=arguments))


KERAS = Dialect(
    backend="keras",
    lowerings=LOWERINGS,
    tensor="KerasTensor",
    model="keras.Model",
    separator="_",
    channels="{}.shape[-1]",
    title=lambda graph: class_name(graph.title or graph.name),
    frame=frame,
    signature=signature,
    ops=OPS,
    initial=started,
    prepared=prepared,
    imports={
        "sys": "import sys",
        "Iterator": "from collections.abc import Iterator",
        "contextmanager": "from contextlib import contextmanager",
        "keras": "import keras",
        "np": "import numpy as np",
        "Any": "from typing import Any",
        **{
            name: f"from {module} import {name}"
            for module, names in MODULES.items()
            for name in names
        },
    },
    helpers=definitions("archspec_keras"),
    channels_last=True,
)
