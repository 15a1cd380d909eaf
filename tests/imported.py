"""Modules that a test imported from its own folder are let go again, and no other.

What the product imports while a test runs stays: a second copy of one of its modules
would hold classes that no `except` and no `isinstance` of the first copy knows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def let_go(folder: Path) -> Iterator[None]:
    """Afterwards no module is known whose file lies in `folder`."""
    try:
        yield
    finally:
        for name, module in [*sys.modules.items()]:
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(folder):
                del sys.modules[name]
