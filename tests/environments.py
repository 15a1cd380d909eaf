"""What works, and what is said, where only a part of the frameworks is installed.

    python tests/environments.py            # six environments, some GB; writes the page
    python tests/environments.py torch      # one of them

makes fresh environments with `pip`, from constraints.txt: of the core alone, with
torch, with Keras on TensorFlow, with Keras on JAX, where there is no TensorFlow, with
Flax and with ONNX, both without torch. In each it runs the same commands. What can't
work is refused by one line that says what to install, and never with a traceback. All
make the table of docs/environments.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from bounds import COMMANDS, ROOT, WRONG

EXTRAS = {"core": ""} | {
    name: name for name in ("torch", "keras", "keras-jax", "flax", "onnx")
}
NET = ("resnet20", "-b")
BUILDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("build", *NET, "torch", "--weights", "r20.safetensors", "-o", "n.pt2"): ("torch",),
    ("build", *NET, "keras:tensorflow", "--weights", "r20.pth", "-o", "tf.keras"): (
        "keras",
    ),
    ("build", *NET, "keras:jax", "--weights", "r20.pth", "-o", "jax.keras"): (
        "keras-jax",
    ),
    ("build", *NET, "keras", "--weights", "r20.pth", "-o", "net.keras"): (
        "keras",
        "keras-jax",
    ),
    ("build", *NET, "flax", "--weights", "r20.pth", "-o", "net.orbax"): ("flax",),
    ("build", *NET, "onnx", "--weights", "r20.pth", "-o", "net.onnx"): ("onnx",),
    ("verify", "resnet20", "--quick", "--backends", "torch"): ("torch",),
    ("verify", "resnet20", "--quick", "--backends", "keras:tensorflow"): ("keras",),
    ("verify", "resnet20", "--quick", "--backends", "keras:jax"): ("keras-jax",),
    ("verify", "resnet20", "--quick", "--backends", "flax"): ("flax",),
    ("verify", "resnet20", "--quick", "--backends", "onnx:reference"): ("onnx",),
    ("verify", "resnet20", "--backends", "onnx:ort", "--dtype", "float32"): ("onnx",),
}
"""Commands, and the environments in which they work; `r20.pth` is made without torch."""
START = (
    ("weights", "init", "resnet20", "-o", "r20.safetensors"),
    ("weights", "convert", "r20.safetensors", "--spec", "resnet20", "-o", "r20.pth"),
    ("codegen", *NET, "flax", "-o", "net_flax.py"),
    ("codegen", *NET, "onnx", "-o", "net_onnx.py"),
)


HEAD = """# What works where only a part is installed

`python tests/environments.py` makes fresh environments of the core alone, of `[torch]`, of
`[keras]` (on TensorFlow), of `[keras-jax]` (without TensorFlow), of `[flax]` and of `[onnx]`
(both without torch), runs these commands in each, and writes this page: ok, or what the
command says is to be installed.

"""


def installed(folder: Path, extra: str) -> None:
    """An environment in a folder, with the core and an extra."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "-q")
    of = f"{ROOT}[{extra}]" if extra else str(ROOT)
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", of], check=True)


def ended(folder: Path, place: Path, command: tuple[str, ...], good: bool) -> str:
    """How a command ended: `ok`, what refused it, or `FAILS` and why."""
    done = subprocess.run(
        [folder / "bin" / "archspec", *command],
        cwd=place,
        capture_output=True,
        text=True,
    )
    lines = (done.stdout + done.stderr).strip().splitlines() or [""]
    if "Traceback" in done.stderr or good != (done.returncode == 0):
        return f"FAILS ({done.returncode}): {lines[-1]}"
    if good:
        return "ok"
    told = [line.strip() for line in lines if "pip install" in line]
    if not told:
        return f"FAILS: nothing to install is named: {lines[-1]}"
    return f"needs `{told[0].split('pip install ')[1].split(chr(34))[1]}`"


def outcomes(name: str) -> dict[str, str]:
    """What became of the commands in an environment."""
    with tempfile.TemporaryDirectory(prefix="fresh ") as found:
        folder, place = Path(found) / "env", Path(found) / "my files"
        place.mkdir()
        installed(folder, EXTRAS[name])
        table = {}
        for command in (*COMMANDS, *START):
            if command not in WRONG:
                table[" ".join(command)] = ended(folder, place, command, True)
        for command, where in BUILDS.items():
            table[" ".join(command)] = ended(folder, place, command, name in where)
        return table


def page(tables: dict[str, dict[str, str]]) -> str:
    """The table of how the commands ended, a column for each environment."""
    commands = [*tables["core"]]
    rows = [("command", *tables), ("---",) * (len(tables) + 1)]
    rows += [(f"`{c}`", *(tables[name][c] for name in tables)) for c in commands]
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> int:
    """1 if a command doesn't end as it should."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=[*EXTRAS], metavar="NAME")
    tables: dict[str, dict[str, str]] = {}
    for name in parser.parse_args().names:
        tables[name] = outcomes(name)
        for command, end in tables[name].items():
            print(f"{name}: archspec {command}: {end}", flush=True)
    if tables.keys() == EXTRAS.keys():
        (ROOT / "docs" / "environments.md").write_text(page(tables), encoding="utf-8")
    ends = [end for table in tables.values() for end in table.values()]
    return int(any(end.startswith("FAILS") for end in ends))


if __name__ == "__main__":
    sys.exit(main())
