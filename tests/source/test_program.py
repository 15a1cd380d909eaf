"""archspec.source.program: source as a value, and running it."""

from __future__ import annotations

import inspect
import pickle
import sys
import traceback

import pytest

from archspec.source.program import Source, execute

TEXT = '''\
class Net:
    """A net."""

    def fail(self) -> None:
        raise ValueError("no")
'''


def source(text: str = TEXT, name: str = "a-net.v2") -> Source:
    return Source(text, "Net", name, "toy")


def test_a_module_can_be_read_and_pickled() -> None:
    module = execute(source())
    assert module.__name__.startswith("archspec_toy_a_net_v2_")
    assert module.__name__.isidentifier()
    assert sys.modules[module.__name__] is module
    assert inspect.getsource(module.Net) == TEXT
    assert isinstance(pickle.loads(pickle.dumps(module.Net())), module.Net)


def test_a_traceback_shows_the_line() -> None:
    with pytest.raises(ValueError, match="no") as caught:
        execute(source()).Net().fail()
    last = traceback.extract_tb(caught.tb)[-1]
    assert last.line == 'raise ValueError("no")'
    assert last.filename.startswith("<toy a-net.v2 ")


def test_the_same_text_is_the_same_module() -> None:
    assert execute(source()) is execute(source())
    assert execute(source()) is not execute(source(TEXT + "\n"))
    assert execute(source()) is not execute(source(name="b"))


def test_a_module_that_fails_is_none() -> None:
    broken = source("raise ZeroDivisionError\n")
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        execute(broken)
    assert set(sys.modules) == before
