"""The language server over standard input and output; `make editor` installs pygls."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from math import inf
from pathlib import Path

import pytest
from language_server import Server, serving
from opened import HEAD, opened

from archspec import catalog
from archspec.editor import grammar
from archspec.editor.completion import complete
from archspec.editor.definition import define
from archspec.editor.document import Document
from archspec.editor.hover import hover
from archspec.ops import BY_KIND
from archspec.ops.describe import summary

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "archspec", "lsp"]
NET = f"{HEAD}graph:\n  conv: {{op: conv2d, channels: 4, kernel: 3}}\n  act: relu\n"
SECONDS = 0.3
"""Of one core, in which an editor wants its answer."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    assert find_spec("pygls"), "run: make editor"
    with serving([*COMMAND, "--stdio"], {}) as found:
        yield found


@pytest.mark.proof
def test_completion(server: Server) -> None:
    found = server.complete(f"{HEAD}graph:\n  conv: {{op: conv2d, ch|\n")
    item = found["channels"]
    assert item["documentation"] == "A whole number from 1."
    assert item["textEdit"] == {
        "range": {
            "start": {"line": 4, "character": 21},
            "end": {"line": 4, "character": 23},
        },
        "newText": "channels: ",
    }
    found = server.complete(f"{HEAD}graph:\n  act: |\n")
    assert found["relu"]["documentation"] == summary(BY_KIND["relu"])


@pytest.mark.proof
def test_hover_and_definition(server: Server) -> None:
    assert "| conv | 4 x 30 x 30 | 112 | 97,200 |" in server.hover(
        NET.replace("conv:", "co|nv:")
    )
    assert server.hover(NET.replace("name: my", "na|me: my")).startswith("**name**")
    where = server.define(NET.replace("act: relu", "act: {op: relu, from: co|nv}"))
    assert where["uri"].endswith(".yaml")
    assert where["range"]["start"] == {"line": 4, "character": 2}
    where = server.define(f"{HEAD}extends: resnet|18\n")
    assert where["uri"] == (catalog.root() / "resnet18.yaml").as_uri()


@pytest.mark.proof
def test_diagnostics_while_typing(server: Server) -> None:
    assert server.diagnose(NET) == []
    ((line, message),) = server.diagnose(NET.replace("relu", "rellu"))
    assert line == 6
    assert message == "there is no op 'rellu'\nhint: did you mean 'relu'?"
    uri = server.open(NET)
    server.wait(uri)
    for text in ("act: rel", "act: re", "act: r", "act: rellu"):
        server.change(uri, NET.replace("act: relu", text))
    (problem,) = server.wait(uri)
    assert (problem["code"], problem["severity"]) == ("AS205", 1)
    assert problem["source"] == "archspec"
    assert problem["range"] == {
        "start": {"line": 5, "character": 7},
        "end": {"line": 5, "character": 12},
    }
    server.change(uri, NET)
    assert server.wait(uri) == []


@pytest.mark.proof
def test_columns_are_counted_as_the_editor_does(server: Server) -> None:
    """By default in UTF-16, in which a letter beyond the first 65,536 is two."""
    text = f"{HEAD}title: t\ngraph: [{{op: relu, name: '\N{MUSICAL SYMBOL G CLEF}'}}, rellu, |]\n"
    found = server.complete(text)
    edit = found["relu"]["textEdit"]["range"]
    assert edit["start"] == edit["end"] == {"line": 4, "character": 39}
    uri = server.open(text.replace("|", "relu"))
    places = [problem["range"] for problem in server.wait(uri)]
    assert [place["start"]["character"] for place in places] == [25, 32]
    assert places[1]["end"]["character"] == 37


def test_without_pygls_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pygls'] = None; sys.argv = ['archspec', 'lsp'];"
        "from archspec.cli import main; main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1 and run.stdout == ""
    assert run.stderr == (
        "error: the language server needs pygls, which is not installed [AS191]\n"
        '    hint: pip install "archspec-nn[lsp]"\n'
    )


def cut(path: Path, step: int, seconds: float = inf) -> None:
    """Asks for everything at every cut of a file; each is answered, and in time."""
    whole = path.read_text(encoding="utf-8")
    kept, torn = Document(str(path), whole), Document(str(path), whole)
    kept.problems()
    torn.problems()
    for end in range(0, len(whole) + 1, step):
        before = whole[:end]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        torn.text = before
        steps: list[Callable[[], object]] = [torn.problems]
        for ask in (complete, hover, define):
            steps += [partial(ask, d, line, column) for d in (kept, torn)]
        for number, answer in enumerate(steps):
            start = time.process_time()
            answer()
            took = time.process_time() - start
            assert took < seconds, f"{path.name}, {end}: step {number} took {took:.2f}"


@pytest.fixture(scope="module")
def warm() -> None:
    """Reads what a server reads once."""
    grammar.whole()
    document, line, column = opened(NET.replace("conv2d", "con|v2d"))
    hover(document, line, column)


SPECS = (
    *("specs/fpn_resnet50.yaml", "specs/families/vgg.yaml", "specs/resnet1202.yaml"),
    *("examples/nets/shufflenet_v2_x1_0.yaml", "examples/nets/densenet121.yaml"),
    *("examples/digits/digits.yaml", "tests/examples/resnet50.yaml"),
    *("tests/faults/nets/blocks.yaml", "tests/shrunk/loops_in_loops.yaml"),
)


@pytest.mark.parametrize("name", ["specs/resnet18.yaml", "specs/families/vgg.yaml"])
def test_some_cuts(warm: None, name: str) -> None:
    cut(ROOT / name, 83)


@pytest.mark.proof
@pytest.mark.parametrize("name", SPECS)
def test_cuts_at_every_seventh_letter(warm: None, name: str) -> None:
    cut(ROOT / name, 7, SECONDS)
