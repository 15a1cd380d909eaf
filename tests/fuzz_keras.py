"""Damaged files of Keras: each is read or refused, soon, and no reader dies of it.

    python tests/fuzz_keras.py 100000 [SEED]

damages files of every layout, any number of times. A file is looked through in a process
of its own, as `hdf5.opened` does; one that passes is read in another, which must end
with arrays or a WeightsError.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from archspec.errors import WeightsError
from archspec.weights import archives, hdf5

SECONDS = 2.0
DONE, REFUSED, WRONG = 0, 1, 2


def originals(folder: Path) -> dict[str, bytes]:
    """A file of each layout."""
    draw = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return draw.random(shape, np.float32)

    with h5py.File(folder / "new.weights.h5", "w") as file:
        layers: dict[str, list[tuple[int, ...]]] = {
            "conv2d": [(3, 3, 3, 4), (4,)],
            "batch_normalization": [(4,)] * 4,
            "dense": [(4, 2), (2,)],
        }
        for key, shapes in layers.items():
            group = file.create_group(f"layers/{key}/vars")
            group.attrs["name"] = key
            for number, shape in enumerate(shapes):
                group[str(number)] = numbers(*shape)
    with h5py.File(folder / "old.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv", b"fc"]
        for name in ("conv", "fc"):
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode()]
            group[f"{name}/kernel:0"] = numbers(3, 3, 3, 4)
    with h5py.File(folder / "packed.h5", "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "fc"
        options = {"chunks": (4, 8), "compression": 4, "shuffle": True}
        group.create_dataset("0", data=numbers(16, 16), **options)
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(folder / f"m{kind}.keras", "w", kind) as packed:
            packed.writestr("config.json", '{"class_name": "Functional"}')
            packed.write(folder / "new.weights.h5", "model.weights.h5")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def damaged(data: bytes, draw: random.Random) -> bytes:
    """A file with other bytes, bits or fields, or with a part missing, twice or moved."""
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        at = draw.randrange(len(found))
        match draw.randrange(7):
            case 0:
                found[at] = draw.randrange(256)
            case 1:
                found[at] ^= 1 << draw.randrange(8)
            case 2:
                found[at : at + 8] = draw.randrange(2**64).to_bytes(8, "little")
            case 3:
                field = draw.choice((0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
                found[at : at + 8] = field.to_bytes(8, "little")
            case 4:
                del found[at:]
            case 5:
                length = draw.randrange(1, 64)
                other = draw.randrange(len(found))
                found[at : at + length] = found[other : other + length]
            case _:
                found[at:at] = found[at : at + draw.randrange(64)]
        if not found:
            return b""
    return bytes(found)


def read(path: Path) -> int:
    """What becomes of a file: arrays, a refusal, or something worse."""
    try:
        with archives.opened(path) as found:
            for stored in found.tensors.values():
                stored.read()
    except WeightsError:
        return REFUSED
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return WRONG
    return DONE


def apart(job: Callable[[], int]) -> tuple[int, float]:
    """The exit status of a process that does this, negative for a signal; its seconds."""
    child = os.fork()
    if not child:
        hdf5.bound(os.devnull)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(job())
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def survives(path: Path) -> bool:
    """`hdf5._survives` without starting Python anew."""

    def look() -> int:
        hdf5.probe(os.fspath(path))
        return 0

    return apart(look)[0] == 0


def run(count: int, seed: int = 0) -> Counter[str]:
    """Damages files so often; AssertionError with the file where one is a danger."""
    draw = random.Random(seed)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    before, hdf5._survives = hdf5._survives, survives
    try:
        with tempfile.TemporaryDirectory() as folder:
            whole = originals(Path(folder))
            for number in range(count):
                name = draw.choice([*whole])
                path = Path(folder) / name
                path.write_bytes(damaged(whole[name], draw))
                status, seconds = apart(partial(read, path))
                slowest = max(slowest, seconds)
                if status not in (DONE, REFUSED) or slowest > SECONDS:
                    kept = (
                        Path(tempfile.gettempdir()) / f"damaged-{seed}-{number}-{name}"
                    )
                    kept.write_bytes(path.read_bytes())
                    raise AssertionError(f"{kept}: {status}, {slowest:.2f} s")
                outcomes[f"{name} {('read', 'refused')[status]}"] += 1
    finally:
        hdf5._survives = before
    outcomes["slowest, ms"] = round(1000 * slowest)
    return outcomes


if __name__ == "__main__":
    for outcome, times in sorted(run(*map(int, sys.argv[1:])).items()):
        print(f"{times:8} {outcome}")
