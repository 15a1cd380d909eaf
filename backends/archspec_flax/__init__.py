"""The Flax NNX backend of archspec."""

from archspec_flax.backend import FlaxBackend

backend = FlaxBackend()

__all__ = ["FlaxBackend", "backend"]
