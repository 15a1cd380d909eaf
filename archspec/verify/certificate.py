"""What a net must compute, bit for bit, as a file that others can check.

    "net": "resnet18", "size": [64, 64], "seed": 0, "dtype": "float64",
    "nodes": [["conv1", "conv2d", [4, 64, 32, 32], "9f86d081884c7d65"], ...],
    "root": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11f752"

The spec, the seed and the rules of `dyadic` give weights and images; the definitions of
the ops give every node's value. A row has a value's shape and the first 16 digits of
its SHA-256, enough to find the node; the root is a hash of all the hashes in full.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import archspec
from archspec.errors import ArchspecError, shown
from archspec.files import Data, read_regular, write_together
from archspec.fingerprint import described, fingerprint
from archspec.graph import Graph
from archspec.opening import load
from archspec.passes.stand_ins import stand_ins
from archspec.verify.data import BATCH
from archspec.verify.dyadic import Array, Dyadic, digest
from archspec.verify.setting import Setting

GENERATOR = 1
"""Which rules `dyadic` and `draws` have; another number means other weights."""
SHORT = 16
"""Hexadecimal digits of a row's hash."""
LARGEST = 2**24
"""Bytes of a certificate, unpacked."""
Hash = Field(pattern="^[0-9a-f]{64}$")
Row = tuple[str, str, tuple[int, ...], str]
"""A node's name, its kind, the shape of its value and how the value's hash begins."""


class Certificate(BaseModel):
    """What was computed, and of what.

    Attributes:
        archspec: the version that made it.
        generator: `GENERATOR` there.
        net, params, size, seed, dtype, batch: what was run.
        fingerprint: of the net, as its spec has it.
        computed: of the graph that was computed: without chance, with stand-ins.
        stand_ins: by node the kind of what was replaced.
        loose: by node why its value is in no row.
        bits: the most that a value takes.
        weights, images: hashes of what was put in, as `root`.
        nodes: see `Row`; those with exact values.
        root: see `root`.
        backends: who gave these values: versions, device, threads, the root found.
        rows: of the report that it was made with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    archspec: str
    generator: int
    net: str
    params: dict[str, Any]
    size: tuple[int, int] | None
    seed: int
    dtype: Literal["float32", "float64"]
    batch: int
    fingerprint: str = Hash
    computed: str = Hash
    stand_ins: dict[str, str]
    loose: dict[str, str]
    bits: int
    weights: str = Hash
    images: str = Hash
    nodes: tuple[Row, ...]
    root: str = Hash
    backends: tuple[dict[str, Any], ...] = ()
    rows: tuple[dict[str, Any], ...] = ()

    def text(self) -> str:
        """As JSON, an item a line."""
        lines = []
        for name, value in self.model_dump(mode="json").items():
            shown_ = json.dumps(value)
            if isinstance(value, list | dict) and len(value) and name != "size":
                shown_ = _lines(value)
            lines.append(f' "{name}": {shown_}')
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def setting(self, spec: str, device: str | None = None) -> Setting:
        """How a spec is run to be checked against it."""
        return Setting(
            spec,
            self.dtype,
            self.seed,
            self.params,
            self.size,
            exact=True,
            device=device,
        )

    def digests(self) -> dict[str, str]:
        """How the hash of each value begins, by node."""
        return {name: digits for name, _, _, digits in self.nodes}

    def refuse(self, setting: Setting) -> None:
        """Raises ArchspecError where another net, or other rules, are at hand."""
        if self.generator != GENERATOR:
            raise ArchspecError(
                f"the certificate of {shown(self.net)} was made by generator "
                f"{self.generator} of archspec {shown(self.archspec)}, this one has "
                f"generator {GENERATOR}",
                code="AS522",
                hint=f"make it anew with --certificate, or take archspec "
                f"{self.archspec}",
            )
        found = fingerprint(_whole(setting))
        if found != self.fingerprint:
            raise ArchspecError(
                f"the certificate is of another net: the fingerprint of "
                f"{setting.spec} is {found[:SHORT]}, the certificate's "
                f"{self.fingerprint[:SHORT]}",
                code="AS522",
                hint="the spec has changed since, or it is another spec's",
            )

    def refuse_numbers(self, numbers: Dyadic) -> None:
        """Raises ArchspecError where the weights or the images are not the same."""
        rows = {(name, shape) for name, _, shape, _ in self.nodes}
        shapes = {n: numbers.values[n].shape for n in numbers.digests()}
        if rows != {*shapes.items()}:
            raise ArchspecError(
                "the rows of the certificate are not this net's nodes",
                code="AS522",
                hint="the certificate was changed",
            )
        found = _put_in(numbers)
        wanted = {"weights": self.weights, "images": self.images}
        for what in wanted:
            if found[what] != wanted[what]:
                raise ArchspecError(
                    f"the {what} that are made here are not the certificate's",
                    code="AS522",
                    hint="the certificate was changed, or numpy computes wrong here",
                )


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with the numbers behind it."""

    certificate: Certificate
    numbers: Dyadic

    def with_report(
        self, ran: Iterable[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]
    ) -> Issued:
        """The same, with what a report says; not where on this machine a spec is."""
        told = [{k: v for k, v in row.items() if k != "at"} for row in rows]
        found = {"backends": (*map(dict, ran),), "rows": (*told,)}
        return replace(self, certificate=self.certificate.model_copy(update=found))

    def data(self) -> dict[str, Array]:
        """What a third party needs to compute it: the graph, weights and images.

        `graph` is the UTF-8 text whose SHA-256 is `computed`; the others are called
        `weight/NAME` and `image/NAME`.
        """
        numbers = self.numbers
        text = described(numbers.graph).encode()
        return {
            "graph": np.frombuffer(text, np.uint8),
            **{f"weight/{name}": a for name, a in numbers.weights.items()},
            **{f"image/{name}": a for name, a in numbers.inputs.items()},
        }


