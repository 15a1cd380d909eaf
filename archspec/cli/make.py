"""The commands that print source or make a model."""

from __future__ import annotations

import difflib
import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archspec.cli import loading, options, streams
from archspec.errors import ArchspecError, BackendError, WeightsError, blamed

if TYPE_CHECKING:
    from archspec import Spec
    from archspec.backend import Backend
    from archspec.graph import Graph

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file; its suffix says what.")
]

Opset = Annotated[
    int | None, typer.Option(help="The version of ONNX' ops; 21 unless given.")
]

Optimize = Annotated[
    Literal["inference"] | None,
    typer.Option(help="Folds batch norms; not for training then."),
]

FLAT = (".safetensors", ".pth")
"""Files of weights alone, of any backend's models."""

LARGEST = 2**20
"""Bytes of a file that is compared with printed source, unless that is longer."""


@options.ended
def codegen(
    specs: Annotated[list[str], options.SPEC],
    backend: options.Backend,
    output: Annotated[str, typer.Option("--output", "-o", help="A file, or -.")] = "-",
    check: Annotated[
        bool, typer.Option("--check", help="Fail unless the file is up to date.")
    ] = False,
    force: options.Force = False,
    params: options.Params = None,
    input_size: options.Size = None,
    taps: options.Taps = False,
    with_weights: Annotated[
        bool, typer.Option("--with-weights", help="Prints load_weights, too.")
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(help="Published ones, for load_weights and the docstring."),
    ] = None,
    with_taps: Annotated[
        bool, typer.Option("--with-taps", help="Prints what gives the features, too.")
    ] = False,
    with_test: Annotated[
        bool, typer.Option("--with-test", help="Writes a pytest file beside it, too.")
    ] = False,
    opset: Opset = None,
    optimize: Optimize = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Prints how several devices share it.")
    ] = False,
) -> None:
    """Prints source that needs the framework and nothing else.

    Several nets are printed into one file, with a function that builds each.
    """
    from archspec.backend import backend as find
    from archspec.backend import method
    from archspec.files import write_whole
    from archspec.opening import load
    from archspec.source import recorded
    from archspec.spec import family

    if output == "-" and (check or with_test):
        told = "--check wants the --output that it checks"
        raise typer.BadParameter(told if check else "--with-test wants an --output")
    given, size = options.params(params), options.image_size(input_size)
    if taps and with_taps:
        raise typer.BadParameter("--taps leaves the head out, --with-taps keeps it")
    nets = [load(spec, params=given, size=size, taps=taps) for spec in specs]
    if weights is not None:
        nets, with_weights = [_pretrained(net, weights) for net in nets], True
    if plan and (len(nets) > 1 or with_weights or with_taps or with_test):
        raise typer.BadParameter("--plan is of one net, and prints nothing else")
    if plan:
        source = method(find(backend), "plan", "plan")(nets[0].graph)
    elif len(nets) > 1:
        source = family(
            nets,
            backend,
            with_weights=with_weights,
            with_taps=with_taps,
            opset=opset,
            optimize=optimize,
        )
    else:
        source = nets[0].codegen(
            backend,
            with_weights=with_weights,
            with_taps=with_taps,
            opset=opset,
            optimize=optimize,
        )
    if weights is not None and ".safetensors" in source.text:
        for name in (net.name for net in nets):
            file = f"{name}.safetensors"
            told = f"archspec weights convert {weights} --spec {name} -o {file}"
            print(
                f"note: it loads {file} beside it; `{told}` makes that", file=sys.stderr
            )
    if output == "-":
        streams.put(source.text)
        return
    path = Path(output)
    texts = {path: source.text}
    if with_test:
        place = recorded.placed(path, source.entries)

        def graph_at(spec: str, size: tuple[int, int] | None) -> Graph:
            net = load(spec, params=given, size=size, taps=taps)
            return net.folded().graph if optimize else net.graph

        graphs = [net.folded().graph if optimize else net.graph for net in nets]
        small = [
            recorded.smaller(graph, partial(graph_at, spec))
            for spec, graph in zip(specs, graphs, strict=True)
        ]
        test = method(find(backend), "test", "test of its files")
        texts[path.with_name(f"test_{path.name}")] = test(graphs, small, place)
    if check:
        for path, text in texts.items():
            _check(path, text)
        return
    stale = [path for path, text in texts.items() if force or not _current(path, text)]
    for path in stale:
        write_whole(path, texts[path])


