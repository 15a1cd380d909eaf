"""Flax computes and derives what torch does, and its files load."""

from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import two_images
from archspec_flax.backend import COMPILED, _compiled, placed
from commands import refused
from hidden import without
from nets import computed, cotangents, graph_of, images, randomised
from printed_style import RULES

import archspec
from archspec.backend import backend, trainer
from archspec.errors import ArchspecError, BackendError, UnsupportedError
from archspec.passes.with_outputs import with_outputs
from archspec.source.family import Family
from archspec.source.program import execute

NET = """archspec: 1
name: net
inputs: {image: [3, 9, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, stride: 2, padding: 1, bias: false}
  bn: batch_norm
  relu: relu
  pool: {op: max_pool2d, kernel: 3, stride: 2, padding: 1}
  flat: flatten
  fc: {op: linear, features: 2, init: {bias: fan_in_uniform}}
"""


def test_it_is_the_function_of_torch() -> None:
    """Float64: outputs, gradients and statistics, in both modes."""
    graph = graph_of(NET)
    weights = randomised(graph)
    made: dict[str, dict[str, Any]] = {}
    for name in ("torch", "flax"):
        chosen = trainer(backend(name).on("", "float64"))
        copies = {k: v.copy() for k, v in weights.items()}
        model = chosen.build(graph, copies, dtype="float64")
        found: dict[str, Any] = {}
        for training in (False, True):
            given = images(graph, 3), cotangents(graph, 3)
            outputs, grads = chosen.gradients(graph, model, *given, training=training)
            found |= {f"{training} {k}": v for k, v in {**outputs, **grads}.items()}
        state = chosen.read_weights(graph, model)
        made[name] = found | {"mean": state["bn.running_mean"]}
    assert made["torch"].keys() == made["flax"].keys()
    for key, wanted in made["torch"].items():
        np.testing.assert_allclose(made["flax"][key], wanted, rtol=0, atol=1e-12)


def test_initial_weights_are_those_of_the_seed() -> None:
    spec = archspec.load("resnet20")
    model = spec.build("flax", seed=3)
    found = backend("flax").read_weights(spec.graph, model)
    wanted = archspec.weights.initial_weights(spec.graph, 3)
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


DRAWN = """
inputs: {image: [3, 1, 1]}
graph:
  - {op: conv2d, channels: 32, kernel: 5, bias: false, padding: 2,
     init: {weight: {kaiming_normal: {mode: fan_out}}}}
  - {op: conv2d, channels: 64, kernel: 3, groups: 2, bias: false, padding: 1,
     init: {weight: kaiming_uniform}}
  - {op: conv_transpose2d, channels: 32, kernel: 2, bias: false,
     init: {weight: {normal: {std: 0.01}}}}
  - flatten
  - {op: linear, features: 64, bias: false, init: {weight: xavier_uniform}}
  - {op: linear, features: 64, bias: false, init: {weight: {trunc_normal: {std: 0.02}}}}
  - {op: linear, features: 4096, bias: false, init: {weight: fan_in_uniform}}
"""


def test_the_files_own_words_start_it_so() -> None:
    """Standard deviations of the printed initializers are those of the spec's."""
    from flax import nnx

    graph = graph_of(DRAWN)
    source = backend("flax").emit(graph)
    model = getattr(execute(source), source.entry)(rngs=nnx.Rngs(0))
    found = backend("flax").read_weights(graph, model)
    wanted = archspec.weights.initial_weights(graph, 0)
    assert len(wanted) == 6
    for name, array in wanted.items():
        assert found[name].std() == pytest.approx(array.std(), rel=0.1), name
        assert abs(found[name].mean()) < 0.1 * array.std()


def test_an_orbax_folder_has_the_state(tmp_path: Path) -> None:
    import orbax.checkpoint as ocp

    graph = graph_of(NET)
    chosen = backend("flax")
    weights = randomised(graph)
    path = tmp_path / "net.orbax"
    model = chosen.build(graph, weights)
    chosen.save(graph, model, str(path))
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore(path)
    kernel = weights["fc.weight"].T.astype("float32")
    assert np.array_equal(np.asarray(state["fc"]["kernel"]), kernel)


def test_equal_nets_are_traced_once() -> None:
    """No attribute tells two calls of a net apart, so `jit` compiles it once."""
    import jax.numpy as jnp
    from flax import nnx

    model = archspec.load("resnet20").build("flax")
    traced = []

    @nnx.jit  # type: ignore[untyped-decorator]  # flax is not looked at
    def run(model: nnx.Module, x: object) -> object:
        traced.append(1)
        return model(x)

    for _ in range(2):
        run(model, jnp.zeros((1, 32, 32, 3)))
    assert len(traced) == 1


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(BackendError, match="no device 'cuda:7'") as caught:
        backend("flax").build(graph_of(NET), {}, device="cuda:7")
    assert caught.value.code == "AS517"


