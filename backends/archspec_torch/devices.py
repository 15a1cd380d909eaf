"""Where torch can put a model."""

from __future__ import annotations

from typing import Any

from archspec.backend import no_device

KINDS = ("cuda", "mps", "xpu")
"""Kinds of devices beside the CPU that torch has modules for."""


def placed(device: Any) -> Any:
    """A device by its name, once torch was seen to use it; None is torch's default.

    Raises BackendError that names the devices there are, also for one that keeps no
    values, such as `meta`.
    """
    import torch

    if device is None:
        return None
    try:
        found = torch.device(device)
        torch.zeros(1, device=found).item()
    except Exception:  # torch raises of nine kinds, by the device and how it was built
        raise no_device("torch", device, _known(torch)) from None
    return found


def _known(torch: Any) -> list[str]:
    modules = {kind: getattr(torch, kind, None) for kind in KINDS}
    return ["cpu"] + [
        f"{kind}:{number}"
        for kind, module in modules.items()
        if module is not None and module.is_available()
        for number in range(module.device_count())
    ]
