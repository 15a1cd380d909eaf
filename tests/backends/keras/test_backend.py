"""archspec_keras.backend and engines: small nets that are built and run."""

from __future__ import annotations

import gc
import linecache
import logging
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import archspec_keras
import numpy as np
import pytest
import two_images
from archspec_keras import engines
from archspec_keras.backend import ABOUT, refuse_channels_first
from nets import (
    Arrays,
    cotangents,
    distance,
    errors,
    graph_of,
    images,
    randomised,
    run,
)

from archspec.backend import backend
from archspec.errors import BackendError, UnsupportedError
from archspec.graph import Graph
from archspec.source.family import Family
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


# What it says of itself, and prints.


def test_what_it_says_of_itself() -> None:
    assert (KERAS.name, KERAS.framework, KERAS.running_var) == (
        *("keras", "keras", "biased"),
    )
    assert KERAS.install == "archspec-nn[keras]" and KERAS.reserved == frozenset()
    assert KERAS.files == (".keras", ".weights.h5", ".h5", ".safetensors", ".pth")
    assert KERAS.modes == ("jit",) and KERAS.channels_last and KERAS.initialises
    assert {*KERAS.engines} == {"tensorflow", "jax", "torch"}


def test_it_goes_on_with_the_engine_that_it_was_told() -> None:
    here = engines.framework().backend.backend()
    assert KERAS.on(here, "float32") is KERAS


LINEAR = "inputs: {image: [4]}\ngraph: {n: {op: linear, features: 3}}"


def test_only_a_backend_that_loads_prints_a_loader() -> None:
    """Of one net and of several, and beside features."""
    graph = net(LINEAR)
    family = Family((graph, replace(graph, name="other")))
    for chosen, loads in ((KERAS, False), (KERAS.loading(), True)):
        for source in (
            chosen.emit(graph),
            chosen.emit_family(family),
            chosen.emit_tapped(graph, graph),
        ):
            assert ("def load_weights(" in source.text) is loads
    assert "def load_weights(model: keras.Model, name: str)" in (
        KERAS.loading().emit_family(family).text
    )


def test_only_tapped_files_give_features() -> None:
    graph = net(f"{LINEAR}\ntaps: {{}}")
    assert "def features(" in KERAS.emit_tapped(graph, graph).text
    assert "def features(" not in KERAS.emit(graph).text


def test_every_net_of_a_family_is_looked_at() -> None:
    good = net(LINEAR)
    odd = net(
        "inputs: {image: [4]}\ngraph: {n: relu, m: tanh}\ntaps: {t: m}\noutputs: {y: n}"
    )
    odd = replace(odd, name="other")
    with pytest.raises(UnsupportedError, match="only a tap needs 'm'"):
        KERAS.emit_family(Family((good, odd)))


@pytest.mark.parametrize(
    ("inputs", "first", "shapes"),
    [
        ("image: [3, 5, 6]", "input", {"input_shape": (5, 6, 3)}),
        ("x: [7]", "input", {"input_shape": (7,)}),
        ("a: [3, 5, 6], b: [7]", "a", {"a_shape": (5, 6, 3), "b_shape": (7,)}),
    ],
)
def test_arguments_for_images_of_a_size(
    inputs: str, first: str, shapes: dict[str, Any]
) -> None:
    graph = net(f"inputs: {{{inputs}}}\ngraph: {{n: {{op: relu, from: {first}}}}}")
    assert KERAS.image_shapes(graph) == shapes


@pytest.mark.parametrize(
    ("inputs", "layout", "refused"),
    [
        ("a: [3, 5, 6], b: [7]", "channels_first", True),
        ("a: [3, 5, 6], b: [7]", "channels_last", False),
        ("a: [7], b: [7]", "channels_first", False),
    ],
)
def test_images_that_keras_takes_for_channels_first(
    inputs: str, layout: str, refused: bool
) -> None:
    """Vectors are the same in both."""
    graph = net(f"inputs: {{{inputs}}}\ngraph: {{n: {{op: relu, from: a}}}}")
    keras = SimpleNamespace(config=SimpleNamespace(image_data_format=lambda: layout))
    if not refused:
        refuse_channels_first(graph, keras)
        return
    with pytest.raises(BackendError, match="the channels first") as caught:
        refuse_channels_first(graph, keras)
    assert caught.value.code == "AS514"
    assert caught.value.hint is not None and "keras.json" in caught.value.hint


