"""OpenVINO reads the models, with any batch and any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archspec import load
from archspec.backend import backend

NETS = ("resnet20", "sample_resnet", "resnet18", "fpn_resnet50", "vgg11_lrn")


# It forks to look at the machine, of which JAX warns where an earlier test took it.
@pytest.mark.filterwarnings("ignore:os.fork")
@pytest.mark.proof
@pytest.mark.parametrize("name", NETS)
def test_a_net(name: str, tmp_path: Any) -> None:
    import openvino

    spec = load(name)
    chosen = backend("onnx")
    model = spec.build("onnx")
    path = tmp_path / "net.onnx"
    chosen.save(spec.graph, model, str(path))
    core = openvino.Core()
    # Else it may compute in bfloat16 where the machine has that.
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(str(path), "CPU", settings)
    ((image, shape),) = spec.graph.inputs.items()
    draw = np.random.default_rng(0)
    channels, height, width = shape
    for size in ((1, *shape), (3, channels, height + 32, width)):
        x = {image: draw.normal(size=size).astype("float32")}
        wanted = chosen.forward(spec.graph, model, x)
        found = [*compiled(x).values()]
        for one, other in zip(found, wanted.values(), strict=True):
            assert one.shape == other.shape
            assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()
