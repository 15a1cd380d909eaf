"""The page about archspec in Python, made of docstrings.

    python -m archspec.authoring.interface > docs/python.md

writes it; the examples in it are run by a test.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import archspec
from archspec import errors

WIDTH = 80
TOP = """\
# In Python

    import archspec

<!-- made by `python -m archspec.authoring.interface` -->

The command line is a thin layer over these names. Numbers and arrays of numpy and
torch are as good as Python's own. An argument of a type that can't be meant is a
TypeError; all else that is wrong is an `archspec.errors.ArchspecError`, whose `str`
has the place, what was found and expected, and the code that `archspec explain` takes.
"""
NAMES = (
    *("load", "loads", "list_specs", "build", "codegen", "verify_model"),
    *("Spec", "Graph", "Limits"),
)
SPECIAL = ("__len__", "__getitem__")
"""Methods that are worth a line, of those that Python calls itself."""
SECTION = re.compile(r"(Args|Attributes|Returns|Raises):")
ITEM = re.compile(r"(\w+(?:, \w+)*): (.*)", re.DOTALL)


def markdown() -> str:
    """The page."""
    parts = [TOP, *(_named(f"archspec.{name}", name) for name in NAMES), _errors()]
    return "\n".join(parts)


def _named(title: str, name: str) -> str:
    """A function, or a class with its methods."""
    found = getattr(archspec, name)
    if not inspect.isclass(found):
        return f"## {title}\n\n{_function(found, name)}"
    lines = [f"## {title}\n", _doc(found)]
    for key, member in vars(found).items():
        if key.startswith("_") and key not in SPECIAL:
            continue
        if isinstance(member, property):
            lines.append(f"### {name}.{key}\n\n{_doc(member)}")
        elif inspect.isfunction(member):
            lines.append(f"### {name}.{key}\n\n{_function(member, key)}")
    return "\n".join(lines)


def _errors() -> str:
    """Every class of errors, with its base."""
    lines = ["## archspec.errors\n"]
    for name, kind in vars(errors).items():
        known = isinstance(kind, type) and issubclass(kind, Exception)
        if known and name != "Told":
            base = kind.__bases__[0].__name__
            text = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
            lines.append(f"- **{name}** ({base}): {text}")
    return "\n".join(lines) + "\n"


def _function(function: Any, name: str) -> str:
    """A signature and what the docstring says."""
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.name != "self"]
    texts = [*map(_parameter, own)]
    named = [n for n, p in enumerate(own) if p.kind is p.KEYWORD_ONLY]
    texts[min(named, default=0) : 0] = ["*"] if named else []
    result = f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(texts)}){result}"
    if len(line) > WIDTH:
        rows = "".join(f"    {text},\n" for text in texts)
        line = f"{name}(\n{rows}){result}"
    return f"```python\n{line}\n```\n\n{_doc(function)}"


def _parameter(parameter: inspect.Parameter) -> str:
    """A parameter with its type and default, as it is written."""
    stars: dict[Any, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    text = f"{stars.get(parameter.kind, '')}{parameter.name}"
    text += f": {parameter.annotation}"
    return (
        text
        if parameter.default is parameter.empty
        else f"{text} = {parameter.default!r}"
    )


def _doc(member: Any) -> str:
    """A docstring in Markdown: sections as lists, examples as code."""
    text = inspect.cleandoc(member.__doc__ or "")
    return "\n".join(_paragraphs(text.split("\n\n")))


def _paragraphs(paragraphs: list[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        first, _, rest = paragraph.partition("\n")
        if SECTION.fullmatch(first):
            yield f"{first}\n"
            yield "\n".join(_items(inspect.cleandoc(rest))) + "\n"
        elif paragraph.startswith(">>>"):
            yield f"```pycon\n{paragraph}\n```\n"
        else:
            yield f"{paragraph}\n"


def _items(text: str) -> Iterator[str]:
    """`name: what it is` as items of a list; lines that are indented go on."""
    for item in re.split(r"\n(?! )", text):
        found = ITEM.fullmatch(" ".join(map(str.strip, item.splitlines())))
        yield f"- `{found[1]}`: {found[2]}" if found else f"- {item.strip()}"


if __name__ == "__main__":
    print(markdown(), end="")
