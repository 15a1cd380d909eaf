"""What all tests need before torchvision can be imported, and hypothesis's profiles."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A package of its own, with tests of its own; tests/test_plugin.py installs it.
collect_ignore = ["plugin"]


def vision_ops() -> Any:
    """Lets torchvision be imported; what is given has to stay alive.

    Its Python code wants two ops of its library to be known. One made for CUDA can't be
    loaded by a CPU torch; where it can, the names are taken.
    """
    place = find_spec("torchvision")
    if place is None or place.origin is None:
        return None
    for path in Path(place.origin).parent.glob("_C*.*"):
        with suppress(OSError):
            return torch.ops.load_library(path)  # type: ignore[no-untyped-call]  # the same
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch has no types here
    for op in ("nms", "qnms"):
        library.define(
            f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    return library


LIBRARY = vision_ops()


def pytest_collection_finish() -> None:
    """Frameworks and 20,000 tests stay: no collection of garbage looks at them again.

    A full one takes a second with them.
    """
    gc.collect()
    gc.freeze()


# For `pytest tests/backends/test_property.py --hypothesis-profile=thousands`.
settings.register_profile("thousands", max_examples=5000)
