"""A process that runs one backend: `python -m archspec.verify.worker`.

Reads one JSON object a line: first the setting and the target, then tasks, each with
the file for its arrays, and other settings. Answers each with a line: an error, or
none, and what runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TextIO

from archspec.errors import ArchspecError
from archspec.verify import setting, task
from archspec.verify.own import OwnBench, opened
from archspec.verify.target import Target
from archspec.verify.task import Bench


def main() -> None:
    """Serves until its input ends."""
    bench: list[Bench | OwnBench] = []
    broken: str | None = None  # by the last setting, and so is each task of it

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal broken
        if "setting" in request:
            error = broken = tried(_use, request, bench)
        else:
            error = broken or tried(_do, request, bench)
        return {"error": error, "about": bench[0].about() if bench else {}}

    serve(answer)


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answers each line of standard input until that ends, or who asks was killed."""
    # What frameworks print on standard output must not mix with the answers.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        lines: SimpleQueue[str] = SimpleQueue()
        Thread(target=_listen, args=(lines, os.getppid()), daemon=True).start()
        while line := lines.get():
            _say(answers, answer(json.loads(line)))


def _listen(lines: SimpleQueue[str], parent: int) -> None:
    """Passes requests on, and an empty text at their end.

    Where the process that asks was killed, what is computed nobody wants: it ends.
    """
    for line in sys.stdin:
        lines.put(line)
    lines.put("")
    while os.getppid() == parent:
        time.sleep(0.1)
    os._exit(0)


def _use(request: dict[str, Any], bench: list[Bench | OwnBench]) -> None:
    """Starts a backend, or tells it of another setting."""
    made = setting.read(request["setting"])
    if bench:
        bench[0].use(made)
        return
    target = Target(request["backend"], request["engine"])
    chosen = target.found().on(target.engine, made.dtype)
    if made.file is None:
        bench.append(Bench(chosen, made.data(), target.engine))
    else:
        bench.append(opened(made, chosen))


def _do(request: dict[str, Any], bench: list[Bench | OwnBench]) -> None:
    """Leaves the arrays of a task in its file."""
    from archspec.weights import save

    save(request["file"], bench[0].ask(task.read(request["task"])), {})


def tried(served: Callable[..., None], *given: Any) -> str | None:
    """Does what a request says; the error as a sentence."""
    try:
        served(*given)
    except ArchspecError as error:
        return "; ".join(line.strip() for line in str(error).splitlines())
    except Exception as error:
        traceback.print_exc()
        text = str(error).strip().splitlines()
        return f"{type(error).__name__}: {text[0] if text else ''}"[:300]
    return None


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
