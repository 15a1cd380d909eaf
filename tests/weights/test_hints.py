"""archspec.weights.hints: what an error says has to be said is enough to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from layouts.containers import net
from layouts.containers import spec as narrow
from layouts.layout import Layout, all_layouts
from torch import nn
from torch.ao import quantization

import archspec
from archspec.errors import WeightsError
from archspec.weights import initial_weights, load, write
from archspec.weights.archives import Archive
from archspec.weights.choice import Choice
from archspec.weights.hints import MOST, way_out
from archspec.weights.sources import Place

OPTIONS = ("--prefix", "--new", "--rename", "--allow")
SAID = [
    row
    for row in all_layouts()
    if any(option in row.said for option in OPTIONS)
    and not row.make.__module__.endswith("kerases")  # which take seconds to make
]


@pytest.mark.parametrize("row", SAID, ids=lambda row: row.make.__name__)
def test_the_layouts(row: Layout, tmp_path: Path) -> None:
    """The table says of each what its error says, and with that it is read."""
    held = row.make(tmp_path)
    with pytest.raises(WeightsError) as caught:
        load(held.path, held.spec.graph)
    told = row.said.partition(" --set")[0]
    assert caught.value.hint == f"{told} takes what fits"


def hint(path: Path, state: Mapping[str, Any], **params: Any) -> str | None:
    torch.save(dict(state), path / "f.pth")
    spec = narrow() if not params else archspec.load("resnet18", params=params)
    with pytest.raises(WeightsError) as caught:
        load(path / "f.pth", spec.graph)
    assert caught.value.code == "AS601"
    return caught.value.hint


def weight_norm(made: nn.Module) -> Any:
    return nn.utils.weight_norm(made)


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize(
    ("change", "cure"),
    [
        (weight_norm, "remove_weight_norm"),
        (nn.utils.parametrizations.weight_norm, "remove_parametrizations"),
        (nn.utils.parametrizations.spectral_norm, "remove_parametrizations"),
        (nn.utils.parametrizations.orthogonal, "remove_parametrizations"),
    ],
)
def test_computed_weights(
    tmp_path: Path, change: Callable[[Any], Any], cure: str
) -> None:
    made = net()
    change(made.fc)
    found = hint(tmp_path, made.state_dict())
    assert found is not None and found.startswith("fc.weight is computed of others")
    assert cure in found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantized_net(tmp_path: Path) -> None:
    made = nn.Sequential(nn.Linear(6, 4))
    quantize: Any = quantization.quantize_dynamic
    made = quantize(made, {nn.Linear}, dtype=torch.qint8)
    torch.save({f"fc.{k[2:]}": v for k, v in made.state_dict().items()}, tmp_path / "f")
    text = "archspec: 1\nname: n\ninputs: {x: [6]}\n"
    spec = tmp_path / "n.yaml"
    spec.write_text(text + "graph: {fc: {op: linear, features: 4}}\n")
    with pytest.raises(WeightsError) as caught:
        load(tmp_path / "f", archspec.load(spec).graph)
    assert "before quantization" in (caught.value.hint or "")


def test_another_net_gets_no_options(tmp_path: Path) -> None:
    assert hint(tmp_path, net().state_dict(), widths=[8] * 4, depths=[1] * 4) is None


def test_weights_missing_all_over_get_no_options(tmp_path: Path) -> None:
    state = {k: v for k, v in net().state_dict().items() if not k.endswith("bn1.bias")}
    assert hint(tmp_path, state) is None


def test_another_number_of_classes(tmp_path: Path) -> None:
    state = net().state_dict() | {
        "fc.weight": torch.ones(7, 24),
        "fc.bias": torch.ones(7),
    }
    assert hint(tmp_path, state) == "--new fc takes what fits"


def test_two_heads_of_one_shape_are_not_guessed(tmp_path: Path) -> None:
    state = net().state_dict()
    weight, bias = state.pop("fc.weight"), state.pop("fc.bias")
    for name in ("a", "b"):
        state |= {f"{name}.weight": weight, f"{name}.bias": bias}
    assert hint(tmp_path, state) == (
        "--new fc --allow-extra 'a.*' --allow-extra 'b.*' takes what fits"
    )


def test_no_pattern_takes_more_than_what_does_not_fit(tmp_path: Path) -> None:
    state = net().state_dict()
    del state["fc.bias"]
    state["layer1.7.conv1.weight"] = torch.ones(1)
    assert hint(tmp_path, state) == (
        "--allow-missing fc.bias --allow-extra 'layer1.7.*' takes what fits"
    )


def test_only_a_head_may_be_missing(tmp_path: Path) -> None:
    """With another stem it is another net, such as CLIP's."""
    state = net().state_dict()
    del state["conv1.weight"]
    assert hint(tmp_path, state | {"conv2.weight": torch.ones(1)}) is None


