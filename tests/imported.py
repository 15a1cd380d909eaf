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
        for name, module in sys.modules.copy().items():  # at once: threads import, too
            # Asking a lazy module for an attribute would import what it stands for.
            file = vars(module).get("__file__") if module else None
            if isinstance(file, str) and Path(file).is_relative_to(folder):
                sys.modules.pop(name, None)
