"""archspec_keras.backend and engines: small nets that are built and run."""

from __future__ import annotations

import builtins
import gc
import linecache
import os
import re
import sys
import textwrap
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import archspec_keras
import numpy as np
import pytest
from archspec_keras import engines
from nets import Arrays, distance, errors, graph_of, images, randomised, run

from archspec.backend import backend
from archspec.errors import BackendError, UnsupportedError
from archspec.graph import Graph
from archspec.source.program import execute

KERAS = archspec_keras.backend


def net(spec: str, **params: Any) -> Graph:
    return graph_of(textwrap.dedent(spec), **params)


def model_of(graph: Graph, **arguments: Any) -> Any:
    """The net that a printed file makes."""
    source = KERAS.emit(graph)
    return getattr(execute(source), source.entry)(**arguments)


def names(graph: Graph) -> list[str]:
    """The names of a model's layers but for its inputs."""
    layers = model_of(graph).layers
    return [layer.name for layer in layers if type(layer).__name__ != "InputLayer"]


def agree(graph: Graph) -> None:
    """Keras computes what torch does, with one set of weights."""
    weights = randomised(graph)
    found: list[Arrays] = []
    for kind in ("keras", "torch"):
        model = backend(kind).build(graph, weights, dtype="float64")
        found.append(backend(kind).forward(graph, model, images(graph)))
    assert distance(*found) <= 1e-12


# Names of layers.

COUNTED = """
    inputs: {image: [4, 12, 12]}
    blocks:
      body:
        params: {wide: bool}
        graph:
        - {op: conv2d, channels: 8, kernel: 1, when: =wide}
        - graph:
          - {op: conv2d, channels: 8, kernel: 1, when: =wide}
          - {op: conv2d, channels: 8, kernel: 1}
        - {op: conv2d, channels: 8, kernel: 1}
    graph:
      a: {block: body, wide: true}
      b: {block: body, wide: false}
"""


def test_a_counted_list_in_a_counted_list() -> None:
    graph = net(COUNTED)
    first = ["a_0", "a_1_0", "a_1_1", "a_2"]
    assert names(graph) == [*first, "b_0_0", "b_1"]
    agree(graph)


def test_an_op_without_a_layer_in_a_counted_list() -> None:
    graph = net(
        """
        inputs: {image: [4, 12, 12]}
        blocks:
          cut: {graph: {some: {op: slice, stop: 6}}}
          body:
            params: {wide: bool}
            graph:
            - {op: conv2d, channels: 8, kernel: 1, when: =wide}
            - {op: resize, scale: 1}
            - {op: slice, stop: 4}
            - identity
            - {op: conv2d, channels: 8, kernel: 1, repeat: 2}
            - {block: cut}
            - {op: identity, repeat: 2}
            - {op: conv2d, channels: 8, kernel: 1}
        graph:
          a: {block: body, wide: true}
          b: {block: body, wide: false}
        """
    )
    first = ["a_0", "a_1", "a_2", "a_4", "a_5", "a_6_some", "a_9"]
    assert names(graph) == [*first, "b_0", "b_1", "b_3", "b_4", "b_5_some", "b_8"]
    agree(graph)


