"""What `--rename OLD=NEW` makes of a name."""

from __future__ import annotations

import pytest

from archspec.renaming import renamed


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("linear.weight", "linear", "fc", "fc.weight"),
        ("a.shortcut.0.weight", "shortcut", "downsample", "a.downsample.0.weight"),
        ("a.b.shortcut", "b.shortcut", "c", "a.c"),
        ("nonlinear.weight", "linear", "fc", "nonlinear.weight"),
        ("linear2.weight", "linear", "fc", "linear2.weight"),
        ("layer1.0.x", "layer*.x", "stage*.y", "stage1.0.y"),
        ("layer1.0.x", "*.*.x", "*-*", "layer1.0-" if 0 else "layer1-0"),
        ("a.b", "x*", "y*", "a.b"),
        ("a.b", "a", r"\1", r"\1.b"),
    ],
)
def test_renamed(name: str, old: str, new: str, found: str) -> None:
    assert renamed(name, {old: new}) == found


def test_renames_follow_one_another() -> None:
    assert renamed("a.w", {"a": "b", "b": "c"}) == "c.w"
