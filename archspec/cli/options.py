"""What several commands take: params, image sizes, and how errors end a command."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, ParamSpec, cast

import typer

from archspec.errors import (
    ArchspecError,
    ExpectWarning,
    SpecError,
    SpecWarning,
    WeightsError,
)
from archspec.files import placed, placed_folder

if TYPE_CHECKING:
    from archspec.language.syntax import Param
    from archspec.weights import Wish
    from archspec.weights.conversion import Loaded
    from archspec.width import Table

P = ParamSpec("P")
SIZE = re.compile("[1-9][0-9]{0,6}")
BYTES = re.compile(r"(\d{1,12}(?:\.\d{1,12})?) ?([KMGT]B)")
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
"""As Hugging Face's `max_shard_size` has them."""


def nets(incomplete: str) -> list[str]:
    """The nets of the zoo that begin so, for a shell that completes."""
    from archspec.catalog import names

    return [name for name in names() if name.startswith(incomplete)]


def names_of_backends(incomplete: str) -> list[str]:
    """The backends that begin so, with their engines."""
    from archspec.backend import backend, backends

    found = []
    for name in backends():
        with suppress(ArchspecError):
            engines = filter(None, backend(name).engines)
            found += [name, *(f"{name}:{engine}" for engine in engines)]
    return [name for name in found if name.startswith(incomplete)]


def values_of_params(context: typer.Context, incomplete: str) -> list[str]:
    """`NAME=` of the spec's params that begin so, then values: what stands there now.

    Of a spec that is wrong there are none.
    """
    from archspec.language.files import Files

    given = context.params
    # Where the option has no value yet, click has not told arguments from the rest.
    words = [given.get("spec"), *(given.get("specs") or ()), *context.args]
    named = next(filter(None, words), "")
    name, equals, text = incomplete.partition("=")
    try:
        known = Files().open(named).params
    except (ArchspecError, OSError):
        return []
    if equals:
        return [f"{name}={v}" for v in _values(known.get(name)) if v.startswith(text)]
    fit = [param for param in known if param.startswith(name)]
    found = [f"{param}=" for param in fit]
    if len(fit) == 1:  # with a second one, no shell puts a space behind the `=`
        found += [f"{fit[0]}={value}" for value in _values(known[fit[0]])]
    return found


def _values(param: Param | None) -> list[str]:
    """What a param may be set to, as far as its declaration says."""
    from archspec.language.values import is_formula

    if param is None or param.required or is_formula(param.default):
        return []
    return ["true", "false"] if param.type == "bool" else [_written(param.default)]


def _written(value: Any) -> str:
    """A raw default as `--set` takes it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


SPEC = typer.Argument(
    metavar="SPEC", help="A .yaml file, or a net of the zoo.", autocompletion=nets
)
Spec = Annotated[str, SPEC]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        "-b",
        help="Such as torch, keras or flax; build takes keras:jax, too.",
        autocompletion=names_of_backends,
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another value for a param.",
        autocompletion=values_of_params,
    ),
]
Size = Annotated[
    str | None,
    typer.Option("--input-size", metavar="N|HxW", help="Another image size, pixels."),
]
Taps = Annotated[
    bool, typer.Option("--taps", help="The backbone: taps for outputs, no head.")
]
Part = Annotated[
    str | None,
    typer.Option("--part", metavar="PATH", help="Which weights of several in a file."),
]
Prefix = Annotated[
    str | None,
    typer.Option("--prefix", metavar="TEXT", help="What its names begin with."),
]
Rename = Annotated[
    list[str] | None,
    typer.Option("--rename", metavar="OLD=NEW", help="A part of a name, or with *."),
]
AllowMissing = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="The file may lack it; fc.* is a pattern."),
]
AllowExtra = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="The net may have no use for it."),
]
New = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Starts a layer or pattern anew; head is what depends on num_classes.",
    ),
]
Adapt = Annotated[
    Literal["sum", "repeat"] | None,
    typer.Option(
        "--adapt-input", help="The first convolution to other input channels."
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail for warnings too.")]
Shard = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Several .safetensors files, of 2GB or so each."),
]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]


def params(given: list[str] | None) -> dict[str, Any]:
    """The values of `--set`; SpecError for one that is no value of the language."""
    from archspec.language.reader import parse

    found: dict[str, Any] = {}
    for item in given or ():
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise SpecError(f"--set {item}: expected NAME=VALUE", code="AS203")
        try:
            found[name] = parse(f"value: {text}", "--set")["value"]
        except SpecError as error:
            raise SpecError(
                f"--set {item}: {error.message}", code=error.code, hint=error.hint
            ) from None
    return found


def wish(part: str | None, prefix: str | None, rename: list[str] | None) -> Wish:
    """What is said of a file's tensors; WeightsError for what is no `--rename`."""
    from archspec.weights import Wish

    pairs = [item.partition("=") for item in rename or ()]
    for old, equals, new in pairs:
        if not old or not equals:
            told = f"--rename {old}{equals}{new}: expected OLD=NEW"
            raise WeightsError(told, code="AS610")
    return Wish(part, prefix, {old: new for old, _, new in pairs})


