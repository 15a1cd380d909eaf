"""The printed test of a Keras file passes, and notices edits of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from edits import CURIOUS, Edit, noticed, spread
from proofs import sampled

EDITS: dict[str, dict[str, Edit]] = {
    "curious": {
        "as printed": lambda text: f"{text}\n",
        "relu6": ('layers.ReLU(name="relu")', 'layers.ReLU(6, name="relu")'),
        "stride of the stem": ("7, strides=2", "7, strides=1"),
        "eps": ("epsilon=1e-5", "epsilon=1e-3"),
        "same for an equal padding": lambda text: text.replace(
            'layers.ZeroPadding2D(3, name="stem_pad")(inputs)', "inputs"
        ).replace("7, strides=2,", '7, strides=2, padding="same",'),
        "what a pool counts": lambda text: text.replace(
            'layers.ZeroPadding2D(1, name="pool_pad")(x)', "x"
        ).replace("2D(3, strides=2,", '2D(3, strides=2, padding="same",'),
        "no residual": ('layers.Add(name="add")([x, pool])', "x"),
        "slopes": ("shared_axes=(1, 2)", "shared_axes=(1, 2, 3)"),
        "max for mean": ("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"),
        "flatten order": ("Permute((3, 1, 2)", "Permute((3, 2, 1)"),
        "no softmax": ('layers.Softmax(name="softmax")(x)', "x"),
        "a layer renamed": ('name="conv")', 'name="convolution")'),
        "dropout removed": ('    x = layers.Dropout(0.5, name="drop")(x)\n', ""),
    },
    "resnet20": {
        "as printed": lambda text: f"{text}\n",
        "relu6": ("return layers.ReLU(name", "return layers.ReLU(6, name"),
        "no residual": ('layers.Add(name=f"{name}_add")([y, x])', "y"),
        "eps": ("epsilon=1e-5", "epsilon=1e-3"),
        "padding": lambda text: text.replace(
            'y = layers.ZeroPadding2D(1, name=f"{name}_conv1_pad")(x)', "y = x"
        ).replace("3, strides=stride,", '3, strides=stride, padding="same",'),
        "stride moved": lambda text: text.replace("3, strides=stride,", "3,").replace(
            '3, padding="same", name', '3, strides=stride, padding="same", name'
        ),
        "momentum": ("momentum=0.9", "momentum=0.99"),
    },
}
UNSEEN = {"as_printed", "dropout_removed", "momentum"}


SPECS = {"curious": "curious.yaml", "resnet20": "resnet20"}


@pytest.mark.parametrize("name", sampled(EDITS, ["curious"]))
def test_edits_are_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("curious.yaml").write_text(CURIOUS)
    folder = tmp_path / "models"
    folder.mkdir()
    edits = EDITS[name]
    spread(SPECS[name], "keras", folder, edits)
    found = noticed(folder)
    assert len(found) == len(edits) + 1
    passed = {title.removeprefix(name)[1:] for title, saw in found.items() if not saw}
    unseen = {title.replace(" ", "_") for title in edits} & UNSEEN
    assert passed == {"", *unseen}
