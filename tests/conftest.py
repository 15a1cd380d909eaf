"""What all tests need before torchvision can be imported, and hypothesis's profiles."""

from __future__ import annotations

import os
from typing import Any

import torch
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A package of its own, with tests of its own; tests/test_plugin.py installs it.
collect_ignore = ["plugin"]

# The published torchvision has a CUDA library that a CPU torch can't load; its Python
# code only wants these two ops to be known. `LIBRARY` has to stay alive.
LIBRARY: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch has no types here
for op in ("nms", "qnms"):
    LIBRARY.define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

# For `pytest tests/backends/test_property.py --hypothesis-profile=thousands`.
settings.register_profile("thousands", max_examples=5000)