def image_size(text: str | None) -> tuple[int, int] | None:
    """`224` or `97x65` as (height, width)."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(SIZE.fullmatch(part) for part in parts):
        raise SpecError(
            f"--input-size {text}: expected a number such as 224, or 97x65",
            code="AS203",
        )
    return int(parts[0]), int(parts[-1])


def dtype(text: str) -> Literal["float32", "float64"]:
    """The value of `--dtype`."""
    if text == "float32":
        return "float32"
    if text == "float64":
        return "float64"
    raise ArchspecError(f"--dtype {text}: expected float32 or float64", code="AS505")


def element(text: str | None) -> str | None:
    """The value of a `--dtype` of files."""
    from archspec.weights.elements import KINDS

    if text is not None and text not in KINDS:
        *most, last = KINDS
        raise ArchspecError(
            f"--dtype {text}: expected {', '.join(most)} or {last}", code="AS505"
        )
    return text


def shard(text: str | None, path: Path | None, force: bool) -> int | None:
    """`2GB` in bytes; ArchspecError where parts of such a file are there already."""
    if text is None:
        return None
    found = BYTES.fullmatch(text.upper())
    size = int(float(found[1]) * UNITS[found[2]]) if found else 0
    if size < 1:
        raise ArchspecError(
            f"--shard {text}: expected a size such as 2GB or 500MB", code="AS505"
        )
    if path is None or path.suffix != ".safetensors":
        raise ArchspecError(
            "--shard is for files that end in .safetensors", code="AS505"
        )
    parts = [*path.parent.glob(f"{escape(path.stem)}-*-of-*{path.suffix}")]
    index = path.with_name(f"{path.name}.index.json")
    for place in [*sorted(parts), index]:
        writable(place, None, force)
    return size


FOLDERS = (".orbax",)
"""Suffixes of what is no file but a folder."""


def writable(path: Path, suffixes: tuple[str, ...] | None, force: bool) -> None:
    """Raises ArchspecError before any work where `path` can't be written."""
    if suffixes is not None and not path.name.endswith(suffixes):
        known = ", ".join(suffixes)
        raise ArchspecError(
            f"{path}: expected a file that ends in {known}",
            code="AS505",
            hint=_writer(path),
        )
    if path.name.endswith(FOLDERS):
        from archspec.weights.archives import ORBAX

        target = placed_folder(path, ORBAX)
    else:
        target = placed(path)
    if target.exists() and not force:
        raise ArchspecError(
            f"{path} exists", code="AS190", hint="--force overwrites it"
        )


def _writer(path: Path) -> str | None:
    """Which backend writes files that end so."""
    from archspec.backend import backend, backends

    for name in backends():
        with suppress(ArchspecError):
            if path.name.endswith(backend(name).files):
                return f"--backend {name} writes it"
    return None


def fail(error: ArchspecError) -> NoReturn:
    """Prints an error and ends the command."""
    say([error])
    raise typer.Exit(1)


def say(errors: Iterable[ArchspecError]) -> None:
    """Prints errors and warnings for a person."""
    from archspec.authoring.messages import render, singly

    for item in singly(errors):
        tell(render(item))


def tell(text: str) -> None:
    """Prints messages on standard error, in colours where they are seen."""
    from archspec.cli import colours

    shown = colours.coloured(text) if colours.wanted(sys.stderr) else text
    print(shown, file=sys.stderr)


def note(text: str) -> None:
    """Progress, for a person at a terminal."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def left_out(made: Table) -> None:
    """Says to a person which columns had no room."""
    if made.left_out and sys.stderr.isatty():
        names = ", ".join(made.left_out)
        print(
            f"no room for: {names}; a wider window or --json has all", file=sys.stderr
        )


def told(loaded: Loaded) -> None:
    """Prints what was chosen of a weight file, and what is doubtful in it."""
    for note in loaded.notes:
        print(f"note: {note}", file=sys.stderr)
    say([SpecWarning(doubt, code="AS620") for doubt in loaded.doubts])


def refused(error: OSError) -> ArchspecError:
    """What the system refused, and of which file."""
    where = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error)
    return ArchspecError(f"{where}{reason}", code="AS190")


@contextmanager
def warned() -> Iterator[None]:
    """Shows warnings of ours as all that is printed for a person."""

    def show(message: Warning | str, *place: Any) -> None:
        if isinstance(message, ExpectWarning):
            say([message.told])
        else:
            shown(message, *place)

    with warnings.catch_warnings():
        warnings.simplefilter("always", ExpectWarning)
        shown = warnings.showwarning
        warnings.showwarning = cast(Any, show)
        yield


def ended(command: Callable[P, None]) -> Callable[P, None]:
    """A command whose errors are the user's to read, never a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with warned():
                command(*args, **kwargs)
        except ArchspecError as error:
            fail(error)
        except OSError as error:
            fail(refused(error))

    return run