def _pretrained(net: Spec, weights: str) -> Spec:
    """The net with published weights; WeightsError for others."""
    from archspec.weights.pretrained import chosen

    if chosen(weights, net.name) is None:
        raise WeightsError(
            f"--weights {weights}: nobody is known to publish it",
            code="AS612",
            hint="--with-weights alone reads a file, or what the spec's `weights` says",
        )
    return net.with_pretrained(weights)


def _current(path: Path, text: str) -> bool:
    """Whether a file is up to date; ArchspecError where it isn't ours to overwrite."""
    from archspec.source import project

    if not path.exists():
        return False
    old = _read(path, text)
    if project.same(old, text):
        return True
    if not project.untouched(old):
        found = "has been edited" if project.printed(old) else "isn't archspec's"
        raise ArchspecError(
            f"{path} {found}", code="AS190", hint="--force overwrites it"
        )
    return False


def _read(path: Path, text: str) -> str:
    """What stands where a text is to go; ArchspecError for what can't be a text."""
    from archspec.files import read_regular

    most = max(LARGEST, 4 * len(text))
    try:
        data = read_regular(path, most)
        if len(data) > most:
            raise ArchspecError(
                f"{path} has more than {most:,} bytes, too many for source like that",
                code="AS190",
                hint="--force overwrites it",
            )
        return data.decode("utf-8")
    except OSError as error:
        told = f"can't read {path}: {error.strerror}"
        raise ArchspecError(told, code="AS190") from error
    except UnicodeDecodeError as error:
        told = f"can't read {path}: it is no UTF-8 text"
        raise ArchspecError(told, code="AS190") from error


def _check(path: Path, text: str) -> None:
    """Compares syntax trees, so that a project's formatter makes no file stale."""
    from archspec.source import project

    if not path.exists():
        raise ArchspecError(
            f"{path} is not there", code="AS190", hint="codegen without --check"
        )
    old = _read(path, text)
    if project.same(old, text):
        return
    lines = difflib.unified_diff(
        old.splitlines(),
        text.splitlines(),
        str(path),
        "what the spec gives",
        lineterm="",
    )
    print("\n".join(lines))
    hint = "codegen without --check writes it"
    raise ArchspecError(f"{path} is out of date", code="AS190", hint=hint)


@options.ended
def build(
    spec: options.Spec,
    backend: options.Backend,
    output: Output = None,
    weights: Annotated[
        str | None,
        typer.Option(help="A file, an address, or published: torchvision, timm:NAME."),
    ] = None,
    part: options.Part = None,
    prefix: options.Prefix = None,
    rename: options.Rename = None,
    allow_missing: options.AllowMissing = None,
    allow_extra: options.AllowExtra = None,
    new: options.New = None,
    adapt_input: options.Adapt = None,
    seed: Annotated[int, typer.Option(help="Of the initial weights.")] = 0,
    dtype: Annotated[
        str, typer.Option(help="float32 or float64; of a file also float16, bfloat16.")
    ] = "float32",
    shard: options.Shard = None,
    device: Annotated[str | None, typer.Option(help="Of the framework.")] = None,
    strict: options.Strict = False,
    force: options.Force = False,
    params: options.Params = None,
    input_size: options.Size = None,
    taps: options.Taps = False,
    force_memory: Annotated[
        bool, typer.Option("--force-memory", help="Even if it seems not to fit.")
    ] = False,
    opset: Opset = None,
    optimize: Optimize = None,
) -> None:
    """Builds a model, runs a random image through it, and says what it is."""
    from archspec import load
    from archspec.backend import backend as find
    from archspec.files import temporary
    from archspec.weights import write

    stored = options.element(dtype)
    half = stored not in ("float32", "float64")
    kind = options.dtype("float32" if half else dtype)
    backend, colon, _ = (named := backend).partition(":")
    chosen = find(backend)
    if colon:
        _take(chosen, named, kind)
    if output is not None:
        options.writable(output, chosen.files, force)
    if half and (output is None or not output.name.endswith(FLAT)):
        message = f"--dtype {dtype} is for files that end in {' or '.join(FLAT)}"
        raise ArchspecError(message, code="AS505")
    size_of_part = options.shard(shard, output, force)
    given, size = options.params(params), options.image_size(input_size)
    found = load(spec, params=given, size=size, taps=taps)
    if weights is not None:
        found = found.with_pretrained(weights)
    told = {
        "--part": part,
        "--prefix": prefix,
        "--rename": rename,
        "--allow-missing": allow_missing,
        "--allow-extra": allow_extra,
        "--new": new,
        "--adapt-input": adapt_input,
    }
    for option, value in told.items():
        if value and weights is None:
            raise typer.BadParameter(f"{option} wants --weights")
    loaded = weights and found.fit_weights(
        weights,
        allow_missing=allow_missing or (),
        allow_extra=allow_extra or (),
        new=new or (),
        adapt_input=adapt_input,
        seed=seed,
        wish=options.wish(part, prefix, rename),
        thorough=True,
        strict=strict,
    )
    options.note(f"building {found.name} for {backend}")
    _start(chosen)
    start = time.perf_counter()
    model = found.build(
        backend,
        weights=loaded and loaded.weights,
        seed=seed,
        dtype=kind,
        device=device,
        force_memory=force_memory,
        opset=opset,
        optimize=optimize,
    )
    if optimize:  # from here on it is another net, of the same function
        found = found.folded()
        print(f"folded: {len(found.graph.folded)} batch norms, for inference only")
    built = time.perf_counter()
    outputs = _forward(found, chosen, model, kind)
    ran = time.perf_counter()
    if loaded:
        options.told(loaded)
        for line in loaded.lines():
            print(line)
    for line in _summary(found, chosen, outputs, built - start, ran - built):
        print(line)
    if output is None:
        return
    saved = output
    if half or size_of_part:
        held = chosen.read_weights(found.graph, model)
        saved = write(output, found.graph, held, dtype=stored, shard=size_of_part)
    else:
        failed = f"{chosen.name} built {found.name}, but can't save it"
        # Keras leaves temporary files of its own behind where it is killed.
        with temporary(), blamed(failed, OSError):
            chosen.save(found.graph, model, str(output))
    print(f"saved: {saved}")
    for name in getattr(chosen, "beside", lambda path: ())(str(saved)):
        print(f"  its weights are in {saved.with_name(name)}: keep it beside it")
    native = saved == output and (backend == "torch" or not saved.name.endswith(FLAT))
    text = loading.lines(
        saved,
        spec,
        backend=backend,
        native=native,
        params=given,
        size=size,
        taps=taps,
        dtype=dtype,
    )
    print(loading.indented(text))


