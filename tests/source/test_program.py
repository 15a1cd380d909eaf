"""archspec.source.program: source as a value, and running it."""

from __future__ import annotations

import copy
import gc
import inspect
import linecache
import pickle
import sys
import traceback
from fractions import Fraction
from hashlib import sha256
from importlib import import_module
from types import ModuleType
from typing import Any
from weakref import finalize

import pytest

from archspec.source import program
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
    digest = sha256(TEXT.encode()).hexdigest()
    assert module.__name__ == f"archspec_toy_a_net_v2_{digest[:12]}"
    assert module.__file__ == f"<toy a-net.v2 {digest[:12]}>"
    assert module.__name__.isidentifier()
    listed = import_module(module.__name__)
    assert listed.Net is module.Net and "Net" in dir(listed)
    assert isinstance(listed, ModuleType) and listed in {*sys.modules.values()}
    with pytest.raises(AttributeError, match="nosuch"):
        _ = listed.nosuch
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
    assert not any("raise ZeroDivisionError" in text for text in kept())


def kept() -> list[str]:
    """What `linecache` has of source that was run."""
    found: Any = linecache.cache.items()
    return ["".join(entry[2]) for name, entry in found if name.startswith("<toy ")]


def test_a_module_goes_with_what_was_made_of_it() -> None:
    """A class, an instance or a function is enough to keep it."""
    for part in ("Net", "Net()", "Net.fail", "Net().fail"):
        module = execute(source(f"{TEXT}# {part}\n"))
        name, file = module.__name__, module.__file__
        held = [eval(part, vars(module))]
        del module
        gc.collect()
        assert name in sys.modules and file in linecache.cache
        assert inspect.getsource(sys.modules[name].Net) == TEXT
        held.clear()
        gc.collect()
        assert name not in sys.modules and file not in linecache.cache


def test_what_runs_at_exit_still_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def finalized(*args: Any) -> Any:
        made.append(finalize(*args))
        return made[-1]

    monkeypatch.setattr(program, "finalize", finalized)
    execute(source(f"{TEXT}# at exit\n"))
    assert [found.atexit for found in made] == [False]


def test_classes_that_source_imports_stay_as_they_are() -> None:
    before = Fraction.__reduce_ex__
    module = execute(source(f"from fractions import Fraction\n\n\n{TEXT}"))
    assert module.Fraction is Fraction and Fraction.__reduce_ex__ is before
    assert b"class Net" not in pickle.dumps(module.Fraction(1, 2))


def test_it_is_kept_where_others_forget_it() -> None:
    module = execute(source())
    del sys.modules[module.__name__]
    again = execute(source())
    assert import_module(module.__name__).Net is again.Net


PARTS = """\
class Inner(list):
    pass


class Net:
    def __init__(self) -> None:
        self.parts = [Inner([1, 2]), Inner()]
"""


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_take_the_text_along(protocol: int) -> None:
    """Once; where the module is gone, or was never, it is run again."""
    module = execute(source(PARTS))
    net = module.Net()
    net.parts[1].append(net)
    data = pickle.dumps(net, protocol)
    assert data.count(b"class Inner(list)") == 1
    copied = copy.deepcopy(net)
    assert type(copied) is module.Net and copied.parts[1] == [copied]
    name = module.__name__
    del net, copied, module
    gc.collect()
    assert name not in sys.modules
    found = pickle.loads(data)
    assert type(found).__module__ == name and name in sys.modules
    assert [type(part).__name__ for part in found.parts] == ["Inner", "Inner"]
    assert found.parts[0] == [1, 2] and found.parts[1] == [found]


Kind: Any = execute(source()).Net


class Heir(Kind):  # type: ignore[misc]  # a class made as it runs
    """A user's class, which pickle finds where it stands."""


def test_an_heir_is_pickled_as_always() -> None:
    data = pickle.dumps(Heir())
    assert b"class Net" not in data and type(pickle.loads(data)) is Heir
