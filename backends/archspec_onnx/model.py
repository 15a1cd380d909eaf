"""The dialect of ONNX, and what the function of a net has around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from archspec.graph import Graph
from archspec.source.functions.dialect import Dialect, Frame
from archspec.source.images import following
from archspec.source.layout import assignment
from archspec.source.literal import lit
from archspec.source.module import definitions
from archspec.source.outline import Definition
from archspec.source.text import Call, Code, Display, Doc, function_name
from archspec_onnx.lowering import LOWERINGS, OPS, signature

STEP = 4


def frame(graph: Graph) -> Frame:
    """The weights before, the type behind; the rest is said by the definition."""
    before = ["weights: Mapping[str, np.ndarray]"]
    behind = ['dtype: str = "float32"', f"name: str = {lit(graph.name)}"]
    variables = [_variable(name) for name in graph.inputs]

    def unsaid(outputs: Mapping[str, str]) -> Doc:
        raise NotImplementedError

    told = partial(_told, graph)
    return Frame(before, behind, [], variables, {}, unsaid, told=told)


def _variable(name: str) -> str:
    """What holds an input."""
    return f"{name}_input" if name in ("net", "weights", "dtype", "name") else name


def _told(graph: Graph, definition: Definition) -> Frame:
    """The frame in the words of a definition."""
    start = frame(graph)
    opening = assignment("net", Call("Net", (Code("weights"), Code("dtype"))), STEP)
    pairs = zip(graph.inputs, start.inputs, definition.reads, strict=True)
    for name, variable, channels in pairs:
        axes = _axes(graph, name)
        made = Call("net.input", (name, "N", channels, *axes))
        opening += assignment(variable, made, STEP)
    shapes, tree = graph.shapes(), definition.instances[0]
    values = graph.outputs if definition.model else tree.scope.outputs

    def result(outputs: Mapping[str, str]) -> Doc:
        made = []
        for name, variable in outputs.items():
            channels = definition.channels[tree.outputs.index(values[name])]
            axes = [None, None] if len(shapes[graph.outputs[name]]) > 1 else []
            named = (("name", name),) if name else ()
            said = (Code(variable), "N", channels, *axes)
            made.append(Call("net.output", said, named))
        inputs = Display(tuple(map(Code, start.inputs)))
        given = (inputs, Display(tuple(made)))
        return Call("net.model", given, (("name", Code("name")),))

    return replace(start, opening=opening, result=result)


def _axes(graph: Graph, name: str) -> list[Doc]:
    """The height and the width of an input, or the names of these where any will do."""
    images = [key for key, shape in graph.inputs.items() if len(shape) == 3]
    if name not in images:
        return []
    sized = following(graph)
    if any(node.op.flattens and node.inputs[0] in sized for node in graph.nodes):
        return [*graph.inputs[name][1:]]
    return ["H", "W"] if len(images) == 1 else [f"{name}_H", f"{name}_W"]


def dialect(opset: int) -> Dialect:
    """The dialect of files for a version of the ops."""
    return replace(ONNX, constants={"OPSET": f"OPSET = {lit(opset)}"})


ONNX = Dialect(
    backend="onnx",
    lowerings=LOWERINGS,
    tensor="ir.Value",
    model="ir.Model",
    separator=".",
    channels="",
    title=lambda graph: function_name(graph.name).lower(),
    context="net: Net",
    frame=frame,
    signature=signature,
    ops=OPS,
    imports={
        "Any": "from typing import Any",
        "Counter": "from collections import Counter",
        "Mapping": "from collections.abc import Mapping",
        "Sequence": "from collections.abc import Sequence",
        "ir": "import onnx_ir as ir",
        "np": "import numpy as np",
    },
    helpers=definitions("archspec_onnx"),
    aliased=False,
)
