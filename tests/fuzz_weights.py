"""Random and mutated weight files: each is read, or refused soon and in few words.

    python tests/fuzz_weights.py 1000000 [FIRST] [--layered]

runs any number of cases, beginning with one, and prints the slowest and the memory used;
with `--layered` Keras' files too, which take ten times as long. A case depends on nothing
but its number.
"""

from __future__ import annotations

import os
import pickle
import pickletools
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from archspec.errors import WeightsError
from archspec.weights import load
from archspec.weights.checkpoints import MAGIC
from archspec.weights.pickles import CALLS

SECONDS = 2.0
"""What a case may take on a machine that does nothing else."""
HARMED = "harmed"
"""A folder that a pickle makes, were one run."""
MANY = (0, 1, 2, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 10**30)
NAMES = [name.replace(".", "\n", name.count(".")).split("\n") for name in CALLS] + [
    ["torch", "FloatStorage"],
    ["torch", "HalfStorage"],
    ["torch.storage", "UntypedStorage"],
    ["torch", "float32"],
    ["numpy", "ndarray"],
    ["os", "mkdir"],
    ["builtins", "eval"],
    ["torch.nn.modules.conv", "Conv2d"],
    ["__torch__", "Net"],
]
CODES = [code for code in pickletools.opcodes if code.name not in ("PROTO", "FRAME")]
Draw = random.Random


class Harm:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (HARMED,)


