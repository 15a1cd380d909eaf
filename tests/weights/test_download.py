"""archspec.weights.download: real downloads from a server on this machine."""

from __future__ import annotations

import io
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from unreliable import Server, running

from archspec.errors import WeightsError
from archspec.weights import download
from archspec.weights.download import allowed, pull

DATA = os.urandom(3 << 20)
PART = 1 << 20


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this environment stands between a test and its server."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "TIMEOUT", 5.0)


def pulled(server: Server, path: Path, mib: float = 0) -> str:
    with path.open("a+b") as file:
        return pull(server.url, file, mib)


def refused(server: Server, path: Path, mib: float = 0) -> WeightsError:
    """How a download fails."""
    with pytest.raises(WeightsError) as caught:
        pulled(server, path, mib)
    assert caught.value.code == "AS611" and server.url in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "validators",
    [{"ETag": '"one"'}, {"Last-Modified": "Thu, 26 Nov 2026 10:00:00 GMT"}],
)
def test_a_cut_download_goes_on(tmp_path: Path, validators: dict[str, str]) -> None:
    path = tmp_path / "part"
    with running(Server(DATA, validators, cuts=[PART, PART])) as server:
        assert pulled(server, path) == ""
    assert path.read_bytes() == DATA
    assert server.asked == ["", f"bytes={PART}-", f"bytes={2 * PART}-"]
    assert server.answered == [200, 206, 206]
    assert [*tmp_path.iterdir()] == [path]


def test_a_later_try_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "part"
    monkeypatch.setattr(download, "TRIES", 1)
    with running(Server(DATA, cuts=[PART])) as server:
        error = refused(server, path)
        assert "cut" in error.message and "goes on" in str(error.hint)
        assert path.read_bytes() == DATA[:PART]
        pulled(server, path)
    assert path.read_bytes() == DATA
    assert server.asked == ["", f"bytes={PART}-"] and server.answered == [200, 206]


@pytest.mark.parametrize(
    "changed",
    [
        {"data": DATA[::-1], "validators": {"ETag": '"two"'}},
        {"ranges": False},
        {"skewed": True},
        {"statuses": [200, 416]},
    ],
)
def test_another_file_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    path = tmp_path / "part"
    monkeypatch.setattr(download, "TRIES", 1)
    with running(Server(DATA, cuts=[PART])) as server:
        refused(server, path)
        for name, value in changed.items():
            setattr(server, name, value)
        pulled(server, path)
    assert path.read_bytes() == server.data and server.answered[-1] == 200
    assert server.asked[1] == f"bytes={PART}-"


@pytest.mark.parametrize("validators", [{}, {"ETag": 'W/"weak"'}])
def test_what_nothing_identifies_starts_over(
    tmp_path: Path, validators: dict[str, str]
) -> None:
    path = tmp_path / "part"
    with running(Server(DATA, validators, cuts=[PART])) as server:
        pulled(server, path)
    assert path.read_bytes() == DATA and server.asked == ["", ""]


def test_a_part_of_unknown_origin_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(b"other")
    with running(Server(DATA)) as server:
        pulled(server, path)
    assert path.read_bytes() == DATA and server.asked == [""]


def test_a_server_that_cuts_for_ever(tmp_path: Path) -> None:
    with running(Server(DATA, cuts=[1000] * 10)) as server:
        refused(server, tmp_path / "part")
    assert len(server.asked) == download.TRIES


def test_a_server_that_cuts_at_once(tmp_path: Path) -> None:
    with running(Server(DATA, cuts=[0] * 10)) as server:
        assert "0 of" in refused(server, tmp_path / "part").message
    assert len(server.asked) == 1


def test_a_server_that_stalls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    start = time.perf_counter()
    with running(Server(DATA, cuts=[PART, 0], stalls=True)) as server:
        error = refused(server, tmp_path / "part")
    assert "nothing came for 0.3 seconds" in error.message
    assert time.perf_counter() - start < 3
    assert (tmp_path / "part").read_bytes() == DATA[:PART]


def test_a_server_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        server = Server(DATA, url=f"http://127.0.0.1:{deaf.getsockname()[1]}/net.pth")
        assert "no answer for 0.3 seconds" in refused(server, tmp_path / "p").message


