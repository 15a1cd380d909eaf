"""What the settings of a Keras model say of its layers; they are read as data alone.

A .keras file, and a whole model's .h5, hold them as JSON: names, classes, numbers. No
class is looked up, so that nothing in them can run.

    layers('{"class_name": "Sequential", "config": {"layers": [...]}}')
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 20
"""Models inside of models."""

LONGEST, MOST = 1 << 24, 100_000
"""Bytes of settings that are looked at, and objects with classes in them."""

CLASS = "class_name"

ACTING: Mapping[str, tuple[str, ...]] = {
    "Rescaling": ("scale", "offset"),
    "Normalization": ("mean", "variance"),
    "CenterCrop": ("height", "width"),
    "Resizing": ("height", "width", "interpolation"),
    "AutoContrast": (),
    "Equalization": (),
    "Grayscale": (),
    "Solarization": (),
}
"""Layers that prepare images, and what there is to say of each."""

LEADING = frozenset({"Lambda", "TFOpLambda", "SlicingOpLambda"}) | {
    *("TrueDivide", "Divide", "Subtract", "Multiply", "Add", "GetItem", "Cast")
}
"""Layers that do so where they stand in front."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a Keras model.

    Attributes:
        name: its own.
        kind: its class, such as `Conv2D`.
        settings: all that is said of it.
        layers: of a model inside the model.
    """

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()


def layers(text: str) -> tuple[Layer, ...]:
    """The layers of the model that these settings are of; none where they say none."""
    if len(text) > LONGEST or text.count(CLASS) > MOST:
        return ()
    try:
        return _layers(json.loads(text), 0)
    except (ValueError, RecursionError):
        return ()


def _layers(model: Any, depth: int) -> tuple[Layer, ...]:
    held = model.get("config") if isinstance(model, dict) else None
    # A Sequential of Keras 1, and of early 2, has a list in this place.
    items = held.get("layers") if isinstance(held, dict) else held
    if not isinstance(items, list) or depth > DEEPEST:
        return ()
    return tuple(
        _layer(item, depth)
        for item in items
        if isinstance(item, dict) and CLASS in item
    )


def _layer(item: dict[str, Any], depth: int) -> Layer:
    found = item.get("config")
    settings = found if isinstance(found, dict) else {}
    name = settings.get("name") or item.get("name")
    return Layer(
        name if isinstance(name, str) else "",
        str(item[CLASS]),
        settings,
        _layers(item, depth + 1),
    )


def every(found: Sequence[Layer]) -> Iterator[Layer]:
    """The layers, and those of the models among them."""
    for layer in found:
        yield layer
        yield from every(layer.layers)


def snake(kind: str) -> str:
    """What Keras' files call a class: `conv2d`, `batch_normalization`, `p_re_lu`."""
    kind = re.sub(r"\W+", "", kind)
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()


def acting(found: Sequence[Layer], weighted: frozenset[str]) -> dict[str, str]:
    """By name the layers that act on images, each with what it does.

    Args:
        found: of a model.
        weighted: classes of layers with weights, after which none is in front.
    """
    texts = {}
    front = True
    for layer in every(found):
        front = front and snake(layer.kind) not in weighted
        if layer.kind in ACTING or _chance(layer.kind):
            texts[layer.name] = told(layer)
        elif front and layer.kind in LEADING:
            texts[layer.name] = f"{layer.name} ({layer.kind})"
    return texts


def told(layer: Layer) -> str:
    """A layer that acts on images, in words."""
    keys = ACTING.get(layer.kind, ())
    values = [(key, layer.settings.get(key)) for key in keys]
    said = [f"{key} {_short(value)}" for key, value in values if value is not None]
    if _chance(layer.kind):
        said = ["in training"]
    colon = ": " if said else ""
    return f"{layer.name} ({layer.kind}{colon}{', '.join(said)})"


def acts(key: str) -> str:
    """The class that acts on images and that Keras' files call so; empty if none is."""
    key = re.sub(r"_\d+$", "", key)
    if _chance(kind := "".join(part.title() for part in key.split("_"))):
        return kind
    return next((kind for kind in ACTING if snake(kind) == key), "")


def _chance(kind: str) -> bool:
    return kind.startswith("Random")


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) < 60 else f"{text[:56]} ..."
