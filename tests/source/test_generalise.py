"""archspec.source.generalise: one definition for all instances, and what is printed for a value."""

from __future__ import annotations

import pytest
from outline_cases import Case, agree, agree_on_shrunk, cases, check, named
from proofs import sampled


@pytest.mark.parametrize("case", cases("generalise"), ids=named)
def test_outlines(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("count", sampled([20, 60], [20]))
def test_random_specs(count: int) -> None:
    agree(3120, 3120 + count)


def test_specs_that_were_wrong_once() -> None:
    agree_on_shrunk()