@cache
def originals(layered: bool) -> list[bytes]:
    """Small files of every kind, as the libraries write them."""
    import torch

    state = OrderedDict(
        {
            "conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2),
            "half": torch.ones(3).half(),
            "brain": torch.ones(2).bfloat16(),
            "scale": torch.tensor(3.5),
        }
    )
    held = {"state_dict": state, "epoch": 3, "x": Harm(), "a": np.arange(3.0)}
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    found = []
    for what in (state, held, module):
        for zipped in (True, False):
            buffer = BytesIO()
            torch.save(what, buffer, _use_new_zipfile_serialization=zipped)
            found.append(buffer.getvalue())
    arrays = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.zeros(3)}
    found += [pickle.dumps(arrays, protocol) for protocol in range(6)]
    found += [pickle.dumps(dict(state), protocol) for protocol in (2, 5)]
    saves: tuple[Any, ...] = (np.savez, np.savez_compressed)
    for save in saves:
        buffer = BytesIO()
        save(buffer, **arrays)
        found.append(buffer.getvalue())
    from safetensors.numpy import save as safe

    found.append(safe(arrays, {"format": "pt"}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.pt2"
        given = (torch.zeros(2, 1, 4, 4),)
        torch.export.save(torch.export.export(module.eval(), given), path)
        found.append(path.read_bytes())
        if layered:
            import keras

            keras.utils.set_random_seed(0)
            layers = keras.layers
            net: Any = keras.Sequential(
                [keras.Input((4, 4, 1)), layers.Conv2D(2, 1), layers.Dense(2)]
            )
            for name in ("f.keras", "f.h5", "f.weights.h5"):
                write = net.save_weights if name == "f.weights.h5" else net.save
                write(Path(folder) / name)
                found += [(Path(folder) / name).read_bytes()] * 3
    return found


def mutated(draw: Draw, layered: bool) -> bytes:
    """A file of a library, of which some bytes are others."""
    data = bytearray(draw.choice(originals(layered)))
    for _ in range(draw.choice([0, 1, 1, 1, 2, 3, 8])):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(8):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case 2 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 3:
                size = draw.choice([1, 2, 4, 8])
                number = draw.choice(MANY) % 256**size
                data[at : at + size] = number.to_bytes(size, "little")
            case 4:
                del data[at : at + draw.randrange(1, 40)]
            case 5:
                start = draw.randrange(len(data) + 1)
                data[at:at] = data[start : start + draw.randrange(1, 80)]
            case 6:
                other = draw.choice(originals(layered))
                start = draw.randrange(len(other))
                data[at : at + draw.randrange(1, 80)] = other[start : start + 80]
            case 7:
                data[at:at] = draw.randbytes(draw.randrange(1, 16))
        if not data:
            break
    return bytes(data)


def argument(draw: Draw, code: Any, memo: int) -> bytes:
    """What stands behind an opcode, mostly as it should be."""
    text = draw.choice(["a", "storage", "0", "cpu", "weight", "\x00", "é", "<", "f4"])
    number = draw.choice([0, 1, 2, 3, draw.randrange(256), draw.choice(MANY)])
    match code.arg.name if code.arg else "":
        case "":
            return b""
        case "uint1":
            return bytes([draw.randrange(memo + 1) % 256])
        case "uint2":
            return struct.pack("<H", number % 2**16)
        case "int4":
            return struct.pack("<i", number % 2**31)
        case "uint4":
            return struct.pack("<I", draw.randrange(memo + 1))
        case "uint8":
            return struct.pack("<Q", number % 2**64)
        case "decimalnl_short" | "decimalnl_long":
            return b"%d\n" % number
        case "stringnl":
            return repr(text).encode() + b"\n"
        case "stringnl_noescape" | "unicodestringnl":
            return text.encode("ascii", "ignore") + b"\n"
        case "stringnl_noescape_pair":
            module, name = _named(draw)
            return f"{module}\n{name}\n".encode()
        case "floatnl":
            return b"%d.5\n" % number
        case "float8":
            return struct.pack(">d", 0.5)
        case "long1":
            return b"\x02" + struct.pack("<H", number % 2**16)
        case "long4":
            return struct.pack("<i", 2) + struct.pack("<H", number % 2**16)
        case "string1" | "bytes1" | "unicodestring1":
            return bytes([len(text.encode())]) + text.encode()
        case "string4" | "bytes4" | "unicodestring4":
            return struct.pack("<I", len(text.encode())) + text.encode()
        case "bytes8" | "unicodestring8" | "bytearray8":
            return struct.pack("<Q", len(text.encode())) + text.encode()
    raise AssertionError(code.arg.name)


def _named(draw: Draw) -> tuple[str, str]:
    *module, name = draw.choice(NAMES)
    return ".".join(module), name


COMMON = [code for code in CODES if code.name in {
    *("MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "SETITEM", "REDUCE"),
    *("SETITEMS", "BINGET", "BINPUT", "GLOBAL", "BUILD", "BINPERSID", "BININT1"),
    *("BINUNICODE", "NEWOBJ", "EMPTY_TUPLE", "EMPTY_LIST", "APPEND", "DUP", "APPENDS"),
}]  # fmt: skip


def program(draw: Draw) -> bytes:
    """A pickle of random opcodes."""
    made = bytearray(b"\x80\x02" if draw.random() < 0.9 else b"\x80\x05")
    memo = 0
    if draw.random() < 0.8:
        made += b"}q\x00X\x06\x00\x00\x00weight"
    for _ in range(draw.choice([3, 10, 30, 100, 1000])):
        if draw.random() < 0.25:
            made += fragment(draw)
            continue
        code = draw.choice(COMMON if draw.random() < 0.9 else CODES)
        memo += code.name in ("BINPUT", "PUT", "LONG_BINPUT", "MEMOIZE")
        made += code.code.encode("latin-1") + argument(draw, code, min(memo, 255))
    return bytes(made + b"s." * draw.randrange(2) + b".")


def fragment(draw: Draw) -> bytes:
    """What torch writes of a tensor, with numbers that may be any."""
    numbers = [draw.choice([0, 1, 2, 3, draw.choice(MANY)]) for _ in range(6)]
    ints = [b"I%d\n" % number for number in numbers]
    shape = b"(" + b"".join(ints[: draw.randrange(4)]) + b"t"
    strides = b"(" + b"".join(ints[2 : 2 + draw.randrange(4)]) + b"t"
    module, name = draw.choice([("torch", "FloatStorage"), _named(draw)])
    build = draw.choice(["torch._utils\n_rebuild_tensor_v2", "\n".join(_named(draw))])
    return (
        b"X\x01\x00\x00\x00" + draw.choice([b"a", b"b", b"c"])
        + f"c{build}\n((".encode()
        + b"X\x07\x00\x00\x00storage" + f"c{module}\n{name}\n".encode()
        + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + ints[0] + b"tQ"
        + ints[1] + shape + strides + b"\x89ccollections\nOrderedDict\n)RtRs"
    )  # fmt: skip


def value(draw: Draw, depth: int) -> bytes:
    """The opcodes of a random value that is in order, with calls of any name."""

    def several(most: int) -> bytes:
        return b"".join(value(draw, depth - 1) for _ in range(draw.randrange(most)))

    kind = draw.randrange(6, 16) if depth else draw.randrange(6)
    key = b"X\x01\x00\x00\x00" + draw.choice([b"a", b"b", b"0"])
    match kind:
        case 0:
            return b"I%d\n" % draw.choice(MANY)
        case 1 | 2:
            return key
        case 3:
            return b"c%s\n%s\n" % tuple(part.encode() for part in _named(draw))
        case 4:
            return draw.choice(
                [b"N", b"\x88", b"G?\xe0\0\0\0\0\0\0", b"C\x03abc", b"h\0"]
            )
        case 5 | 6 | 7:
            module, name = draw.choice([("torch", "FloatStorage"), _named(draw)])
            size = b"I%d\n" % draw.choice(MANY)
            text = b"(X\x07\x00\x00\x00storagec%s\n%s\n" % (
                module.encode(),
                name.encode(),
            )
            return text + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + size + b"tQ"
        case 8:
            return b"(" + several(4) + b"t"
        case 9:
            return b"](" + several(4) + b"e"
        case 10 | 11:
            items = [key + value(draw, depth - 1) for _ in range(draw.randrange(4))]
            return b"}(" + b"".join(items) + b"u"
        case 12:
            return value(draw, depth - 1) + value(draw, depth - 1) + b"b"
        case 13:
            return b"}" + fragment(draw)
    module, name = _named(draw)
    call = f"c{module}\n{name}\n(".encode()
    return call + several(8) + b"t" + draw.choice([b"R", b"R", b"\x81"])


def built(draw: Draw, layered: bool) -> bytes:
    """A container around a random pickle."""
    held = program(draw)
    if draw.random() < 0.6:
        held = b"\x80\x02}q\0(" + b"X\x01\0\0\0w" + value(draw, 5) + b"u."
    match draw.randrange(3):
        case 0:
            return held
        case 1:
            head = [MAGIC, 1001, {"little_endian": True}]
            rows = b"".join(pickle.dumps(item, 2) for item in head)
            keys = pickle.dumps(["0"], 2)
            size = struct.pack("<Q", draw.choice([4, 24, *MANY[:11]]))
            return rows + held + keys + size + bytes(96)
    buffer = BytesIO()
    method = draw.choice([0, 0, 0, 8])
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # of members of one name
        archive.writestr("archive/data.pkl", held)
        for name in ("byteorder", "data/0", "../../x", "/etc/x", "data.pkl")[
            : draw.randrange(6)
        ]:
            data = b"little" if name == "byteorder" else bytes(96)
            archive.writestr(f"archive/{name}", data)
    return buffer.getvalue()


def case(number: int, layered: bool = False) -> tuple[str, bytes]:
    """A name and what is in the file."""
    draw = random.Random(number)
    make: Callable[[Draw, bool], bytes] = draw.choice([mutated, mutated, built])
    return draw.choice(["f.pth", "f.pth", "f", "f.h5", "f.keras", "f.npz"]), make(
        draw, layered
    )


def outcome(path: Path) -> str:
    """How it ended: `read`, or a code; any other exception is the caller's."""
    try:
        load(path)
    except WeightsError as error:
        told = f"{error.message} {error.hint}"
        assert "\n" not in told and len(told) < 2000, told
        return error.code
    return "read"


@contextmanager
def guarded(seconds: float = 10 * SECONDS) -> Iterator[None]:
    """TimeoutError for what takes longer; a machine may be busy with other things."""

    def late(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check(number: int, folder: Path, layered: bool = False) -> tuple[str, float]:
    """The outcome of a case and the seconds it took; AssertionError for a fault."""
    name, data = case(number, layered)
    path = folder / name
    path.write_bytes(data)
    start = time.perf_counter()
    try:
        with guarded():
            found = outcome(path)
    except Exception as error:
        raise AssertionError(
            f"case {number}: {type(error).__name__}: {error}"
        ) from error
    took = time.perf_counter() - start
    assert path.read_bytes() == data, f"case {number}: the file is another"
    assert os.listdir(folder) == [name], f"case {number}: {os.listdir(folder)}"
    assert not Path(HARMED).exists(), f"case {number} was run"
    path.unlink()
    return found, took


def main() -> None:
    """Runs the cases that the arguments say."""
    words = [word for word in sys.argv[1:] if word != "--layered"]
    count, first = int(words[0]), int(words[1]) if len(words) > 1 else 0
    layered = len(words) < len(sys.argv) - 1
    ends: Counter[str] = Counter()
    slowest, where, faults = 0.0, 0, 0
    originals(layered)
    limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            try:
                found, took = check(number, Path(folder), layered)
            except AssertionError as error:
                faults += 1
                print(error, flush=True)
                for left in Path(folder).iterdir():
                    left.unlink()
                continue
            ends[found] += 1
            if took > slowest:
                slowest, where = took, number
    most = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - limit) >> 10
    told = ", ".join(f"{end} {times}" for end, times in ends.most_common())
    print(f"{count} cases, {faults} faults: {told}")
    print(f"the slowest, {where}, took {slowest:.2f} s; {most} MiB more than at first")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
