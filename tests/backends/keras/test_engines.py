"""archspec_keras.engines: how Keras starts, where it works, and what it derives."""

from __future__ import annotations

import builtins
import os
import re
import sys
import tomllib
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import archspec_keras
import numpy as np
import pytest
from archspec_keras import engines

from archspec.errors import BackendError

KERAS = archspec_keras.backend


# Starting.


def test_an_engine_that_is_missing_or_another() -> None:
    here = engines.framework().backend.backend()
    other = next(name for name in KERAS.engines if name != here)
    with pytest.raises(BackendError, match=f"runs on {here} in this process, not on"):
        engines.start(other, "float32")
    engines.start(here, "float64")


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ((), "keras and jax, which are not installed"),
        (("keras",), "jax, which is not installed"),
        (("jax",), "keras, which is not installed"),
    ],
)
def test_what_an_engine_needs_is_named_with_its_extra(
    there: tuple[str, ...], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: name in there or None)
    with pytest.raises(BackendError) as caught:
        engines.start("jax", "float32")
    assert caught.value.message == f"Keras on jax needs {missing}"
    assert caught.value.hint == 'pip install "archspec-nn[keras-jax]"'


@pytest.mark.parametrize(
    ("there", "file", "named", "found"),
    [
        (("tensorflow", "jax"), None, None, None),
        (("torch", "jax"), None, None, "jax"),
        (("torch",), '{"backend": "tensorflow"}', None, "torch"),
        (("torch", "jax"), '{"backend": "torch"}', None, None),
        (("jax",), "[]", None, "jax"),
        (("jax",), "not JSON", None, "jax"),
        (("jax",), None, "tensorflow", "tensorflow"),
    ],
)
def test_keras_runs_on_what_is_installed_where_nobody_chose(
    there: tuple[str, ...],
    file: str | None,
    named: str | None,
    found: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: name in there or None)
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")  # so that it is put back
    monkeypatch.delenv("KERAS_BACKEND")
    if named:
        monkeypatch.setenv("KERAS_BACKEND", named)
    if file is not None:
        (tmp_path / "keras.json").write_text(file)
    real = builtins.__import__
    keras = SimpleNamespace(ops=SimpleNamespace(zeros=lambda shape: 0))
    monkeypatch.setattr(
        builtins, "__import__", lambda n, *a: keras if n == "keras" else real(n, *a)
    )
    assert engines.framework() is keras
    assert os.environ.get("KERAS_BACKEND") == found
    assert engines.preferred()[0] == min(there, key=[*engines.EXTRAS].index)


def test_every_engine_has_an_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())[
        "project"
    ]
    for engine in KERAS.engines:
        names = project["optional-dependencies"][engines.EXTRAS[engine]]
        assert [re.split("[>=<]", name)[0] for name in names] == ["keras", engine]


