"""What the settings of a Keras model say, whatever they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archspec.weights import configs
from archspec.weights.configs import Layer, acting, layers, snake


def model(*items: Any, kind: str = "Functional") -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": "m", "layers": list(items)}}


def item(kind: str, name: str, **settings: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **settings}}


def test_layers_with_models_inside() -> None:
    inner = model(item("Dense", "fc", units=3))
    inner["config"]["name"] = "inner"
    found = layers(json.dumps(model(item("InputLayer", "x"), inner)))
    assert [layer.name for layer in found] == ["x", "inner"]
    [fc] = found[1].layers
    assert (fc.name, fc.kind, fc.settings["units"]) == ("fc", "Dense", 3)


def test_a_sequential_of_keras_1_is_a_list() -> None:
    text = json.dumps({"class_name": "Sequential", "config": [item("Dense", "fc")]})
    assert [layer.name for layer in layers(text)] == ["fc"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", "3", '{"config": 3}', '{"config": {"layers": 3}}'),
        *('{"config": {"layers": [3, null, "x"]}}', "[" * 100_000, "{}", "\x00"),
        '{"config": ' * 3000 + "1" + "}" * 3000,
    ],
)
def test_settings_that_say_nothing(text: str) -> None:
    assert layers(text) == ()


def test_settings_of_another_kind() -> None:
    odd = [{"class_name": [1], "config": {"name": 3}}, {"config": None}, {}, 3]
    assert [layer.name for layer in layers(json.dumps(model(*odd)))] == [""]
    deep: Any = item("Dense", "fc")
    for _ in range(50):
        deep = model(deep)
    assert layers(json.dumps(deep))  # the innermost are not looked at


def test_settings_beyond_all_reason() -> None:
    """16 MiB of text with 100,000 classes are looked at, and no more."""
    text = json.dumps(model(item("Dense", "fc")))
    assert layers(text.ljust(1 << 24)) and layers(text.ljust((1 << 24) + 1)) == ()
    assert text.count("class_name") == 2
    for more, looked in ((99_998, True), (99_999, False)):
        noted = model(item("Dense", "fc", note="class_name" * more))
        assert bool(layers(json.dumps(noted))) is looked


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Conv2D", "conv2d"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("DepthwiseConv2D", "depthwise_conv2d"),
        ("BatchNormalization", "batch_normalization"),
        ("PReLU", "p_re_lu"),
        ("InputLayer", "input_layer"),
        ("Functional", "functional"),
    ],
)
def test_classes_in_files(kind: str, name: str) -> None:
    """As `keras.src.utils.naming.to_snake_case` has them."""
    from keras.src.utils.naming import to_snake_case

    assert snake(kind) == to_snake_case(kind) == name


class TestActing:
    weighted = frozenset({"conv2d"})

    def test_what_prepares_images(self) -> None:
        augmenting = model(item("RandomFlip", "flip", mode="horizontal"))
        found = layers(
            json.dumps(
                model(
                    item("Resizing", "size", height=8, width=9),
                    augmenting,
                    item("Rescaling", "scale", scale=1 / 255, offset=0.0),
                    item("Lambda", "front"),
                    item("Conv2D", "conv"),
                    item("Lambda", "behind"),
                    item("Normalization", "norm", mean=[1.0, 2.0], variance=None),
                    item("CenterCrop", "crop"),
                )
            )
        )
        assert acting(found, self.weighted) == {
            "size": "size (Resizing: height 8, width 9)",
            "flip": "flip (RandomFlip: in training)",
            "scale": "scale (Rescaling: scale 0.00392157, offset 0)",
            "front": "front (Lambda)",
            "norm": "norm (Normalization: mean [1.0, 2.0])",
            "crop": "crop (CenterCrop)",
        }

    def test_long_numbers_are_cut(self) -> None:
        layer = Layer("n", "Normalization", {"mean": [1.25] * 100})
        [text] = acting([layer], self.weighted).values()
        assert len(text) < 100 and text.endswith(" ...)")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("rescaling", "Rescaling"),
        ("center_crop_2", "CenterCrop"),
        ("random_flip_1", "RandomFlip"),
        ("conv2d", ""),
    ],
)
def test_what_files_call_them(key: str, kind: str) -> None:
    assert configs.acts(key) == kind
