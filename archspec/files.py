"""Files that are written whole or not at all and read if they are files, and folders
that don't stay.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISREG

from archspec.errors import ArchspecError, said

Data = bytes | str | Callable[[Path], None]
NO_FILE = "that is a folder or a device, not a file"
DRAFT = re.compile(r"\.archspec-[0-9a-f]{16}")
"""What a folder of drafts is called, which nobody calls his own."""
BEFORE = "before"
"""In it, the folders that make room for new ones of their name."""
LOCKS = importlib.util.find_spec("fcntl") is not None
UNKNOWN = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
"""What a file system says that reserves no room."""


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


def write_whole(
    path: str | os.PathLike[str], data: Data, *, size: int | None = None
) -> None:
    """Puts a file in its place only once all of it is written.

    Args:
        path: where; what a link points to is replaced, not the link.
        data: bytes, text (stored as UTF-8) or a function that writes the file whose
            path it is given. That path is on the same disk and has the same name.
        size: about how many bytes the function writes. Not every library survives a
            full disk; with it that is seen before.

    Raises:
        ArchspecError: the folder is missing, the place is taken by something else than
            a file, or the system refuses to write. An older file is left as it was.
    """
    write_together({path: data}, size=size)


def write_together(
    files: Mapping[str | os.PathLike[str], Data], *, size: int | None = None
) -> None:
    """The same for several files: all are written before the first is in its place."""
    drafts: dict[Path, Path] = {}
    folders: dict[Path, Path] = {}
    refused = ""
    try:
        with ExitStack() as stack:
            for path, data in files.items():
                refused = f"can't write {os.fspath(path)!r}"
                target = placed(path)
                if target.parent not in folders:
                    made = stack.enter_context(scratch(target.parent))
                    folders[target.parent] = made
                draft = drafts[target] = folders[target.parent] / target.name
                draft.touch(exist_ok=False)
                mode = (target if os.path.exists(target) else draft).stat().st_mode
                _fill(draft, data, size)
                # Some libraries write a private file of their own and move it over the
                # draft.
                draft.chmod(S_IMODE(mode))
            with _MOVES:
                _move(drafts)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ArchspecError(f"{refused}: {reason}", code="AS190") from error


def write_folder(
    path: str | os.PathLike[str],
    fill: Callable[[Path], None],
    *,
    known: Sequence[str],
    size: int | None = None,
) -> None:
    """Puts a folder in its place only once all of it is written.

    Args:
        path: where; an older folder is replaced if it is of the same kind.
        fill: makes a folder of the path that it is given.
        known: files by which such a folder is known; one without any is another's.
        size: about how many bytes it has, as for `write_whole`.

    Raises:
        ArchspecError: the place is taken by something else, or the system refuses.
    """
    refused = f"can't write {os.fspath(path)!r}"
    target = placed_folder(path, known)
    try:
        with scratch(target.parent) as folder:
            _reserve(folder / "room", size)
            draft = folder / target.name
            fill(draft)
            with _MOVES:
                if target.exists():
                    # Were the process killed now, `_sweep` would put it back.
                    (folder / BEFORE).mkdir()
                    target.rename(folder / BEFORE / target.name)
                try:
                    draft.rename(target)
                finally:
                    _put_back(folder)
    except ValueError as error:  # a library's own words, of which there may be many
        raise ArchspecError(f"{refused}: {said(error)}", code="AS190") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ArchspecError(f"{refused}: {reason}", code="AS190") from error


def _move(drafts: Mapping[Path, Path]) -> None:
    """Puts all in their places; where one can't be, none stays that wasn't there."""
    new: list[Path] = []
    try:
        for target, draft in drafts.items():
            exists = os.path.exists(target)
            draft.replace(target)
            new += [] if exists else [target]
        new.clear()
    finally:
        for path in new:
            path.unlink(missing_ok=True)


def placed(path: str | os.PathLike[str]) -> Path:
    """Where a file goes, behind all links; ArchspecError where none can be."""
    refused = f"can't write {os.fspath(path)!r}"
    if os.path.exists(path) and not os.path.isfile(path):
        raise ArchspecError(f"{refused}: {NO_FILE}", code="AS190")
    target = Path(os.path.realpath(path))
    folder = (target if os.path.islink(path) else Path(path)).parent
    _check_parent(target, folder, refused)
    return target


def placed_folder(path: str | os.PathLike[str], known: Sequence[str]) -> Path:
    """The same for a folder that has one of the known files, or isn't there yet."""
    refused = f"can't write {os.fspath(path)!r}"
    target = Path(os.path.realpath(path))
    if target.exists() and not any((target / name).exists() for name in known):
        told = "a folder of something else" if target.is_dir() else "that is a file"
        raise ArchspecError(f"{refused}: {told}", code="AS190")
    _check_parent(target, target.parent, refused)
    return target