SMALL: dict[str, dict[str, Any]] = {
    "vgg16": {"widths": [4] * 5, "hidden": [4, 4], "num_classes": 2},
    "keras_vgg16": {"widths": [4] * 5, "hidden": [4, 4], "num_classes": 2},
    "resnet50": {"depths": [1] * 4, "widths": [4] * 4},
    "keras_resnet50": {"depths": [1] * 4, "widths": [4] * 4},
    "resnetv2_50": {"depths": [1] * 4, "widths": [4] * 4},
    "keras_resnet50v2": {"depths": [1] * 4, "widths": [4] * 4},
}
"""Nets of torchvision and timm, and their siblings of keras.applications."""


@pytest.mark.parametrize("suffix", [".pth", ".h5"])
@pytest.mark.parametrize("name", SMALL)
def test_a_sibling_of_another_library(tmp_path: Path, name: str, suffix: str) -> None:
    """One's weights have the other's shapes: the error says which net they are of."""
    other = name.removeprefix("keras_") if "keras" in name else f"keras_{name}"
    other = {"resnet50v2": "resnetv2_50", "keras_resnetv2_50": "keras_resnet50v2"}.get(
        other, other
    )
    made, wanted = (archspec.load(n, params=SMALL[n]).graph for n in (name, other))
    path = tmp_path / f"f{suffix}"
    write(path, made, initial_weights(made))
    with pytest.raises(WeightsError) as caught:
        load(path, wanted)
    told = caught.value.hint or ""
    assert told.startswith(f"the names are those of {name} and its like")
    assert ("reads images as" in told) == ("vgg" in name)


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    made, wanted = (archspec.load(n, params=SMALL[n]).graph for n in list(SMALL)[1:3])
    write(tmp_path / "f.safetensors", made, initial_weights(made))
    with pytest.raises(WeightsError) as caught:
        load(tmp_path / "f.safetensors", wanted)
    assert caught.value.hint == "the file was made for 'keras_vgg16'"


def test_a_net_of_the_same_family_is_no_sibling(tmp_path: Path) -> None:
    made = archspec.load("resnet50", params=SMALL["resnet50"]).graph
    found = {k: torch.zeros(v) for k, v in made.parameters().items() if "layer1" in k}
    assert hint(tmp_path, found) is None


def test_caffe2s_names(tmp_path: Path) -> None:
    state = {f"res{n}_0_branch2a_w": torch.ones(4, 4, 1, 1) for n in range(2, 6)}
    assert hint(tmp_path, state) == (
        "the names are those of Caffe2: load it with detectron2, and store the "
        "state_dict"
    )


def test_a_file_of_keras_for_another_head(tmp_path: Path) -> None:
    made = archspec.load("keras_vgg16", params=SMALL["keras_vgg16"]).graph
    write(tmp_path / "f.h5", made, initial_weights(made))
    other = {**SMALL["keras_vgg16"], "num_classes": 3}
    wanted = archspec.load("keras_vgg16", params=other).graph
    with pytest.raises(WeightsError) as caught:
        load(tmp_path / "f.h5", wanted)
    assert caught.value.hint == "--new predictions takes what fits"
    assert load(tmp_path / "f.h5", wanted, new=["predictions"])


BODY = tuple("abcdefgh")
"""Layers of a net whose head is the last one."""


def said(
    there: str, net: str = "", *, beside: tuple[str, ...] = (), name: str = ""
) -> str | None:
    """The hint for vectors that a file has, and a net wants; `-x` leaves x out."""
    names = [f"{layer}.weight" for layer in BODY]
    held = {*names, *there.split()}
    held = {key for key in held if key[0] != "-" and f"-{key}" not in held}
    places = [
        Place(key, (2,), key, (2,), np.asarray, np.asarray)
        for key in (*names, *net.split())
    ]
    choice = Choice(
        Archive("a file", False, {}, {"name": name} if name else {}), (), "p.", beside
    )
    return way_out(dict.fromkeys(sorted(held), (2,)), places, choice)


