"""Two lists side by side."""

from __future__ import annotations

from random import Random

import pytest

from archspec.diffing.alignment import WINDOW, align


def alike(a: str, b: str) -> float:
    return float(a == b)


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ("", "abc", []),
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)]),
        ("abcd", "axcd", [(0, 0), (2, 2), (3, 3)]),
        ("aab", "ab", [(0, 0), (2, 1)]),
        ("ab", "ba", [(1, 0)]),
    ],
)
def test_small_ones(left: str, right: str, found: list[tuple[int, int]]) -> None:
    assert align(left, right, alike) == found


def longest(left: str, right: str) -> int:
    """The length of the longest common subsequence, by its definition."""
    rows = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            best = rows[i][j] + 1 if a == b else max(rows[i][j + 1], rows[i + 1][j])
            rows[i + 1][j + 1] = best
    return rows[-1][-1]


@pytest.mark.parametrize("number", range(50))
def test_as_many_as_can_be(number: int) -> None:
    draw = Random(number)
    left, right = ("".join(draw.choices("abc", k=draw.randrange(20))) for _ in "ab")
    pairs = align(left, right, alike)
    assert len(pairs) == longest(left, right)
    assert pairs == sorted(pairs)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


def test_a_score_is_more_than_a_number() -> None:
    """The better of two partners, though the other comes first."""
    score = {("a", "x"): 1.0, ("a", "y"): 2.0}
    assert align("a", "xy", lambda a, b: score[a, b]) == [(0, 1)]


def test_long_lists_are_aligned_piece_by_piece() -> None:
    """Insertions anywhere shift nothing, and the time grows with the length alone."""
    left = [n % 7 for n in range(6 * WINDOW)]
    right = [*left]
    for place in range(5 * WINDOW, 0, -WINDOW // 2):
        right.insert(place, 9)
    calls = 0

    def score(a: int, b: int) -> float:
        nonlocal calls
        calls += 1
        return float(a == b)

    pairs = align(left, right, score)
    assert len(pairs) == len(left)
    assert calls < 20 * WINDOW * len(left)
