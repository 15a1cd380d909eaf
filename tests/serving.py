"""A server of one folder on the loopback, and files that printed code loads from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

LAYOUTS = """archspec: 1
name: layouts
params: {classes: 3}
inputs: {image: [3, 9, 9]}
graph:
  stem: {graph: [{op: conv2d, channels: 4, kernel: [3, 2]}, {op: batch_norm}]}
  deep: {op: conv2d, channels: 8, kernel: 3, groups: 4, bias: false}
  slope: {op: prelu, shared: false}
  up: {op: conv_transpose2d, channels: 6, kernel: 2, stride: 2}
  factor: scale
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
"""
"""A net whose weights have every layout."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server that gives the files of a folder."""
    handler = partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def publishing(url: str, digest: str) -> str:
    """The spec of the net whose weights are published."""
    name, rest = "name: layouts\n", LAYOUTS.partition("name: layouts\n")[2]
    return f'archspec: 1\n{name}weights: {{url: "{url}", hash: "{digest}"}}\n{rest}'
