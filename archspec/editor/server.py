"""The language server: what an editor asks, put to a document, over pygls.

Positions count from 1 in documents and from 0 in the protocol, in whatever units the
editor counts characters; pygls knows these.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from archspec import __version__
from archspec.editor import grammar
from archspec.editor.completion import Offer, complete
from archspec.editor.definition import define
from archspec.editor.document import Document, Problem
from archspec.editor.hover import hover
from archspec.errors import Location

WAIT = 0.15
"""Seconds without a key, after which a text is looked at."""
TRIGGERS = (" ", "=", ".", "{", "[", "/")
KINDS = {
    "key": types.CompletionItemKind.Property,
    "argument": types.CompletionItemKind.Field,
    "op": types.CompletionItemKind.Class,
    "net": types.CompletionItemKind.Module,
    "node": types.CompletionItemKind.Reference,
    "input": types.CompletionItemKind.Reference,
    "block": types.CompletionItemKind.Struct,
    "param": types.CompletionItemKind.Variable,
    "counter": types.CompletionItemKind.Variable,
    "size": types.CompletionItemKind.Constant,
    "function": types.CompletionItemKind.Function,
    "value": types.CompletionItemKind.Value,
}


class Server:
    """The open documents, and the answers to what is asked of them."""

    def __init__(self) -> None:
        self.pygls: Any = LanguageServer("archspec", __version__)
        self.documents: dict[str, Document] = {}
        self.waiting: dict[str, asyncio.Task[None]] = {}
        options = types.CompletionOptions(trigger_characters=list(TRIGGERS))
        for method, answer, how in (
            (types.TEXT_DOCUMENT_DID_OPEN, self.open, None),
            (types.TEXT_DOCUMENT_DID_CHANGE, self.change, None),
            (types.TEXT_DOCUMENT_DID_SAVE, self.save, None),
            (types.TEXT_DOCUMENT_DID_CLOSE, self.close, None),
            (types.TEXT_DOCUMENT_COMPLETION, self.complete, options),
            (types.TEXT_DOCUMENT_HOVER, self.hover, None),
            (types.TEXT_DOCUMENT_DEFINITION, self.define, None),
        ):
            # Pygls marks what it is given, and a method can't be marked.
            self.pygls.feature(method, how)(partial(answer))

    def start(self) -> None:
        """Serves standard input and output until the editor ends it."""
        grammar.whole()  # takes the longest of all, so before anything is asked
        self.pygls.start_io()

    def open(self, told: Any) -> None:
        """A file is opened."""
        self._publish(told.text_document.uri)

    def change(self, told: Any) -> None:
        """A file is changed, maybe one of many keys."""
        uri = told.text_document.uri
        if (earlier := self.waiting.pop(uri, None)) is not None:
            earlier.cancel()
        self.waiting[uri] = asyncio.ensure_future(self._later(uri))

    def save(self, told: Any) -> None:
        """A file is saved, which others may extend."""
        for uri in [*self.documents]:
            self._publish(uri)

    def close(self, told: Any) -> None:
        """A file is closed."""
        uri = told.text_document.uri
        if (earlier := self.waiting.pop(uri, None)) is not None:
            earlier.cancel()
        self.documents.pop(uri, None)
        self._send(uri, [])

    def complete(self, asked: Any) -> Any:
        """What may stand at a place."""
        document, lines, line, column = self._place(asked)
        found = complete(document, line, column)
        begin = self._position(lines, line, found.column)
        where = types.Range(start=begin, end=asked.position)
        items = [
            _item(number, offer, where) for number, offer in enumerate(found.items)
        ]
        return types.CompletionList(is_incomplete=False, items=items)

    def hover(self, asked: Any) -> Any:
        """What there is to say about a place."""
        document, _, line, column = self._place(asked)
        if not (text := hover(document, line, column)):
            return None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text))

    def define(self, asked: Any) -> Any:
        """Where what is at a place is defined."""
        document, lines, line, column = self._place(asked)
        found = define(document, line, column)
        return self._location(found, document, lines) if found else None

    def _document(self, uri: str) -> tuple[Document, list[str]]:
        """An open file, with its present text."""
        source = self.pygls.workspace.get_text_document(uri)
        path = uris.to_fs_path(uri) or "untitled.yaml"
        document = self.documents.setdefault(uri, Document(path, ""))
        document.text = source.source.replace("\r\n", "\n")
        return document, source.lines

    def _place(self, asked: Any) -> tuple[Document, list[str], int, int]:
        document, lines = self._document(asked.text_document.uri)
        codec = self.pygls.workspace.position_codec
        at = codec.position_from_client_units(lines, asked.position)
        return document, lines, at.line + 1, at.character + 1

    def _position(self, lines: list[str], line: int, column: int) -> Any:
        codec = self.pygls.workspace.position_codec
        at = types.Position(line - 1, column - 1)
        return codec.position_to_client_units(lines, at) if line <= len(lines) else at

    def _location(self, at: Location, document: Document, lines: list[str]) -> Any:
        here = at.file == document.file
        begin = (
            self._position(lines, at.line, at.column)
            if here
            else types.Position(at.line - 1, at.column - 1)
        )
        uri = uris.from_fs_path(at.file)
        return types.Location(uri=uri, range=types.Range(begin, begin))

    async def _later(self, uri: str) -> None:
        await asyncio.sleep(WAIT)
        self._publish(uri)

    def _publish(self, uri: str) -> None:
        document, lines = self._document(uri)
        self._send(uri, [self._diagnostic(p, lines) for p in document.problems()])

    def _send(self, uri: str, found: list[Any]) -> None:
        told = types.PublishDiagnosticsParams(uri=uri, diagnostics=found)
        self.pygls.text_document_publish_diagnostics(told)

    def _diagnostic(self, problem: Problem, lines: list[str]) -> Any:
        begin = self._position(lines, problem.line, problem.column)
        end = self._position(lines, problem.line, problem.end)
        severity = types.DiagnosticSeverity
        return types.Diagnostic(
            range=types.Range(begin, end),
            message=problem.message,
            severity=severity.Warning if problem.is_warning else severity.Error,
            code=problem.code,
            source="archspec",
            related_information=_elsewhere(problem),
        )


def _elsewhere(problem: Problem) -> Any:
    """The place in a base file, for the editor to go to."""
    at = problem.elsewhere
    if at is None:
        return None
    begin = types.Position(at.line - 1, at.column - 1)
    where = types.Location(uris.from_fs_path(at.file), types.Range(begin, begin))
    return [types.DiagnosticRelatedInformation(where, problem.message)]


def _item(number: int, offer: Offer, where: Any) -> Any:
    """An offer as editors take it; they would sort by name without the number."""
    return types.CompletionItem(
        label=offer.label,
        kind=KINDS[offer.kind],
        detail=offer.kind,
        documentation=offer.about or None,
        sort_text=f"{number:04}",
        filter_text=offer.label,
        text_edit=types.TextEdit(range=where, new_text=offer.text),
    )