def test_no_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    server = Server(DATA, url=f"http://127.0.0.1:{port}/net.pth")
    error = refused(server, tmp_path / "part")
    assert "127.0.0.1 can't be reached" in error.message
    assert "network" in str(error.hint)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "it is not there"),
        (403, "403"),
        (503, "later"),
        (203, "203"),
        (206, "206"),
    ],
)
def test_an_answer_that_is_no_file(tmp_path: Path, status: int, told: str) -> None:
    with running(Server(DATA, statuses=[status])) as server:
        assert told in str(refused(server, tmp_path / "part"))


def test_an_empty_file(tmp_path: Path) -> None:
    for length in (None, ""):
        with running(Server(b"", length=length)) as server:
            assert "it is empty" in refused(server, tmp_path / "part").message


def test_a_web_page(tmp_path: Path) -> None:
    page = {"Content-Type": "text/html; charset=utf-8"}
    with running(Server(b"<html>", headers=page)) as server:
        assert "web page" in refused(server, tmp_path / "part").message
    assert [*tmp_path.iterdir()] == [tmp_path / "part"]


def test_no_http_at_all(tmp_path: Path) -> None:
    with running(Server(DATA, headers={"Content-Type": KIND_OF_NOTHING})) as server:
        refused(server, tmp_path / "part")


KIND_OF_NOTHING = "x" * 70_000
"""A header that is too long."""


def test_a_redirect(tmp_path: Path) -> None:
    path, hash = tmp_path / "part", "0" * 64
    with running(Server(DATA, cuts=[PART])) as end:
        there = {"Location": end.url, "X-Linked-ETag": f'"{hash}"'}
        with running(Server(b"", {}, statuses=[302] * 9, headers=there)) as server:
            assert pulled(server, path) == hash
    assert path.read_bytes() == DATA
    assert end.asked == ["", f"bytes={PART}-"]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://example.com/net.pth", "http://example.com/net.pth: only https"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("/net.pth", "302"),
    ],
)
def test_a_redirect_that_leads_astray(tmp_path: Path, location: str, told: str) -> None:
    there = {"Location": location}
    with (
        running(Server(b"", statuses=[302] * 20, headers=there)) as server,
        pytest.raises(WeightsError) as caught,
    ):
        pulled(server, tmp_path / "part")
    assert told in caught.value.message
    assert not (tmp_path / "part").read_bytes()


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "part"
    with running(Server(DATA)) as server:
        assert f"{len(DATA):,} bytes" in refused(server, path, 2).message
        pulled(server, path, 3)
    path.unlink()
    with running(Server(DATA, length="")) as server:
        assert "larger than" in refused(server, path, 2).message
        assert not path.read_bytes()
        pulled(server, path, 3)
    assert path.read_bytes() == DATA


def test_more_than_was_announced(tmp_path: Path) -> None:
    path = tmp_path / "part"
    with running(Server(DATA, length=str(PART))) as server:
        pulled(server, path)
    assert path.read_bytes() == DATA[:PART]  # its hash will be another one


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = os.statvfs_result((1, 1, 1, 1, 1, 1, 1, 1, 1, 1))
    monkeypatch.setattr(os, "statvfs", lambda path: usage)
    with running(Server(DATA)) as server:
        error = refused(server, tmp_path / "part")
    assert "1 are free" in error.message and "ARCHSPEC_CACHE" in str(error.hint)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/a.pth", "ftp://example.com/a.pth", "file:///a.pth"),
        *("https:///a.pth", "https://", "https://a b/c", "https://a:b/c", "https://[x"),
        *("https://a/\nb", "https://u:p@example.com/a.pth", "//example.com/a", ""),
        *("http://127.0.0.1.example.com/a", "http://[::2]/a"),
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(WeightsError) as caught:
        allowed(url)
    assert caught.value.code == "AS611" and caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.pth?download=true",
        "http://[::1]:8/a",
        "http://localhost/a",
    ],
)
def test_addresses_that_are_fetched(url: str) -> None:
    allowed(url)


class Terminal(io.StringIO):
    """Somewhere where a person reads."""

    def isatty(self) -> bool:
        return True


def test_a_bar_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with download.shown("net[/].pth", 1 << 20, 4 << 20) as advance:
        advance(1 << 20)
    assert "net" in terminal.getvalue() and "/4.0 MiB" in terminal.getvalue()
    monkeypatch.setattr("sys.stderr", file := io.StringIO())
    with download.shown("net", 0, None) as advance:
        advance(1)
    assert file.getvalue() == ""
