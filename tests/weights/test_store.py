"""archspec.weights.store: what is kept of a network, under which name, and when."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from unreliable import Server, running

import archspec
from archspec.errors import WeightsError
from archspec.weights import download, store
from archspec.weights.store import fetched, kept, place

DATA = os.urandom(3 << 20)
PART = 1 << 20
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
CALL = "import sys; from archspec.weights.store import fetched; print(fetched(*sys.argv[1:]))"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of a test's own; no proxy stands between it and its server."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ARCHSPEC_MIRROR", raising=False)
    monkeypatch.setenv("ARCHSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    return tmp_path / "cache"


def files(folder: Path) -> list[Path]:
    """All files under a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def process(url: str, hash: str, cache: Path) -> subprocess.Popen[str]:
    """A process of its own that fetches a file."""
    path = os.pathsep.join([str(Path(archspec.__file__).parents[1]), *sys.path])
    settings = {"ARCHSPEC_CACHE": str(cache), "PYTHONPATH": path, "no_proxy": "*"}
    return subprocess.Popen(
        [sys.executable, "-c", CALL, url, hash],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    "hash", [SHA256[:8], SHA256, MD5], ids=["8 of it", "sha", "md5"]
)
def test_fetched_once_and_kept(cache: Path, hash: str) -> None:
    with running(Server(DATA)) as server:
        assert kept(server.url) is None
        path = fetched(server.url, hash, 3)
        assert fetched(server.url, hash, 3) == path == kept(server.url)
    assert len(server.asked) == 1
    assert path.read_bytes() == DATA and files(cache) == [path]
    assert path.name.endswith("_net.pth")
    assert fetched(server.url, hash) == path, "without a network"


@pytest.mark.parametrize("hash", ["0" * 8, "0" * 64, "0" * 32])
def test_a_wrong_hash(cache: Path, hash: str) -> None:
    with running(Server(DATA)) as server:
        with pytest.raises(WeightsError) as caught:
            fetched(server.url, hash)
        kind, found = ("MD5", MD5) if len(hash) == 32 else ("SHA-256", SHA256)
        assert f"the file's {kind} is {found}, expected {hash}" in str(caught.value)
        assert not files(cache) and str(place(server.url)) in str(caught.value)
        assert fetched(server.url, SHA256).read_bytes() == DATA


def test_a_hash_of_the_user(cache: Path) -> None:
    with running(Server(DATA)) as server:
        for wrong in (f"sha256={'0' * 64}", f"md5={'0' * 32}"):
            with pytest.raises(WeightsError, match="expected 000"):
                fetched(f"{server.url}#{wrong}")
        assert not files(cache)
        path = fetched(f"{server.url}#sha256={SHA256}")
        assert fetched(f"{server.url}#md5={MD5}") == path
        with pytest.raises(WeightsError, match="expected 000"):
            fetched(f"{server.url}#{wrong}")
        with pytest.raises(WeightsError, match="#sha1=00 is no hash"):
            fetched(f"{server.url}#sha1=00")


def test_no_hash_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with running(Server(DATA)) as server:
        fetched(server.url)
        fetched(server.url)
    (note,) = caplog.messages
    assert note == f"note: no hash is known of {server.url}; its SHA-256 is {SHA256}"


def test_the_hash_that_a_server_says(cache: Path) -> None:
    with running(Server(DATA)) as end:
        there = {"Location": end.url, "X-Linked-ETag": f'"{"0" * 64}"'}
        with (
            running(Server(b"", statuses=[302], headers=there)) as server,
            pytest.raises(WeightsError, match="expected 0000"),
        ):
            fetched(server.url)
    assert not files(cache)


def test_a_cut_download_is_no_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TRIES", 1)
    with running(Server(DATA, cuts=[PART])) as server:
        with pytest.raises(WeightsError, match="cut"):
            fetched(server.url, SHA256)
        assert kept(server.url) is None
        assert all(path.name.startswith(".") for path in files(cache))
        path = fetched(server.url, SHA256)
    assert server.asked == ["", f"bytes={PART}-"]
    assert path.read_bytes() == DATA and files(cache) == [path]


