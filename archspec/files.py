"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

from archspec.errors import ArchspecError

Data = bytes | str | Callable[[Path], None]


def write_whole(path: str | os.PathLike[str], data: Data) -> None:
    """Puts a file in its place only once all of it is written.

    Args:
        path: where; what a link points to is replaced, not the link.
        data: bytes, text (stored as UTF-8) or a function that writes the file whose
            path it is given. That path is in the same folder and ends in the same name,
            so suffixes are kept.

    Raises:
        ArchspecError: the folder is missing, the place is taken by something else than
            a file, or the system refuses to write. An older file is left as it was.
    """
    write_together({path: data})


def write_together(files: Mapping[str | os.PathLike[str], Data]) -> None:
    """The same for several files: all are written before the first is in its place."""
    drafts: list[tuple[Path, Path]] = []
    new: list[Path] = []
    refused = ""
    try:
        for path, data in files.items():
            refused = f"can't write {os.fspath(path)!r}"
            target = _target(path, refused)
            exists = os.path.exists(target)
            draft = target.with_name(f".{secrets.token_hex(4)}-{target.name[-200:]}")
            draft.touch(exist_ok=False)
            drafts.append((draft, target))
            mode = (target if exists else draft).stat().st_mode
            _fill(draft, data)
            # Some libraries write a private file of their own and move it over the
            # draft.
            draft.chmod(S_IMODE(mode))
        for draft, target in drafts:
            exists = os.path.exists(target)
            draft.replace(target)
            new += [] if exists else [target]
        new.clear()
    except OSError as error:
        raise ArchspecError(
            f"{refused}: {error.strerror or error}", code="AS190"
        ) from error
    finally:
        for path in (*(draft for draft, _ in drafts), *new):
            with suppress(OSError):
                Path(path).unlink()


def _target(path: str | os.PathLike[str], refused: str) -> Path:
    """Where a file goes; ArchspecError where none can be."""
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent):
        raise ArchspecError(
            f"{refused}: there is no folder {str(target.parent)!r}",
            code="AS190",
            hint="make it first",
        )
    if os.path.exists(target) and not target.is_file():
        raise ArchspecError(
            f"{refused}: that is a folder or a device, not a file", code="AS190"
        )
    return target


def _fill(draft: Path, data: Data) -> None:
    if callable(data):
        data(draft)
        return
    draft.write_bytes(data.encode() if isinstance(data, str) else data)
