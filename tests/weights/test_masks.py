"""archspec.weights.masks: pruned weights are what their modules compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nets import graph_of
from torch.nn.utils import prune

from archspec.errors import WeightsError
from archspec.weights import load
from archspec.weights.archives import Stored
from archspec.weights.masks import unmasked

GRAPH = graph_of("inputs: {x: [6]}\ngraph: {fc: {op: linear, features: 4}}")


def stored(*values: float) -> Stored:
    array = np.array(values, "float32")
    return Stored(array.shape, "float32", lambda: array)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_as_torch_computes_it(tmp_path: Path, dtype: torch.dtype) -> None:
    made: Any = torch.nn.ModuleDict({"fc": torch.nn.Linear(6, 4)}).to(dtype)
    mask: Any = prune  # torch has no types here
    mask.l1_unstructured(made["fc"], "weight", 0.5)
    mask.random_unstructured(made["fc"], "bias", 2)
    torch.save(made.state_dict(), tmp_path / "f.pth")
    made["fc"](torch.zeros(1, 6, dtype=dtype))
    found = load(tmp_path / "f.pth", GRAPH)
    assert np.array_equal(found["fc.weight"], made["fc"].weight.detach().numpy())
    assert np.array_equal(found["fc.bias"], made["fc"].bias.detach().numpy())
    assert (found["fc.weight"] == 0).sum() == 12


def test_what_is_no_mask_stays() -> None:
    whole, mask, other = stored(1, 2), stored(1, 0), stored(1, 0, 1)
    for tensors in (
        {"a.weight_orig": whole},
        {"a.weight_mask": mask},
        {"a.weight_orig": whole, "a.weight_mask": other},
        {"a.weight_orig": whole, "a.weight_mask": mask, "a.weight": whole},
        {"a.weight_orig": whole, "b.weight_mask": mask},
        {"a_mask_orig": whole, "a_orig": whole, "a_mask": other},
    ):
        assert unmasked(tensors) == tensors
    found = unmasked({"x": other, "a.w_mask": mask, "a.w_orig": whole, "y": other})
    assert list(found) == ["x", "a.w", "y"]
    assert found["a.w"].read().tolist() == [1, 0]


def test_spectral_norm_is_refused(tmp_path: Path) -> None:
    made = torch.nn.ModuleDict({"fc": torch.nn.Linear(6, 4)})
    torch.nn.utils.spectral_norm(made["fc"])
    torch.save(made.state_dict(), tmp_path / "f.pth")
    with pytest.raises(WeightsError) as caught:
        load(tmp_path / "f.pth", GRAPH)
    assert "remove_spectral_norm" in (caught.value.hint or "")