def issue(setting: Setting) -> Issued:
    """The certificate of a net, computed by the definitions alone.

    `setting` is that of `archspec.verify.exact.exact`.
    """
    numbers = Dyadic(setting.graph(), setting.seed, setting.dtype, BATCH)
    digests = numbers.digests()
    nodes = tuple(
        (node.name, node.op.kind, numbers.values[node.name].shape, digits[:SHORT])
        for node in numbers.graph.nodes
        if (digits := digests.get(node.name))
    )
    put_in = _put_in(numbers)
    made = Certificate(
        archspec=archspec.__version__,
        generator=GENERATOR,
        net=numbers.graph.name,
        params=dict(setting.params),
        size=setting.size,
        seed=setting.seed,
        dtype=setting.dtype,
        batch=BATCH,
        fingerprint=fingerprint(_whole(setting)),
        computed=fingerprint(numbers.graph),
        stand_ins=stand_ins(replace(setting, exact=False).graph())[1],
        loose=numbers.loose,
        bits=numbers.bits,
        weights=put_in["weights"],
        images=put_in["images"],
        nodes=nodes,
        root=root((name, numbers.values[name]) for name in digests),
    )
    return Issued(made, numbers)


def root(values: Iterable[tuple[str, Array]]) -> str:
    """SHA-256, in hex, of the lines `conv1 4x64x32x32 60303ae2...`: all 64 digits."""
    found = sha256()
    for name, value in values:
        shape = "x".join(map(str, value.shape))
        found.update(f"{name} {shape} {digest(value)}\n".encode())
    return found.hexdigest()


def write(path: Path, issued: Issued, data: Path | None = None) -> None:
    """Writes a certificate, packed where its name ends in .gz, and maybe its data.

    `data` ends in .npz. Raises ArchspecError where one can't be written.
    """
    text: Data = issued.certificate.text()
    if path.suffix == ".gz":
        text = gzip.compress(issued.certificate.text().encode(), mtime=0)
    files: dict[Any, Data] = {path: text}
    if data is not None:
        arrays: dict[str, Any] = issued.data()
        files[data] = lambda draft: np.savez_compressed(draft, **arrays)
    write_together(files)


def read(path: Path) -> Certificate:
    """The certificate in a file; ArchspecError where there is none."""
    try:
        raw = read_regular(path, LARGEST)
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(BytesIO(raw)) as packed:
                raw = packed.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _wrong(path, f"it can't be unpacked: {error}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArchspecError(f"can't read {path}: {reason}", code="AS190") from None
    if len(raw) > LARGEST:
        raise _wrong(path, f"it has more than {LARGEST >> 20} MiB")
    try:
        return Certificate.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part)[:60] for part in first["loc"])
        told = f"{shown(place)}: {first['msg']}" if place else first["msg"]
        raise _wrong(path, told) from None


def _wrong(path: Path, told: str) -> ArchspecError:
    return ArchspecError(
        f"{path} is no certificate: {told[:300]}",
        code="AS521",
        hint="archspec verify SPEC --certificate FILE makes one",
    )


def _whole(setting: Setting) -> Graph:
    return load(setting.spec, params=setting.params, size=setting.size).graph


def _put_in(numbers: Dyadic) -> dict[str, str]:
    """Hashes of the weights of exact nodes, and of the images."""
    weights = (
        (name, array)
        for name, array in numbers.weights.items()
        if name.rpartition(".")[0] not in numbers.loose
    )
    return {"weights": root(weights), "images": root(numbers.inputs.items())}


def _lines(value: Any) -> str:
    """A list or a mapping, an item a line."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"  {json.dumps(v)}" for v in value) + "\n ]"
    pairs = (f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
    return "{\n" + ",\n".join(pairs) + "\n }"
