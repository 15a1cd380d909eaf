"""Gradients of a Keras model, in the words of the framework that Keras runs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.errors import BackendError

Run = Callable[[list[Any], Callable[[Any], Any]], tuple[dict[str, Any], Any]]
"""From the inputs and a way to call the model: its outputs, and what is derived."""


def gradients(
    keras: Any,
    model: Any,
    variables: list[Any],
    images: list[Any],
    run: Run,
    training: bool,
) -> tuple[dict[str, Any], list[Any]]:
    """Outputs, and gradients by the variables and then by the inputs."""
    engine = keras.backend.backend()
    if engine not in ENGINES:
        raise BackendError(
            f"archspec has no gradients for Keras on {engine}", code="AS503"
        )
    return ENGINES[engine](model, variables, images, run, training)


def tensorflow(
    model: Any, variables: list[Any], images: list[Any], run: Run, training: bool
) -> tuple[dict[str, Any], list[Any]]:
    """By a gradient tape."""
    import tensorflow as tf

    values = [variable.value for variable in variables]
    with tf.GradientTape() as tape:
        tape.watch(images)
        made, total = run(images, lambda given: model(given, training=training))
    # A value that only lends its size to a resize has no gradient: that is zero.
    zero = tf.UnconnectedGradients.ZERO
    found = tape.gradient(total, [*values, *images], unconnected_gradients=zero)
    return made, [tf.convert_to_tensor(value) for value in found]


def torch(
    model: Any, variables: list[Any], images: list[Any], run: Run, training: bool
) -> tuple[dict[str, Any], list[Any]]:
    """By autograd."""
    import torch

    values = [variable.value for variable in variables]
    leaves = [image.detach().requires_grad_() for image in images]
    with torch.enable_grad():
        made, total = run(leaves, lambda given: model(given, training=training))
        found = torch.autograd.grad(total, [*values, *leaves], materialize_grads=True)
    return {name: value.detach() for name, value in made.items()}, list(found)


def jax(
    model: Any, variables: list[Any], images: list[Any], run: Run, training: bool
) -> tuple[dict[str, Any], list[Any]]:
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


ENGINES = {"tensorflow": tensorflow, "torch": torch, "jax": jax}
