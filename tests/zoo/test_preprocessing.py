"""What specs say of preprocessing, applied, is what their publishers' code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torchvision.models import get_model_weights, get_weight
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

import archspec
from archspec.catalog import names
from archspec.weights.pretrained import Pretrained, table

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    *("inception_v3", "googlenet", "shufflenet_v2_x1_0", "mobilenet_v3_large"),
    *("densenet121", "regnet_y_400mf", "convnext_tiny", "efficientnet_b0"),
]


def published(by: str) -> list[str]:
    """The nets of the zoo that a publisher publishes first."""
    return [
        name
        for name in names()
        if yaml.safe_load((ROOT / "specs" / f"{name}.yaml").read_text())
        .get("publisher", "")
        .startswith(by)
    ]


def picture(height: int, width: int) -> Any:
    """A picture of smooth colours with noise."""
    draw = np.random.default_rng(0)
    ramp = np.linspace(0, 200, height * width * 3).reshape(height, width, 3)
    noise = draw.integers(0, 55, ramp.shape)
    return Image.fromarray((ramp + noise).astype("uint8"))


def applied(told: Any, image: Any) -> torch.Tensor:
    """Preprocessing as the spec has it, of a picture: channels, height and width."""
    if "resize" in told:
        how = InterpolationMode(told["interpolation"])
        image = transforms.resize(image, [told["resize"]], interpolation=how)
    if "crop" in told:
        image = transforms.center_crop(image, [told["crop"]])
    assert told["channels"] in ("RGB", "BGR")
    values = torch.tensor(np.array(image)).permute(2, 0, 1).double()
    if told["channels"] == "BGR":
        values = values.flip(0)
    low, high = told["range"]
    values = values / 255 * (high - low) + low
    mean, std = (torch.tensor(told[k]).view(3, 1, 1) for k in ("mean", "std"))
    made: torch.Tensor = (values - mean) / std
    return made


def preprocessing(spec: str) -> Any:
    """What a spec says."""
    return archspec.load(spec).graph.preprocessing


def same(found: torch.Tensor, wanted: Any) -> None:
    """Raises where two images are not the same."""
    wanted = torch.as_tensor(np.array(wanted)).double()
    assert found.shape == wanted.shape
    assert torch.allclose(
        found, wanted, rtol=0.0, atol=2e-5 * float(wanted.abs().max())
    )


@pytest.mark.parametrize("name", published("torchvision"))
def test_torchvision(name: str) -> None:
    if name == "fpn_resnet50":
        from torchvision.models.detection import fasterrcnn_resnet50_fpn

        own = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).transform
        told = preprocessing(name)
        assert own.min_size == (told["resize"],)
        assert [*own.image_mean] == told["mean"] and [*own.image_std] == told["std"]
        return
    image = picture(600, 700)
    theirs = get_model_weights(name)[
        "DEFAULT" if name == "fcn_resnet50" else "IMAGENET1K_V1"
    ]
    if name == "fcn_resnet50":
        theirs = get_model_weights(name)["COCO_WITH_VOC_LABELS_V1"]
    same(applied(preprocessing(name), image), theirs.transforms()(image))


@pytest.mark.parametrize("name", EXAMPLES)
def test_torchvisions_examples(name: str) -> None:
    image = picture(600, 700)
    wanted = get_model_weights(name)["IMAGENET1K_V1"].transforms()(image)
    if name in ("inception_v3", "googlenet"):  # they change it in the net
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGENET)
        wanted = wanted * (std / 0.5) + (mean - 0.5) / 0.5
    same(
        applied(preprocessing(str(ROOT / "examples/nets" / f"{name}.yaml")), image),
        wanted,
    )


IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize("name", published("timm"))
def test_timm(name: str) -> None:
    import timm
    from timm.data import create_transform

    config = timm.models.get_pretrained_cfg(name)
    assert config is not None
    theirs = create_transform(
        config.input_size,
        interpolation=config.interpolation,
        mean=config.mean,
        std=config.std,
        crop_pct=config.crop_pct,
        crop_mode=config.crop_mode,
    )
    image = picture(400, 500)
    same(applied(preprocessing(name), image), theirs(image))


@pytest.mark.parametrize("name", published("keras.applications"))
def test_keras(name: str) -> None:
    from keras import applications

    kind = name.removeprefix("keras_")
    module = "resnet_v2" if kind.endswith("v2") else kind.rstrip("0123456789")
    module = kind if module == "vgg" else module
    told = preprocessing(name)
    image = picture(told["size"], told["size"])
    wanted = getattr(applications, module).preprocess_input(np.array(image, "float32"))
    same(applied(told, image), wanted.transpose(2, 0, 1))


def recipes(publisher: str) -> list[Pretrained]:
    """Published weights, one for each way of preparing images."""
    rows = [row for row in table() if row.publisher == publisher]
    return [*{json.dumps(row.preprocessing): row for row in rows}.values()]


@pytest.mark.parametrize("row", recipes("torchvision"), ids=lambda row: row.full)
def test_weights_of_torchvision(row: Pretrained) -> None:
    image = picture(600, 700)
    wanted = get_weight(f"{row.model}.{row.name}").transforms()(image)
    same(applied(row.preprocessing, image), wanted)


@pytest.mark.parametrize("row", recipes("timm"), ids=lambda row: row.full)
def test_weights_of_timm(row: Pretrained) -> None:
    import timm
    from timm.data import create_transform, resolve_data_config

    config = timm.models.get_pretrained_cfg(f"{row.model}.{row.name}")
    assert config is not None
    theirs = create_transform(**resolve_data_config(pretrained_cfg=config.to_dict()))
    image = picture(400, 500)
    same(applied(row.preprocessing, image), theirs(image))


@pytest.mark.parametrize("row", recipes("keras"), ids=lambda row: row.full)
def test_weights_of_keras(row: Pretrained) -> None:
    assert row.preprocessing == preprocessing(row.net)  # which the test above compares
