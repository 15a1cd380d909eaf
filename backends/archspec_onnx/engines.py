"""What runs a model: ONNX Runtime in float32, onnx's own evaluator in float64."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from archspec.errors import BackendError
from archspec.files import scratch, temporary
from archspec_onnx.files import APART, save_apart, serialized, weights

if TYPE_CHECKING:
    from numpy.typing import NDArray


def start(engine: str, dtype: str) -> None:
    """Looks whether an engine is there, and computes in a type; else BackendError."""
    module = {"ort": "onnxruntime", "reference": "onnx"}.get(engine, "onnx_ir")
    if find_spec(module) is None:
        raise BackendError(
            f"onnx:{engine} needs {module}, which is not installed",
            code="AS502",
            hint='pip install "archspec-nn[onnx]"',
        )
    if engine == "ort" and dtype != "float32":
        raise BackendError(
            f"ONNX Runtime has no {dtype} convolutions",
            code="AS503",
            hint="onnx:reference computes in float64",
        )


SESSIONS: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()
"""For a model that ran: the engine and its weights then, and what runs it.

Starting a ResNet-50 takes 0.1 s, as long as an image does.
"""


def run(
    model: Any, inputs: Mapping[str, NDArray[Any]], engine: str
) -> list[NDArray[Any]]:
    """The outputs of a model, in order."""
    made: list[NDArray[Any]] = session(model, engine).run(None, dict(inputs))
    return made


def session(model: Any, engine: str) -> Any:
    """What runs a model, which is kept as long as the model has the same weights."""
    import onnx_ir as ir

    if not engine:
        double = model.graph.inputs[0].dtype == ir.DataType.DOUBLE
        engine = "reference" if double or find_spec("onnxruntime") is None else "ort"
    held = engine, [value.const_value for value in model.graph.initializers.values()]
    known, found = SESSIONS.get(model, (None, None))
    if known is None or not _same(known, held):
        found = _session(model, engine)
        SESSIONS[model] = held, found
    return found


def _same(known: tuple[str, list[Any]], held: tuple[str, list[Any]]) -> bool:
    """Whether an engine and the tensors of a model are the same objects."""
    pairs = zip(known[1], held[1], strict=False)
    return (
        known[0] == held[0]
        and len(known[1]) == len(held[1])
        and all(one is other for one, other in pairs)
    )


def _session(model: Any, engine: str) -> Any:
    """What runs a model as it is now."""
    import onnx_ir as ir

    if engine == "reference":
        from archspec_onnx.exact import evaluator

        return evaluator(ir.to_proto(model))
    onnxruntime = _runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERROR
    # It knows no OpenMP, so that nobody tells it; 0 is its own choice.
    options.intra_op_num_threads = _threads()
    if sum(weights(model).values()) <= APART:
        return onnxruntime.InferenceSession(serialized(model, {}), options)
    with scratch() as folder:
        path = folder / "net.onnx"
        save_apart(model, path)
        return onnxruntime.InferenceSession(path, options)


def _runtime() -> Any:
    """ONNX Runtime, which tells its makers of its use and leaves a file for that."""
    with temporary():
        import onnxruntime
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _threads() -> int:
    """How many the environment gives to a framework; 0 if it doesn't say."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() else 0


ERROR = 3
"""ONNX Runtime's level of messages below which it says nothing."""
