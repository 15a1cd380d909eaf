"""The command that draws nets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archspec.cli import options, streams
from archspec.errors import ArchspecError

KINDS = ("html", "svg", "png", "mmd", "dot")


@options.ended
def draw(
    spec: Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC",
            help="A .yaml file, or a net of the zoo.",
            autocompletion=options.nets,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A file that ends in .html, .svg, .png, .mmd or .dot, or - for SVG on "
            "standard output; NAME.html unless given. With --all a folder.",
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(min=1, help="Levels of blocks; about a page unless given."),
    ] = None,
    open_: Annotated[
        list[str] | None,
        typer.Option(
            "--open",
            metavar="PATHS",
            help="Blocks that are open as well: layer3,layer1.0.",
        ),
    ] = None,
    params: options.Params = None,
    input_size: options.Size = None,
    taps: options.Taps = False,
    everything: Annotated[
        bool, typer.Option("--all", help="The whole zoo as pages, with an index.")
    ] = False,
    force: options.Force = False,
) -> None:
    """A picture of a net: a page that unfolds, SVG, PNG, Mermaid or DOT."""
    from archspec import load
    from archspec.drawing import draw as drawn
    from archspec.files import write_whole

    if everything:
        _gallery(spec, output, force)
        return
    if spec is None:
        raise ArchspecError(
            "expected a SPEC, or --all", code="AS505", hint="archspec draw resnet18"
        )
    kind = _kind(output)
    path = None
    if output not in (None, "-"):
        path = Path(str(output))
        options.writable(path, None, force)
    given, size = options.params(params), options.image_size(input_size)
    graph = load(spec, params=given, size=size, taps=taps).graph
    if path is None and output is None:
        path = Path(f"{graph.name}.html")
        options.writable(path, None, force)
    opened = [name for item in open_ or () for name in item.split(",") if name]
    text = drawn(graph, kind, depth=depth, opened=opened)
    if path is None:
        assert isinstance(text, str)
        streams.put(text)
        return
    write_whole(path, text)
    print(f"wrote {path}")


def _kind(output: str | None) -> str:
    """What is drawn, by the end of the file's name."""
    if output is None:
        return "html"
    if output == "-":
        return "svg"
    kind = Path(output).suffix.removeprefix(".")
    if kind not in KINDS:
        ends = ", ".join(f".{name}" for name in KINDS)
        raise ArchspecError(
            f"{output}: expected a file that ends in {ends}, or -", code="AS505"
        )
    return kind


def _gallery(spec: str | None, output: str | None, force: bool) -> None:
    from archspec.authoring.gallery import pages
    from archspec.files import write_whole

    if spec is not None:
        raise ArchspecError(f"--all draws every net; {spec} is one", code="AS505")
    folder = Path(output or "site")
    if folder.exists() and not folder.is_dir():
        raise ArchspecError(f"{folder} is no folder", code="AS190")
    if folder.exists() and any(folder.iterdir()) and not force:
        raise ArchspecError(
            f"{folder} is not empty", code="AS190", hint="--force overwrites its files"
        )
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, text in pages():
        write_whole(folder / name, text)
        count += 1
    print(f"wrote {count} files to {folder}; begin with {folder / 'index.html'}")
