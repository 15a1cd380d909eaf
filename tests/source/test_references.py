"""archspec.source.references: what each line reads, in all instances."""

from __future__ import annotations

import pytest
from outline_cases import Case, agree, agree_on_shrunk, cases, check, named


@pytest.mark.parametrize("case", cases("references"), ids=named)
def test_outlines(case: Case) -> None:
    check(case)


def test_random_specs() -> None:
    agree(3060, 3120)


def test_specs_that_were_wrong_once() -> None:
    agree_on_shrunk()
