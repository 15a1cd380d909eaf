"""What the variables of Keras' layers are called, by files of every age."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5files import layer, legacy, read, value, written

from archspec.errors import WeightsError
from archspec.weights.variables import archive, by_layer

AFFINE = "gamma", "beta"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.weights.h5"


def refusal(path: Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        read(path)
    return caught.value


def config(*layers: tuple[str, str, dict[str, Any]]) -> str:
    items = [
        {"class_name": kind, "config": {"name": name, **settings}}
        for kind, name, settings in layers
    ]
    return json.dumps({"class_name": "Functional", "config": {"layers": items}})


class TestKeras3:
    def test_layers_have_their_own_names(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            layer(file, "conv2d", "stem", value(1, 3, 3, 2, 4), value(2, 4))
            layer(file, "conv2d_1", "head", value(3))
            layer(file, "re_lu", "act")
            file.create_group("layers/input_layer")

        with h5py.File(written(path, write)) as file:
            found = archive(file)
            assert (found.kind, found.layered) == ("Keras weights", True)
            assert found.metadata == {}
            assert {k: (s.shape, s.dtype) for k, s in found.tensors.items()} == {
                "stem/kernel": ((3, 3, 2, 4), "float32"),
                "stem/bias": ((4,), "float32"),
                "head/kernel": ((2,), "float32"),
            }
        assert read(path) == {"stem/kernel": 1, "stem/bias": 2, "head/kernel": 3}

    def test_the_tenth_variable_comes_after_the_ninth(self, path: Path) -> None:
        arrays = [value(n) for n in range(12)]
        written(path, lambda file: layer(file, "many", "many", *arrays))
        assert list(read(path).items()) == [(f"many/{n}", n) for n in range(12)]

    def test_state_of_training_is_no_weight(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            layer(file, "dense", "fc", value(1))
            layer(file, "dropout", None)
            for part in ("optimizer", "metrics", "seed_generator"):
                file[f"layers/dropout/{part}/vars/0"] = value(2)
            file["optimizer/vars/0"] = value(3)

        assert read(written(path, write)) == {"fc/kernel": 1}

    def test_what_is_no_plain_layer_is_named_by_its_path(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            layer(file, "lstm", "lstm")
            file["layers/lstm/cell/vars/0"] = value(1)
            file["layers/lstm/cell/deep/er"] = value(2)
            file["layers/lstm/loose"] = value(3)

        assert read(written(path, write)) == {
            "lstm/cell/0": 1,
            "lstm/cell/deep/er": 2,
            "lstm/loose": 3,
        }

    def test_an_early_keras_3_counts_layers(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            layer(file, "dense", None, value(1))
            layer(file, "dense_2", None, value(2))

        assert read(written(path, write)) == {
            "layers/dense/kernel": 1,
            "layers/dense_1/kernel": 2,
        }

    def test_two_layers_of_one_name(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            layer(file, "dense", "fc", value(1))
            layer(file, "dense_1", "fc", value(2))

        error = refusal(written(path, write))
        assert error.message == "two tensors of the file are 'fc/kernel'"
        assert error.code == "AS606"

    def test_no_weights_of_a_model(self, path: Path) -> None:
        written(path, lambda file: file.create_group("other"))
        error = refusal(path)
        assert error.message == f"{str(path)!r} holds no weights of a Keras model"
        assert error.code == "AS606"
        assert "save_weights()" in (error.hint or "")


class TestLegacy:
    def test_weights(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"input", b"conv", b"bn"]
            legacy(file, "bn", "bn/gamma:0", "bn/beta:0")
            legacy(file, "conv", "deep/er/kernel:0", "deep/er/bias")
            legacy(file, "input")

        with h5py.File(written(path, write)) as file:
            found = archive(file)
            assert found.kind == "legacy Keras weights"
            assert found.layered
        assert read(path) == {
            "conv/kernel": 1,
            "conv/bias": 2,
            "bn/gamma": 1,
            "bn/beta": 2,
        }

    def test_a_model(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            root = file.create_group("model_weights")
            root.attrs["layer_names"] = ["fc"]
            legacy(root, "fc", "kernel")
            file["optimizer_weights/x"] = value(1)

        with h5py.File(written(path, write)) as file:
            found = archive(file)
            assert found.kind == "a legacy Keras model"
            assert found.layered
        assert read(path) == {"fc/kernel": 1}

    def test_lists_that_are_cut_up(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names0"] = [b"a", b"b"]
            file.attrs["layer_names1"] = [b"c"]
            file.attrs["layer_names2"] = [b"d"]
            for name in "abcd":
                legacy(file, name, f"{name}/{name}")

        assert list(read(written(path, write))) == ["a/a", "b/bias", "c/c", "d/d"]

    def test_a_layer_that_is_not_there(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"gone"]

        error = refusal(written(path, write))
        assert error.message == "//gone is no group of this file"
        assert error.code == "AS607"


@pytest.mark.parametrize(
    "name", ["layers", "layers/dense", "layers/dense/vars", "model_weights"]
)
@pytest.mark.parametrize("kind", ["soft", "external", "tensor"])
def test_groups_stand_in_the_file(path: Path, name: str, kind: str) -> None:
    other = path.with_name("secret.h5")

    def secret(file: h5py.File) -> None:
        layer(file, "dense", "fc", value(1))
        legacy(file, "model_weights", "x")

    written(other, secret)

    def write(file: h5py.File) -> None:
        layer(file, "other", "fc", value(1))
        if name == "layers":
            del file["layers"]
        if name == "layers/dense/vars":
            file.create_group("layers/dense")
        target: Any = h5py.ExternalLink(str(other), name)
        if kind == "soft":
            file.create_group("elsewhere")
            target = h5py.SoftLink("/elsewhere")
        file[name] = value(1) if kind == "tensor" else target

    error = refusal(written(path, write))
    assert error.message.endswith(
        f"/{name.rpartition('/')[2]} is no group of this file"
    )
    assert error.code == "AS607"


class TestNumbers:
    """What the numbers of a layer's variables mean."""

    @pytest.mark.parametrize(
        ("key", "count", "names"),
        [
            ("conv2d_7", 1, ["kernel"]),
            ("conv2d", 2, ["kernel", "bias"]),
            ("depthwise_conv2d", 2, ["kernel", "bias"]),
            ("batch_normalization_1", 4, [*AFFINE, "moving_mean", "moving_variance"]),
            ("batch_normalization", 2, ["moving_mean", "moving_variance"]),
            ("batch_normalization", 3, ["0", "1", "2"]),
            ("group_normalization", 2, ["gamma", "beta"]),
            ("layer_normalization", 1, ["0"]),
            ("p_re_lu", 1, ["alpha"]),
            ("my_own_layer", 2, ["0", "1"]),
            ("dense", 3, ["0", "1", "2"]),
        ],
    )
    def test_by_class_and_count(
        self, path: Path, key: str, count: int, names: list[str]
    ) -> None:
        arrays = [value(n) for n in range(count)]
        written(path, lambda file: layer(file, key, "x", *arrays))
        assert read(path) == {f"x/{name}": n for n, name in enumerate(names)}

    @pytest.mark.parametrize("name", ["bn", None])
    @pytest.mark.parametrize(
        ("settings", "names"),
        [
            ({"scale": False, "center": True}, ["beta"]),
            ({"scale": True, "center": False}, ["gamma"]),
            ({"scale": False, "center": False}, []),
            ({}, ["gamma", "beta"]),
        ],
    )
    def test_the_settings_say_which_a_norm_has(
        self, path: Path, name: str | None, settings: dict[str, Any], names: list[str]
    ) -> None:
        names = [*names, "moving_mean", "moving_variance"]
        arrays = [value(n) for n in range(len(names))]
        written(path, lambda file: layer(file, "batch_normalization", name, *arrays))
        text = config(
            ("InputLayer", "image", {}), ("BatchNormalization", "bn", settings)
        )
        assert read(path, text) == {f"bn/{name}": n for n, name in enumerate(names)}

    def test_settings_that_disagree(self, path: Path) -> None:
        arrays = [value(n) for n in range(3)]
        written(path, lambda file: layer(file, "batch_normalization", "bn", *arrays))
        text = config(("BatchNormalization", "bn", {"scale": True}))
        assert list(read(path, text)) == ["bn/0", "bn/1", "bn/2"]

    def test_the_settings_name_layers_by_class_and_place(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            for key, number in (("dense", 1), ("dense_2", 2), ("conv2d", 3)):
                layer(file, key, None, value(number))

        text = config(("Dense", "a", {}), ("Conv2D", "c", {}), ("Dense", "b", {}))
        wanted = {"a/kernel": 1, "b/kernel": 2, "c/kernel": 3}
        assert read(written(path, write), text) == wanted

    def test_more_layers_than_the_settings_name(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            layer(file, "dense", None, value(1))
            layer(file, "dense_1", None, value(2))

        found = read(written(path, write), config(("Dense", "a", {})))
        assert found == {"a/kernel": 1, "layers/dense_1/kernel": 2}


class TestModelsInside:
    def test_paths(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            inner = layer(file, "functional", "backbone").parent
            layer(inner, "dense", "fc", value(1))
            layer(file, "dense", "top", value(2))
            layer(file["layers/functional"], "sequential", None)
            layer(file["layers/functional/layers/sequential"], "dense", "x", value(3))

        assert read(written(path, write)) == {
            "backbone/fc/kernel": 1,
            "backbone/layers/sequential/x/kernel": 3,
            "top/kernel": 2,
        }

    def test_an_attribute_of_a_subclassed_model(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.create_group("vars").attrs["name"] = "model"
            encoder = file.create_group("encoder")
            encoder.create_group("vars").attrs["name"] = "backbone"
            layer(encoder, "dense", "fc", value(1))
            file["blocks/dense_1/vars/0"] = value(2)
            file["optimizer/vars/0"] = value(3)

        assert read(written(path, write)) == {
            "backbone/fc/kernel": 1,
            "blocks/dense_1/0": 2,
        }

    def test_a_legacy_group_of_several_layers(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"net", b"top"]
            legacy(file, "net", "bn/beta:0", "c/kernel:0", "bn/moving_mean:0")
            legacy(file, "top", "outer/top/kernel:0")

        assert read(written(path, write)) == {
            "net/bn/beta": 1,
            "net/c/kernel": 2,
            "net/bn/moving_mean": 3,
            "top/kernel": 1,
        }

    def test_the_settings_say_that_a_group_is_a_model(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            root = file.create_group("model_weights")
            root.attrs["layer_names"] = [b"head"]
            legacy(root, "head", "fc/kernel:0")
            inner = [{"class_name": "Dense", "config": {"name": "fc"}}]
            file.attrs["model_config"] = config(
                ("Sequential", "head", {"layers": inner})
            )

        assert read(written(path, write)) == {"head/fc/kernel": 1}

    def test_a_group_in_itself(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            layer(file, "dense", "fc", value(1))
            file["layers/dense/cell"] = file["layers"]

        error = refusal(written(path, write))
        assert error.message == (
            "/layers/dense/cell is in the file twice, perhaps inside of itself"
        )
        assert error.code == "AS607"


class TestWords:
    """What else variables are called."""

    @pytest.mark.parametrize(
        ("variable", "key"),
        [
            ("x/kernel", "kernel"),
            ("x/kernel:0", "kernel"),
            ("a/b/x_2/kernel_1:0", "kernel"),
            ("x/depthwise_kernel:0", "kernel"),
            ("x/moving_variance:0", "moving_variance"),
            ("x_W", "kernel"),
            ("x_b_1:0", "bias"),
            ("x_running_mean", "moving_mean"),
            ("x_running_std_3:0", "moving_variance"),
            ("x_gamma:0", "gamma"),
            ("x_alphas", "alpha"),
            ("param_3", "0"),
            ("x/kernel_scale", "kernel_scale"),
            ("x/my_kernel", "my_kernel"),
        ],
    )
    def test_an_attribute(self, path: Path, variable: str, key: str) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"x"]
            legacy(file, "x", variable)

        assert read(written(path, write)) == {f"x/{key}": 1}

    def test_both_kernels_of_a_separable_convolution(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"x"]
            legacy(file, "x", "x/depthwise_kernel:0", "x/pointwise_kernel:0")

        assert set(read(written(path, write))) == {
            "x/depthwise_kernel",
            "x/pointwise_kernel",
        }

    def test_a_model_of_keras_1_in_a_model(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"net"]
            legacy(file, "net", "block_1_W", "block_1_b", "bn_running_std")

        assert read(written(path, write)) == {
            "net/block_1/kernel": 1,
            "net/block_1/bias": 2,
            "net/bn/moving_variance": 3,
        }

    def test_variables_of_the_model_itself(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"x"]
            legacy(file, "x", "x/kernel:0")
            legacy(file, "top_level_model_weights", "temperature:0")

        assert read(written(path, write)) == {
            "x/kernel": 1,
            "top_level_model_weights/temperature": 1,
        }

    def test_two_variables_of_one_name(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"x", b"x"]
            legacy(file, "x", "x/kernel:0")

        error = refusal(written(path, write))
        assert error.message == "two tensors of the file are 'x/kernel'"

    def test_before_keras_1(self, path: Path) -> None:
        def write(file: h5py.File) -> None:
            file.attrs["nb_layers"] = 1
            file["layer_0/param_0"] = value(1)

        error = refusal(written(path, write))
        assert error.message.endswith("names no layers: a Keras before 1.0 wrote it")
        assert "Keras 1.2.2" in (error.hint or "")


class TestFacts:
    def facts(self, path: Path, *variables: str, **attributes: Any) -> dict[str, str]:
        def write(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"x"]
            legacy(file, "x", *variables)
            file.attrs.update(attributes)

        with h5py.File(written(path, write)) as file:
            return dict(archive(file).metadata)

    def test_what_a_file_says(self, path: Path) -> None:
        said = {"backend": b"theano", "keras_version": "2.0.8"}
        assert self.facts(path, "x/kernel:0", **said) == {
            "backend": "theano",
            "keras_version": "2.0.8",
        }
        assert self.facts(path, "x/kernel:0") == {}
        assert self.facts(path, "x_W") == {"keras_version": "1"}

    @pytest.mark.parametrize("order", ["th", "tf"])
    def test_the_order_of_axes(self, path: Path, order: str) -> None:
        text = config(
            ("Convolution2D", "x", {"dim_ordering": order}), ("Dense", "y", {})
        )
        assert self.facts(path, "x_W", model_config=text)["dim_ordering"] == order

    @pytest.mark.parametrize(
        ("order", "settings", "features"),
        [
            ("channels_first", {}, "chw"),
            ("channels_first", {"data_format": "channels_first"}, None),
            ("channels_last", {}, None),
        ],
    )
    def test_features_of_early_keras_2(
        self, path: Path, order: str, settings: dict[str, Any], features: str | None
    ) -> None:
        text = config(
            ("Conv2D", "x", {"data_format": order}), ("Flatten", "flat", settings)
        )
        found = self.facts(path, "x/kernel:0", model_config=text)
        assert found.get("features") == features

    def test_two_orders_are_none(self, path: Path) -> None:
        text = config(
            ("Convolution2D", "x", {"dim_ordering": "th"}),
            ("Convolution2D", "y", {"dim_ordering": "tf"}),
        )
        assert "dim_ordering" not in self.facts(path, "x_W", model_config=text)


class TestNotes:
    def notes(self, path: Path, settings: str = "") -> tuple[str, ...]:
        with h5py.File(path) as file:
            found = archive(file, settings)
            assert not any("norm" in key for key in found.tensors)
            return found.notes

    def test_statistics_of_a_normalization(self, path: Path) -> None:
        """They are no weights of the net: it takes what comes out."""
        statistics = [np.array(held, "f4") for held in ([1, 2], [3, 4], 0)]

        def numbered(file: h5py.File) -> None:
            layer(file, "normalization", "norm", *statistics)
            layer(file, "rescaling", "scale")

        def named(file: h5py.File) -> None:
            file.attrs["layer_names"] = [b"norm"]
            group = file.create_group("norm")
            names = [b"norm/mean:0", b"norm/variance:0", b"norm/count:0"]
            group.attrs["weight_names"] = names
            for name, array in zip(names, statistics, strict=True):
                group[name] = array

        told = "norm (Normalization: mean [1.0, 2.0], variance [3.0, 4.0])"
        [note] = self.notes(written(path, numbered))
        assert note == (
            f"left out, as they act on images: scale (Rescaling), {told}; "
            "the net takes what comes out of them"
        )
        [note] = self.notes(written(path, named))
        assert note.startswith(f"left out, as they act on images: {told}; ")

    def test_the_settings_say_more(self, path: Path) -> None:
        text = config(("Rescaling", "scale", {"scale": 0.5, "offset": 0.0}))
        written(path, lambda file: layer(file, "rescaling", None))
        [note] = self.notes(path, text)
        assert "images: scale (Rescaling: scale 0.5, offset 0); " in note


def test_keys_by_layer() -> None:
    assert by_layer({"a/b/kernel": 1, "a/b/bias": 2, "x": 3}) == {
        "a/b": {"kernel": "a/b/kernel", "bias": "a/b/bias"},
        "": {"x": "x"},
    }


class TestWhoseFacts:
    """A model's file says them of the weights, of itself, or of neither."""

    def facts(
        self, path: Path, inner: dict[str, Any], outer: dict[str, Any]
    ) -> dict[str, str]:
        def write(file: h5py.File) -> None:
            root = file.create_group("model_weights")
            root.attrs["layer_names"] = [b"x"]
            legacy(root, "x", "x/kernel:0")
            root.attrs.update(inner)
            file.attrs.update(outer)

        with h5py.File(written(path, write)) as file:
            return dict(archive(file).metadata)

    @pytest.mark.parametrize(
        ("inner", "outer", "wanted"),
        [
            ({}, {}, {}),
            ({"backend": "theano"}, {}, {"backend": "theano"}),
            ({}, {"backend": "theano"}, {"backend": "theano"}),
            ({"backend": "jax"}, {"backend": "theano"}, {"backend": "jax"}),
            (
                {"keras_version": "1.2"},
                {"backend": "theano"},
                {"keras_version": "1.2", "backend": "theano"},
            ),
        ],
    )
    def test_those_of_the_weights_go_first(
        self,
        path: Path,
        inner: dict[str, Any],
        outer: dict[str, Any],
        wanted: dict[str, str],
    ) -> None:
        assert self.facts(path, inner, outer) == wanted

    def test_a_later_layout_may_have_no_names(self, path: Path) -> None:
        written(path, lambda file: layer(file, "dense", None, value(1)))
        with h5py.File(path) as file:
            assert archive(file).metadata == {"layers": "without names"}


def test_large_statistics_are_not_told(path: Path) -> None:
    """Of a whole image there would be too many."""

    def notes(*statistics: Any) -> str:
        written(path, lambda file: layer(file, "normalization", "norm", *statistics))
        with h5py.File(path) as file:
            found = archive(file)
            assert found.tensors == {}
            return found.notes[0]

    count = np.array(0, "f4")
    few, many = np.arange(4, dtype="f4"), np.arange(5, dtype="f4")
    assert "mean [0.0, 1.0, 2.0, 3.0], variance [0.0" in notes(few, few, count)
    assert "norm (Normalization: )" in notes(many, many, count)
    assert "(Normalization: variance [1.5])" in notes(many, np.array(1.5, "f4"), count)


def test_two_statistics_are_left_out_as_well(path: Path) -> None:
    """A legacy file may lack the count."""

    def write(file: h5py.File) -> None:
        file.attrs["layer_names"] = [b"norm", b"fc"]
        legacy(file, "norm", "norm/mean:0", "norm/variance:0")
        legacy(file, "fc", "fc/mean:0", "fc/kernel:0")

    assert read(written(path, write)) == {"fc/mean": 1, "fc/kernel": 2}
