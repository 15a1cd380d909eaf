"""How a spec comes in: a net of the zoo, a file, a text, or a mapping of Python's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import IO, Any

from archspec import arguments, catalog
from archspec.arguments import Given, Size
from archspec.errors import ArchspecError
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.language.syntax import Unit
from archspec.language.written import written
from archspec.limits import Limits
from archspec.passes.with_outputs import with_outputs
from archspec.spec import Spec, taps_of

Readable = str | PathLike[str] | Mapping[str, Any] | IO[str] | IO[bytes]
"""What `load` reads a spec from."""
WIDTH = 88
"""Of a quoted line."""


def load(
    spec: Readable,
    *,
    size: int | Size | None = None,
    params: Mapping[str, Given] | None = None,
    taps: bool = False,
    limits: Limits | None = None,
    **overrides: Given,
) -> Spec:
    """Reads a spec.

    >>> archspec.load("resnet20", size=64, num_classes=5).graph.inputs
    {'image': (3, 64, 64)}
    >>> net = {"op": "conv2d", "channels": 8, "kernel": 3}
    >>> raw = {"archspec": 1, "name": "one", "inputs": {"x": [3, 9, 9]}}
    >>> archspec.load({**raw, "graph": [net]}).graph.parameter_count()
    224

    Args:
        spec: a net of the zoo (`"resnet34"`), the path of a .yaml file, an open file,
            or what such a file holds as a dict. What is no file on the disk may extend
            the zoo alone.
        size: another height and width, in pixels, of the input images; one number is
            both.
        limits: what a spec may ask for; else that of the environment's ARCHSPEC_LIMITS
            (`nodes=500000`), else `archspec.limits.Limits()`.
        params, overrides: values for the file's params, those of numpy, too.
        taps: makes the file's taps the outputs, and leaves out what they don't need:
            a backbone without its head.

    Raises:
        SpecError, ShapeError: with the place in the file.
        TypeError: an argument is of no type that could be meant.
    """
    files = Files(arguments.limits(limits))
    return read(files, lambda: _opened(files, spec), size, params, taps, overrides)


def loads(
    text: str | bytes,
    *,
    size: int | Size | None = None,
    params: Mapping[str, Given] | None = None,
    taps: bool = False,
    limits: Limits | None = None,
    **overrides: Given,
) -> Spec:
    """Reads a spec from a text in YAML, which may extend the zoo alone.

    >>> mine = archspec.loads("{archspec: 1, name: mine, extends: resnet20}")
    >>> mine.fingerprint == archspec.load("resnet20").fingerprint
    True

    All else is as for `load`.
    """
    if not isinstance(text, str | bytes):
        raise arguments.wrong("text", "a string or bytes", text)
    files = Files(arguments.limits(limits))
    return read(
        files, lambda: files.text(text, "<string>"), size, params, taps, overrides
    )


def loaded(
    spec: Readable | Spec,
    *,
    size: int | Size | None = None,
    params: Mapping[str, Given] | None = None,
    taps: bool = False,
    limits: Limits | None = None,
    **overrides: Given,
) -> Spec:
    """What `load` gives, or a Spec that is one already; TypeError to change that."""
    if not isinstance(spec, Spec):
        return load(
            spec, size=size, params=params, taps=taps, limits=limits, **overrides
        )
    if size is not None or params or taps or limits is not None or overrides:
        raise TypeError("a Spec has its size, params and taps: `load` takes others")
    return spec


def listed(spec: Any) -> list[Readable | Spec] | None:
    """Several specs, or None for one."""
    one = isinstance(spec, str | PathLike | Spec) or hasattr(spec, "read")
    return None if one or not arguments.iterates(spec) else [*spec]


def list_specs() -> tuple[str, ...]:
    """The names of the nets of the zoo, sorted.

    >>> "resnet20" in archspec.list_specs()
    True
    """
    return catalog.names()


def _opened(files: Files, spec: Readable) -> Unit:
    """The file that a user gives in one way or another."""
    if isinstance(spec, str | PathLike):
        return files.open(spec)
    if isinstance(spec, Mapping):
        return files.text(written(spec, files.limits), "<dict>")
    if not callable(getattr(spec, "read", None)):
        expected = "the name of a net, a path, a dict or an open file"
        raise arguments.wrong("spec", expected, spec)
    text = spec.read(files.limits.file_bytes + 1)
    if not isinstance(text, str | bytes):
        raise arguments.wrong("spec", "a file of text", spec)
    found = getattr(spec, "name", None)
    name = found if isinstance(found, str) else "<stream>"  # a pipe's is a number
    path = Path(name)
    if not path.is_file():
        return files.text(text, name)
    return files.text(text, str(path), path.resolve().parent)


def read(
    files: Files,
    opened: Callable[[], Unit],
    size: int | Size | None,
    params: Mapping[str, Given] | None,
    taps: bool,
    overrides: Mapping[str, Given],
) -> Spec:
    """The spec of a file, once all that is said beside it was looked at.

    `opened` gives the file, of those of `files`; all else is as for `load`.
    """
    pixels, cut = arguments.size(size), arguments.flag("taps", taps)
    given = arguments.params(params, overrides, files.limits)
    try:
        unit = opened()
        graph = expand(files, unit, given, pixels)
        tapped = taps_of(graph, unit) if cut else None
    except ArchspecError as error:
        for item in error.errors:
            _quote(item, files.texts)
        raise
    if tapped is None:
        overridden = bool(given) or pixels is not None
        return Spec(graph, unit, overridden, None, given, pixels, files)
    backbone = with_outputs(graph, tapped)
    backbone = replace(backbone, title=f"{graph.title or graph.name} backbone")
    return Spec(backbone, unit, True, graph, given, pixels, files)


def _quote(error: ArchspecError, texts: Mapping[str, str | bytes]) -> None:
    """Adds the line of an error in a text, which nobody can look up elsewhere."""
    text = texts.get(error.at.file) if error.at else None
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig", "replace")
    if error.at is None or text is None:
        return
    lines = text.splitlines()
    line = lines[error.at.line - 1].strip() if error.at.line <= len(lines) else ""
    if line:
        told = line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
        error.notes = (f"in {told}", *error.notes)
