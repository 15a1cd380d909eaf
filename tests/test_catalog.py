"""The zoo is found, in a checkout and in a wheel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archspec import catalog

CACHED: tuple[Callable[[], object], ...] = (
    catalog.root,
    catalog.names,
    catalog.families,
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package elsewhere, with nothing beside it yet."""
    folder = tmp_path / "site" / "archspec"
    folder.mkdir(parents=True)
    monkeypatch.setattr(catalog, "__file__", str(folder / "catalog.py"))
    for cached in CACHED:
        cached.cache_clear()  # type: ignore[attr-defined]
    yield folder
    for cached in CACHED:
        cached.cache_clear()  # type: ignore[attr-defined]


def fill(folder: Path) -> None:
    (folder / "families").mkdir(parents=True)
    for name in ("b", "a", "families/z", "families/y"):
        (folder / f"{name}.yaml").touch()
    (folder / "README.md").touch()


@pytest.mark.parametrize("place", ["specs", "../specs"])
def test_a_zoo(package: Path, place: str) -> None:
    fill(package / place)
    root = (package / place).resolve()
    assert catalog.root() == root
    assert catalog.names() == ("a", "b")
    assert catalog.families() == ("families/y", "families/z")
    assert list(catalog.paths()) == [("a", root / "a.yaml"), ("b", root / "b.yaml")]
    assert catalog.find("b") == root / "b.yaml"
    assert catalog.find("families/y") == root / "families/y.yaml"
    for name in ("c", "y", "../specs/a", "a.yaml", "", "families/../a", "README"):
        assert catalog.find(name) is None


def test_what_is_shipped_comes_first(package: Path) -> None:
    fill(package / "specs")
    fill(package.parent / "specs")
    assert catalog.root() == package / "specs"


def test_ours() -> None:
    assert {"resnet50", "vgg16_bn"} <= {*catalog.names()}
    assert "families/resnet" in catalog.families()
    assert all(path.is_file() for _, path in catalog.paths())
