"""Keras on its engines: how they start, draw nothing, and derive."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest.mock import patch

from archspec.backend import no_device
from archspec.errors import BackendError, said

Values = Sequence[Any]
Loss = Callable[[list[Any], list[Any]], tuple[Any, Any]]
"""From weights and images: a number, and what else is computed."""

DRAWING = ("VarianceScaling", "RandomNormal", "RandomUniform", "TruncatedNormal")
"""Initializers that draw."""


def preferred() -> tuple[str, ...]:
    """The engines in Keras' own order, but those that are installed first."""
    return tuple(sorted(EXTRAS, key=lambda name: find_spec(name) is None))


def framework() -> Any:
    """The module keras; BackendError when what it runs on is missing.

    Where nobody has chosen TensorFlow and it isn't installed, Keras runs on another.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"]
    if find_spec("tensorflow") is None and _configured() == "tensorflow":
        os.environ.setdefault("KERAS_BACKEND", preferred()[0])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _silence():
            import keras

            keras.ops.zeros(()) + 0
    except Exception as error:  # an engine of no such name, or whatever it raises
        named = os.environ.get("KERAS_BACKEND")
        where = f" on {named!r}, which KERAS_BACKEND names" if named else ""
        raise BackendError(
            f"Keras can't start{where}: {said(error)}",
            code="AS502",
            hint=_advice(),
        ) from error
    return keras


def _configured() -> Any:
    """The engine in the file that Keras reads, and writes where there is none."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        text = (Path(home) / "keras.json").read_text(encoding="utf-8")
        return json.loads(text).get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


def _advice() -> str:
    """What to do where Keras doesn't start."""
    there = [name for name in ENGINES if find_spec(name) is not None]
    if not there:
        return 'pip install "archspec-nn[keras]", which is Keras on TensorFlow'
    return "installed are: " + ", ".join(f"-b keras:{name}" for name in there)


@contextmanager
def _silence() -> Iterator[None]:
    """Hides what TensorFlow's C++ says before any of its own settings count."""
    sys.stderr.flush()
    kept = os.dup(2)
    with TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def start(engine: str, dtype: str) -> None:
    """Imports Keras on an engine; before anything else has imported it.

    On JAX and on torch, Keras computes some ops in float32 whatever it is given. Where
    float64 is wanted, the table in Keras that says so is mended, in this process only.

    Raises:
        BackendError: the engine is missing, Keras runs on another one already, or
            float64 is rounded to float32 all the same.
    """
    missing = [name for name in ("keras", engine) if find_spec(name) is None]
    if missing:
        raise BackendError(
            f"Keras on {engine} needs {' and '.join(missing)}, which "
            f"{'are' if missing[1:] else 'is'} not installed",
            code="AS502",
            hint=f'pip install "archspec-nn[{EXTRAS[engine]}]"',
        )
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = engine
        if dtype == "float64":
            os.environ["JAX_ENABLE_X64"] = "1"
    keras = framework()
    found = keras.backend.backend()
    if found != engine:
        raise BackendError(f"Keras runs on {found} in this process, not on {engine}")
    if dtype == "float64":
        _keep_double(engine, keras)


def _keep_double(engine: str, keras: Any) -> None:
    from keras.src.backend.common import dtypes

    table = getattr(dtypes, "BIT64_TO_BIT32_DTYPE", None)
    if engine != "tensorflow" and isinstance(table, dict):
        table["float64"] = "float64"
    kept = keras.backend.result_type("float64", "float32")
    one = keras.ops.mean(keras.ops.convert_to_tensor([1.0], dtype="float64"))
    if kept != "float64" or keras.backend.standardize_dtype(one.dtype) != "float64":
        raise BackendError(f"Keras on {engine} rounds float64 to float32")


def placed(keras: Any, device: str | None) -> AbstractContextManager[Any]:
    """A scope in which Keras works on a device, which it else takes on trust.

    Raises BackendError that names the devices there are.
    """
    if device is None:
        return nullcontext()
    known = _devices(keras)
    name = str(device).lower().replace("cuda", "gpu")
    if name not in known and f"{name}:0" not in known:
        raise no_device("Keras", device, known)
    scope: AbstractContextManager[Any] = keras.device(name)
    return scope


def _devices(keras: Any) -> list[str]:
    """As `cpu:0` and `gpu:0`; Keras doesn't list those of torch."""
    if keras.backend.backend() != "torch":
        return [str(name).lower() for name in keras.distribution.list_devices()]
    import torch

    return ["cpu:0", *(f"gpu:{number}" for number in range(torch.cuda.device_count()))]


def beside(keras: Any, model: Any) -> AbstractContextManager[Any]:
    """A scope in which Keras works where a model's weights are."""
    own = next((v.value for v in model.weights), None)
    device = getattr(own, "device", None)
    if device is None:
        return nullcontext()
    name = str(device).rpartition("device:")[2].lower().replace("cuda", "gpu")
    scope: AbstractContextManager[Any] = keras.device(name)
    return scope


