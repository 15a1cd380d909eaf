"""The ONNX backend of archspec."""

from archspec_onnx.backend import OnnxBackend

backend = OnnxBackend()

__all__ = ["OnnxBackend", "backend"]
