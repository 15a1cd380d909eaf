"""Files that are written whole or not at all, and read if they are files."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE, S_ISREG

from archspec.errors import ArchspecError

Data = bytes | str | Callable[[Path], None]
NO_FILE = "that is a folder or a device, not a file"


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """The bytes of a file: all of them, or the first `most + 1` of more.

    Raises:
        OSError: it can't be read, or is no regular file: a device never ends, and a
            pipe waits for who writes into it.
    """
    if not S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, NO_FILE, os.fspath(path))
    with open(path, "rb") as file:
        return file.read(most + 1)


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
            target = placed(path)
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


def placed(path: str | os.PathLike[str]) -> Path:
    """Where a file goes, behind all links; ArchspecError where none can be."""
    refused = f"can't write {os.fspath(path)!r}"
    if os.path.exists(path) and not os.path.isfile(path):
        raise ArchspecError(f"{refused}: {NO_FILE}", code="AS190")
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent):
        raise ArchspecError(
            f"{refused}: there is no folder {str(target.parent)!r}",
            code="AS190",
            hint="make it first",
        )
    return target


def _fill(draft: Path, data: Data) -> None:
    if callable(data):
        data(draft)
        return
    draft.write_bytes(data.encode() if isinstance(data, str) else data)
