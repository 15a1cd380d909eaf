"""Shards hold each net once, and share out what nets cost."""

from __future__ import annotations

import pytest

import archspec
from archspec.catalog import names
from archspec.errors import ArchspecError
from archspec.listing import nets
from archspec.verify.shards import Shard, cost, duration, left, parse


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_each_net_is_in_one_shard(count: int) -> None:
    costs = [net.macs for net in nets()]
    shares = [Shard(number, count).share(costs) for number in range(1, count + 1)]
    assert sorted(place for share in shares for place in share) == [*range(len(costs))]
    assert all(share == sorted(share) for share in shares)
    loads = [sum(costs[place] for place in share) for share in shares]
    assert max(loads) - min(loads) <= max(costs) and len(costs) == len(names())


def test_more_shards_than_nets() -> None:
    shares = [Shard(number, 3).share([5, 7]) for number in (1, 2, 3)]
    assert shares == [[1], [0], []]


def test_costs_grow_with_the_net() -> None:
    small, large = (archspec.load(name).graph for name in ("resnet18", "resnet34"))
    assert cost(small, "float32") < cost(large, "float32") < cost(small, "float64")


def test_a_shard_in_words() -> None:
    assert parse("2/4") == Shard(2, 4) and str(parse("2/4")) == "2/4"


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "2/0", "-1/4", "1/4/2", "a/b"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(ArchspecError, match=f"--shard {text}: expected NUMBER/COUNT"):
        parse(text)


def test_what_is_left() -> None:
    assert left([10, 10, 40], 2, 30) == "1 left, about 60 s"
    durations = (0.2, 91, 3600, 3700)
    assert [*map(duration, durations)] == ["1 s", "2 min", "1 h", "1 h 2 min"]