def test_a_name_of_nnx() -> None:
    with pytest.raises(UnsupportedError, match=r"'sow' is flax\.nnx\.Module's own"):
        backend("flax").emit(graph_of(NET.replace("relu: relu", "sow: relu")))


def test_an_activation_that_is_told_stands_in_a_list() -> None:
    """It is a function already: nothing is written around it."""
    graph = graph_of(
        "params: {act: tanh}\ninputs: {image: [3, 4, 4]}\n"
        "graph: {part: {op: =act, repeat: 2, from: input}, last: {op: relu}}"
    )
    assert "Sequential(act for _ in range(2))" in backend("flax").emit(graph).text
    model = backend("flax").build(graph, {})
    x = np.linspace(-2, 2, 48, dtype="float32").reshape(1, 3, 4, 4)
    found = backend("flax").forward(graph, model, {"image": x})[""]
    np.testing.assert_allclose(found, np.maximum(np.tanh(np.tanh(x)), 0), atol=1e-6)


def test_a_net_that_is_a_list_runs() -> None:
    """It is an nnx.List, which has no hash."""
    graph = graph_of("inputs: {x: [3]}\ngraph: [{op: linear, features: 2}, relu]")
    model = backend("flax").build(graph, archspec.weights.initial_weights(graph))
    given = {"x": np.ones((2, 3), "float32")}
    assert backend("flax").forward(graph, model, given)[""].shape == (2, 2)


def test_a_block_of_a_chosen_activation() -> None:
    """The function stands in an attribute."""
    graph = graph_of(
        """inputs: {x: [3]}
blocks:
  unit: {params: {act: sigmoid}, graph: {fc: {op: linear, features: 3}, act: {op: =act}}}
graph: {a: {block: unit, act: tanh}, b: {block: unit}}
"""
    )
    weights = randomised(graph)
    model = backend("flax").build(graph, weights, dtype="float64")
    given = images(graph)
    found = backend("flax").forward(graph, model, given)
    wanted = computed(graph, weights, given)
    np.testing.assert_allclose(found[""], wanted[""], rtol=0, atol=1e-12)


def test_an_activation_that_a_formula_chooses() -> None:
    """`jax.nn.mish` is a name of three parts."""
    graph = graph_of(
        "params: {act: silu}\ninputs: {x: [3]}\n"
        'graph: {a: {op: \'=act if act != "tanh" else "mish"\'}}'
    )
    given = images(graph)
    model = backend("flax").build(graph, {}, dtype="float64")
    found = backend("flax").forward(graph, model, given)
    wanted = computed(graph, {}, given)
    np.testing.assert_allclose(found[""], wanted[""], rtol=0, atol=1e-12)


def test_an_orbax_folder_is_replaced_whole(tmp_path: Path) -> None:
    import orbax.checkpoint as ocp

    graph, chosen = graph_of(NET), backend("flax")
    path = tmp_path / "net.orbax"
    for seed in (0, 1):
        weights = archspec.weights.initial_weights(graph, seed)
        chosen.save(graph, chosen.build(graph, weights), str(path))
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore(path)
    assert np.array_equal(np.asarray(state["fc"]["kernel"]), weights["fc.weight"].T)
    assert [place.name for place in tmp_path.iterdir()] == ["net.orbax"]


def test_a_folder_of_something_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "net.orbax"
    path.mkdir()
    (path / "diary").write_text("mine")
    graph, chosen = graph_of(NET), backend("flax")
    model = chosen.build(graph, archspec.weights.initial_weights(graph))
    with pytest.raises(ArchspecError, match="a folder of something else"):
        chosen.save(graph, model, str(path))
    assert (path / "diary").read_text() == "mine"


@pytest.mark.parametrize("hidden", ["flax", "jax", "jaxlib"])
def test_what_is_not_installed(hidden: str) -> None:
    text = without(hidden, "build", "resnet20", "-b", "flax")
    assert "the backend 'flax' " in text and "[AS502]" in text
    assert hidden in text and 'pip install "archspec-nn[flax]"' in text


def test_orbax_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of(NET)
    model = backend("flax").build(graph, randomised(graph))
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(BackendError, match="needs orbax-checkpoint") as caught:
        backend("flax").save(graph, model, str(tmp_path / "net.orbax"))
    assert caught.value.code == "AS502"
    assert not [*tmp_path.iterdir()]


