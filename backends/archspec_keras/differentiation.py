"""Gradients of a Keras model, in the words of the framework that Keras runs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.errors import BackendError

Run = Callable[[list[Any], Callable[[Any], Any]], tuple[dict[str, Any], Any]]
"""From the inputs and a way to call the model: its outputs, and what is derived."""


Found = tuple[dict[str, Any], list[Any]]
"""Outputs, and gradients by the variables and then by the inputs."""


def gradients(
    model: Any, variables: list[Any], images: list[Any], run: Run, training: bool
) -> Found:
    """Outputs and gradients, on the framework that Keras runs on."""
    from keras import backend

    engine = backend.backend()
    if engine == "jax":
        return jax(model, variables, images, run, training)
    if engine not in ENGINES:
        raise BackendError(
            f"archspec has no gradients for Keras on {engine}", code="AS503"
        )

    def call(given: Any) -> Any:
        return model(given, training=training)

    return ENGINES[engine]([v.value for v in variables], images, run, call)


def tensorflow(values: list[Any], images: list[Any], run: Run, call: Any) -> Found:
    """By a gradient tape."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(images)
        made, total = run(images, call)
    # A value that only lends its size to a resize has no gradient: that is zero.
    zero = tf.UnconnectedGradients.ZERO
    found = tape.gradient(total, [*values, *images], unconnected_gradients=zero)
    return made, [tf.convert_to_tensor(value) for value in found]


def torch(values: list[Any], images: list[Any], run: Run, call: Any) -> Found:
    """By autograd."""
    import torch

    leaves = [image.detach().requires_grad_() for image in images]
    with torch.enable_grad():
        made, total = run(leaves, call)
        found = torch.autograd.grad(total, [*values, *leaves], materialize_grads=True)
    return {name: value.detach() for name, value in made.items()}, list(found)


def jax(
    model: Any, variables: list[Any], images: list[Any], run: Run, training: bool
) -> Found:
    """By jax.grad of the stateless call; the state is put back afterwards."""
    import jax

    order = {id(v): n for n, v in enumerate(model.trainable_variables)}
    state = [v.value for v in model.non_trainable_variables]

    def loss(weights: list[Any], given: list[Any]) -> tuple[Any, Any]:
        moved: list[Any] = []

        def call(values: Any) -> Any:
            made, after = model.stateless_call(
                weights, state, values, training=training
            )
            moved.extend(after)
            return made

        made, total = run(given, call)
        return total, (made, moved)

    weights = [v.value for v in model.trainable_variables]
    derive = jax.grad(loss, argnums=(0, 1), has_aux=True)
    (by_weight, by_image), (made, moved) = derive(weights, images)
    for variable, value in zip(model.non_trainable_variables, moved, strict=True):
        variable.assign(value)
    return made, [*(by_weight[order[id(v)]] for v in variables), *by_image]


ENGINES = {"tensorflow": tensorflow, "torch": torch}