@pytest.mark.parametrize("imported", [True, False])
@pytest.mark.parametrize(("dtype", "wide"), [("float64", "1"), ("float32", "0")])
def test_an_engine_is_chosen_while_nobody_has_imported_keras(
    dtype: str, wide: str, imported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", keras)
    monkeypatch.setattr(engines, "framework", lambda: keras)
    monkeypatch.setattr(engines, "_keep_double", lambda engine, keras: None)
    monkeypatch.setattr(engines, "find_spec", lambda engine: object())
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("JAX_ENABLE_X64", "0")
    if not imported:
        monkeypatch.delitem(sys.modules, "keras")
    engines.start("jax", dtype)
    found = os.environ["KERAS_BACKEND"], os.environ["JAX_ENABLE_X64"]
    assert found == (("torch", "0") if imported else ("jax", wide))


def test_keras_is_imported_once_and_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow says little unless somebody wants it to."""

    def imported(name: str, *args: Any) -> Any:
        if name != "keras":
            return real(name, *args)
        levels.append(os.environ["TF_CPP_MIN_LOG_LEVEL"])
        return keras

    real, levels = builtins.__import__, list[str]()
    keras: Any = SimpleNamespace(ops=SimpleNamespace(zeros=lambda shape: 0))
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(builtins, "__import__", imported)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    assert engines.framework() is keras
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    assert engines.framework() is keras
    monkeypatch.setitem(sys.modules, "keras", keras)
    assert engines.framework() is keras and levels == ["1", "3"]


@pytest.mark.parametrize(
    ("named", "where"),
    [("nosuch", " on 'nosuch', which KERAS_BACKEND names"), ("", "")],
)
@pytest.mark.parametrize("kind", [ImportError, ValueError, RuntimeError])
@pytest.mark.parametrize("sums", [False, True])
def test_keras_that_cannot_start(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Exception],
    named: str,
    where: str,
    sums: bool,
) -> None:
    """Or that makes a tensor, but computes nothing."""

    class Tensor:
        def __add__(self, other: object) -> None:
            raise kind("no\nengine")

    def zeros(shape: tuple[int, ...]) -> Tensor:
        if sums:
            return Tensor()
        raise kind("no\nengine")

    keras = SimpleNamespace(ops=SimpleNamespace(zeros=zeros))
    real = builtins.__import__
    monkeypatch.setenv("KERAS_BACKEND", named)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(
        builtins, "__import__", lambda n, *a: keras if n == "keras" else real(n, *a)
    )
    with pytest.raises(BackendError) as caught:
        engines.framework()
    assert caught.value.message == f"Keras can't start{where}: no engine"
    assert caught.value.code == "AS502"
    assert caught.value.hint == (
        "installed are: -b keras:tensorflow, -b keras:torch, -b keras:jax"
    )
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r'install "archspec-nn\[keras\]", which is'):
        engines.framework()


def test_an_engine_without_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    with pytest.raises(BackendError, match="no gradients for Keras on openvino"):
        engines.gradients(None, [], [], lambda made: 0.0, False)


def test_what_is_set_while_a_model_is_built_is_put_back() -> None:
    keras = engines.framework()
    draw = keras.initializers.VarianceScaling(2.0, "fan_in", "uniform")
    before = keras.config.floatx(), keras.config.dtype_policy().name
    with engines.policy(keras, "float64"), engines.undrawn(keras):
        assert keras.config.floatx() == "float64"
        assert not np.array(draw((3, 3))).any()
        assert keras.layers.Dense(1).compute_dtype == "float64"
    assert np.array(draw((3, 3))).all()
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == before


@pytest.mark.parametrize(
    ("file", "found"),
    [(None, "tensorflow"), ("{}", "tensorflow"), ('{"backend": "jax"}', "jax")],
)
@pytest.mark.parametrize("home", [True, False])
def test_the_file_that_chooses_an_engine(
    file: str | None,
    found: str,
    home: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It is in the folder that KERAS_HOME names, else in `.keras` of the user's."""
    folder = tmp_path if home else tmp_path / ".keras"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path) if home else "")
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere" if home else tmp_path))
    if file is not None:
        (folder / "keras.json").write_text(file)
    assert engines._configured() == found


