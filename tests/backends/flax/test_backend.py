"""Flax computes and derives what torch does, and its files load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import refused
from hidden import without
from nets import computed, cotangents, graph_of, images, randomised
from printed_style import RULES

import archspec
from archspec.backend import backend, trainer
from archspec.errors import ArchspecError, BackendError, UnsupportedError
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
