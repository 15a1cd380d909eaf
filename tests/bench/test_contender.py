"""How ways to run a net are spelled."""

from __future__ import annotations

import pytest

from archspec.bench.contender import installed, parse, parse_all
from archspec.errors import BackendError
from archspec.verify.target import Target


@pytest.mark.parametrize(
    ("text", "target", "mode"),
    [
        ("torch", Target("torch"), ""),
        ("torch:compile", Target("torch"), "compile"),
        ("torch:channels_last", Target("torch", "channels_last"), ""),
        (" torch:channels_last:compile ", Target("torch", "channels_last"), "compile"),
        ("keras", Target("keras", "tensorflow"), ""),
        ("keras:jit", Target("keras", "tensorflow"), "jit"),
        ("keras:jax:jit", Target("keras", "jax"), "jit"),
        ("flax", Target("flax"), ""),
        ("onnx", Target("onnx", "ort"), ""),
        ("onnx:reference", Target("onnx", "reference"), ""),
    ],
)
def test_what_is_known(text: str, target: Target, mode: str) -> None:
    found = parse(text)
    assert (found.target, found.mode, str(found)) == (target, mode, text.strip())


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("trch", "did you mean 'torch'?"),
        ("torch:compil", "torch, torch:compile, torch:channels_last"),
        ("torch:jit:", "torch:channels_last"),
        ("keras:jit:jax", "keras:jax:jit"),
        ("onnx:jit", "onnx:ort"),
        ("jax", "'keras:jax'"),
        ("", "installed are"),
        ("torch,,onnx", "installed are"),
    ],
)
def test_what_is_not(text: str, hint: str) -> None:
    with pytest.raises(BackendError) as caught:
        parse_all(text)
    assert caught.value.code == "AS501"
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text", ["torch,torch", "onnx,torch,onnx:ort", "keras,keras:tensorflow"]
)
def test_one_twice(text: str) -> None:
    with pytest.raises(BackendError, match="named twice") as caught:
        parse_all(text)
    assert caught.value.code == "AS501"


def test_those_that_are_installed() -> None:
    assert [*map(str, installed())] == ["torch", "flax", "keras", "onnx"]
