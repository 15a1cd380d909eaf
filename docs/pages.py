"""Pages of the site that stand elsewhere, or are made: mkdocs runs this.

The README is the first page, the zoo is a gallery; links between them are set right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import archspec
from archspec.authoring.gallery import pages
from archspec.listing import Net, nets

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

LOG = logging.getLogger("mkdocs.hooks.pages")
ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Files at the root, and the pages that they are."""
EXAMPLE = "examples/digits"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what does not stand in `docs/`."""
    from mkdocs.structure.files import File

    for name, page in PAGES.items():
        text = linked((ROOT / name).read_text())
        files.append(File.generated(config, page, content=text))
    for path in sorted((ROOT / EXAMPLE).iterdir()):
        page = f"{EXAMPLE}/{path.name}"
        files.append(File.generated(config, page, abs_src_path=str(path)))
    files.append(File.generated(config, "zoo.md", content=gallery()))
    for name, text in pages():
        files.append(File.generated(config, f"pictures/{name}", content=text))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Warns of a listing that was not understood; a warning ends the build."""
    if "```" in html:
        LOG.warning("a listing of %s shows its marks", page.file.src_uri)
    return html


def linked(text: str) -> str:
    """The text of a file at the root with links as the site has them."""
    for name, page in PAGES.items():
        text = text.replace(f"]({name}", f"]({page}")
    return text.replace("](docs/", "](")


def gallery() -> str:
    """The zoo: what there is, and each net's table."""
    found = nets()
    lines = [
        "# The zoo",
        "Whatever takes a spec takes one of these names: `archspec build resnet50 -b "
        "torch`. Where the publisher is a library, its weights fit by name; a net of a "
        "paper has the paper's counts. `archspec show resnet50` opens its blocks. "
        "[Pictures of all](pictures/index.html).",
        "",
        "| net | parameters | MACs | input | publisher |",
        "|---|--:|--:|---|---|",
        *(f"| {' | '.join(row(net))} |" for net in found),
    ]
    for net in found:
        lines += ["", *entry(net)]
    return "\n".join(lines) + "\n"


def row(net: Net) -> Iterator[str]:
    """Its cells in the overview."""
    yield f"[{net.name}](#{net.name})"
    yield f"{net.parameters:,}"
    yield f"{net.macs:,}"
    yield ", ".join(" x ".join(map(str, shape)) for shape in net.inputs.values())
    yield net.publisher


def entry(net: Net) -> Iterator[str]:
    """Its title, what it is, and its table."""
    yield f"## {net.title} {{ #{net.name} }}"
    yield ""
    yield f"`{net.name}`. {net.description} [Source]({net.source})"
    yield ""
    yield "```text"
    # Title and source stand above already.
    yield archspec.load(net.name).show(1).partition("\n\n")[2].rstrip()
    yield "```"