# Runs.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_inputs_and_outputs(dtype: str) -> None:
    """In the model's own precision; Keras' stays what it was."""
    graph = net(two_images.TWO)
    weights = randomised(graph)
    model = KERAS.build(graph, weights, dtype=dtype)
    given = {name: array.astype(dtype) for name, array in images(graph).items()}
    found = KERAS.forward(graph, model, dict(reversed(given.items())))
    assert list(found) == ["one", "two"]
    runner = KERAS.runner(graph, model, dict(reversed(given.items())), "")
    for made in (found, runner.read(runner.run())):
        for name, wanted in two_images.outputs(weights, given).items():
            assert made[name].dtype == dtype
            tolerance = 1e-12 if dtype == "float64" else 1e-5
            assert np.allclose(made[name], wanted, rtol=0, atol=tolerance)
    assert engines.framework().config.floatx() == "float32"


def test_gradients_by_hand() -> None:
    """By the graph's own order of weights and images."""
    graph = net(two_images.TWO)
    weights, given, against = randomised(graph), images(graph), cotangents(graph)
    model = KERAS.build(graph, weights, dtype="float64")
    turned = [dict(reversed(arrays.items())) for arrays in (given, against)]
    outputs, found = KERAS.gradients(graph, model, *turned)
    assert list(outputs) == ["one", "two"]
    assert list(found) == ["x.weight", "x.bias", "a", "b"]
    for name, wanted in two_images.gradients(weights, given, against).items():
        assert np.allclose(found[name], wanted, rtol=0, atol=1e-12), name


# Weights.


def test_weights_are_written_and_read() -> None:
    """In canonical layouts, with the names of the graph in its order."""
    graph = net(
        "inputs: {image: [3, 4, 5]}\n"
        "graph: {n: batch_norm, c: {op: conv2d, channels: 2, kernel: [1, 3]}}"
    )
    weights = {k: a.astype("float32") for k, a in randomised(graph).items()}
    model = KERAS.build(graph, weights)
    found = KERAS.read_weights(graph, model)
    assert list(found) == [*graph.parameters(), *graph.buffers()]
    for name, array in found.items():
        assert np.array_equal(array, weights[name]) and array.flags.c_contiguous
    # What isn't given stays, and what was read is a copy.
    KERAS.write_weights(graph, model, {"c.weight": weights["c.weight"] + 1})
    again = KERAS.read_weights(graph, model)
    assert np.array_equal(again.pop("c.weight"), weights["c.weight"] + 1)
    assert all(np.array_equal(again[name], weights[name]) for name in again)
    assert np.array_equal(found["c.weight"], weights["c.weight"])


def test_a_weight_that_the_model_lacks_is_a_fault() -> None:
    graph = net(LINEAR)
    other = net(LINEAR.replace("features: 3", "features: 3, bias: false"))
    with pytest.raises(BackendError, match=r"'n\.bias' is None, the graph's is \(3,\)"):
        KERAS.build(graph, randomised(graph), source=KERAS.emit(other))


@pytest.mark.parametrize(("dtype", "itemsize"), [("float32", 4), ("float64", 8)])
def test_room_for_a_file_is_asked_for(
    dtype: str, itemsize: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For 4 x 3 weights and 3 biases, and for what is told of the two."""
    asked: list[int] = []
    monkeypatch.setitem(
        vars(sys.modules["archspec_keras.backend"]),
        "write_whole",
        lambda path, write, size: asked.append(size),
    )
    graph = net(LINEAR)
    model = KERAS.build(graph, randomised(graph), dtype=dtype)
    KERAS.save(graph, model, str(tmp_path / "net.keras"))
    assert asked == [15 * itemsize + 2 * ABOUT]


@pytest.mark.parametrize("silent", [True, False])
def test_an_older_format_is_written_silently(tmp_path: Path, silent: bool) -> None:
    """Keras tells that it is, by a logger that is then as it was."""
    graph, logger = net(LINEAR), logging.getLogger("absl")
    model = KERAS.build(graph, randomised(graph))
    heard: list[Any] = []
    handler: Any = logging.Handler()
    handler.emit = heard.append
    logger.addHandler(handler)
    was, logger.disabled = logger.disabled, silent
    try:
        KERAS.save(graph, model, str(tmp_path / "net.h5"))
        assert logger.disabled is silent and not heard
    finally:
        logger.disabled = was
        logger.removeHandler(handler)
    assert (tmp_path / "net.h5").stat().st_size > 60


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
