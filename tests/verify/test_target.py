"""Backends and their engines by name."""

from __future__ import annotations

import pytest

from archspec.backend import backend
from archspec.errors import BackendError
from archspec.verify.target import FLOOR, Target, parse, parse_all


@pytest.mark.parametrize(
    ("text", "target", "name"),
    [
        ("torch", Target("torch"), "torch"),
        ("keras", Target("keras", "tensorflow"), "keras:tensorflow"),
        (" keras:jax ", Target("keras", "jax"), "keras:jax"),
        (
            "torch:channels_last",
            Target("torch", "channels_last"),
            "torch:channels_last",
        ),
    ],
)
def test_a_target(text: str, target: Target, name: str) -> None:
    assert parse(text) == target
    assert str(target) == name
    assert target.found() is backend(target.backend)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("keras:", "the backend 'keras' has no engine ''", "did you mean 'keras:"),
        ("keras:jaks", "has no engine 'jaks'", "did you mean 'keras:jax'?"),
        (
            "keras:zzzzzzzzzzzzzzzzzz",
            "has no engine 'zzzzzzzzzzzzzzzzzz'",
            "known are keras:tensorflow, keras:jax, keras:torch",
        ),
        ("torch:", "the backend 'torch' has no engine ''", "torch:channels_last"),
        ("kears", "there is no backend 'kears'", "did you mean 'keras'?"),
    ],
)
def test_no_such_target(text: str, message: str, hint: str) -> None:
    with pytest.raises(BackendError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_several() -> None:
    assert parse_all("torch, keras:jax,keras") == (
        Target("torch"),
        Target("keras", "jax"),
        Target("keras", "tensorflow"),
    )
    with pytest.raises(BackendError, match="keras:tensorflow is named twice"):
        parse_all("keras,torch,keras:tensorflow")
    assert parse_all("torch") == (Target("torch"),)


def test_the_floor_is_torch_against_itself() -> None:
    assert [str(target) for target in FLOOR] == ["torch", "torch:channels_last"]
