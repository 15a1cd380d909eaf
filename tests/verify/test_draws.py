"""The hash and what is made of it, beside hashlib and the definition, one by one."""

from __future__ import annotations

from hashlib import shake_256

import numpy as np

from archspec.verify.draws import Draw


def words(name: str, count: int) -> list[int]:
    found = shake_256(name.encode()).digest(8 * count)
    return [int.from_bytes(found[8 * n : 8 * n + 8], "little") for n in range(count)]


def test_the_hash_and_what_is_made_of_it() -> None:
    draw = Draw(7, "conv")
    first = draw.integers(-4, 5, (2, 3))
    assert first.tolist() == np.reshape(
        [word % 9 - 4 for word in words("7:conv:0", 6)], (2, 3)
    ).tolist()  # fmt: skip
    second = draw.choice([-1.0, 1.0], 5)
    assert second.tolist() == [(-1.0, 1.0)[word % 2] for word in words("7:conv:1", 5)]
    third = draw.permutation(50)
    order = words("7:conv:2", 50)
    assert third.tolist() == sorted(range(50), key=order.__getitem__)


def test_every_value_is_as_likely() -> None:
    found = Draw(0, "many").integers(0, 9, 90_000)
    counts = np.bincount(found)
    assert counts.size == 9 and np.abs(counts - 10_000).max() < 6 * 100
    places = np.stack([Draw(0, n).permutation(4) for n in range(4000)])
    assert (np.sort(places, 1) == np.arange(4)).all()
    assert np.abs((places == 0).sum(0) - 1000).max() < 6 * 32
