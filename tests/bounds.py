"""Do the lower bounds of pyproject.toml hold, and the newest versions?

    python tests/bounds.py                    # the core: lowest, and newest
    python tests/bounds.py --extra torch      # and with a framework, some GB
    python tests/bounds.py --python 3.13      # another Python, which uv finds or fetches

makes an environment for each, with exactly the lowest versions of what pyproject.toml
names or with the newest of all, runs commands of all kinds in it and tries each op of
the frameworks, and says what was installed. It needs `uv`, or `--uv PATH`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("list",),
    ("validate", "resnet18", "resnet50"),
    ("show", "resnet18", "--depth", "1"),
    ("codegen", "resnet18", "-b", "torch", "--with-test", "-o", "net.py"),
    ("codegen", "resnet18", "-b", "keras", "--check", "-o", "net.py"),
    ("weights", "init", "resnet18", "-o", "w.safetensors"),
    ("weights", "inspect", "w.safetensors"),
    ("weights", "convert", "w.safetensors", "--spec", "resnet18", "-o", "w.pth"),
    ("schema", "-o", "schema.json"),
    ("ops", "conv2d"),
)
WRONG = (COMMANDS[5],)
"""The file there is torch's."""
SMALL = ("resnet18", "--input-size", "32", "-b")
FRAMEWORKS = {
    "torch": (("build", *SMALL, "torch", "-o", "net.pt2"),),
    "keras": (("build", *SMALL, "keras", "-o", "net.keras"),),
    "flax": (
        ("build", *SMALL, "flax", "-o", "net.orbax"),
        ("verify", "resnet20", "--quick", "--backends", "flax"),
    ),
    "onnx": (
        ("build", *SMALL, "onnx", "-o", "net.onnx"),
        ("verify", "resnet20", "--quick", "--backends", "onnx:reference"),
        ("verify", "resnet20", "--dtype", "float32", "--backends", "onnx:ort"),
    ),
}
ENGINES: dict[str, tuple[str, ...]] = {
    "torch": ("torch",),
    "keras": ("keras:tensorflow",),
    "flax": ("flax",),
    "onnx": ("onnx:reference", "onnx:ort"),
}
CONFORMING = """
from archspec.testing.conformance import Conformance
from archspec.verify.native import NATIVE
from archspec.verify.target import parse_all

(target,) = parse_all({target!r})

class TestOps(Conformance):
    backend = target.backend
    engine = target.engine
    dtype = "float32" if engine == "ort" else "float64"
    rounding = {{n.kind: (n.forward, n.backward) for n in NATIVE if {target!r} in n.on}}
    nets = 0
"""
"""Commands pass where an op computes something else: ONNX Runtime averaged wrongly."""


def installed(folder: Path, uv: str, told: argparse.Namespace, kind: str) -> str:
    """An environment in a folder; what is in it."""
    around = {**os.environ, "VIRTUAL_ENV": str(folder)}
    extras = f"[{','.join(told.extra)}]" if told.extra else ""
    for line in (
        ("venv", "-q", "-p", told.python, str(folder)),
        ("pip", "install", "-q", "--resolution", kind, f"{ROOT}{extras}"),
        ("pip", "install", "-q", "pytest"),
    ):
        subprocess.run([uv, *line], env=around, check=True)
    listed = subprocess.run(
        [uv, "pip", "freeze"], env=around, check=True, capture_output=True, text=True
    )
    named = {re.sub("[-_.]+", "-", name) for name in _named(told.extra)}
    own = (line for line in listed.stdout.splitlines() if line.split("==")[0] in named)
    return ", ".join(own)


def _named(extras: Sequence[str]) -> Iterator[str]:
    """What pyproject.toml asks for."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"]]
    lists += [project["optional-dependencies"][extra] for extra in extras]
    for line in (line for lines in lists for line in lines):
        yield re.split("[^A-Za-z0-9_.-]", line)[0].lower()


def failures(folder: Path, extras: Sequence[str]) -> list[str]:
    """The commands that end otherwise than they should."""
    found = []
    commands = [*COMMANDS, *(line for extra in extras for line in FRAMEWORKS[extra])]
    with tempfile.TemporaryDirectory() as place:
        for command in commands:
            done = subprocess.run(
                [folder / "bin" / "archspec", *command],
                cwd=place,
                capture_output=True,
                text=True,
            )
            bad = "Traceback" in done.stderr
            if bad or done.returncode != int(command in WRONG):
                end = done.stderr.strip().splitlines()[-1:]
                found.append(f"archspec {' '.join(command)}: {end}")
        for target in (target for extra in extras for target in ENGINES[extra]):
            found += _misfits(folder, Path(place), target)
    return found


def _misfits(folder: Path, place: Path, target: str) -> list[str]:
    """The ops that a backend computes otherwise than they are defined."""
    (place / "test_ops.py").write_text(CONFORMING.format(target=target))
    done = subprocess.run(
        [folder / "bin" / "python", "-m", "pytest", "-q", "-k", "an_op", "test_ops.py"],
        cwd=place,
        capture_output=True,
        text=True,
    )
    told = re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE)
    if done.returncode and not told:
        told = done.stdout.splitlines()[-3:] + done.stderr.splitlines()[-3:]
    return [f"{target}: {line}" for line in told]


def main() -> int:
    """1 if a command fails in one of the environments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", action="append", default=[], choices=FRAMEWORKS)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--uv", default="uv")
    told = parser.parse_args()
    bad = 0
    for kind in ("lowest-direct", "highest"):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{kind}: {installed(Path(folder), told.uv, told, kind)}")
            found = failures(Path(folder), told.extra)
        bad += len(found)
        print(*(f"  {line}" for line in found or ["all commands pass"]), sep="\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
