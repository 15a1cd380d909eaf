"""What formulas may cost."""

from __future__ import annotations

from typing import Any

from archspec.errors import LimitError

LIST = 100_000
WORK = 10_000_000


class Work:
    """List items and characters that the formulas of one net may still touch."""

    def __init__(self) -> None:
        self.left = WORK

    def spend(self, *values: Any) -> None:
        """Counts what these values hold; LimitError when it is too much."""
        self.left -= sum(map(_size, values))
        if self.left < 0:
            raise LimitError(
                f"the formulas touch more than {WORK} list items in all", code="AS304"
            )


def _size(value: Any) -> int:
    """The number of items in a list, and in the lists within; characters of a text."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, tuple):
        return 0
    count, waiting = 0, [value]
    while waiting:
        items = waiting.pop()
        count += len(items)
        if count > LIST:
            raise LimitError(f"a list holds at most {LIST} items", code="AS304")
        waiting.extend(item for item in items if isinstance(item, tuple))
    return count
