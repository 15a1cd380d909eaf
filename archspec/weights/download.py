"""Bytes of an address, appended to a file: a download that was cut goes on.

It goes on only where the server says that the rest is of the same file (`If-Range`);
else it starts over.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from archspec.errors import WeightsError

TIMEOUT = 30.0
"""Seconds in which something has to come."""
TRIES = 5
"""So often a download goes on by itself, as long as each try brings something."""
CHUNK = 1 << 20
MIB = 1 << 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WHOLE = 64
"""Hex digits of a SHA-256."""
LINKED = "X-Linked-ETag"
"""Where Hugging Face says the SHA-256 of a file, on the way to it."""


AGAIN = "try again later"
OFFLINE = "without a network, only what was fetched before is there"


class Cut(Exception):
    """A download that ended too early."""


def allowed(url: str) -> None:
    """Raises WeightsError for an address from which nothing is fetched."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _refused(url, f"it is no address: {error}", "mend it") from error
    if not host or not url.isprintable() or " " in url:
        raise _refused(url, "it is no address", "mend it")
    if parts.username is not None or parts.password is not None:
        raise _refused(url, "it holds a password", "fetch the file with curl")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise _refused(
            url,
            "only https is fetched, as anyone can change what http brings",
            "use it",
        )


def _refused(url: str, why: str, hint: str) -> WeightsError:
    return WeightsError(f"can't fetch {url}: {why}", code="AS611", hint=hint)


class _Redirects(HTTPRedirectHandler):
    """Goes only where we may, and keeps what is said of the file on the way."""

    linked = ""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        try:
            allowed(newurl)
        except WeightsError:
            fp.close()
            raise
        hash = headers.get(LINKED, "").strip('"')
        self.linked = hash if len(hash) == WHOLE else self.linked
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def tag(file: IO[bytes]) -> Path:
    """The file beside a part of a file that says which file it is a part of."""
    return Path(f"{file.name}.tag")


def pull(url: str, file: IO[bytes], mib: float = 0) -> str:
    """Fetches all of a file, or what of it isn't there.

    Args:
        url: of the file, which is `allowed`.
        file: open to append and to read; its `tag` beside it says which file it is of.
        mib: about how large it may be, in 2**20 bytes; anything if 0.

    Returns:
        The SHA-256 that the server says, or "".

    Raises:
        WeightsError: with the way out; what there is stays for another try.
        OSError: the file can't be written.
    """
    allowed(url)
    for _ in range(TRIES):
        before = file.seek(0, os.SEEK_END)
        try:
            linked = _once(url, file, int(mib * MIB))
        except Cut as cut:
            if file.seek(0, os.SEEK_END) > before:
                continue
            raise _refused(url, str(cut), "the same command goes on") from cut
        tag(file).unlink(missing_ok=True)
        return linked
    raise _refused(
        url, "the connection is cut again and again", "the same command goes on"
    )


def _once(url: str, file: IO[bytes], limit: int) -> str:
    start = file.seek(0, os.SEEK_END)
    known = tag(file).read_text() if start and tag(file).exists() else ""
    if not known:
        start = file.truncate(0)
    redirects = _Redirects()
    try:
        response = _opened(url, redirects, start, known)
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:  # it is no such part of what is there now
            file.truncate(0)
            return _once(url, file, limit)
        raise _answered(url, error) from error
    except (OSError, HTTPException) as error:
        raise _unreached(url, error) from error
    with response:
        if response.status == 206 and start and not _goes_on(response, start):
            file.truncate(0)  # some other part: all of it is asked for
            return _once(url, file, limit)
        if response.status != (206 if start else 200):
            start = file.truncate(0)
        if response.status != 200 and not start:
            raise _refused(url, f"the server answered {response.status}", AGAIN)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        _measured(url, file, start, total, limit)
        if response.headers.get_content_type() == "text/html":
            raise _refused(
                url, "a web page is there, no file", "give the file's address"
            )
        if not start:
            tag(file).write_text(_validator(response))
        name = urlsplit(url).path.rpartition("/")[2]
        with shown(name, start, total) as advance:
            for chunk in _chunks(response):
                start += len(chunk)
                if limit and start > limit:
                    file.truncate(0)
                    raise _refused(url, f"it is larger than {limit:,} bytes", "see it")
                _written(file, chunk)
                advance(len(chunk))
    if total is not None and start < total:
        raise Cut(f"it was cut off at {start:,} of {total:,} bytes")
    if not start:
        raise _refused(url, "it is empty", AGAIN)
    return redirects.linked


def _opened(url: str, redirects: _Redirects, start: int, known: str) -> HTTPResponse:
    headers = {"User-Agent": "archspec"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": known}
    request = Request(url, headers=headers)
    response: HTTPResponse = build_opener(redirects).open(request, timeout=TIMEOUT)
    return response


def _goes_on(response: HTTPResponse, start: int) -> bool:
    """Whether the part that comes is the rest."""
    told: str = response.headers.get("Content-Range", "")
    return told.startswith(f"bytes {start}-")


def _validator(response: HTTPResponse) -> str:
    """What says later that a file is the same: its tag, if that is strong, or time."""
    tag: str = response.headers.get("ETag", "")
    if tag.startswith('"'):
        return tag
    time: str = response.headers.get("Last-Modified", "")
    return time


def _measured(
    url: str, file: IO[bytes], start: int, total: int | None, limit: int
) -> None:
    """Raises WeightsError for a file that is too large."""
    if total is None:
        return
    if limit and total > limit:
        raise _refused(
            url,
            f"it has {total:,} bytes, more than its publisher says",
            "see what it is",
        )
    free = shutil.disk_usage(Path(file.name).parent).free
    if total - start > free:
        raise _refused(
            url,
            f"it has {total:,} bytes, and {free:,} are free",
            "ARCHSPEC_CACHE names another folder",
        )


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
    except TimeoutError as error:
        raise Cut(f"nothing came for {TIMEOUT:g} seconds") from error
    except (OSError, HTTPException) as error:
        raise Cut(f"the connection was cut: {error}") from error


def _written(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError:
        file.truncate(0)  # a part of a large file may be what fills the disk
        raise


def _answered(url: str, error: HTTPError) -> WeightsError:
    told = f"the server answered {error.code} {error.reason}"
    if error.code in (401, 403):
        return _refused(url, told, "fetch it in a browser, and give the file")
    if error.code in (404, 410):
        return _refused(url, f"{told}: it is not there", "see whether it has moved")
    return _refused(url, told, AGAIN)


def _unreached(url: str, error: Exception) -> WeightsError:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        reason = f"no answer for {TIMEOUT:g} seconds"
    return _refused(
        url,
        f"{urlsplit(url).hostname} can't be reached: {reason}",
        OFFLINE,
    )


@contextmanager
def shown(name: str, done: int, total: int | None) -> Iterator[Callable[[int], Any]]:
    """A bar for a person at a terminal; what it gives says how many bytes have come."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(
            re.sub(r"[\[\]]", "_", name)[-30:], total=total, completed=done
        )
        yield lambda count: bar.advance(task, count)
