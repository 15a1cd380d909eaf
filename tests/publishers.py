"""What torchvision, timm and Keras say of the weights that they publish, as our table.

`PYTHONPATH=tests .venv/bin/python -m publishers` writes `archspec/weights/pretrained.json`
from the packages that are installed, for the nets of the zoo.
"""

from __future__ import annotations

import csv
import inspect
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import archspec
from archspec.catalog import names

TABLE = Path(archspec.__file__).parent / "weights/pretrained.json"
RESULTS = Path(__file__).with_name("timm_results.csv")
"""Rows of https://github.com/huggingface/pytorch-image-models, results-imagenet.csv."""
Row = dict[str, Any]

MIB = 2**20
HASHED = re.compile(r"-([0-9a-f]{8})\.pth$")
"""The start of a file's SHA-256 in its name, as torch.hub has it."""

KERAS = {
    "vgg16": ("VGG16", "caffe", 71.3, 90.1, "CC-BY-4.0"),
    "vgg19": ("VGG19", "caffe", 71.3, 90.0, "CC-BY-4.0"),
    "resnet50": ("ResNet50", "caffe", 74.9, 92.1, "MIT"),
    "resnet101": ("ResNet101", "caffe", 76.4, 92.8, "MIT"),
    "resnet152": ("ResNet152", "caffe", 76.6, 93.1, "MIT"),
    "resnet50v2": ("ResNet50V2", "tf", 76.0, 93.0, "MIT"),
    "resnet101v2": ("ResNet101V2", "tf", 77.2, 93.8, "MIT"),
    "resnet152v2": ("ResNet152V2", "tf", 78.0, 94.2, "MIT"),
}
"""Its function, the mode of its `preprocess_input`, and what the package doesn't say: the
accuracies of https://keras.io/api/applications and the licences of the README of
https://github.com/keras-team/keras-applications."""

MODES: dict[str, Row] = {
    "caffe": {
        "range": [0, 255],
        "channels": "BGR",
        "mean": [103.939, 116.779, 123.68],
        "std": [1, 1, 1],
    },
    "tf": {
        "range": [0, 1],
        "channels": "RGB",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    },
}
"""Modes of keras.applications.imagenet_utils.preprocess_input."""


def rows() -> list[Row]:
    """All rows, by net and publisher, the publisher's default first."""
    found = [*_torchvision(), *_timm(), *_keras()]
    return sorted(found, key=lambda row: row["net"])


def _torchvision() -> Iterator[Row]:
    # fpn_resnet50 is left out: the detectors that hold its weights have norms without
    # epsilon (torchvision.models.detection._utils.overwrite_eps).
    from torchvision.models import get_model_weights, list_models

    for net in sorted({*names()} & {*list_models()}):
        every = get_model_weights(net)
        default = every["DEFAULT"]
        for weights in sorted(every, key=lambda w: w is not default):
            meta, url = weights.meta, weights.url
            hashed = HASHED.search(url)
            assert hashed is not None
            (on, metrics), *_ = meta["_metrics"].items()
            yield {
                "net": net,
                "publisher": "torchvision",
                "model": every.__name__,
                "name": weights.name,
                "url": url,
                "hash": hashed[1],
                "mib": meta["_file_size"],
                "classes": len(meta["categories"] or range(1000)),
                "accuracy": _accuracy(on, metrics),
                "licence": "BSD-3-Clause",
                "preprocessing": _transforms(weights.transforms()),
                "about": _plain(meta["_docs"]),
            }


def _plain(text: str) -> str:
    """Text without the marks of reStructuredText."""
    links = re.sub(r"`([^`<]+) <([^>]+)>`_", r"\1 (\2)", text)
    return " ".join(links.split())


def _accuracy(on: str, metrics: Row) -> Row:
    known = {key: value for key, value in metrics.items() if not math.isnan(value)}
    return {"on": on, **known} if known else {}


def _transforms(preset: Any) -> Row:
    (resize,) = preset.resize_size
    crop = {"crop": preset.crop_size[0]} if hasattr(preset, "crop_size") else {}
    return {
        "resize": resize,
        **crop,
        "interpolation": preset.interpolation.value,
        "range": [0, 1],
        "channels": "RGB",
        "mean": [*preset.mean],
        "std": [*preset.std],
    }