def test_a_place_that_is_not_ours_is_seen_before(tmp_path: Path) -> None:
    """Before a model is built, and --force doesn't help."""
    (tmp_path / "file.orbax").write_text("mine")
    (tmp_path / "mine.orbax").mkdir()
    (tmp_path / "mine.orbax" / "diary").write_text("mine")
    (tmp_path / "old.orbax").mkdir()
    (tmp_path / "old.orbax" / "_METADATA").write_text("{}")
    places = {
        "file.orbax": "that is a file",
        "mine.orbax": "a folder of something else",
        "no/new.orbax": "there is no folder",
    }
    for name, told in places.items():
        for more in ((), ("--force",)):
            text = refused(
                "build", "resnet20", "-b", "flax", "-o", tmp_path / name, *more
            )
            assert told in text and "building" not in text
    text = refused("build", "resnet20", "-b", "flax", "-o", tmp_path / "old.orbax")
    assert "exists" in text and "--force overwrites it" in text
    assert (tmp_path / "mine.orbax" / "diary").read_text() == "mine"


PRELU = """
inputs: {image: [4, 6, 6]}
graph: {a: {op: prelu, shared: false}, b: {op: prelu, shared: true}, c: prelu}
"""


def test_a_printed_prelu_is_laid_out_as_ruff_does(tmp_path: Path) -> None:
    """Its parameters fit on no line: one stands on each."""
    path = tmp_path / "net.py"
    path.write_text(backend("flax").emit(graph_of(PRELU)).text)
    for told in (("check", *RULES), ("format", "--check")):
        command = [
            sys.executable,
            "-m",
            "ruff",
            *told,
            "--isolated",
            "--no-cache",
            path,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


FLAX: Any = backend("flax")
LINEAR = "inputs: {image: [4]}\ngraph: {n: {op: linear, features: 3}}"


def test_what_it_says_of_itself() -> None:
    assert (FLAX.name, FLAX.framework, FLAX.running_var) == ("flax", "flax", "biased")
    assert FLAX.install == "archspec-nn[flax]" and FLAX.modules == {"": "jax"}
    assert FLAX.files == (".safetensors", ".orbax", ".pth") and FLAX.engines == ("",)
    assert FLAX.channels_last and FLAX.initialises


@pytest.mark.parametrize(("dtype", "double"), [("float64", True), ("float32", False)])
def test_jax_has_float64_where_it_is_wanted(
    dtype: str, double: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    module = sys.modules["archspec_flax.backend"]
    monkeypatch.setattr(module, "_double", lambda: asked.append(True))
    graph = graph_of(LINEAR)
    assert FLAX.on("", dtype) is FLAX and asked == [True] * double
    FLAX.build(graph, randomised(graph), dtype=dtype)
    assert asked == [True] * 2 * double


def test_only_a_backend_that_loads_prints_a_loader() -> None:
    """Of one net and of several, and beside features."""
    graph = replace(graph_of(LINEAR), taps={"t": "n"})
    both = with_outputs(graph, {"output": "n", "t": "n"})
    family = Family((graph, replace(graph, name="other")))
    for chosen, loads in ((FLAX, False), (FLAX.loading(), True)):
        tapped = chosen.emit_tapped(graph, both)
        for source in (chosen.emit(graph), chosen.emit_family(family), tapped):
            assert ("def load_weights(" in source.text) is loads
        assert "def forward_features(" in tapped.text
        assert "def forward_features(" not in chosen.emit(graph).text
    assert "def load_weights(model: nnx.Module, name: str)" in (
        FLAX.loading().emit_family(family).text
    )


@pytest.mark.parametrize("odd", [0, 1])
def test_every_net_of_a_family_is_looked_at(odd: int) -> None:
    graphs = [graph_of(NET), graph_of(NET)]
    graphs[odd] = graph_of(NET.replace("relu: relu", "sow: relu").replace("net", "o"))
    with pytest.raises(UnsupportedError, match="'sow' is flax"):
        FLAX.emit_family(Family(tuple(graphs)))


def test_features_have_a_name_that_no_node_has() -> None:
    """Without them a node may be called so."""
    graph = graph_of(
        "inputs: {x: [3]}\ngraph: {forward_features: {op: linear, features: 2}, n: relu}"
        "\ntaps: {t: n}"
    )
    assert "self.forward_features" in FLAX.emit(graph).text
    with pytest.raises(UnsupportedError, match=r"'forward_features' is flax\.nnx"):
        FLAX.emit_tapped(graph, with_outputs(graph, {"output": "n", "t": "n"}))


@pytest.mark.parametrize(
    ("device", "kind", "number"),
    [
        ("cpu", "cpu", 0),
        ("CPU:0", "cpu", 0),
        ("gpu:1", "gpu", 1),
        ("cuda", "gpu", 0),
        ("cuda:1", "gpu", 1),
    ],
)
def test_devices_by_their_names(
    device: str, kind: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax

    there = [SimpleNamespace(platform="gpu", id=n, kind="gpu") for n in (0, 1)]
    there += [SimpleNamespace(platform="cpu", id=0, kind="cpu")]

    def devices(kind: str | None = None) -> list[Any]:
        return [d for d in there if kind in (None, d.kind)]

    monkeypatch.setattr(jax, "devices", devices)
    found = placed(device)
    assert (found.kind, found.id) == (kind, number)
    assert placed(None) is None
    for absent in ("gpu:2", "cpu:x", "tpu"):
        with pytest.raises(BackendError, match="jax has no device") as caught:
            placed(absent)
        assert caught.value.hint == "there are gpu:0, gpu:1, cpu:0"


def test_a_built_model_is_in_evaluation_mode() -> None:
    graph = graph_of("inputs: {x: [50]}\ngraph: {drop: {op: dropout, rate: 0.5}}")
    model, ones = FLAX.build(graph, {}), np.ones((2, 50), "float32")
    assert np.array_equal(FLAX.forward(graph, model, {"x": ones})[""], ones)
    drawn = FLAX.forward(graph, model, {"x": ones}, training=True)[""]
    assert set(np.unique(drawn)) == {0.0, 2.0}
    assert np.array_equal(np.asarray(model(ones)), ones)
    # What is drawn for training goes on: the next is another.
    again = FLAX.forward(graph, model, {"x": ones}, training=True)[""]
    assert not np.array_equal(again, drawn)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("features: 3", "features: 3, bias: false"), r"'n\.bias' is None"),
        (("features: 3", "features: 2"), r"'n\.weight' is \(4, 2\)"),
        (("{n:", "{m: {op: linear, features: 4}, n:"), r"'m\.(bias|kernel)' is \(4"),
    ],
)
def test_a_model_with_other_weights_is_a_fault(
    change: tuple[str, str], told: str
) -> None:
    """One that lacks, is of another shape, or is too many."""
    graph, other = graph_of(LINEAR), graph_of(LINEAR.replace(*change))
    with pytest.raises(BackendError, match=told) as caught:
        FLAX.build(graph, randomised(graph), source=FLAX.emit(other))
    assert caught.value.code == "AS506"


