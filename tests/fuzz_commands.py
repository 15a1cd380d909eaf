"""Random command lines: values of `--set`, sizes, damaged specs and places to write to.

    PYTHONPATH=tests python tests/fuzz_commands.py 1000000 [SEED]

Under the limits that users have, each ends with 0, 1 or 2 within two seconds, says no
more than a few screens, and leaves the place that it writes to as it was, or written
whole. In a million it prints the slowest and the memory used.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fuzz
from typer import Typer
from typer.testing import CliRunner

from archspec.cli.app import application

SECONDS = 2.0
LONGEST = 60_000
"""Characters of what may be said of one command line: fifty errors, each cut."""
SMALL = """archspec: 1
name: small
params: {width: 4, rate: 0.5, depths: [1, 2], unit: basic, on: true, any: null}
inputs: {image: [3, 8, 8]}
blocks:
  basic: {graph: {conv: {op: conv2d, channels: =width, kernel: 1}, act: relu}}
  plain: {graph: {act: tanh}}
graph:
  s{index}: {block: =unit, repeat: "=depths[0] + depths[1]", when: =on}
  drop: {op: dropout, rate: =rate}
  pool: global_avg_pool2d
  fc: {op: linear, features: =width * 2}
taps: {c: s0}
"""
PARAMS = ("width", "rate", "depths", "unit", "on", "any")
VALUES = (
    *("0", "-1", "1e9", "[1, 1]", "[1]", "[]", "[3000, 9]", "[1e9, 1]", "plain", "'"),
    *("null", "{a: 1}", "4096", "9007199254740993", "1.5", "nan", "!x 1", "*a", "&a 1"),
    *(
        "[" * 70,
        "[" * 5000,
        "x" * 9000,
        "=width",
        "[[1], 2]",
        "1_0",
        "\udcff",
        "\x1b[2J",
    ),
)
SIZES = ("8", "1", "0", "-8", "8x", "7x9", "9999999", "1x1x1", "NaN", "8 x 8", "", "٣")
PLACES = (
    *("new.py", "own.py", "edited.py", "other.py", "binary.py", "long.py", "empty.py"),
    *("zero", "pipe", "folder", "loop", "dangling", "no/new.py", "own.py/x", ".", ""),
    *("x" * 300, "-", "/dev/full", "/dev/null", "\udcff.py", "a b\n.py", "link.py"),
)
PRINTS = (("-b", "torch"), ("-b", "keras"), ("-b", "toch"), ("--taps", "-b", "torch"))
READS = (("validate",), ("validate", "--json"), ("show",), ("show", "--json"))


@cache
def app() -> Typer:
    """The command line, made once."""
    return application()


def prepare() -> None:
    """Puts what commands meet into this folder."""
    Path("small.yaml").write_text(SMALL)
    ran = CliRunner().invoke(app(), ["codegen", "small.yaml", "-b", "torch"])
    texts = {
        "own.py": ran.stdout,
        "edited.py": ran.stdout.replace("width * 2", "width * 3"),
        "other.py": "import os\n",
        "empty.py": "",
    }
    for name, text in texts.items():
        Path(name).write_text(text)
    Path("binary.py").write_bytes(bytes(range(256)))
    with Path("long.py").open("wb") as file:
        file.truncate(2**40)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for name, target in {
        "zero": "/dev/zero",
        "loop": "loop",
        "dangling": "nowhere.py",
        "link.py": "own.py",
    }.items():
        Path(name).symlink_to(target)


def arguments(draw: random.Random) -> list[str]:
    """A random command line; what it damages stands in net.yaml."""
    spec = draw.choice(("small.yaml", "small.yaml", "net.yaml", "resnet18"))
    if spec == "net.yaml":
        Path(spec).write_bytes(fuzz.mutated(draw, [SMALL, *fuzz.corpus()]))
    command = list(draw.choice(READS))
    if draw.random() < 0.5:
        command = ["codegen", *draw.choice(PRINTS)]
        if draw.random() < 0.8:
            command += ["-o", draw.choice(PLACES)]
        command += draw.choice(([], [], ["--check"], ["--force"], ["--with-test"]))
    for _ in range(draw.randrange(3)):
        command += ["--set", _setting(draw)]
    if draw.random() < 0.2:
        command += ["--input-size", draw.choice(SIZES)]
    return [*command, spec]


def _setting(draw: random.Random) -> str:
    name = draw.choice((*PARAMS, "num_classes", "depth", "", "x" * 500, "a.b", "é"))
    value = draw.choice(
        (
            draw.choice(VALUES),
            fuzz.written(draw),
            f"={fuzz.formula(draw)}",
            draw.choice(fuzz.WORDS),
        )
    )
    return draw.choice((name, f"{name}={value}", f"{name}={value}", f"={value}"))


def state() -> dict[str, Any]:
    """What lies in this folder: of files that a command may write, their bytes."""
    found: dict[str, Any] = {}
    for name in os.listdir("."):
        small = os.path.isfile(name) and os.path.getsize(name) < 2**20
        found[name] = Path(name).read_bytes() if small else None
    return found


def check(command: list[str], before: dict[str, Any]) -> dict[str, Any]:
    """Runs a command line; AssertionError for a wrong end. What lies here then."""
    ran = CliRunner().invoke(app(), command)
    assert ran.exit_code in (0, 1, 2), ran.exc_info
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exc_info
    assert ran.exit_code == 0 or ran.output, "a failure says nothing"
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr) < LONGEST
    after = state()
    changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
    if changed and "--check" not in command:
        target = command[command.index("-o") + 1]
        real = os.path.relpath(os.path.realpath(target))
        assert changed <= {target, real, f"test_{target}"}, changed
    else:
        assert not changed, changed
    return after


def run(count: int, seed: int) -> tuple[float, list[str]]:
    """Checks so many command lines in this empty folder; the slowest with its time."""
    draw, slowest = random.Random(seed), (0.0, [""])
    prepare()
    for number in range(count):
        command = arguments(draw)
        start = time.process_time()
        try:
            after = check(command, state())
        except Exception as error:
            text = Path("net.yaml").read_bytes() if command[-1] == "net.yaml" else b""
            raise AssertionError(f"{error!r} for {command!r}\n{text!r}") from error
        slowest = max(slowest, (time.process_time() - start, command))
        if number % 100 == 99 or len(after) > 40:  # what was written is gone again
            for name in os.listdir("."):
                os.rmdir(name) if name == "folder" else os.unlink(name)
            prepare()
    return slowest


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        took, words = run(int(sys.argv[1]), int((*sys.argv, "0")[2]))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{words}\nthe slowest took {took:.2f} s; {memory:.0f} MiB in all")
    sys.exit(took > SECONDS or memory > 1024)