def _check_parent(target: Path, folder: Path, refused: str) -> None:
    """Raises ArchspecError, with the name of the folder, if a place is in none."""
    if not os.path.isdir(target.parent):
        raise ArchspecError(
            f"{refused}: there is no folder {str(folder)!r}",
            code="AS190",
            hint="make it first",
        )


def _fill(draft: Path, data: Data, size: int | None) -> None:
    if not callable(data):
        draft.write_bytes(data.encode() if isinstance(data, str) else data)
        return
    _reserve(draft, size)
    try:
        data(draft)
    except (ArchspecError, OSError):
        raise
    except Exception:
        # A library's own words for a disk that somebody else has filled meanwhile.
        _reserve(draft.with_name("more"), size)
        raise


def _reserve(path: Path, size: int | None) -> None:
    """Raises OSError where a file of this size has no room; leaves an empty one."""
    if not size or not hasattr(os, "posix_fallocate"):
        return
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in UNKNOWN:
                raise
        file.truncate(0)


# Folders that don't stay


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """A folder for files on their way, which is gone at the end.

    Where a process was killed, the next one that makes such a folder in the same place
    removes it; whose process lives, that holds a lock.

    Args:
        parent: where; the system's folder for temporary files unless given.
    """
    parent = parent or Path(tempfile.gettempdir())
    _sweep(parent)
    folder, lock = _made(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _HELD.pop(folder, None)
        if lock is not None:
            os.close(lock)


@contextmanager
def temporary() -> Iterator[None]:
    """Whatever makes temporary files meanwhile makes them in a folder that goes."""
    kept, around = tempfile.tempdir, os.environ.get("TMPDIR")
    with scratch() as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = os.fspath(folder)
        try:
            yield
        finally:
            tempfile.tempdir = kept
            if around is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = around


_HELD: dict[Path, int] = {}
"""Folders that this process is to remove, and its number, which a fork's isn't."""


def _made(parent: Path) -> tuple[Path, int | None]:
    """A new folder with its lock; None where there are no locks."""
    while True:
        folder = parent / f".archspec-{os.urandom(8).hex()}"
        _HELD[folder] = os.getpid()
        try:
            folder.mkdir(mode=0o700)
        except OSError:
            del _HELD[folder]
            raise
        lock = _locked(folder, wait=True)
        if folder.exists():
            return folder, lock
        # Another process took it for one that was left, before it had its lock.
        del _HELD[folder]
        if lock is not None:
            os.close(lock)


def _locked(folder: Path, *, wait: bool) -> int | None:
    """A folder's lock, as a descriptor; None where it can't be had."""
    if not LOCKS:
        return None
    import fcntl

    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if os.fstat(opened).st_uid == os.geteuid():
                return opened
        except OSError:
            os.close(opened)
            raise
        os.close(opened)
    return None


def _put_back(folder: Path) -> None:
    """Folders that were taken away for new ones, which never came."""
    for old in (folder / BEFORE).glob("*"):
        if not os.path.lexists(place := folder.parent / old.name):
            old.rename(place)


def _sweep(parent: Path) -> None:
    """Removes the folders of processes that were killed."""
    with suppress(OSError), os.scandir(parent) as found:
        left = [Path(e.path) for e in found if DRAFT.fullmatch(e.name)]
        for folder in left:
            lock = _locked(folder, wait=False)
            if lock is not None:
                with suppress(OSError):
                    _put_back(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


class _Moves:
    """While files take their places nothing ends the process in between."""

    def __init__(self) -> None:
        self.going_on = False
        self.waiting: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        self.going_on = True

    def __exit__(self, *_: object) -> None:
        self.going_on = False
        for end in self.waiting:
            leave(end)


_MOVES = _Moves()


def leave(end: Callable[[], None]) -> None:
    """Removes this process' folders and calls what ends it; between moves, not amid.

    For a signal's handler: what it interrupts is not gone on with.
    """
    if _MOVES.going_on:
        _MOVES.waiting.append(end)
        return
    for folder, process in list(_HELD.items()):
        if process == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)
    end()