@contextmanager
def policy(keras: Any, dtype: str) -> Iterator[None]:
    """Layers that are made meanwhile have this dtype, and so have numbers."""
    kept, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(kept)


@contextmanager
def undrawn(keras: Any) -> Iterator[None]:
    """Initializers that draw give zeros meanwhile, which costs nothing."""

    def zeros(self: Any, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.zeros(shape, dtype=dtype)

    with ExitStack() as stack:
        for name in DRAWING:
            kind = getattr(keras.initializers, name)
            stack.enter_context(patch.object(kind, "__call__", zeros))
        yield


def gradients(
    model: Any,
    variables: Values,
    images: list[Any],
    total: Callable[[Any], Any],
    training: bool,
) -> tuple[Any, Values]:
    """What a model gives, and the gradients of `total` of it.

    By the variables, and then by the images. The call is stateless, as JAX wants it;
    what has moved is put into the model afterwards.
    """
    engine = framework().backend.backend()
    if engine not in ENGINES:
        told = f"archspec has no gradients for Keras on {engine}"
        raise BackendError(told, code="AS503")
    order = {id(v): n for n, v in enumerate(model.trainable_variables)}
    weights = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]

    def loss(values: list[Any], given: list[Any]) -> tuple[Any, Any]:
        read = given if len(given) > 1 else given[0]
        made, moved = model.stateless_call(values, state, read, training=training)
        return total(made), (made, moved)

    found, (made, moved) = ENGINES[engine](loss, weights, images)
    for variable, value in zip(model.non_trainable_variables, moved, strict=True):
        variable.assign(value)
    by_image = found[len(weights) :]
    return made, [*(found[order[id(v)]] for v in variables), *by_image]


def running(model: Any, images: Any, *, compiled: bool) -> Callable[[], Any]:
    """What runs a model once, to the end: as it is, or compiled by its engine.

    On TensorFlow a model that is not compiled is a graph, as a saved one is.
    """
    found = RUNNING.get(framework().backend.backend())
    if found is None:
        return lambda: model(images, training=False)
    run = found(model, compiled)
    return lambda: run(images)


def _by_tensorflow(model: Any, compiled: bool) -> Callable[[Any], Any]:
    import tensorflow as tf

    def call(images: Any) -> Any:
        return model(images, training=False)

    called: Callable[[Any], Any] = tf.function(call, jit_compile=compiled or None)
    if not tf.config.list_physical_devices("GPU"):
        return called

    def waited(images: Any) -> Any:
        made = called(images)
        tf.test.experimental.sync_devices()
        return made

    return waited


def _by_torch(model: Any, compiled: bool) -> Callable[[Any], Any]:
    import torch

    def call(images: Any) -> Any:
        return model(images, training=False)

    called = torch.compile(call) if compiled else call

    def waited(images: Any) -> Any:
        with torch.no_grad():
            made = called(images)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return made

    return waited


def _by_jax(model: Any, compiled: bool) -> Callable[[Any], Any]:
    import jax

    weights = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]

    def stateless(weights: Any, state: Any, images: Any) -> Any:
        return model.stateless_call(weights, state, images, training=False)[0]

    if not compiled:
        return lambda images: jax.block_until_ready(model(images, training=False))
    # The weights are arguments: with what is constant XLA computes as it compiles.
    jitted = jax.jit(stateless)
    return lambda images: jax.block_until_ready(jitted(weights, state, images))


RUNNING = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}


def tensorflow(loss: Loss, weights: list[Any], images: list[Any]) -> tuple[Values, Any]:
    """By a gradient tape."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch([weights, images])
        total, rest = loss(weights, images)
    # A value that only lends its size to a resize has no gradient: that is zero.
    zero = tf.UnconnectedGradients.ZERO
    wanted = [*weights, *images]
    return tape.gradient(total, wanted, unconnected_gradients=zero), rest


def torch(loss: Loss, weights: list[Any], images: list[Any]) -> tuple[Values, Any]:
    """By autograd."""
    import torch

    leaves = [tensor.detach().requires_grad_() for tensor in (*weights, *images)]
    with torch.enable_grad():
        total, rest = loss(leaves[: len(weights)], leaves[len(weights) :])
        return torch.autograd.grad(total, leaves, materialize_grads=True), rest


def jax(loss: Loss, weights: list[Any], images: list[Any]) -> tuple[Values, Any]:
    """By jax.grad."""
    import jax

    derive = jax.grad(loss, argnums=(0, 1), has_aux=True)
    (by_weight, by_image), rest = derive(weights, images)
    return [*by_weight, *by_image], rest


ENGINES = {"tensorflow": tensorflow, "torch": torch, "jax": jax}
EXTRAS = {"tensorflow": "keras", "jax": "keras-jax", "torch": "keras-torch"}
"""What `pip` calls Keras on an engine, in the order in which Keras prefers them."""
