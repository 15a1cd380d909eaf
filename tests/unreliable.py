"""A server of one file on the loopback that does all that servers do wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

KIND = "application/octet-stream"


@dataclass
class Server:
    """What it has, and what it does.

    Attributes:
        data: the file.
        validators: headers that say which file it is.
        ranges: whether it can give a part.
        cuts: of the first answers, after how many bytes each ends.
        stalls: whether an answer that is cut leaves the client waiting.
        length: what it says of the length: the truth if None, nothing if "".
        statuses, headers: of its first answers, and of all of them.
        asked, answered: the part that each request asked for, and the status it got.
        skewed: whether it gives other parts than those that are asked for.
        going: is set when it ends, for those that wait.
    """

    data: bytes
    validators: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    stalls: bool = False
    skewed: bool = False
    length: str | None = None
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": KIND})
    asked: list[str] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    going: Event = field(default_factory=Event)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """Answers as its server is told."""

    protocol_version = "HTTP/1.1"

    def __init__(self, server: Server, *args: object) -> None:
        self.of = server
        super().__init__(*args)  # type: ignore[arg-type]  # a socket, an address, a server

    def handle(self) -> None:
        with suppress(ConnectionError):  # whoever asked has gone
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        of, number = self.of, len(self.of.asked)
        asked = self.headers.get("Range", "")
        of.asked.append(asked)
        status = of.statuses[number] if number < len(of.statuses) else 200
        data = of.data if status == 200 else b""
        known = of.validators.get("ETag", of.validators.get("Last-Modified"))
        told = dict(of.headers) if status in (200, 302) else {}
        if status == 200 and of.ranges and asked and self.headers["If-Range"] == known:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            last = len(data) - 1
            start += of.skewed
            told["Content-Range"] = f"bytes {start}-{last}/{len(data)}"
            status, data = 206, data[start:]
        of.answered.append(status)
        self.send_response(status)
        length = str(len(data)) if of.length is None else of.length
        told |= of.validators | ({"Content-Length": length} if length else {})
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        cut = of.cuts[number] if number < len(of.cuts) else None
        if self.command != "HEAD":
            self.wfile.write(data[:cut])
        if cut is not None and of.stalls:
            self.wfile.flush()
            of.going.wait(10)
        self.close_connection = cut is not None or not length


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serves it; any path is its file."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, server))
    http.daemon_threads = True
    thread = Thread(target=partial(http.serve_forever, 0.02), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/net.pth"
    try:
        yield server
    finally:
        server.going.set()
        http.shutdown()
        thread.join()
        http.server_close()
