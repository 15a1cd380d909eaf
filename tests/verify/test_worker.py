"""The process of a backend: a line in, a line out, whatever happens between."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archspec.errors import ArchspecError
from archspec.verify import worker
from archspec.verify.own import OwnBench
from archspec.verify.setting import Setting
from archspec.verify.task import Bench
from archspec.weights import load

TEXT = "archspec: 1\nname: net\ninputs: {x: [4]}\ngraph: [{op: linear, features: 3}]\n"
EVAL = {"kind": "eval", "node": "", "weights": "", "training": False}


@pytest.fixture
def start(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "net.yaml").write_text(TEXT)
    setting = Setting(str(tmp_path / "net.yaml"))
    return {"setting": setting.facts(), "backend": "torch", "engine": ""}


def test_the_first_line_starts_and_the_others_are_tasks(
    start: dict[str, Any], tmp_path: Path
) -> None:
    bench: list[Bench | OwnBench] = []
    assert worker.tried(worker._use, start, bench) is None
    assert len(bench) == 1
    file = str(tmp_path / "made.safetensors")
    assert worker.tried(worker._do, {"task": EVAL, "file": file}, bench) is None
    assert set(load(file)) == {"outputs/", "initial/"}
    assert len(bench) == 1


def test_errors_are_sentences(
    start: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bench: list[Bench | OwnBench] = []
    told = worker.tried(worker._use, {**start, "backend": "torhc"}, bench)
    assert told is not None and "did you mean 'torch'" in told
    assert bench == [] and capfd.readouterr().err == ""
    assert worker.tried(worker._use, start, bench) is None
    file = str(tmp_path / "none" / "made.safetensors")
    told = worker.tried(worker._do, {"task": EVAL, "file": file}, bench)
    assert told is not None and "there is no folder" in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("out of memory\nsee the log"), "RuntimeError: out of memory"),
        (KeyError(), "KeyError: "),
        (ValueError("x" * 1000), f"ValueError: {'x' * 288}"),
    ],
)
def test_what_a_framework_raises(
    error: Exception, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def ask(self, task: Any) -> Any:
            raise error

    bench: Any = [Broken()]
    request = {"task": EVAL, "file": "x"}
    assert worker.tried(worker._do, request, bench) == told
    assert "Traceback" in capfd.readouterr().err


def test_an_error_of_several_lines_is_one_sentence() -> None:
    def refuse() -> None:
        raise ArchspecError("no", hint="do", notes=("in a", "in b"))

    assert worker.tried(refuse) == "no (do) [AS100]; in a; in b"


def test_what_a_framework_prints_is_no_answer(start: dict[str, Any]) -> None:
    """It goes to the log, where standard error goes."""
    shout = (
        "import os, runpy, sys\n"
        "from archspec.verify import worker\n"
        "tried = worker.tried\n"
        "def loud(*given):\n"
        "    print('hello')\n"
        "    os.system('echo from below')\n"
        "    sys.stdout.flush()\n"
        "    return tried(*given)\n"
        "worker.tried = loud\n"
        "worker.main()\n"
    )
    wrong = json.dumps({**start, "backend": "torhc"})
    done = subprocess.run(
        [sys.executable, "-c", shout],
        input=f"{wrong}\n{json.dumps(start)}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert "did you mean 'torch'" in first["error"]
    assert second["error"] is None and {*second} == {"error", "about"}
    assert done.stderr.count("hello") == done.stderr.count("from below") == 2


def test_tasks_of_a_wrong_setting_fail_as_it_did(
    start: dict[str, Any], tmp_path: Path
) -> None:
    """Whoever asks need not have waited for what was said of the setting."""
    (tmp_path / "wrong.yaml").write_text(TEXT.replace("linear", "linaer"))
    wrong = {**start, "setting": {**start["setting"], "spec": f"{tmp_path}/wrong.yaml"}}
    task = {"task": EVAL, "file": str(tmp_path / "made.safetensors")}
    done = subprocess.run(
        [sys.executable, "-m", "archspec.verify.worker"],
        input="\n".join(map(json.dumps, (start, wrong, task, start, task))) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    errors = [json.loads(line)["error"] for line in done.stdout.splitlines()]
    assert [error is None for error in errors] == [True, False, False, True, True]
    assert "did you mean 'linear'" in errors[1] and errors[2] == errors[1]
