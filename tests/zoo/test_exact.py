"""Every net of the zoo, bit for bit as the definitions of its ops have it."""

from __future__ import annotations

import keras
import pytest

from archspec.catalog import names
from archspec.verify.exact import exact, prove
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench


def here(setting: Setting, target: Target) -> Bench:
    """A backend in this process: to start one takes longer than a net."""
    return Bench(target.found().on(target.engine, setting.dtype), setting.data())


@pytest.mark.proof
@pytest.mark.parametrize("name", names())
def test_a_net(name: str) -> None:
    """Nearly all of it: what is not compared is an op that is never exact."""
    setting = exact(Setting(name))
    targets = parse_all("torch,keras")
    proof = prove(setting, targets, here, lambda text: None)
    keras.utils.clear_session()
    assert proof.passed, [*proof.rows, *proof.findings]
    assert len(proof.rows) == 2 * len(targets)
    assert not [note for note in proof.notes if "not compared" in note], proof.notes