def test_names_behind_loops_are_computed() -> None:
    graph = net(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          stage:
            params: {depth: int}
            graph:
            - relu
            - {op: tanh, repeat: =depth}
            - {op: sigmoid, repeat: 2}
            - relu
        graph:
          a: {block: stage, depth: 2}
          b: {block: stage, depth: 0}
        """
    )
    first = [f"a_{number}" for number in range(6)]
    assert names(graph) == [*first, "b_0", "b_1", "b_2", "b_3"]


# Structures.


@pytest.mark.parametrize(
    "spec",
    [
        """
        inputs: {image: [4, 8, 8]}
        outputs: {given: input, made: a, again: a}
        graph: {a: {op: conv2d, channels: 3, kernel: 1}}
        """,
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          unit:
            inputs: [x, before]
            graph:
              conv: {op: conv2d, from: x, channels: 4, kernel: 1}
              add: {op: add, from: [conv, before]}
        graph:
          s0: {block: unit, from: [input, input]}
          s1: {block: unit, from: [s0, input]}
        """,
        """
        inputs: {image: [4, 8, 8]}
        graph:
          "0": {op: conv2d, channels: 4, kernel: 1}
          "1": {graph: {"0": relu, "1": {op: conv2d, channels: 3, kernel: 1}}}
          sum: {op: concat, from: ["0", "1"]}
        """,
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          none: {graph: {body: {op: conv2d, channels: 4, kernel: 1, repeat: 0}}}
          unit:
            params: {n: int}
            graph:
            - {op: conv2d, channels: 4, kernel: 1, repeat: =n}
            - {op: relu, when: =n > 5}
        graph:
          a: {block: none}
          b: {block: unit, n: 0}
          c: {block: unit, n: 2}
        """,
    ],
    ids=["an input is an output", "one value twice", "numbers", "nothing"],
)
def test_a_structure(spec: str) -> None:
    agree(net(spec))


# Arguments.


def test_a_stride_and_a_dilation_that_are_arguments() -> None:
    """Also of a value that no instance has: both above 1."""
    graph = net(
        """
        inputs: {image: [4, 9, 9]}
        blocks:
          unit:
            params: {stride: int, dilation: int}
            graph:
              n:
                op: conv2d
                channels: 3
                kernel: 2
                stride: =stride
                dilation: =dilation
        graph:
          a: {block: unit, from: input, stride: 2, dilation: 1}
          b: {block: unit, from: input, stride: 1, dilation: 2}
        outputs: {a: a, b: b}
        """
    )
    agree(graph)
    import keras

    unit = execute(KERAS.emit(graph)).unit
    inputs = keras.Input((9, 9, 4))
    model = keras.Model(inputs, unit(inputs, stride=2, dilation=2, name="n"))
    wanted = net(
        """
        inputs: {image: [4, 9, 9]}
        graph: {n: {op: conv2d, channels: 3, kernel: 2, stride: 2, dilation: 2}}
        """
    )
    given = {key: array.astype("float32") for key, array in images(wanted).items()}
    weights = {k: a.astype("float32") for k, a in randomised(wanted).items()}
    made = KERAS.build(wanted, weights)
    model.get_layer("n_n").set_weights(made.get_layer("n").get_weights())
    found = np.array(model(given["image"].transpose(0, 2, 3, 1)))
    assert np.allclose(
        found, np.array(made(given["image"].transpose(0, 2, 3, 1))), atol=1e-6
    )
    assert found.shape == (2, 4, 4, 3)


def test_a_source_of_its_own_and_its_arguments() -> None:
    spec = """
        params: {width: 4}
        inputs: {image: [3, 8, 8]}
        graph: {n: {op: conv2d, channels: =width, kernel: 1}}
        """
    source, wider = KERAS.emit(net(spec)), net(spec, width=6)
    model = KERAS.build(wider, randomised(wider), source=source, arguments={"width": 6})
    assert model.get_layer("n").filters == 6
    assert len(execute(KERAS.emit(net(spec))).Net().layers) == 2


# Layers of its own: checked against torch, training and gradients included.


OWN = (
    "{op: batch_norm, running_var: unbiased, momentum: 0.3}",
    "{op: leaky_relu, negative_slope: -0.25}",
    "{op: gelu, approximate: tanh}",
    "{op: local_response_norm, size: 3, alpha: 0.5}",
    "{op: conv_transpose2d, channels: 3, kernel: 1, stride: 3, output_padding: 2}",
    "{op: conv_transpose2d, channels: 3, kernel: 3, stride: 2, padding: 1}",
    "{op: max_pool2d, kernel: 2, stride: 2, padding: 1, ceil_mode: true}",
    "{op: max_pool2d, kernel: 3, stride: 2, padding: 1, ceil_mode: true}",
    "{op: max_pool2d, kernel: [3, 2], padding: [[1, 0], [0, 1]]}",
    "{op: avg_pool2d, kernel: 3, stride: 2, padding: 1, ceil_mode: true}",
    "{op: avg_pool2d, kernel: 3, stride: 2, padding: same}",
    "{op: avg_pool2d, kernel: 3, padding: 1, count_include_pad: false}",
    "{op: resize, scale: [1.5, 0.5]}",
    "{op: resize, size: [5, 11]}",
    "{op: resize, from: [input, low]}",
    "{op: resize, size: [5, 11], mode: bilinear}",
    "{op: resize, from: [input, low], mode: bilinear}",
    "{op: pixel_shuffle, factor: 2}",
    "{op: channel_shuffle, groups: 2}",
    "{op: pad, spatial: [[0, 1], [2, 0]], channels: [1, 2]}",
    "{op: slice, start: 1, stop: 3}",
    "{op: prelu, shared: false}",
    "flatten",
)


def of_one(node: str) -> Graph:
    """A net of one op, or of two where it reads another's size."""
    low = "  low: {op: avg_pool2d, kernel: 2}\n" if "low" in node else ""
    return net(f"inputs: {{image: [4, 7, 8]}}\ngraph:\n{low}  n: {node}\n")


@pytest.mark.parametrize("node", OWN)
def test_an_op(node: str) -> None:
    forward, gradient = errors(of_one(node), training=True)
    native = "bilinear" in node or "gelu" in node  # TensorFlow's own rounding
    assert forward <= (1e-6 if native else 1e-12)
    assert gradient <= (1e-6 if native else 1e-9)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("node", OWN)
def test_whole_models_are_saved_and_loaded(node: str, tmp_path: Any) -> None:
    """In Keras' format and in its older one: all that is printed is a layer."""
    import keras

    graph = of_one(node)
    weights = {k: a.astype("float32") for k, a in randomised(graph).items()}
    model = KERAS.build(graph, weights)
    given = images(graph)["image"].transpose(0, 2, 3, 1).astype("float32")
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"net{suffix}")
        loaded = keras.saving.load_model(tmp_path / f"net{suffix}", compile=False)
        assert np.array_equal(loaded(given), model(given))