def test_nothing_is_left_of_nothing(cache: Path) -> None:
    with running(Server(DATA, statuses=[404])) as server:
        with pytest.raises(WeightsError) as caught:
            fetched(server.url)
        assert str(place(server.url)) in str(caught.value), "the way out"
    with pytest.raises(WeightsError, match="can't be reached"):
        fetched(server.url)
    assert not files(cache)


def test_a_killed_process_and_one_that_goes_on(cache: Path) -> None:
    with running(Server(DATA, cuts=[PART], stalls=True)) as server:
        first = process(server.url, SHA256, cache)
        part = place(server.url).with_name(f".{place(server.url).name}.part")
        deadline = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size == PART):
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        first.kill()
        first.communicate()
        assert kept(server.url) is None
        assert fetched(server.url, SHA256).read_bytes() == DATA
    assert server.asked == ["", f"bytes={PART}-"]


@pytest.mark.parametrize("hash", [SHA256, "0" * 64], ids=["right", "wrong"])
def test_two_processes_at_once(cache: Path, hash: str) -> None:
    with running(Server(DATA, cuts=[PART], stalls=True)) as server:
        path = place(server.url)
        first = process(server.url, hash, cache)
        deadline = time.monotonic() + 20
        while not server.asked:
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        second = process(server.url, SHA256, cache)
        assert second.stderr is not None
        told = second.stderr.readline()
        assert told == f"note: another process fetches {path}: waiting for it\n"
        server.going.set()
        out, error = first.communicate(timeout=30)
        assert second.communicate(timeout=30) == (f"{path}\n", "")
    assert path.read_bytes() == DATA and files(cache) == [path]
    if hash == SHA256:
        assert out == f"{path}\n" and server.asked == ["", f"bytes={PART}-"]
    else:
        assert "expected 0000" in error and server.asked[2:] == [""]


@contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Somebody else than root, whom no mode stops, and who sees the folder."""
    own_tmp = Path(tempfile.gettempdir())
    for above in (folder, *folder.parents):
        if above == own_tmp or own_tmp not in above.parents:
            break
        above.chmod(0o755)
    own = os.geteuid()
    try:
        if own == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(own)


def test_a_cache_that_can_only_be_read(tmp_path: Path, cache: Path) -> None:
    with running(Server(DATA)) as server:
        path = fetched(server.url, SHA256)
        for folder in (cache, path.parent):
            folder.chmod(0o555)
        with nobody(tmp_path):
            assert fetched(server.url, SHA256) == path
            with pytest.raises(WeightsError) as caught:
                fetched(server.url.replace("net", "other"))
    assert "Permission denied" in caught.value.message
    assert caught.value.hint == "ARCHSPEC_CACHE names another folder"
    assert files(cache) == [path] and len(server.asked) == 1


def test_a_cache_that_cant_be_looked_into(tmp_path: Path, cache: Path) -> None:
    with running(Server(DATA)) as server:
        fetched(server.url, SHA256)
        cache.chmod(0)
        with nobody(tmp_path), pytest.raises(WeightsError) as caught:
            fetched(server.url, SHA256)
        cache.chmod(0o755)
    assert "Permission denied" in caught.value.message
    assert caught.value.code == "AS611"


def test_a_cache_that_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ARCHSPEC_CACHE", str(tmp_path / "file"))
    with running(Server(DATA)) as server:
        with pytest.raises(
            WeightsError, match=r"can't keep .* Not a directory"
        ) as caught:
            fetched(server.url)
        assert not server.asked
    assert caught.value.hint == "ARCHSPEC_CACHE names another folder"


def test_a_full_disk(cache: Path) -> None:
    limit = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({PART},) * 2);"
    )
    with running(Server(DATA)) as server:
        run = subprocess.run(
            [sys.executable, "-c", limit + CALL, server.url, SHA256],
            capture_output=True,
            text=True,
        )
    assert "can't keep" in run.stderr and "File too large" in run.stderr
    assert not files(cache)


def test_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    with running(Server(DATA)) as server:
        monkeypatch.setenv("ARCHSPEC_MIRROR", server.url.rpartition("/")[0] + "/")
        path = fetched(url, SHA256[:8])
    monkeypatch.delenv("ARCHSPEC_MIRROR")
    assert fetched(url) == path == kept(url), (
        "it is the same file wherever it came from"
    )
    monkeypatch.setenv("ARCHSPEC_MIRROR", "http://mirror.example.com")
    with pytest.raises(WeightsError, match="only https"):
        fetched(url.replace("18", "34"))


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        place(url).name
        for url in (
            *("https://a/b.pth?x=1", "https://a/b.pth?x=2", "https://a/../../b.pth"),
            *(
                "https://a/%2e%2e%2fb.pth",
                "https://a/é\x00:b.pth",
                f"https://a/{'n' * 999}",
            ),
        )
    ]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and len(name) < 140 for name in names)
    assert place("https://a/b.pth").suffix == ".pth"


def test_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSPEC_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    if sys.platform == "linux":
        assert store.folder() == Path("/somewhere/archspec")
    monkeypatch.setenv("ARCHSPEC_CACHE", "~/mine")
    assert store.folder() == Path.home() / "mine"


# Hugging Face


COMMIT = "c" * 40


class Hub(BaseHTTPRequestHandler):
    """What Hugging Face's library asks of its server."""

    protocol_version = "HTTP/1.1"
    hash = SHA256
    asked = 0

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        Hub.asked += 1
        known = self.path == "/timm/net.tag/resolve/main/model.safetensors"
        known |= self.path == f"/timm/net.tag/resolve/{COMMIT}/model.safetensors"
        data = DATA if known else json.dumps({"error": "no such"}).encode()
        self.send_response(200 if known else 404)
        self.send_header("ETag", f'"{Hub.hash}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data)))
        if not known:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


URL = "https://huggingface.co/timm/net.tag/resolve/main/model.safetensors"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hugging Face's library with a server on this machine."""
    from huggingface_hub import constants

    http = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    http.daemon_threads = True
    thread = Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    end = f"http://127.0.0.1:{http.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", end)
    template = f"{end}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(Hub, "hash", SHA256)
    monkeypatch.setattr(Hub, "asked", 0)
    try:
        yield
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def test_hugging_faces_library(hub: None, cache: Path) -> None:
    assert kept(URL) is None
    path = fetched(URL)
    assert path.read_bytes() == DATA and path.name == "model.safetensors"
    assert path.is_relative_to(cache / "huggingface")
    asked = Hub.asked
    assert kept(URL) == path == fetched(URL) and Hub.asked == asked


def test_hugging_faces_library_and_a_wrong_file(hub: None) -> None:
    Hub.hash = "0" * 64
    with pytest.raises(WeightsError, match="expected 0000"):
        fetched(URL)
    assert kept(URL) is None


def test_what_hugging_face_lacks(hub: None) -> None:
    with pytest.raises(WeightsError) as caught:
        fetched(URL.replace("net.tag", "net.none"))
    assert caught.value.code == "AS611"
    assert "huggingface_hub can't fetch https://huggingface.co/" in str(caught.value)


def test_hugging_face_without_its_library(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    absent = "huggingface_hub"
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == absent else find(name)
    )
    assert not store._of_hub(URL)
    with running(Server(DATA)) as server:
        monkeypatch.setenv("ARCHSPEC_MIRROR", server.url)
        path = fetched(URL, SHA256)
    assert files(cache) == [path] and path.suffix == ".safetensors"
