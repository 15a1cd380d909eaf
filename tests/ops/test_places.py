"""Every op stands in every place, and CONTRIBUTING lists the places."""

from __future__ import annotations

import re

import pytest
from ops.places import FIRST, PLACES, ROOT

MOST = 7
"""Places that a new op touches."""


@pytest.mark.parametrize("place", PLACES)
def test_no_op_is_missing(place: str) -> None:
    assert PLACES[place]() == []


def test_contributing_lists_the_places() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    _, _, after = text.partition("## Adding an op\n")
    section = after.partition("\n## ")[0]
    listed = re.findall(r"^\d\. `([^`]+)`", section, re.MULTILINE)
    # The tables of all backends are one line.
    places = [re.sub(r"^backends/\w+/", "backends/*/", place) for place in PLACES]
    assert listed == [FIRST, *dict.fromkeys(places)]
    assert len(listed) <= MOST
