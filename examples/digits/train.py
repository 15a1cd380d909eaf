"""Trains digits.yaml in PyTorch and in Keras: the same weights, the same batches.

    python examples/digits/train.py

prints both test accuracies and draws both loss curves into loss.svg.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import archspec
from archspec.plot import Axis, Line, plot

HERE = Path(__file__).parent
BATCH = 64
EPOCHS = 12
# Keras keeps both in float32, whatever a model computes in; these are exact there.
LEARNING_RATE, MOMENTUM = 1 / 32, 7 / 8

Batch = tuple[NDArray[Any], NDArray[np.int64]]
Dtype = Literal["float32", "float64"]


class Run(NamedTuple):
    """The loss of every step, and the part of the test images that came out right."""

    losses: list[float]
    accuracy: float


def data(spec: archspec.Spec, dtype: Dtype) -> tuple[Batch, Batch]:
    """scikit-learn's 1,797 digits, [N, 1, 8, 8]: 1,437 to train on, 360 to test."""
    digits = load_digits()
    scale: Any = spec.graph.preprocessing
    (mean,), (std,) = scale["mean"], scale["std"]
    images = ((digits.images[:, None] / 16 - mean) / std).astype(dtype)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], digits.target[order]
    return (images[360:], labels[360:]), (images[:360], labels[:360])


def batches(train: Batch, epochs: int) -> Iterator[Batch]:
    """Full batches, in an order that only the epoch decides."""
    images, labels = train
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            yield images[chosen], labels[chosen]


def train_torch(model: Any, steps: Iterable[Batch], test: Batch) -> Run:
    """An ordinary PyTorch loop."""
    import torch
    from torch.nn.functional import cross_entropy

    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    losses = []
    model.train()
    for images, labels in steps:
        loss = cross_entropy(model(torch.from_numpy(images)), torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        guesses = model(torch.from_numpy(test[0])).argmax(1).numpy()
    return Run(losses, float(np.mean(guesses == test[1])))


def train_keras(model: Any, steps: Iterable[Batch], test: Batch) -> Run:
    """An ordinary Keras loop on TensorFlow; images have their channels last."""
    import keras
    import tensorflow as tf

    optimizer = keras.optimizers.SGD(LEARNING_RATE, MOMENTUM)
    optimizer.build(model.trainable_variables)

    def update(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = keras.losses.sparse_categorical_crossentropy(
                labels, logits, from_logits=True
            )
            loss = tf.reduce_mean(loss)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    step = tf.function(update)  # several times as fast as `update` itself
    losses = [
        float(step(tf.constant(images.transpose(0, 2, 3, 1)), tf.constant(labels)))
        for images, labels in steps
    ]
    logits = model(test[0].transpose(0, 2, 3, 1), training=False).numpy()
    return Run(losses, float(np.mean(logits.argmax(1) == test[1])))


LOOPS: dict[str, Callable[[Any, Iterable[Batch], Batch], Run]] = {
    "torch": train_torch,
    "keras": train_keras,
}


def train(
    epochs: int = EPOCHS,
    steps: int | None = None,
    dtype: Dtype = "float32",
    **params: float,
) -> dict[str, Run]:
    """Both runs, by backend; `steps` ends them early, `params` are the spec's."""
    spec = archspec.load(HERE / "digits.yaml", params=params)
    seen, test = data(spec, dtype)
    drawn = list(batches(seen, epochs))[:steps]
    return {
        backend: loop(spec.build(backend, seed=0, dtype=dtype), drawn, test)
        for backend, loop in LOOPS.items()
    }


def draw(runs: dict[str, Run], path: Path) -> None:
    """Both curves of the loss, on a logarithmic axis."""
    lines = [
        Line(
            f"{backend}, {run.accuracy:.1%} of test images right",
            [*enumerate(run.losses, 1)],
        )
        for backend, run in runs.items()
    ]
    loss = Axis("cross-entropy of the batch", log=True)
    path.write_text(plot(lines, Axis("step"), loss, title="ResNet-20 on digits"))


if __name__ == "__main__":
    runs = train(last_norm=0.2)
    for backend, run in runs.items():
        print(f"{backend}: {run.accuracy:.1%} of the test images right")
    draw(runs, HERE / "loss.svg")