def _take(chosen: Backend, named: str, dtype: str) -> None:
    """Starts the engine that is named, as keras:jax, for this process.

    Raises BackendError for one that there isn't, or that is no process'.
    """
    from archspec.verify.target import parse

    if chosen.on(parse(named).engine, dtype) is not chosen:
        raise BackendError(
            f"build can't take {named!r}: the models are those of {chosen.name!r}",
            code="AS501",
            hint=f"--backend {chosen.name}",
        )


def _start(chosen: Backend) -> None:
    """Imports a backend's framework, which takes seconds that are no build's."""
    from archspec.backend import begin

    # TensorFlow tells of its retracing, which no one has asked.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    begin(chosen)


def _forward(spec: Spec, chosen: Any, model: Any, dtype: str) -> dict[str, Any]:
    import numpy as np

    draw = np.random.default_rng(0)
    images = {
        name: draw.standard_normal((1, *shape)).astype(dtype)
        for name, shape in spec.graph.inputs.items()
    }
    with blamed(f"{chosen.name} built {spec.name}, but can't run it"):
        outputs: dict[str, Any] = chosen.forward(spec.graph, model, images)
    return outputs


def _summary(
    spec: Spec, chosen: Backend, outputs: dict[str, Any], built: float, ran: float
) -> list[str]:
    """What a model is; shapes as it takes and gives them."""
    import numpy as np

    from archspec.source.docstring import ordered
    from archspec.table import summary

    def shown(shape: tuple[int, ...]) -> str:
        return " x ".join(map(str, ordered(shape, chosen.channels_last)))

    facts = summary(spec.graph)
    lines = [f"{spec.graph.title or spec.name} ({chosen.name})"]
    lines += [f"  {key}: {facts[key]}" for key in ("parameters", "buffers", "MACs")]
    for name, shape in spec.graph.inputs.items():
        lines.append(f"  input {name}: {shown(shape)}")
    told = [f"{key} {value}" for key, value in spec.graph.recipe().items()]
    lines += [f"  preprocessing: {', '.join(told)}"] if told else []
    for name, array in outputs.items():
        lines.append(
            f"  output{' ' if name else ''}{name}: {shown(array.shape[1:])}, "
            f"mean {np.mean(array):.4g}, standard deviation {np.std(array):.4g}"
        )
        if not np.isfinite(array).all():
            raise BackendError("the output is not finite", code="AS506")
    lines.append(f"  built in {built:.2f} s, one image in {ran:.2f} s")
    return lines
