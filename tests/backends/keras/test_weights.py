"""The printed function that loads weights into a Keras model."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import done
from keras.src.backend import config
from nets import graph_of, randomised
from run_printed import module
from serving import LAYOUTS, publishing, serving, sha256

import archspec
from archspec.backend import backend, emit_family
from archspec.errors import UnsupportedError
from archspec.weights import write
from archspec.weights.files import save

FILE = "layouts.safetensors"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "keras_home", lambda: str(tmp_path / "home"))
    return tmp_path


def stored(here: Path, name: str, spec: str = LAYOUTS) -> dict[str, Any]:
    """Writes the spec, and random weights under a name."""
    (here / "layouts.yaml").write_text(spec)
    graph = archspec.load("layouts.yaml").graph
    weights = {k: a.astype("float32") for k, a in randomised(graph).items()}
    write(here / name, graph, weights)
    return weights


def printed(here: Path) -> Any:
    """The printed module, at a path that nothing else has."""
    path = here / f"net_{here.name}.py"
    options = ("-b", "keras", "--with-weights", "-o", path.name)
    done("codegen", "layouts.yaml", *options)
    done("codegen", "layouts.yaml", *options, "--check")
    assert "import archspec" not in path.read_text()
    return module(str(path))


def holds(model: Any, weights: dict[str, Any]) -> bool:
    graph = archspec.load("layouts.yaml").graph
    found = backend("keras").read_weights(graph, model)
    return all(np.array_equal(found[name], a) for name, a in weights.items())


def test_a_file_beside_the_module(here: Path) -> None:
    weights = stored(here, FILE)
    made = printed(here)
    model = made.Layouts()
    assert not holds(model, weights)
    made.load_weights(model)
    assert holds(model, weights)


def test_what_does_not_fit_is_named(here: Path) -> None:
    weights = stored(here, FILE)
    made = printed(here)
    with pytest.raises(ValueError, match=r"fc_weight is \(8?6?, 3\), not .* fc_bias"):
        made.load_weights(made.Layouts(classes=4))
    wrong = {**weights, "deep.weight": weights["deep.weight"].reshape(4, 2, 3, 3)}
    wrong |= {
        "slope.weight": np.ones(9, "float32"),
        "more.weight": wrong.pop("fc.bias"),
    }
    save(FILE, wrong)
    before = [np.array(variable) for variable in made.Layouts().weights]
    model = made.Layouts()
    model.set_weights(before)
    with pytest.raises(ValueError, match="don't fit") as caught:
        made.load_weights(model)
    told = str(caught.value).partition(": ")[2].split("; ")
    assert told == [
        "deep_weight is (3, 3, 2, 4), not (3, 3, 4, 2)",
        "slope_weight is (9,), not (1, 1, 8)",
        "fc_bias is missing",
        "more_weight is surplus",
    ]
    assert all(map(np.array_equal, before, model.get_weights()))


def test_published(here: Path) -> None:
    folder = here / "published"
    folder.mkdir()
    with serving(folder) as address:
        weights = stored(here, f"published/{FILE}")
        spec = publishing(f"{address}/{FILE}", sha256(folder / FILE))
        (here / "layouts.yaml").write_text(spec)
        made = printed(here)
        model = made.Layouts()
        made.load_weights(model)
        assert holds(model, weights)
        (here / "layouts.yaml").write_text(publishing(f"{address}/{FILE}", "0" * 64))
        (here / f"net_{here.name}.py").unlink()
        made = printed(here)
        with pytest.raises(ValueError, match=r"hash|corrupted"):
            made.load_weights(made.Layouts())


def test_a_hash_in_part_is_none_for_keras(here: Path) -> None:
    spec = publishing("https://example.org/net.safetensors", "0123abcd")
    (here / "layouts.yaml").write_text(spec)
    text = archspec.load("layouts.yaml").codegen("keras", with_weights=True).text
    assert "URL" not in text and FILE in text


def test_the_files_of_keras_applications(here: Path) -> None:
    """Of a shorter ResNet, in the layout that these are published in."""
    short = archspec.load("keras_resnet50", depths=[1, 1, 1, 1], num_classes=5)
    weights = {k: a.astype("float32") for k, a in randomised(short.graph).items()}
    folder = here / "published"
    folder.mkdir()
    write(folder / "net.h5", short.graph, weights)
    digest = hashlib.md5((folder / "net.h5").read_bytes()).hexdigest()
    with serving(folder) as address:
        (here / "layouts.yaml").write_text(
            "archspec: 1\nname: layouts\nextends: keras_resnet50\n"
            "params: {depths: [1, 1, 1, 1], num_classes: 5}\n"
            f'weights: {{url: "{address}/net.h5", hash: {digest}}}\n'
        )
        made = printed(here)
        model = made.Layouts(input_shape=(32, 32, 3))
        made.load_weights(model)
    assert holds(model, weights)


def test_names_that_cannot_be_told_apart() -> None:
    graph = graph_of(
        "inputs: {x: [4, 8, 8]}\n"
        "graph: [{op: conv2d, channels: 4, kernel: 1}, {op: scale, weight: gamma}]\n"
    )
    with pytest.raises(
        UnsupportedError, match="'weight' and 'gamma' are both a kernel"
    ):
        backend("keras").loading().emit(graph)  # type: ignore[attr-defined]


def test_layers_that_have_other_names_than_weights(here: Path) -> None:
    spec = LAYOUTS.replace("deep: {op", "deep: {alias: wide, op")
    weights = stored(here, FILE, spec)
    made = printed(here)
    assert made.LAYERS == {"wide": "deep"}
    model = made.Layouts()
    made.load_weights(model)
    assert holds(model, weights)


def test_layers_that_are_called_alike_in_two_nets() -> None:
    graphs = [
        replace(
            graph_of(
                "inputs: {x: [4, 8, 8]}\n"
                f"graph: {{{name}: {{op: conv2d, alias: one, channels: 4, kernel: 1}}}}\n"
            ),
            name=name,
        )
        for name in ("a", "b")
    ]
    with pytest.raises(UnsupportedError, match="'one' has other weights in another"):
        emit_family(backend("keras").loading(), graphs)  # type: ignore[attr-defined]


def test_several_nets(here: Path) -> None:
    weights = stored(here, FILE)
    more = LAYOUTS.replace("name: layouts", "name: more").replace("es: 3", "es: 5")
    (here / "more.yaml").write_text(more)
    path = here / f"nets_{here.name}.py"
    options = ("-b", "keras", "--with-weights", "-o", path.name)
    done("codegen", "layouts.yaml", "more.yaml", *options)
    made = module(str(path))
    model = made.Layouts()
    made.load_weights(model, "layouts")
    assert holds(model, weights)
    (here / FILE).rename(here / "more.safetensors")
    with pytest.raises(ValueError, match="fc_weight is"):
        made.load_weights(made.More(), "more")
