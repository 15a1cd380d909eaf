"""The printed function that loads weights into a torch module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import done
from nets import randomised
from run_printed import module
from serving import LAYOUTS, publishing, serving, sha256

import archspec
from archspec.weights import write

FILE = "layouts.safetensors"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
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
    options = ("-b", "torch", "--with-weights", "-o", path.name)
    done("codegen", "layouts.yaml", *options)
    done("codegen", "layouts.yaml", *options, "--check")
    assert "import archspec" not in path.read_text()
    return module(str(path))


def holds(model: torch.nn.Module, weights: dict[str, Any]) -> bool:
    state = model.state_dict()
    return all(np.array_equal(state[name].numpy(), a) for name, a in weights.items())


def test_a_file_beside_the_module(here: Path) -> None:
    weights = stored(here, FILE)
    made = printed(here)
    model = made.Layouts()
    assert not holds(model, weights)
    made.load_weights(model)
    assert holds(model, weights)
    other = made.Layouts()
    (here / FILE).rename(here / "other.safetensors")
    made.load_weights(other, "other.safetensors")
    assert holds(other, weights)


def test_what_does_not_fit_is_named(here: Path) -> None:
    weights = stored(here, FILE)
    made = printed(here)
    with pytest.raises(RuntimeError, match=r"fc\.weight.*\n.*fc\.bias"):
        made.load_weights(made.Layouts(classes=4))
    graph = archspec.load("layouts.yaml").graph
    weights["more.weight"] = weights.pop("fc.bias")
    from archspec.weights.files import save

    save(FILE, weights)
    with pytest.raises(
        RuntimeError, match=r"Missing(.|\n)*fc\.bias(.|\n)*more\.weight"
    ):
        made.load_weights(made.Layouts())
    assert graph.parameters().keys() - weights.keys() == {"fc.bias"}


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_published(here: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "published"
    folder.mkdir()
    with serving(folder) as address:
        weights = stored(here, f"published/net.{suffix}")
        digest = sha256(folder / f"net.{suffix}")
        spec = publishing(f"{address}/net.{suffix}", digest[:12])
        (here / "layouts.yaml").write_text(spec)
        made = printed(here)
        model = made.Layouts()
        made.load_weights(model)
        assert holds(model, weights)
    other = made.Layouts()
    made.load_weights(other)  # the server is gone: it was kept
    assert holds(other, weights)
    assert [path.name for path in here.glob("hub/hub/checkpoints/*")] == [made.FILE]


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_another_file_is_refused(here: Path, suffix: str) -> None:
    folder = here / "published"
    folder.mkdir()
    with serving(folder) as address:
        stored(here, f"published/net.{suffix}")
        spec = publishing(f"{address}/net.{suffix}", "0123456789abcdef")
        (here / "layouts.yaml").write_text(spec)
        made = printed(here)
        with pytest.raises(RuntimeError, match="invalid hash value"):
            made.load_weights(made.Layouts())
    assert not [*here.glob("hub/hub/checkpoints/*")]


def test_a_name_with_the_hash_is_kept(here: Path) -> None:
    """As torchvision's files have it: `resnet18-f37072fd.pth`."""
    spec = publishing("https://example.org/layouts-0123abcd.pth", "0123abcd")
    (here / "layouts.yaml").write_text(spec)
    text = archspec.load("layouts.yaml").codegen("torch", with_weights=True).text
    assert "FILE" not in text and "layouts-0123abcd.pth" in text


def test_other_params_have_a_file_beside_the_module(here: Path) -> None:
    spec = publishing("https://example.org/layouts-0123abcd.pth", "0123abcd")
    (here / "layouts.yaml").write_text(spec)
    for options in ({"params": {"classes": 5}}, {"classes": 5}):
        given: Any = options
        found = archspec.load("layouts.yaml", **given)
        text = found.codegen("torch", with_weights=True).text
        assert "URL" not in text and FILE in text


def families(here: Path, spec: str = LAYOUTS, kind: str = "torch") -> Any:
    """The printed module of two nets: that of the spec, and one with more classes."""
    (here / "layouts.yaml").write_text(spec)
    more = spec.replace("name: layouts", "name: more").replace(
        "classes: 3", "classes: 5"
    )
    (here / "more.yaml").write_text(more.replace("net.", "more."))
    path = here / f"nets_{here.name}.py"
    options = ("-b", kind, "--with-weights", "-o", path.name)
    done("codegen", "layouts.yaml", "more.yaml", *options)
    return module(str(path))


def test_files_beside_a_module_of_several_nets(here: Path) -> None:
    made = families(here)
    for name, make in (("layouts", made.layouts), ("more", made.more)):
        graph = archspec.load(f"{name}.yaml").graph
        weights = {k: a.astype("float32") for k, a in randomised(graph).items()}
        write(here / f"{name}.safetensors", graph, weights)
        model = make()
        made.load_weights(model, name)
        assert holds(model, weights)
    with pytest.raises(RuntimeError, match=r"fc\.weight"):
        made.load_weights(made.layouts(), "more")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_published_for_several_nets(here: Path, suffix: str) -> None:
    folder = here / "published"
    folder.mkdir()
    with serving(folder) as address:
        weights = stored(here, f"published/net.{suffix}")
        digest = sha256(folder / f"net.{suffix}")
        spec = publishing(f"{address}/net.{suffix}", digest[:12])
        made = families(here, spec)
        model = made.layouts()
        made.load_weights(model, "layouts")
        assert holds(model, weights)
        (folder / f"more.{suffix}").write_bytes(b"of another hash")
        with pytest.raises(RuntimeError, match="invalid hash value"):
            made.load_weights(made.more(), "more")