def test_another_source_and_arguments() -> None:
    spec = "params: {width: 4}\n" + LINEAR.replace("features: 3", "features: =width")
    source, wider = FLAX.emit(graph_of(spec)), graph_of(spec, width=6)
    weights = randomised(wider)
    model = FLAX.build(wider, weights, source=source, arguments={"width": 6})
    assert model.n.kernel.shape == (4, 6)


def test_weights_are_written_and_read() -> None:
    """In canonical layouts, with the names of the graph in its order."""
    graph = graph_of(NET)
    weights = {k: a.astype("float32") for k, a in randomised(graph).items()}
    model = FLAX.build(graph, weights)
    found = FLAX.read_weights(graph, model)
    assert list(found) == [*graph.parameters(), *graph.buffers()]
    for name, array in found.items():
        assert np.array_equal(array, weights[name]) and array.flags.c_contiguous
    # What isn't given stays, and what was read or given is a copy.
    more = {"conv.weight": weights["conv.weight"] + 1}
    FLAX.write_weights(graph, model, more)
    again = FLAX.read_weights(graph, model)
    assert np.array_equal(again.pop("conv.weight"), more["conv.weight"])
    assert all(np.array_equal(again[name], weights[name]) for name in again)
    more["conv.weight"][:] = 0
    assert FLAX.read_weights(graph, model)["conv.weight"].all()
    assert np.array_equal(found["conv.weight"], weights["conv.weight"])


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_weights_that_are_written_take_the_types_of_the_model(
    dtype: str, given: str
) -> None:
    import jax.numpy as jnp

    graph = graph_of(LINEAR)
    weights = {k: a.astype(given) for k, a in randomised(graph).items()}
    model = FLAX.on("", "float64").build(graph, weights)
    model.n.kernel.set_value(model.n.kernel[...].astype(dtype))
    FLAX.write_weights(graph, model, weights)
    assert (model.n.kernel.dtype, model.n.bias.dtype) == (dtype, "float32")
    wanted = jnp.asarray(weights["n.weight"].T).astype(dtype)
    assert np.array_equal(model.n.kernel[...], wanted)


