"""archspec_keras.starts: what is drawn again is drawn as a model that is made anew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import keras
import numpy as np
import pytest
from archspec_keras.starts import starts
from keras import layers


def function(**options: Any) -> Callable[[], Any]:
    """What makes a model of a layer with these options, and of a norm."""

    def make() -> Any:
        image = keras.Input((3,))
        found = layers.Dense(500, name="fc", **options)(image)
        return keras.Model(image, layers.BatchNormalization(name="bn")(found))

    return make


def taken(make: Callable[[], Any], count: int = 3) -> list[dict[str, Any]]:
    """The weights of so many models."""
    return [
        {weight.path: np.array(weight.value) for weight in model.weights}
        for model in islice(starts(make), count)
    ]


@pytest.mark.parametrize("kernel", ["he_normal", "random_uniform"])
def test_each_model_has_other_draws_of_the_same_distributions(kernel: str) -> None:
    made = taken(function(kernel_initializer=kernel))
    kernels = [found["fc/kernel"] for found in made]
    assert len({array.tobytes() for array in kernels}) == 3
    for array in kernels:
        assert array.std() == pytest.approx(kernels[0].std(), rel=0.1)
    for found in made:
        for name in {"fc/bias", "bn/beta", "bn/gamma", "bn/moving_variance"}:
            assert (found[name] == made[0][name]).all()


def test_what_is_seeded_is_the_same_each_time() -> None:
    given = keras.initializers.RandomNormal(seed=1)
    one, *rest = taken(function(kernel_initializer=given))
    assert all((one["fc/kernel"] == other["fc/kernel"]).all() for other in rest)


def test_two_weights_of_one_initializer_stay_alike() -> None:
    def make() -> Any:
        given = keras.initializers.RandomNormal()
        image = keras.Input((4,))
        found = layers.Dense(4, name="a", kernel_initializer=given)(image)
        found = layers.Dense(4, name="b", kernel_initializer=given)(found)
        return keras.Model(image, found)

    made = taken(make)
    assert all((found["a/kernel"] == found["b/kernel"]).all() for found in made)
    assert (made[0]["a/kernel"] != made[1]["a/kernel"]).all()


def test_weights_that_a_layer_makes_in_its_own_way() -> None:
    """They are drawn again as well: the model is made anew."""

    class Own(layers.Layer):  # type: ignore[misc]  # keras has no types
        def __init__(self) -> None:
            super().__init__(name="own")
            drawn = keras.random.normal((4,))
            self.own = keras.Variable(drawn, name="own")

        def call(self, x: Any) -> Any:
            return x + self.own

    def make() -> Any:
        image = keras.Input((4,))
        return keras.Model(image, Own()(layers.Dense(4, name="fc")(image)))

    made = taken(make)
    for name in ("fc/kernel", "own"):
        assert len({found[name].tobytes() for found in made}) == 3


def test_adding_weights_is_what_it_was() -> None:
    before = layers.Layer.add_weight
    taken(function())
    assert layers.Layer.add_weight is before
