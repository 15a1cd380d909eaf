"""archspec.source.arrange: loops over rows, what they carry, the order of arguments."""

from __future__ import annotations

import pytest
from outline_cases import Case, agree, agree_on_shrunk, cases, check, named
from proofs import sampled


@pytest.mark.parametrize("case", cases("arrange"), ids=named)
def test_outlines(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("count", sampled([20, 60], [20]))
def test_random_specs(count: int) -> None:
    agree(3240, 3240 + count)


def test_specs_that_were_wrong_once() -> None:
    agree_on_shrunk()