def _measured() -> dict[str, Row]:
    """What timm measured, and with images of which size; its package doesn't say it."""
    with RESULTS.open() as file:
        return {
            row["model"]: {
                "on": f"ImageNet-1K at {row['img_size']} pixels",
                "acc@1": float(row["top1"]),
                "acc@5": float(row["top5"]),
            }
            for row in csv.DictReader(file)
        }


def _timm() -> Iterator[Row]:
    from timm.models import get_pretrained_cfg, list_pretrained

    measured = _measured()
    for net in names():
        tags = [
            name for name in list_pretrained(f"{net}.*") if name.startswith(f"{net}.")
        ]
        default = get_pretrained_cfg(net)
        for full in sorted(
            tags, key=lambda n: n != f"{net}.{default.tag if default else ''}"
        ):
            config = get_pretrained_cfg(full)
            assert config is not None and config.hf_hub_id and not config.custom_load
            assert config.crop_mode == "center" and config.hf_hub_filename is None
            height = config.input_size[1]
            url = f"https://huggingface.co/{config.hf_hub_id}/resolve/main"
            yield {
                "net": net,
                "publisher": "timm",
                "model": net,
                "name": config.tag,
                "url": f"{url}/model.safetensors",
                "hash": "",
                "mib": 0,
                "classes": config.num_classes,
                "accuracy": measured.get(full, {}),
                "licence": config.license or "",
                "preprocessing": {
                    "resize": math.floor(height / config.crop_pct),
                    "crop": height,
                    "interpolation": config.interpolation,
                    "range": [0, 1],
                    "channels": "RGB",
                    "mean": [*config.mean],
                    "std": [*config.std],
                },
                "about": _plain(config.description or ""),
            }


def _keras() -> Iterator[Row]:
    from keras.src.applications import resnet, resnet_v2, vgg16, vgg19

    assert resnet_v2.ResNet50V2
    for model, (function, mode, first, fifth, licence) in KERAS.items():
        for name, notop in (("imagenet", ""), ("imagenet-notop", "_notop")):
            file = f"{model}_weights_tf_dim_ordering_tf_kernels{notop}.h5"
            if model.startswith("vgg"):
                module = vgg16 if model == "vgg16" else vgg19
                url = module.WEIGHTS_PATH_NO_TOP if notop else module.WEIGHTS_PATH
                assert url.endswith(f"/{file}")
                text = inspect.getsource(module)
                hashes = re.findall(r'file_hash="([0-9a-f]{32})"', text)
            else:
                url = f"{resnet.BASE_WEIGHTS_PATH}{file}"
                hashes = resnet.WEIGHTS_HASHES[model]
            yield {
                "net": f"keras_{model}",
                "publisher": "keras",
                "model": function,
                "name": name,
                "url": url,
                "hash": hashes[bool(notop)],
                "mib": 0,
                "classes": 0 if notop else 1000,
                "accuracy": {}
                if notop
                else {"on": "ImageNet-1K", "acc@1": first, "acc@5": fifth},
                "licence": licence,
                "preprocessing": {"size": 224, **MODES[mode]},
                "about": "Without the classifier." if notop else "",
            }


def sized(row: Row) -> Row:
    """The row with the size of its file, where only the net tells it."""
    if row["mib"]:
        return row
    values = sum(math.prod(shape) for shape in shapes(row).values())
    return {**row, "mib": round(4 * values / MIB, 1)}


def shapes(row: Row) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all that the publisher's own model has, or ours has of it."""
    if row["publisher"] == "keras":
        graph = archspec.load(row["net"]).graph
        found = {**graph.parameters(), **graph.buffers()}
        dense = {n.rpartition(".")[0] for n, s in found.items() if len(s) == 2}
        gone = set() if row["classes"] else dense
        return {n: s for n, s in found.items() if n.rpartition(".")[0] not in gone}
    with torch.device("meta"):
        if row["publisher"] == "timm":
            import timm

            model = timm.create_model(row["net"], num_classes=row["classes"])
        else:
            from torchvision.models import get_model

            of = (
                {"weights_backbone": None, "aux_loss": True}
                if row["net"].startswith("fcn")
                else {}
            )
            model = get_model(row["net"], weights=None, **of)
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def text(table: list[Row]) -> str:
    """The file: a row on each line."""
    lines = ",\n".join(json.dumps(row) for row in table)
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    import conftest  # noqa: F401  # torchvision can't be imported without it

    TABLE.write_text(text([sized(row) for row in rows()]))
