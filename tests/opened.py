"""A spec that is open in an editor; a `|` in its text is where the cursor is."""

from __future__ import annotations

from pathlib import Path

from archspec.editor.document import Document

HEAD = "archspec: 1\nname: mynet\ninputs: {image: [3, 32, 32]}\n"


def opened(text: str, folder: Path = Path("/nowhere")) -> tuple[Document, int, int]:
    """The document, and the line and the column of its cursor."""
    before, _, behind = text.partition("|")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Document(str(folder / "mynet.yaml"), before + behind), line, column
