"""archspec.source.generalise: one definition for all instances, and what is printed for a value."""

from __future__ import annotations

import pytest
from outline_cases import Case, agree, agree_on_shrunk, cases, check, named


@pytest.mark.parametrize("case", cases("generalise"), ids=named)
def test_outlines(case: Case) -> None:
    check(case)


def test_random_specs() -> None:
    agree(3120, 3180)


def test_specs_that_were_wrong_once() -> None:
    agree_on_shrunk()
