"""What all tests need before torchvision can be imported."""

from __future__ import annotations

import os

import torch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The published torchvision has a CUDA library that a CPU torch can't load; its Python
# code only wants these two ops to be known. `LIBRARY` has to stay alive.
LIBRARY = torch.library.Library("torchvision", "DEF")
LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
