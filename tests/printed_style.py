"""The rules of ruff that printed files keep, and those that they don't."""

from __future__ import annotations

import subprocess
import sys

SELECTED = "E,F,I,UP,B,SIM,C4,RUF,D,N,RET,PL,ARG,PT,ANN"
IGNORED = {
    "ANN401": "**kwargs of a layer are Keras' own, handed on as they are",
    "D102": "forward and call do what the docstring of their class says",
    "D107": "the docstring of a class says what its arguments do to shapes",
    "D203": "ruff's formatter wants D211 instead: no blank line before a class",
    "D213": "D212 instead: a docstring's first line stands beside the quotes",
    "D401": "a docstring says what something is or does, as PyTorch's and Keras' do",
    "N801": "a digit behind a digit: torchvision writes ResNeXt50_32X4D_Weights too",
    "N802": "what makes a Keras model is called as a class: keras.applications.VGG16",
    "N803": "an argument has the name of the spec's param",
    "N812": "PyTorch's own documents import torch.nn.functional as F",
    "PLR0913": "a block takes what its paper varies; torchvision's Bottleneck takes 8",
    "PLR0917": "as PLR0913: a block's arguments stand in the order of the formulas",
    "PLR2004": "numbers of a paper's table, such as the 32 channels of a deep stem",
}
RULES = ("--select", SELECTED, "--ignore", ",".join(IGNORED))
"""What ruff is given."""


def formatted(text: str, width: int = 88) -> str:
    """What `ruff format` writes for a text."""
    lines = ("--isolated", "--line-length", str(width), "-")
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "format", *lines],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout
