"""The commands about weight files."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archspec.cli import loading, options
from archspec.cli.published import published
from archspec.errors import WeightsError
from archspec.width import Column, room, shape, table

if TYPE_CHECKING:
    from archspec import Spec
    from archspec.weights.fit import Misfit

app = typer.Typer(
    help="Weight files: make, look into, convert.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command()(published)

FLAT = (
    "canonical, torchvision, timm, transformers, mmpretrain, mmdet, detectron2, "
    "kuangliu, weiaicunzai, xternalz, sequential, flax"
)
FORMATS = f"{FLAT}, keras or keras.applications"
READ = f"{FLAT}, keras, keras.applications or theano"
File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="A weight file, an address, or published."),
]
Out = Annotated[
    Path, typer.Option("--output", "-o", help="The file; its suffix says what.")
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="FORMAT", help=f"Whose names to write: {FORMATS}."),
]

OWN = (".weights.h5", ".keras")
"""Files of a net's own Keras model, which Keras writes."""


@app.command()
@options.ended
def init(
    spec: options.Spec,
    output: Out,
    seed: Annotated[int, typer.Option(help="Of the initial weights.")] = 0,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    to: To = None,
    force: options.Force = False,
    params: options.Params = None,
    input_size: options.Size = None,
) -> None:
    """Writes the weights that a net starts with."""
    from archspec import load
    from archspec.weights import initial_weights

    kind = options.dtype(dtype)
    options.writable(output, None, force)
    given, size = options.params(params), options.image_size(input_size)
    found = load(spec, params=given, size=size)
    weights = initial_weights(found.graph, seed, kind)
    written, _ = _write(found, weights, output, to, {"seed": str(seed)})
    print(f"{output}: {len(weights)} weights of {found.name} from seed {seed}{written}")


@app.command()
@options.ended
def inspect(file: File, as_json: options.Json = False) -> None:
    """Lists what is in a weight file: names, shapes, types, totals, metadata."""
    from archspec.weights import archives
    from archspec.weights.pretrained import located

    with archives.opened(located(file)) as archive:
        tensors = dict(archive.tensors)
        kind, texts, notes = archive.kind, dict(archive.metadata), archive.notes
    total = sum(prod(tensor.shape) for tensor in tensors.values())
    if as_json:
        rows = [
            {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype}
            for name, tensor in tensors.items()
        ]
        facts = {"kind": kind, "metadata": texts, "values": total, "tensors": rows}
        facts |= {"notes": [*notes]} if notes else {}
        print(json.dumps(facts, indent=2))
        return
    cells = (
        (name, " x ".join(map(str, tensor.shape)) or "scalar", tensor.dtype)
        for name, tensor in tensors.items()
    )
    columns = Column("name"), Column("shape", short=shape), Column("dtype")
    print("\n".join(table(columns, cells, room()).lines[1:]))
    print(f"\n{kind}: {len(tensors)} tensors, {total:,} values")
    for key, text in texts.items():
        line = f"{key}: {text}"
        print(line if line.isprintable() else ascii(line))
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


@app.command()
@options.ended
def convert(
    file: File,
    spec: Annotated[str, typer.Option("--spec", metavar="SPEC", help="The net.")],
    output: Out,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help=f"Whose names the file has: {READ}; found out unless given.",
        ),
    ] = None,
    to: To = None,
    allow_missing: options.AllowMissing = None,
    allow_extra: options.AllowExtra = None,
    new: options.New = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="float32, float64, float16 or bfloat16; as they are."),
    ] = None,
    shard: options.Shard = None,
    adapt_input: options.Adapt = None,
    seed: Annotated[int, typer.Option(help="Of initial weights.")] = 0,
    part: options.Part = None,
    prefix: options.Prefix = None,
    rename: options.Rename = None,
    strict: options.Strict = False,
    force: options.Force = False,
    params: options.Params = None,
    input_size: options.Size = None,
    as_json: options.Json = False,
) -> None:
    """Converts a weight file, or says all that doesn't fit the net."""
    from archspec import load
    from archspec.weights.fit import Misfit

    options.writable(output, None, force)
    stored, most = options.element(dtype), options.shard(shard, output, force)
    given, size = options.params(params), options.image_size(input_size)
    found = load(spec, params=given, size=size)
    try:
        loaded = found.fit_weights(
            file,
            source=source,
            allow_missing=allow_missing or (),
            allow_extra=allow_extra or (),
            new=new or (),
            adapt_input=adapt_input,
            seed=seed,
            wish=options.wish(part, prefix, rename),
            thorough=True,
            strict=strict,
        )
    except Misfit as error:
        if not as_json:
            raise
        print(json.dumps(_misfit(error), indent=2))
        raise typer.Exit(1) from None
    options.told(loaded)
    if loaded.made_for:
        print(f"note: the file was made for {loaded.made_for!r}", file=sys.stderr)
    written, saved = _write(found, loaded.weights, output, to, {}, stored, most)
    text = _loading(saved, spec, to, given, size)
    if as_json:
        facts = {
            "output": str(saved),
            "load": text,
            "source": loaded.source,
            "taken": [k for k in loaded.weights if k not in loaded.initial],
            "new": list(loaded.initial),
            "seed": loaded.seed,
            "left_out": list(loaded.passed_over),
            "made_for": loaded.made_for,
            "notes": list(loaded.notes),
            "warnings": list(loaded.doubts),
        }
        print(json.dumps(facts, indent=2))
        return
    what = f"{len(loaded.weights)} weights of {found.name}"
    print(f"{saved}: {what}{written}")
    for line in loaded.lines():
        print(f"  {line}")
    print(loading.indented(text))


def _misfit(error: Misfit) -> dict[str, Any]:
    """An error with all tensors that are at fault."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "missing": {name: list(shape) for name, shape in error.missing.items()},
        "surplus": {name: list(shape) for name, shape in error.surplus.items()},
        "wrong": {name: list(shape) for name, shape in error.wrong.items()},
    }


def _loading(
    path: Path,
    spec: str,
    to: str | None,
    params: dict[str, Any],
    size: tuple[int, int] | None,
) -> str:
    """The lines that load what was written."""
    keras = path.name.endswith((".h5", ".keras")) or find_spec("torch") is None
    own = path.name.endswith(OWN) and to in (None, "keras")
    flat = not keras and path.suffix != ".json"
    return loading.lines(
        path,
        spec,
        backend="flax" if to == "flax" else "keras" if keras else "torch",
        native=own or (flat and to in (None, "canonical", "torchvision")),
        params=params,
        size=size,
    )


def _write(
    spec: Spec,
    weights: dict[str, Any],
    output: Path,
    to: str | None,
    metadata: dict[str, str],
    stored: str | None = None,
    shard: int | None = None,
) -> tuple[str, Path]:
    """Writes a file of any kind; says whose names it has, and what is to be read."""
    from archspec.weights import write

    own = output.name.endswith(OWN)
    if to != "keras" and (to is not None or not own):
        path = write(
            output, spec.graph, weights, to, metadata, dtype=stored, shard=shard
        )
        return f", written as {to}" if to else "", path
    if not own:
        known = ", ".join(OWN)
        raise WeightsError(
            f"{output}: expected a file that ends in {known} for keras", code="AS608"
        )
    from archspec.backend import backend, require
    from archspec.files import temporary

    keras = backend("keras")
    require(keras)
    if stored in ("float16", "bfloat16"):
        message = f"{output}: Keras' own files are float32 or float64 here"
        raise WeightsError(message, code="AS607", hint="--to keras.applications")
    double = stored == "float64" or (
        stored is None and any(array.dtype == "float64" for array in weights.values())
    )
    dtype: Literal["float32", "float64"] = "float64" if double else "float32"
    model = keras.build(spec.graph, weights, dtype=dtype)
    with temporary():
        keras.save(spec.graph, model, str(output))
    return ", written as keras", output
