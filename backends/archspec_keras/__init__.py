"""The Keras backend of archspec."""

from archspec_keras.backend import KerasBackend

backend = KerasBackend()

__all__ = ["KerasBackend", "backend"]
