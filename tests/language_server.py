"""A client of a language server: what an editor says over standard input and output.

A `|` in a text is where the cursor is.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Json = dict[str, Any]
CAPABILITIES: Json = {
    "textDocument": {
        "completion": {
            "completionItem": {
                "snippetSupport": True,
                "documentationFormat": ["markdown", "plaintext"],
            }
        },
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {},
    },
    "workspace": {"configuration": True},
}


class Server:
    """A running server, and what it has said so far.

    Args:
        process: the server, its standard input and output open as bytes.
        settings: what it is told where it asks for a section of them.
    """

    def __init__(self, process: subprocess.Popen[bytes], settings: Json) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.input, self.output = process.stdin, process.stdout
        self.settings = settings
        self.asked = self.opened = 0
        self.problems: dict[str, list[Json]] = {}
        start = {"processId": None, "rootUri": None, "capabilities": CAPABILITIES}
        self.ask("initialize", start)
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": settings})

    def tell(self, method: str, params: Json) -> None:
        """Sends what wants no answer."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: Json) -> Any:
        """The answer to a request; what comes before it is dealt with."""
        self.asked += 1
        self._send({"id": self.asked, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == self.asked and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def complete(self, text: str) -> dict[str, Json]:
        """What is offered at the cursor, by label."""
        found = self._at_cursor("textDocument/completion", text)
        items = found["items"] if isinstance(found, dict) else found or []
        return {item["label"]: item for item in items}

    def hover(self, text: str) -> str:
        """What is shown at the cursor."""
        found = self._at_cursor("textDocument/hover", text)
        told: str = found["contents"]["value"] if found else ""
        return told

    def diagnose(self, text: str) -> list[tuple[int, str]]:
        """The problems of a file: the line of each, from 1, and what is said."""
        return [
            (problem["range"]["start"]["line"] + 1, problem["message"])
            for problem in self.wait(self.open(text))
        ]

    def define(self, text: str) -> Any:
        """Where what is at the cursor is defined; None for nowhere."""
        return self._at_cursor("textDocument/definition", text)

    def change(self, uri: str, text: str) -> None:
        """Gives an open file another text."""
        self.opened += 1
        document = {"uri": uri, "version": self.opened}
        told = {"textDocument": document, "contentChanges": [{"text": text}]}
        self.tell("textDocument/didChange", told)

    def wait(self, uri: str) -> list[Json]:
        """The problems of a file that are told next."""
        while uri not in self.problems:
            self._read()
        return self.problems.pop(uri)

    def _at_cursor(self, method: str, text: str) -> Any:
        before, _, after = text.partition("|")
        line = before.count("\n")
        # The protocol counts as JavaScript does.
        column = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
        where = {"line": line, "character": column}
        uri = self.open(before + after)
        return self.ask(method, {"textDocument": {"uri": uri}, "position": where})

    def open(self, text: str) -> str:
        """Opens a file of this text; its address."""
        self.opened += 1
        uri = f"file:///nets/{self.opened}.yaml"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def _send(self, message: Json) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.input.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.input.flush()

    def _read(self) -> Json:
        size = 0
        while line := self.output.readline().strip():
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        message: Json = json.loads(self.output.read(size))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.problems[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            items = message.get("params", {}).get("items", [])
            told = [self.settings.get(item.get("section"), {}) for item in items]
            self._send({"id": message["id"], "result": told or None})
        return message


@contextmanager
def serving(command: Sequence[str], settings: Json) -> Iterator[Server]:
    """A server that runs until the end."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Server(process, settings)
    finally:
        process.kill()
        process.communicate()