def test_several_inputs_and_outputs() -> None:
    graph = graph_of(two_images.TWO)
    weights, given, against = randomised(graph), images(graph), cotangents(graph)
    model = FLAX.on("", "float64").build(graph, weights, dtype="float64")
    values = two_images.outputs(weights, given)
    turned, turned_against = (dict(reversed(v.items())) for v in (given, against))
    runner = FLAX.runner(graph, model, turned, "")
    assert runner.device == "" and runner.device_peak() is None
    outputs, grads = FLAX.gradients(graph, model, turned, turned_against)
    forward = FLAX.forward(graph, model, turned)
    for found in (forward, runner.read(runner.run()), outputs):
        assert list(found) == ["one", "two"]
        for name, array in values.items():
            np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-12)
    wanted = two_images.gradients(weights, given, against)
    assert list(grads) == list(wanted)
    for name, array in wanted.items():
        np.testing.assert_allclose(grads[name], array, rtol=0, atol=1e-12)


@pytest.mark.parametrize("told", [{"peak_bytes_in_use": 17}, {}, None])
def test_what_is_timed_on_a_gpu(
    told: dict[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what it held, where the device counts that."""
    import jax

    graph = graph_of(LINEAR)
    model = FLAX.build(graph, randomised(graph))
    place = SimpleNamespace(
        platform="gpu", device_kind="H100", memory_stats=lambda: told
    )
    leaf = SimpleNamespace(devices=lambda: [place])
    monkeypatch.setattr(jax.tree, "leaves", lambda state: [leaf])
    monkeypatch.setattr(jax, "device_put", lambda values, place: values)
    runner = FLAX.runner(graph, model, images(graph), "")
    assert (runner.device, runner.device_peak()) == ("H100", 17 if told else None)


def test_a_net_without_weights_is_timed() -> None:
    graph = graph_of("inputs: {x: [3]}\ngraph: {act: relu}")
    runner = FLAX.runner(graph, FLAX.build(graph, {}), images(graph), "")
    found = runner.read(runner.run())[""]
    np.testing.assert_allclose(found, np.maximum(images(graph)["x"], 0), rtol=1e-6)


def test_what_was_compiled_is_kept_as_long_as_its_model() -> None:
    """In each mode once."""
    graph = graph_of(LINEAR)
    model = FLAX.build(graph, randomised(graph))
    before = len(COMPILED)
    first = _compiled(model, False)
    assert _compiled(model, True) is not first and _compiled(model, False) is first
    assert COMPILED[id(model)].keys() == {True, False} and len(COMPILED) == before + 1
    del model
    gc.collect()
    assert len(COMPILED) == before


def test_models_start_one_after_another() -> None:
    """The first as chance number 0 has it, each other in its own way."""
    from flax import nnx

    graph = graph_of(LINEAR)
    source = FLAX.emit(graph)
    found = [
        FLAX.read_weights(graph, model)["n.weight"]
        for model in islice(FLAX.starts(source), 2)
    ]
    wanted = [
        FLAX.read_weights(graph, execute(source).Net(rngs=nnx.Rngs(seed)))["n.weight"]
        for seed in (0, 1)
    ]
    assert all(map(np.array_equal, found, wanted))
    assert not np.array_equal(*found)
    assert list(FLAX.handed(graph)) == ["rngs"]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_saved_weights(suffix: str, tmp_path: Path) -> None:
    """By NNX' paths, or canonical."""
    graph = graph_of(LINEAR)
    weights = {k: a.astype("float32") for k, a in randomised(graph).items()}
    path = tmp_path / f"net{suffix}"
    FLAX.save(graph, FLAX.build(graph, weights), str(path))
    if suffix == ".pth":
        import torch

        found = {key: tensor.numpy() for key, tensor in torch.load(path).items()}
        wanted = weights
    else:
        found = safetensors.numpy.load_file(path)
        wanted = {"n.kernel": weights["n.weight"].T, "n.bias": weights["n.bias"]}
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_room_for_a_folder_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For 4 x 3 weights and 3 biases, of four bytes each."""
    asked: list[int] = []
    monkeypatch.setattr(
        sys.modules["archspec_flax.backend"],
        "write_folder",
        lambda path, fill, known, size: asked.append(size),
    )
    graph = graph_of(LINEAR)
    model = FLAX.build(graph, randomised(graph))
    FLAX.save(graph, model, str(tmp_path / "net.orbax"))
    assert asked == [60]