@pytest.mark.parametrize(
    ("there", "net", "hint"),
    [
        ("", "fc.weight", "--new fc"),
        ("fc.bias", "fc.weight", "--new fc"),  # gone with the layer
        ("", "fc.a.weight fc.b.weight", "--new fc"),
        ("", "x.weight y.weight", "--new x --new y"),
        ("", "h.bias", "--allow-missing h.bias"),
        ("extra", "h.bias", "--allow-missing h.bias --allow-extra extra"),
        ("h.extra", "", "--allow-extra h.extra"),
        ("x.a x.b", "", "--allow-extra 'x.*'"),
        ("x/a x/b", "", "--allow-extra 'x/*'"),
        ("h.x.a h.x.b", "", "--allow-extra 'h.x.*'"),
        ("x.num_batches_tracked h.a", "", "--allow-extra h.a"),
        ("old.weight", "fc.weight", "--rename old=fc"),
        ("o.p.weight", "fc.weight", "--rename o.p=fc"),
        ("old.weight x.a", "fc.weight", "--rename old=fc --allow-extra 'x.*'"),
        ("old.weight old.bias", "fc.weight", "--new fc --allow-extra 'old.*'"),
        ("weight", "fc.weight", "--new fc --allow-extra weight"),
        ("old.weight", "x.weight y.weight", "--new x --new y --allow-extra 'old.*'"),
    ],
)
def test_what_is_to_be_said(there: str, net: str, hint: str) -> None:
    assert said(there, net) == f"{hint} takes what fits"


def test_tensors_beside_the_prefix() -> None:
    beside = ("x", "y.z")
    assert said("x y.z", beside=beside) == "--prefix p. takes what fits"
    assert said("x q", beside=beside) == "--prefix p. --allow-extra q takes what fits"
    # Some of what fits is beside it as well: the option would leave that out.
    assert said("x", beside=("x", "a.weight")) == "--allow-extra x takes what fits"
    assert said("q", beside=beside) == "--allow-extra q takes what fits"


@pytest.mark.parametrize("count", [MOST, MOST + 1])
def test_few_parts_are_named(count: int) -> None:
    parts = [f"x{n}.weight" for n in range(count)]
    few = count == MOST
    assert (said(" ".join(parts)) is not None) == few
    assert (said("", " ".join(parts)) is not None) == few


@pytest.mark.parametrize(
    ("there", "hint"),
    [
        ("-e.weight -f.weight -g.weight -h.weight", "--new e --new f --new g --new h"),
        ("-d.weight -e.weight -f.weight -g.weight -h.weight", None),  # less than half
        ("-h.weight", "--new h"),
        ("-a.weight", None),  # nothing but a head may be missing
        ("-g.weight", None),
        ("", None),
    ],
)
def test_most_of_the_net_has_to_be_there(there: str, hint: str | None) -> None:
    assert said(there) == (hint and f"{hint} takes what fits")


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ("-h.weight h.weight_g", "h.weight is computed of others; before saving: torch."),
        ("-a.weight a.weight_u", "a.weight is computed of others; before saving: torch."),
        ("a.weight_g", "--allow-extra a.weight_g takes"),  # both are there
        ("attnpool.positional_embedding", "attnpool.positional_embedding is of a ResNet"),
    ],
)  # fmt: skip
def test_another_net_or_another_form(there: str, told: str) -> None:
    assert (said(there) or "").startswith(told)


GONE = " ".join(f"-{name}.weight" for name in BODY[:5])
MARK = "layer1.0.conv1.weight"


@pytest.mark.parametrize(
    ("there", "net", "name", "hint"),
    [
        (f"{GONE} {MARK}", "", "", "the names are those of resnet50 and its like"),
        (f"{GONE} x.{MARK}", "", "", "the names are those of resnet50 and its like"),
        (f"{GONE} x{MARK}", "", "", None),
        (f"{GONE} {MARK}", "layer1.0.conv1.bias", "", None),  # its own name
        (f"{GONE} {MARK}", "", "other", "the file was made for 'other'"),
        (f"{GONE} y.z", "", "", None),
        ("-a.weight -b.weight -c.weight", "", "other", None),  # most names are there
        ("-a.weight -b.weight -c.weight -d.weight", "", "other", "the file was made for 'other'"),
    ],
)  # fmt: skip
def test_whose_the_names_are(there: str, net: str, name: str, hint: str | None) -> None:
    assert said(there, net, name=name) == hint
