"""The PyTorch backend of archspec."""

from archspec_torch.backend import TorchBackend

backend = TorchBackend()

__all__ = ["TorchBackend", "backend"]