def test_running_statistics() -> None:
    """The unbiased variance is torch's own; the biased one is Keras'."""
    spec = "inputs: {{image: [4, 7, 8]}}\ngraph: {{n: {{op: batch_norm, {}}}}}\n"
    for told, kind in (("running_var: unbiased", "torch"), ("momentum: 0.1", "keras")):
        graph = net(spec.format(told))
        weights = randomised(graph)
        _, _, ours = run(graph, "keras", weights, training=True)
        given = images(graph)["image"]
        drawn = given.var(axis=(0, 2, 3), ddof=int(kind == "torch"))
        wanted = 0.9 * weights["n.running_var"] + 0.1 * drawn
        assert np.allclose(ours["n.running_var"], wanted, rtol=1e-13, atol=0)
        _, _, still = run(graph, "keras", weights)
        assert np.array_equal(still["n.running_var"], weights["n.running_var"])


def test_more_pixels_than_a_half_counts() -> None:
    """Under mixed_float16 the statistics stay in float32, and so does their number."""
    keras = engines.framework()
    graph = net(
        "inputs: {image: [1, 256, 257]}\n"
        "graph: {n: {op: batch_norm, running_var: unbiased, affine: false}}"
    )
    with engines.policy(keras, "float32"):
        keras.config.set_dtype_policy("mixed_float16")
        model = model_of(graph)
    given = images(graph, 1)["image"].reshape(1, 256, 257, 1)
    model(given, training=True)
    wanted = 0.9 + 0.1 * given.var(ddof=1)
    assert np.allclose(model.get_layer("n").moving_variance, wanted, rtol=1e-3)


# What is refused.


def test_a_layer_that_only_lends_its_size() -> None:
    """It is in the model, with its weights, of which no gradient is but 0."""
    graph = net(
        """
        inputs: {image: [4, 8, 8]}
        graph:
          a: {op: conv2d, channels: 4, kernel: 3}
          b: {op: conv2d, from: a, channels: 4, kernel: 3}
          c: {op: relu, from: b}
          d: {op: resize, from: [a, c]}
        """
    )
    assert names(graph) == ["a", "b", "c", "d"]
    forward, gradient = errors(graph, training=True)
    assert forward <= 1e-12 and gradient <= 1e-9


def test_names_that_are_one_are_told_at_once() -> None:
    graph = net(
        """
        inputs: {image: [4, 8, 8], low_b: [4, 8, 8], low_c: [4, 8, 8]}
        graph:
          low: {from: image, graph: {b: relu, c: relu}}
          all: {op: add, from: [low, low_b, low_c]}
        """
    )
    with pytest.raises(UnsupportedError, match="are both 'low_b' in Keras") as found:
        KERAS.emit(graph)
    assert found.value.code == "AS507"
    (note,) = found.value.notes
    assert note.endswith("'low_c' and 'low.c' are both 'low_c' in Keras")