def test_what_is_said_while_keras_starts_is_hidden(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by what writes to the file itself, as C++ does; then all is as it was."""
    with open(2, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        stream.write("before, ")  # a stream keeps what it is given for a while
        with engines._silence():
            stream.write("Python's, ")
            os.write(2, b"C++'s, ")
        stream.write("afterwards")
    assert capfd.readouterr().err == "before, afterwards"


def test_no_file_stays_open() -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with engines._silence():
            pass
    assert len(os.listdir("/dev/fd")) == before


ROUNDING = (("float32", "float64"), ("float64", "float32"))
"""Types of a sum with float32, and of a mean, one of which is rounded."""


def rounding(mixed: str, mean: str) -> Any:
    """A Keras that gives results these types."""
    return SimpleNamespace(
        backend=SimpleNamespace(
            result_type=lambda *types: mixed, standardize_dtype=lambda dtype: dtype
        ),
        ops=SimpleNamespace(
            convert_to_tensor=lambda values, dtype: None,
            mean=lambda values: SimpleNamespace(dtype=mean),
        ),
    )


@pytest.mark.parametrize(("mixed", "mean"), ROUNDING)
def test_an_engine_that_rounds_is_told(mixed: str, mean: str) -> None:
    with pytest.raises(BackendError, match="Keras on tensorflow rounds float64"):
        engines._keep_double("tensorflow", rounding(mixed, mean))


@pytest.mark.parametrize(
    ("engine", "kept"),
    [("tensorflow", "float32"), ("jax", "float64"), ("torch", "float64")],
)
def test_where_the_table_of_keras_is_mended(
    engine: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.backend.common import dtypes

    table = {"float64": "float32", "int64": "int32"}
    monkeypatch.setattr(dtypes, "BIT64_TO_BIT32_DTYPE", table, raising=False)
    engines._keep_double(engine, rounding("float64", "float64"))
    assert table == {"float64": kept, "int64": "int32"}
    # A Keras without such a table is taken at its word.
    monkeypatch.delattr(dtypes, "BIT64_TO_BIT32_DTYPE")
    engines._keep_double(engine, rounding("float64", "float64"))


@pytest.mark.parametrize(("dtype", "double"), [("float64", True), ("float32", False)])
def test_only_float64_is_looked_at(
    dtype: str, double: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    here = engines.framework().backend.backend()
    monkeypatch.setattr(engines, "_keep_double", lambda *told: asked.append(told))
    engines.start(here, dtype)
    assert asked == ([(here, engines.framework())] if double else [])


# Devices.


def working(engine: str, *devices: str) -> Any:
    """A Keras on an engine that sees devices; its scopes are their names."""
    return SimpleNamespace(
        backend=SimpleNamespace(backend=lambda: engine),
        distribution=SimpleNamespace(list_devices=lambda: list(devices)),
        device=lambda name: name,
    )


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("cpu", "cpu"),
        ("CPU:0", "cpu:0"),
        ("gpu", "gpu"),
        ("cuda", "gpu"),
        ("cuda:1", "gpu:1"),
        ("GPU:1", "gpu:1"),
    ],
)
@pytest.mark.parametrize("engine", ["tensorflow", "jax", "torch"])
def test_devices_by_their_names(
    device: str, name: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras doesn't list those of torch: torch counts them."""
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    seen = () if engine == "torch" else ("CPU:0", "GPU:0", "GPU:1")
    scope: Any = engines.placed(working(engine, *seen), device)
    assert scope == name
    with pytest.raises(BackendError, match="Keras has no device 'cuda:2'") as caught:
        engines.placed(working(engine, *seen), "cuda:2")
    assert caught.value.hint == "there are cpu:0, gpu:0, gpu:1"


def test_no_device_is_the_engines_own_choice() -> None:
    assert isinstance(engines.placed(working("jax", "CPU:0"), None), nullcontext)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("/job:localhost/replica:0/task:0/device:CPU:0", "cpu:0"),
        ("/job:localhost/replica:0/task:0/device:GPU:1", "gpu:1"),
        ("cuda:1", "gpu:1"),
        ("cpu", "cpu"),
    ],
)
def test_where_a_models_weights_are(device: str, name: str) -> None:
    """As TensorFlow and torch name it; the first weight tells."""
    values = [SimpleNamespace(device=place) for place in (device, "cpu:9")]
    model = SimpleNamespace(weights=[SimpleNamespace(value=v) for v in values])
    scope: Any = engines.beside(working("torch"), model)
    assert scope == name


@pytest.mark.parametrize("values", [(), (1.0,)], ids=["none", "nowhere"])
def test_a_model_that_is_nowhere_is_run_anywhere(values: tuple[float, ...]) -> None:
    model = SimpleNamespace(weights=[SimpleNamespace(value=value) for value in values])
    assert isinstance(engines.beside(working("torch"), model), nullcontext)


# Derivatives and runs.


@pytest.mark.parametrize("engine", [*engines.ENGINES])
def test_each_engine_derives_by_weights_and_images(engine: str) -> None:
    """The sum of a a x is derived by a as 2 a x, by x as a a, and by the rest as 0."""
    made = tensors_of(engine)

    def loss(weights: list[Any], images: list[Any]) -> tuple[Any, Any]:
        (a, _), (_, x) = weights, images
        (first, second), (one, two) = (a[0], a[1]), (x[0], x[1])
        return first * first * one + second * second * two, "rest"

    weights, images = [made([3.0, 4.0]), made([5.0])], [made([6.0]), made([1.0, 2.0])]
    if engine == "jax":  # what else is computed is traced there
        found, _ = engines.ENGINES[engine](
            lambda w, x: (loss(w, x)[0], ()), weights, images
        )
    else:
        found, rest = engines.ENGINES[engine](loss, weights, images)
        assert rest == "rest"
    wanted = [[6.0, 16.0], [0.0], [0.0], [9.0, 16.0]]
    assert [np.asarray(value).tolist() for value in found] == wanted


