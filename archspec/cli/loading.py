"""The lines of Python that load a file which a command has written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

TORCH = """\
import archspec, torch
model = {spec}.build("torch")
model.load_state_dict(torch.load({path}, weights_only=True))"""
SAFETENSORS = """\
import archspec, safetensors.torch
model = {spec}.build("torch")
safetensors.torch.load_model(model, {path})"""
EXPORTED = """\
import torch
program = torch.export.load({path})
model = program.module()"""
KERAS = """\
import keras
model = keras.saving.load_model({path})
model.summary()"""
KERAS_WEIGHTS = """\
import archspec
model = {spec}.build("keras")
model.load_weights({path})"""
ONNX = """\
import onnxruntime
session = onnxruntime.InferenceSession({path})
print([(i.name, i.shape) for i in session.get_inputs()])"""
ONNX_DOUBLE = """\
import onnx.reference  # for ONNX Runtime has no convolutions in float64
net = onnx.reference.ReferenceEvaluator({path})
print(net.input_names, net.output_names)"""
ONNX_TEXT = """\
import onnx, onnx.parser, pathlib
path = pathlib.Path({path})
model = onnx.parser.parse_model(path.read_text())
onnx.load_external_data_for_model(model, str(path.parent))"""
ORBAX = """\
import archspec, orbax.checkpoint
from flax import nnx
model = {spec}.build("flax")
state = nnx.state(model, nnx.Not(nnx.RngState))
with orbax.checkpoint.StandardCheckpointer() as checkpointer:
    values = checkpointer.restore({path}, nnx.to_pure_dict(state))
nnx.replace_by_pure_dict(state, values)
nnx.update(model, state)"""
NATIVE = {
    ".pt2": EXPORTED,
    ".pth": TORCH,
    ".pt": TORCH,
    ".safetensors": SAFETENSORS,
    ".weights.h5": KERAS_WEIGHTS,
    ".keras": KERAS,
    ".h5": KERAS,
    ".onnx": ONNX,
    ".onnx.txt": ONNX_TEXT,
    ".orbax": ORBAX,
}
"""What the framework itself loads, by the end of its name."""
OTHER = """\
import archspec
spec = {spec}
model = spec.build("{backend}", weights={path})"""


def lines(
    path: Path,
    spec: str,
    *,
    backend: str,
    native: bool,
    params: Mapping[str, Any] | None = None,
    size: tuple[int, int] | None = None,
    taps: bool = False,
    dtype: str = "float32",
) -> str:
    """Three lines that load a file into a model.

    Args:
        path: of the file, or of the index of several.
        spec: as the user named it.
        backend: of the model.
        native: whether the framework's own functions read the file.
        params, size, taps: what the user said of the spec.
        dtype: of the model.
    """
    params = params or {}
    plain = not params.keys() & {"spec", "size", "params", "taps", "limits"}
    given = [_literal(spec)]
    if plain:
        given += [f"{name}={_literal(value)}" for name, value in params.items()]
    else:
        given += [f"params={_literal(params)}"]
    given += [f"size={size!r}"] if size else []
    given += ["taps=True"] if taps else []
    known = (text for end, text in NATIVE.items() if path.name.endswith(end))
    text = next(known, OTHER) if native else OTHER
    text = ONNX_DOUBLE if (text, dtype) == (ONNX, "float64") else text
    path = path.absolute() if text == ORBAX else path  # which orbax insists on
    return text.format(
        spec=f"archspec.load({', '.join(given)})",
        path=_literal(str(path)),
        backend=backend,
    )


def indented(text: str) -> str:
    """The lines as a command prints them."""
    return "to load it:\n" + indent(text, "  ")


def _literal(value: Any) -> str:
    """A value in Python, texts in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, Mapping):
        items = (f"{_literal(k)}: {_literal(v)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    return repr(value)
