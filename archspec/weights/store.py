"""Files from the network that are kept: whole and checked under their name, or not.

A file grows beside its place, where one process at a time may write to it, and takes
that place when its hash is right. What is there is never fetched again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import platformdirs

from archspec.errors import WeightsError
from archspec.weights import download

LOG = logging.getLogger("archspec.weights")
OWN = "ARCHSPEC_CACHE"
"""The environment's word for the folder."""
MIRROR = "ARCHSPEC_MIRROR"
"""The environment's word for an address that has others' files, by their hosts."""
HUB = re.compile(r"https://huggingface\.co/([^/]+/[^/]+)/resolve/([^/]+)/([^?#]+)")
WHOLE = re.compile("[0-9a-f]{64}")
"""All of a SHA-256."""
MARK = re.compile("sha256=[0-9a-f]{64}|md5=[0-9a-f]{32}")
MD5 = 32
"""Hex digits of an MD5, which no start of a SHA-256 has."""
SLACK = 1.02
"""How much larger than its facts say a file may be."""


def folder() -> Path:
    """Where files are kept: `ARCHSPEC_CACHE`, or the user's place for such."""
    own = os.environ.get(OWN)
    if own:
        return Path(own).expanduser()
    return platformdirs.user_cache_path("archspec", appauthor=False)


def place(url: str) -> Path:
    """Where the file of an address is kept."""
    parts = urlsplit(url)
    words = re.findall("[A-Za-z0-9_.-]+", unquote(f"{parts.netloc}{parts.path}"))
    digest = hashlib.sha256(url.encode()).hexdigest()
    return folder() / "weights" / f"{digest[:8]}-{'_'.join(words)[-120:]}"


def kept(url: str) -> Path | None:
    """The file of an address, if it is here already."""
    path = place(url)
    if path.is_file():
        return path
    return _from_hub(url, local=True) if _of_hub(url) else None


def fetched(url: str, hash: str = "", mib: float = 0) -> Path:
    """The file of an address, from the network the first time.

    Args:
        url: `https://…`; plain `http` only on this machine. `#sha256=…` or `#md5=…` at
            its end says its hash.
        hash: its MD5, its SHA-256 or the start of that, in hex; unknown if empty.
        mib: about how large it is, in 2**20 bytes; unknown if 0.

    Raises:
        WeightsError: it can't be fetched or kept, or has another hash.
    """
    url, _, mark = url.partition("#")
    download.allowed(url)
    if mark and not MARK.fullmatch(mark):
        raise WeightsError(
            f"{url}: #{mark} is no hash", code="AS611", hint="#sha256=HEX or #md5=HEX"
        )
    told = mark.partition("=")[2]
    target = place(url)
    try:
        found = kept(url)
        if found is None:
            if _of_hub(url):
                found = _of_library(url)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                found = _pulled(url, told or hash, mib)
        if told:
            _check(found, told, url)
    except WeightsError as error:
        error.notes += (f"a file that comes another way goes to {str(target)!r}",)
        raise
    except OSError as error:
        raise WeightsError(
            f"can't keep {url} in {str(target.parent)!r}: {error.strerror or error}",
            code="AS611",
            hint=f"{OWN} names another folder",
        ) from error
    return found


def _pulled(url: str, hash: str, mib: float) -> Path:
    target = place(url)
    with _alone(target) as file:
        if target.is_file():  # another process had it first
            return target
        linked = download.pull(_mirrored(url), file, mib * SLACK)
        try:
            _check(Path(file.name), hash or linked, url)
        except WeightsError:
            file.truncate(0)
            raise
        Path(file.name).replace(target)
    return target


def _mirrored(url: str) -> str:
    mirror = os.environ.get(MIRROR)
    scheme, _, rest = url.partition("://")
    if not mirror or scheme != "https":
        return url
    return f"{mirror.rstrip('/')}/{rest}"


@contextmanager
def _alone(target: Path) -> Iterator[IO[bytes]]:
    """The file that grows beside its place, in no other process's hands meanwhile."""
    # Without locks (Windows) each process has a file of its own: none goes on later.
    locks = importlib.util.find_spec("fcntl") is not None
    owner = "" if locks else f".{os.getpid()}"
    path = target.with_name(f".{target.name}{owner}.part")
    while True:
        with path.open("a+b") as file:
            if locks:
                _lock(file, target)
            if not path.exists() or not os.path.samefile(file.fileno(), path):
                continue  # it took its place, or went, while we waited
            try:
                yield file
            finally:
                if not file.seek(0, os.SEEK_END):
                    path.unlink(missing_ok=True)
                    download.tag(file).unlink(missing_ok=True)
            return


def _lock(file: IO[bytes], target: Path) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        LOG.warning("note: another process fetches %s: waiting for it", target)
        fcntl.flock(file, fcntl.LOCK_EX)


def _check(path: Path, hash: str, url: str) -> None:
    """Raises WeightsError for a file of another hash; says so where none is known."""
    kind = "MD5" if len(hash) == MD5 else "SHA-256"
    with path.open("rb") as file:
        found = hashlib.file_digest(
            file, lambda: hashlib.new(kind.replace("-", ""), usedforsecurity=False)
        ).hexdigest()
    if not hash:
        LOG.warning("note: no hash is known of %s; its SHA-256 is %s", url, found)
    elif not found.startswith(hash):
        raise WeightsError(
            f"{url}: the file's {kind} is {found}, expected {hash}",
            code="AS611",
            hint="it isn't used; something on the way, or its publisher, changed it",
        )


# Hugging Face


def _of_hub(url: str) -> bool:
    """Whether Hugging Face's own library fetches this."""
    return (
        HUB.fullmatch(url) is not None
        and not os.environ.get(MIRROR)
        and importlib.util.find_spec("huggingface_hub") is not None
    )


def _from_hub(url: str, *, local: bool) -> Path | None:
    """The file in Hugging Face's cache; unless `local`, its library fetches it."""
    import huggingface_hub

    matched = HUB.fullmatch(url)
    assert matched is not None
    repository, revision, name = matched.groups()
    cache = folder() / "huggingface" if os.environ.get(OWN) else None
    try:
        if local:
            found = huggingface_hub.try_to_load_from_cache(
                repository, name, cache, revision
            )
            return Path(found) if isinstance(found, str) else None
        return Path(
            huggingface_hub.hf_hub_download(
                repository, name, cache_dir=cache, revision=revision
            )
        )
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"huggingface_hub can't fetch {url}: {' '.join(str(error).split())[:300]}",
            code="AS611",
            hint=download.OFFLINE,
        ) from error


def _of_library(url: str) -> Path:
    """The file that Hugging Face's library has just fetched, checked."""
    found = _from_hub(url, local=False)
    assert found is not None
    blob = found.resolve()  # large files are kept by their SHA-256
    try:
        _check(blob, blob.name if WHOLE.fullmatch(blob.name) else "", url)
    except WeightsError:
        found.unlink()
        blob.unlink(missing_ok=True)
        raise
    return found
