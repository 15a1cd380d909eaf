"""The zoo: the specs that come with archspec, in a checkout and in a wheel."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def root() -> Path:
    """The folder that holds the zoo."""
    package = Path(__file__).resolve().parent
    shipped = package / "specs"
    return shipped if shipped.is_dir() else package.parent / "specs"


def find(name: str) -> Path | None:
    """The file of a net (`resnet50`) or a family (`families/resnet`), if there is."""
    path = root() / f"{name}.yaml"
    return path if name in names() or name in families() else None


@cache
def names() -> tuple[str, ...]:
    """The nets of the zoo, sorted."""
    return tuple(sorted(path.stem for path in root().glob("*.yaml")))


@cache
def families() -> tuple[str, ...]:
    """The files that nets extend, as `families/resnet`."""
    return tuple(
        sorted(f"families/{path.stem}" for path in root().glob("families/*.yaml"))
    )


def paths() -> Iterator[tuple[str, Path]]:
    """Every net of the zoo with its file."""
    for name in names():
        yield name, root() / f"{name}.yaml"
