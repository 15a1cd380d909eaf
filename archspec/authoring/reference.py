"""What the ops' classes, their definitions and the key tables say, as text.

    python -m archspec.authoring.reference > docs/reference.md

writes the reference.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from textwrap import dedent, indent

from archspec.authoring import schema
from archspec.authoring.codes import codes
from archspec.backend import backend, backends
from archspec.errors import ArchspecError, SpecError, nearest
from archspec.graph import Graph
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.ops import BY_KIND, Op, Weighted
from archspec.ops.describe import expected, summary
from archspec.ops.init import BY_NAME, CONSTANTS, Init
from archspec.width import Column, table


def listing(width: int | None = None) -> str:
    """Every op with the first line of its documentation, as far as there is room."""
    rows = ((kind, summary(op)) for kind, op in BY_KIND.items())
    made = table((Column("op"), Column("what it does", least=20)), rows, width)
    return "\n".join(made.lines[1:]) + "\n"


def page(kind: str) -> str:
    """The documentation of one op; SpecError, with the nearest name, without one."""
    op = BY_KIND.get(kind)
    if op is None:
        raise SpecError(
            f"there is no op {kind!r}", code="AS205", hint=nearest(kind, BY_KIND)
        )
    lines = [kind, "", inspect.cleandoc(op.__doc__ or ""), ""]
    lines += [*definition(kind), "", f"inputs: {_count(op)}"]
    if issubclass(op, Weighted):
        lines.append(f"weights: {', '.join(op.trained())}")
    if op.model_fields:
        lines += ["", "attributes:"]
        lines += [f"  {name}: {_attribute(op, name)}" for name in op.model_fields]
    graph = example(op)
    lines += ["", f"for example {written(op)}"]
    for name in backends():
        lines += [f"in {name}:", indent(lowered(graph, name), "    ")]
    return "\n".join(lines) + "\n"


def definition(kind: str) -> list[str]:
    """What `archspec.reference` says that an op computes, as paragraphs."""
    from archspec.reference.evaluation import FUNCTIONS, TRAINED

    tables = {"Definition": FUNCTIONS, "Definition in training": TRAINED}
    said = {
        when: inspect.cleandoc(table[kind].__doc__ or "")
        for when, table in tables.items()
        if kind in table
    }
    return [f"{when}: {text}" for when, text in said.items()]


def _count(op: type[Op]) -> str:
    fewest, most = op.arity
    if most is None:
        return f"{fewest} or more"
    return str(fewest) if most == fewest else f"{fewest} to {most}"


def _attribute(op: type[Op], name: str) -> str:
    field = op.model_fields[name]
    default = "required" if field.is_required() else f"default {_word(field.default)}"
    return f"{expected(op, name)}; {default}"


def _word(value: object) -> str:
    words = {True: "true", False: "false", None: "none"}
    return words[value] if isinstance(value, bool | None) else str(value)


def written(op: type[Op]) -> str:
    """A node of this kind, with what it must say."""
    several = "from: [input, input]" if op.arity[0] > 1 else ""
    return "{" + ", ".join(filter(None, (f"op: {op.kind}", op.example, several))) + "}"


def example(op: type[Op]) -> Graph:
    """A graph of one such node, which reads an image, or a vector where it must."""
    for shape in ("[4, 8, 8]", "[8]"):
        files = Files()
        text = f"archspec: 1\nname: example\ninputs: {{x: {shape}}}\n"
        unit = files.text(f"{text}graph:\n  y: {written(op)}\n", op.kind)
        try:
            return expand(files, unit)
        except ArchspecError:
            continue
    raise AssertionError(f"{op.kind} has no example")


def lowered(graph: Graph, name: str) -> str:
    """What a backend prints for the nodes of a graph, without what surrounds them."""
    try:
        source = backend(name).emit(graph)
    except ArchspecError as error:
        return error.message
    text = source.text
    (made,) = (
        tree
        for tree in ast.parse(text).body
        if isinstance(tree, ast.ClassDef | ast.FunctionDef)
        and tree.name == source.entry
    )
    functions = [made] if isinstance(made, ast.FunctionDef) else made.body
    found = [
        dedent(f"{' ' * line.col_offset}{ast.get_source_segment(text, line)}")
        for function in functions
        if isinstance(function, ast.FunctionDef)
        for line in function.body
    ]
    wanted = (line for line in found if not line.startswith(SURROUNDING))
    return "\n".join(line for line in wanted if line != "return x") or "return x"


SURROUNDING = (
    "super().",
    "self.apply(",
    "return keras.Model",
    "inputs =",
    "net = Net(",
    "x = net.input(",
    "return net.model(",
    '"""',
)


def markdown() -> str:
    """The whole reference: keys, formulas' home, ops, initial weights, codes."""
    parts = [
        "# Reference",
        "Written by `python -m archspec.authoring.reference`; "
        "[the guide](language.md) explains it.",
    ]
    for title, keys in (
        ("Keys of a file", schema.FILE),
        ("Keys of a block", schema.BLOCK),
        ("Keys of a param that has a type and a default", schema.PARAM),
        ("Keys of a node", schema.NODE),
        ("Keys of `expect`", schema.EXPECT),
        ("Keys of `weights`", schema.WEIGHTS),
    ):
        parts += [f"## {title}", _table("key", "meaning", keys.items())]
    parts.append("## Ops")
    for kind, op in BY_KIND.items():
        parts += [f"### {kind}", *paragraphs(op)]
    parts.append("## Initial weights")
    inits = {name: _init(kind) for name, kind in BY_NAME.items()}
    inits |= {name: f"All {value:g}." for name, value in CONSTANTS.items()}
    parts.append(
        "A number, a name, or one name with arguments: `{normal: {std: 0.01}}`."
    )
    parts.append(_table("name", "meaning", inits.items()))
    parts.append("## Codes")
    parts.append(
        _table("code", "meaning", [(c.name, c.title) for c in codes().values()])
    )
    return "\n\n".join(parts) + "\n"


def paragraphs(op: type[Op]) -> list[str]:
    """The documentation of one op in Markdown."""
    parts = [inspect.cleandoc(op.__doc__ or ""), *definition(op.kind)]
    parts.append(f"Reads {_count(op)}. Example: `{written(op)}`")
    if op.model_fields:
        rows = [(name, _attribute(op, name)) for name in op.model_fields]
        parts.append(_table("attribute", "value", rows))
    return parts


def _init(kind: type[Init]) -> str:
    """What an initialiser draws, and its arguments with their defaults."""
    told = " ".join((kind.__doc__ or "").split())
    given = [
        f"`{name}`" if field.is_required() else f"`{name}: {field.default}`"
        for name, field in kind.model_fields.items()
    ]
    return f"{told} Arguments: {', '.join(given)}." if given else told


def _table(one: str, two: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {one} | {two} |", "|---|---|"]
    lines += [
        f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(), end="")