def test_what_only_a_tap_needs() -> None:
    """Keras' functional models have no layers beside the way to an output."""
    text = (
        "inputs: {image: [3, 8, 8]}\ngraph:\n"
        "  body: {op: conv2d, channels: 4, kernel: 1}\n"
        "  side: {op: conv2d, channels: 5, kernel: 1}\n"
        "  last: {op: relu, from: side}\n"
        "  head: {op: relu, from: body}\n"
        "taps: {deep: last}\noutputs: {y: head}\n"
    )
    with pytest.raises(UnsupportedError, match="only a tap needs 'side'") as found:
        KERAS.emit(graph_of(text))
    assert found.value.at is not None and found.value.at.line == 6
    assert found.value.hint is not None and "--taps" in found.value.hint


@pytest.mark.parametrize("node", ["{op: pad, channels: 1}", "{op: slice, stop: 2}"])
def test_keras_gives_no_names_itself(node: str) -> None:
    spec = f"inputs: {{image: [4, 8, 8]}}\ngraph:\n  pad: relu\n  get_item: {node}"
    assert names(net(spec)) == ["pad", "get_item"]


# Engines.


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
def test_keras_that_cannot_start(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception], named: str, where: str
) -> None:
    def zeros(shape: tuple[int, ...]) -> None:
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


def test_a_model_with_other_weights_is_a_fault() -> None:
    graph = net("inputs: {image: [4]}\ngraph: {n: {op: linear, features: 3}}")
    other = net("inputs: {image: [4]}\ngraph: {n: {op: linear, features: 2}}")
    with pytest.raises(BackendError, match=r"'n\.weight' is"):
        KERAS.build(graph, randomised(graph), source=KERAS.emit(other))
    more = net(
        "inputs: {image: [4]}\ngraph:\n  m: {op: linear, features: 4}\n"
        "  n: {op: linear, features: 3}"
    )
    with pytest.raises(BackendError, match="more weights"):
        KERAS.build(graph, randomised(graph), source=KERAS.emit(more))


def test_dropout_has_a_seed_that_is_no_weight() -> None:
    graph = net("inputs: {image: [4]}\ngraph: {n: dropout}")
    model = KERAS.build(graph, {})
    given = {"image": np.ones((50, 4), "float32")}
    assert np.array_equal(KERAS.forward(graph, model, given)[""], given["image"])
    drawn = KERAS.forward(graph, model, given, training=True)[""]
    assert set(np.unique(drawn)) == {0.0, 2.0}


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", ".safetensors"])
def test_saving(suffix: str, tmp_path: Any) -> None:
    graph = net("inputs: {image: [4]}\ngraph: {n: {op: linear, features: 3}}")
    weights = {k: a.astype("float32") for k, a in randomised(graph).items()}
    model = KERAS.build(graph, weights)
    path = str(tmp_path / f"net{suffix}")
    KERAS.save(graph, model, path)
    if suffix == ".safetensors":
        from safetensors.numpy import load_file

        found = load_file(path)
    else:
        import keras

        if suffix == ".keras":
            model = keras.saving.load_model(path)
        else:
            model = KERAS.build(graph, {})
            model.load_weights(path)
        found = KERAS.read_weights(graph, model)
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


def test_a_device_that_is_not_there() -> None:
    """Keras itself takes any name, and goes on without."""
    graph = graph_of("inputs: {x: [3]}\ngraph: {fc: {op: linear, features: 2}}")
    weights = randomised(graph)
    other: Any
    for other in ("nosuch", "GPU:99", "cuda:99", "cpu:x", "cp", "", "meta", 5, []):
        with pytest.raises(BackendError, match="has no device") as caught:
            backend("keras").build(graph, weights, device=other)
        assert caught.value.code == "AS517"
        assert (caught.value.hint or "").startswith("there are cpu:0")
    for device in ("cpu", "CPU:0"):
        model = backend("keras").build(graph, weights, device=device)
        assert backend("keras").forward(graph, model, images(graph))[""].shape == (2, 2)


def test_nothing_is_left_of_what_was_run() -> None:
    """A model of Keras' own layers needs nothing of the file that made it."""
    graph = replace(
        net("inputs: {x: [3]}\ngraph: {fc: {op: linear, features: 2}}"), name="lonely"
    )
    model = KERAS.build(graph, randomised(graph))
    gc.collect()
    assert not [
        name for name in sys.modules if name.startswith("archspec_keras_lonely")
    ]
    assert not [file for file in linecache.cache if file.startswith("<keras lonely")]
    assert model.name == "lonely"
