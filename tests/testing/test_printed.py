"""What a printed module defines and takes."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from nets import graph_of

from archspec.backend import backend
from archspec.source.program import Source
from archspec.testing.printed import defined, digest, elsewhere, entry

TEXT = '''
"""A module."""

class Block(Base):
    def __init__(self, channels: int, stride=2, *, act="relu", rate: float = -0.5):
        super().__init__()

    def forward(self, x):
        return x

class Plain(Base):
    def forward(self, x, y=1):
        return x

def net(name, /, size=(3, 4), other=None, call=f(), *, last):
    def inner(z=1): ...
'''


def source(text: str) -> Source:
    made = backend("torch").emit(graph_of("inputs: {x: [4]}\ngraph: [relu]\n"))
    return type(made)(**{**vars_of(made), "text": text, "entry": "net"})


def vars_of(made: Source) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__dataclass_fields__}


def test_arguments_and_their_defaults() -> None:
    assert defined(source(TEXT)) == {
        "Block": {"channels": None, "stride": 2, "act": "relu", "rate": -0.5},
        "Plain": {},
        "net": {
            "name": None,
            "size": (3, 4),
            "other": None,
            "call": None,
            "last": None,
        },
    }
    assert list(entry(source(TEXT))) == ["name", "size", "other", "call", "last"]


def test_a_digest_is_of_the_text() -> None:
    assert digest(source("a")) == digest(source("a")) != digest(source("b"))
    assert len(digest(source("a"))) == 64


SPEC = "archspec: 1\nname: net\ninputs: {x: [4]}\ngraph: [{op: linear, features: 3}]\n"


def test_another_process_prints_the_same() -> None:
    texts = [SPEC, SPEC.replace("3}", "5}")]
    digests, modules = elsewhere("torch", texts)
    wanted = [digest(backend("torch").emit(graph_of(text))) for text in texts]
    assert digests == wanted
    assert {"archspec", "archspec_torch"} <= modules and "torch" not in modules


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(
        AssertionError, match=r"emit fails in a fresh process:\n(.|\n)*nowhere"
    ):
        elsewhere("nowhere", [SPEC])


def test_strings_hash_in_another_way_there(monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = subprocess.run, []

    def run(*args: Any, **options: Any) -> Any:
        seen.append(options["env"]["PYTHONHASHSEED"])
        return real(*args, **options)

    monkeypatch.setattr(subprocess, "run", run)
    elsewhere("torch", [SPEC])
    assert seen == ["12345"]