def tensors_of(engine: str) -> Any:
    """What makes a tensor of a list of numbers."""
    if engine == "tensorflow":
        import tensorflow as tf

        return tf.constant
    if engine == "torch":
        import torch

        return torch.tensor
    import jax.numpy as jnp

    return jnp.array


class Doubling:
    """A model of one weight, which is 2, and of one state; it notes how it is called."""

    def __init__(self, engine: str) -> None:
        made = tensors_of(engine)
        self.trainable_variables = [SimpleNamespace(value=made([2.0]))]
        self.non_trainable_variables = [SimpleNamespace(value=made([1.0]))]
        self.called: list[bool] = []

    def __call__(self, images: Any, training: bool) -> Any:
        self.called.append(training)
        return images * self.trainable_variables[0].value

    def stateless_call(
        self, weights: Any, state: Any, images: Any, training: bool
    ) -> Any:
        self.called.append(training)
        read = images[0] if isinstance(images, list) else images
        return read * weights[0], [state[0] + 1]


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_is_derived_and_what_moves_is_kept(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sum of 2 x is derived by the 2 as x, by x as 2; the state counts one more."""
    engine = engines.framework().backend.backend()
    model, made = Doubling(engine), tensors_of(engine)
    (weight,), (state,) = model.trainable_variables, model.non_trainable_variables
    moved: list[Any] = []
    state.assign = moved.append
    given = [made([5.0]) for _ in range(count)]
    outputs, found = engines.gradients(model, [weight], given, lambda y: y[0], True)
    assert [np.asarray(value).tolist() for value in (outputs, *moved)] == [
        [10.0],
        [2.0],
    ]
    rest = [[0.0]] * (count - 1)  # the model reads the first
    assert [np.asarray(value).tolist() for value in found] == [[5.0], [2.0], *rest]
    assert model.called == [True]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("engine", [*engines.RUNNING, "openvino"])
def test_a_model_is_run_in_evaluation_mode(
    engine: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as one likes; torch' compiler, which takes seconds, isn't asked here."""
    import torch

    monkeypatch.setattr(torch, "compile", lambda call: lambda x: call(x) + 1)
    monkeypatch.setattr(engines.framework().backend, "backend", lambda: engine)
    model = Doubling(engine)
    run = engines.running(model, tensors_of(engine)([1.0, 3.0]), compiled=compiled)
    by_torch = compiled and engine == "torch"
    for _ in range(2):
        wanted = [3.0, 7.0] if by_torch else [2.0, 6.0]
        assert np.asarray(run()).tolist() == wanted
    assert model.called and not any(model.called)
    traced = engine == "tensorflow" or (compiled and engine == "jax")
    assert len(model.called) == (1 if traced else 2)


@pytest.mark.parametrize(("compiled", "told"), [(True, True), (False, None)])
def test_what_tensorflow_is_told(
    compiled: bool, told: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None leaves it to the user's settings, False would not."""
    import tensorflow as tf

    seen: list[bool | None] = []

    def function(call: Any, *, jit_compile: bool | None) -> Any:
        seen.append(jit_compile)
        return call

    monkeypatch.setattr(tf, "function", function)
    engines.RUNNING["tensorflow"](Doubling("tensorflow"), compiled)
    assert seen == [told]


@pytest.mark.parametrize("there", [True, False])
def test_a_gpu_is_waited_for(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was told is done when the call returns; a CPU has nothing to wait for."""
    import tensorflow as tf
    import torch

    waits: list[str] = []
    found = ["GPU:0"] if there else []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: found)
    monkeypatch.setattr(
        tf.test.experimental, "sync_devices", lambda: waits.append("tensorflow")
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append("torch"))
    for engine in ("tensorflow", "torch"):
        run = engines.RUNNING[engine](Doubling(engine), False)
        assert np.asarray(run(tensors_of(engine)([1.0]))).tolist() == [2.0]
    assert waits == (["tensorflow", "torch"] if there else [])


def test_torch_keeps_nothing_for_a_derivative() -> None:
    import torch

    model = Doubling("torch")
    model.trainable_variables[0].value.requires_grad_()
    run = engines.RUNNING["torch"](model, False)
    assert not run(torch.ones(1)).requires_grad and torch.is_grad_enabled()
