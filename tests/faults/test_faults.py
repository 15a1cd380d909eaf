"""Faults planted in printed code: verify notices each and names its node."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from faults.planted import HERE, Fault, faults, proved, tried

import archspec
from archspec.backend import backend
from archspec.verify.setting import Setting
from archspec.verify.target import parse

ALL = faults()
NETS = sorted({fault.net for fault in ALL})
SAMPLE = [fault for fault in ALL if fault.on == "torch"][5::24]


@cache
def printed(net: str, on: str) -> str:
    graph = archspec.load(HERE / "nets" / f"{net}.yaml").graph
    return backend(on).emit(graph).text


def test_there_are_many_and_each_has_its_place() -> None:
    assert len(ALL) >= 150 and len({str(fault) + str(fault.edits) for fault in ALL})
    for fault in ALL:
        text = printed(fault.net, fault.on)
        assert fault.whole(text), f"{fault}: the text is not there"
        compile(fault.planted(text), "planted", "exec")
        assert fault.planted(text) != text


@pytest.mark.parametrize("net", NETS)
def test_a_net_without_a_fault(net: str) -> None:
    found = proved(None, Setting(str(HERE / "nets" / f"{net}.yaml")), parse("torch"))
    assert found.proof.passed, found.proof


def caught(fault: Fault) -> None:
    answer = tried(fault)
    assert answer.hit and answer.checks, answer.proof
    assert answer.names(fault.node), (answer.named, answer.proof)


@pytest.mark.parametrize("fault", SAMPLE, ids=str)
def test_a_fault(fault: Fault) -> None:
    caught(fault)


@pytest.mark.proof
@pytest.mark.parametrize("fault", ALL, ids=str)
def test_every_fault(fault: Fault) -> None:
    caught(fault)


@pytest.mark.proof
@pytest.mark.parametrize("net", NETS)
def test_a_net_without_a_fault_on_keras(net: str) -> None:
    found = proved(None, Setting(str(HERE / "nets" / f"{net}.yaml")), parse("keras"))
    assert found.proof.passed, found.proof


def test_the_table_is_all_of_them() -> None:
    """docs/faults.md has a row for each fault, as the command wrote it."""
    text = (Path(archspec.__file__).parents[1] / "docs" / "faults.md").read_text()
    for fault in ALL:
        assert fault.row() in text, f"{fault}: run `python -m faults.planted --write`"
