"""Layouts in which people keep weights: the rows of the table in docs/checkpoints.md.

Each row makes a file as the library does that it comes from, and says what that library
computes with it. The tests read the file into every backend and compare. In tests/,
`python -m layouts.layout` writes the table anew. A row stands where its file is made:

    @layout("PyTorch Lightning's `.ckpt`", oracle="torch")
    def lightning(folder: Path) -> Held:
        torch.save({"state_dict": ..., "epoch": 3}, folder / "last.ckpt")
        return Held(folder / "last.ckpt", spec, images, outputs)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.spec import Spec
from archspec.weights import Wish
from archspec.weights.choice import ANY

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"
MARK = "<!-- layouts -->"
MODULES = (
    *("containers", "shards", "changed", "publishers"),
    *("kerases", "older_kerases", "oldest_kerases"),
)
"""Where the rows are, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file, and what its own library makes of it.

    Attributes:
        path: of the file, or of the folder.
        spec: of the net that it is for.
        images: a batch in float64, channels first.
        outputs: what the library's own model, with what its own loader read from the
            file, computes of them in float64.
        wish: what a user has to say of the file.
        read: further arguments of `weights.load`, such as `allow_missing`.
    """

    path: Path
    spec: Spec
    images: NDArray[Any]
    outputs: NDArray[Any]
    wish: Wish = ANY
    read: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A row of the table.

    Attributes:
        title: what the user has in hand.
        oracle: whose loader the outputs come from.
        make: writes the file.
        said: what a user has to say for it to be read, an option of the command line.
        written: with what archspec writes files that the oracle reads, if it does.
    """

    title: str
    oracle: str
    make: Callable[[Path], Held]
    said: str = ""
    written: str = ""


LAYOUTS: list[Layout] = []
"""All rows, once the modules are imported."""


def layout(
    title: str, *, oracle: str, said: str = "", written: str = ""
) -> Callable[[Callable[[Path], Held]], Callable[[Path], Held]]:
    """Makes a row of a function that writes a file of a layout into a folder."""

    def add(make: Callable[[Path], Held]) -> Callable[[Path], Held]:
        LAYOUTS.append(Layout(title, oracle, make, said, written))
        return make

    return add


def all_layouts() -> list[Layout]:
    """All rows, in the order of the table."""
    for name in MODULES:
        import_module(f"layouts.{name}")
    return LAYOUTS


def table() -> str:
    """The table of the page, in Markdown."""
    lines = ["| layout | to be said | written by | oracle |", "|---|---|---|---|"]
    for row in all_layouts():
        said, written = (
            f"`{text}`" if text else "" for text in (row.said, row.written)
        )
        lines.append(f"| {row.title} | {said} | {written} | {row.oracle} |")
    return "\n".join(lines)


if __name__ == "__main__":
    import conftest  # noqa: F401  # torchvision can be imported after it
    from layouts.layout import table as made  # this module, not the script

    before, _, after = PAGE.read_text().split(MARK)
    PAGE.write_text(f"{before}{MARK}\n{made()}\n{MARK}{after}")
