"""Built Keras models against keras.applications': forward and training step.

Prints our seconds and theirs. Run by `benchmarks.models` in a process of its own.
"""

from __future__ import annotations

import sys
from typing import Any

import keras
import numpy as np

from archspec import load
from benchmarks.measure import best

THEIRS = {
    "keras_resnet50": keras.applications.ResNet50,
    "keras_vgg16": keras.applications.VGG16,
}


def running(name: str, count: int) -> list[float]:
    """Seconds of a forward pass and of a training step, ours and theirs in turn."""
    models = [load(name).build("keras"), THEIRS[name](weights=None)]
    images = np.random.default_rng(0).normal(size=(count, 224, 224, 3))
    images = images.astype("float32")
    labels = np.arange(count)

    def step(model: Any) -> None:
        model.train_on_batch(images, labels)

    def forward(model: Any) -> None:
        model.predict_on_batch(images)

    for model in models:
        model.compile("sgd", "sparse_categorical_crossentropy")
        forward(model)
        step(model)
    ours, theirs = models
    found = best(6, lambda: forward(ours), lambda: forward(theirs))
    return found + best(4, lambda: step(ours), lambda: step(theirs))


if __name__ == "__main__":
    print(*running(sys.argv[1], int(sys.argv[2])))
