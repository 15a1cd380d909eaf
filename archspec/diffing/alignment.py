"""Two lists side by side, as many alike as can be without changing their order.

>>> align("abcd", "axcd", lambda a, b: float(a == b))
[(0, 0), (2, 2), (3, 3)]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
WINDOW = 250
"""Of longer lists, so many are aligned at a time."""

Score = Callable[[T, T], float]
"""How much two items are alike: above 0 if they may be a pair."""


def align(
    left: Sequence[T], right: Sequence[T], score: Score[T]
) -> list[tuple[int, int]]:
    """Pairs of indices, rising in both lists, of the highest score together.

    Of equally good ones the first are taken. What is longer than `WINDOW` is aligned
    piece by piece, so that the time grows with the length alone.
    """
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        ends = i + WINDOW >= len(left) and j + WINDOW >= len(right)
        found = _aligned(left[i : i + WINDOW], right[j : j + WINDOW], score)
        if ends or not found:
            pairs += [(i + a, j + b) for a, b in found]
            if ends:
                break
            i, j = i + WINDOW, j + WINDOW
            continue
        # What stands at the end of a piece may have its partner in the next one.
        kept = [(a, b) for a, b in found if max(a, b) < WINDOW // 2] or found[:1]
        pairs += [(i + a, j + b) for a, b in kept]
        i, j = i + kept[-1][0] + 1, j + kept[-1][1] + 1
    return pairs


def _aligned(
    left: Sequence[T], right: Sequence[T], score: Score[T]
) -> list[tuple[int, int]]:
    """The same by Needleman and Wunsch's dynamic programming; gaps cost nothing."""
    rows, columns = len(left), len(right)
    scores = [[score(a, b) for b in right] for a in left]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        below, here, own = best[i + 1], best[i], scores[i]
        for j in range(columns - 1, -1, -1):
            most = below[j] if below[j] > here[j + 1] else here[j + 1]
            if own[j] > 0 and own[j] + below[j + 1] > most:
                most = own[j] + below[j + 1]
            here[j] = most
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < rows and j < columns:
        if scores[i][j] > 0 and best[i][j] == scores[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
