"""What a backend is asked to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from archspec.verify import task


def test_sgd_is_torchs() -> None:
    values = {"w": np.array([1.0, -2.0, 3.0])}
    wanted = torch.tensor(values["w"].copy(), requires_grad=True)
    theirs = torch.optim.SGD(
        [wanted], task.RATE, momentum=task.MOMENTUM, weight_decay=task.DECAY
    )
    speeds: dict[str, Any] = {}
    for step in range(4):
        gradient = np.array([0.5, 1.5, -1.0]) * (step + 1)
        task.descend(values, speeds, {"w": gradient})
        wanted.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(values["w"], wanted.detach().numpy(), rtol=1e-15)
