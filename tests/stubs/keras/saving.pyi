from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=type)

def register_keras_serializable(package: str) -> Callable[[T], T]: ...
