"""Whatever a spec is called or says, printed code holds nothing else than it should.

Each output is parsed. Its tree must have the shape that a harmless spec's has, and every
name and string in it must be one of the harmless print's, or a name that the spec may
give; only the docstring holds free text, in printable ASCII.
"""

from __future__ import annotations

import ast
import json
import keyword
import random
import re
from typing import Any

import pytest
from nets import graph_of

from archspec.backend import backend
from archspec.errors import ArchspecError
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.source.literal import lit

OUTPUTS = 10_000
PARTS = [
    *('"', "'", '"""', "'''", "\\", "\n", "\r", "\r\n", "\t", "\x85", "\u2028", "\u2029"),
    *("{", "}", "{x}", "{{", "%s", "${x}", "#", ";", ":", "(", ")", "\\x41", "\\N{DOT}"),
    *("import os", "__import__('os')", "exec", "lambda: 0", "*/", "--"),
    *("{% if %}", "{{ x }}", " ", "  ", "net", "0", "1e999", "# archspec: fingerprint 0"),
    *("\u0430", "\ufb01", "\u202e", "\u200b", "\u00e9", "\u00d7", "\U0001f642", "\u00df"),
    *("A" * 3000, "x" * 90, "/" * 100, '"""\nimport os\n"""'),
    '# archspec: fingerprint 0123456789abcdef, checksum 0123456789abcdef\n"""\n',
]  # fmt: skip
WORDS = """
self x y z nn F torch Tensor layers ops keras names label count init initializers inputs
outputs input_shape args print range super int str list tuple match case _a a__ None class
type forward append init_weights same_padding conv2d drop_path true index Net
"""
NAMES = [
    *WORDS.split(),
    *("x" * 100, "x" * 101, "a" * 99),
    *("\u0430b", "\ufb01x", "a b", "a;b", 'a"b', "a\nb", "a.b", "", "a-b"),
]
SPEC = """archspec: 1
name: {spec}
title: {title}
description: {description}
source: {source}
preprocessing: {{{note}: {note2}}}
params: {{{width}: 4, {rate}: 0.5}}
inputs: {{{image}: [3, 8, 8]}}
outputs: {{{out}: {one}, {out2}: {last}}}
blocks:
  {block}:
    params: {{{channels}: int}}
    graph:
      {conv}: {{op: conv2d, channels: ={channels}, kernel: 1}}
      {drop}: {{op: dropout, rate: ={rate}}}
  {other}:
    graph:
      - {{op: scale, weight: {weight}, repeat: 2}}
graph:
  {one}: {{block: {block}, {channels}: ={width}}}
  {two}: {{block: {other}}}
  {three}: {{block: {block}, {channels}: 5}}
  {last}: {{op: add, from: [{three}, {three}]}}
"""
FREE = ("title", "description", "source", "note", "note2")
REGISTERS = ("x", "y", "z")
"""What values are called where the spec's name can't stand."""
HARMLESS = {
    **dict.fromkeys(FREE, "plain"),
    **{"note2": "text", "spec": "fine", "width": "width", "rate": "rate"},
    **{"image": "image", "out": "early", "out2": "late", "block": "unit"},
    **{"other": "chain", "channels": "wide", "conv": "conv"},
    **{"drop": "drop", "weight": "gamma", "one": "one", "two": "two"},
    **{"three": "three", "last": "last"},
}


def spec_of(words: dict[str, str]) -> str:
    """The spec with these words, each as a YAML string."""
    quoted = {
        key: word if re.fullmatch("[A-Za-z]{2,}", word) else json.dumps(word)
        for key, word in words.items()
    }
    text = SPEC.format(**quoted)
    for key in ("channels", "width", "rate"):  # as formulas: plain
        text = text.replace(f"={quoted[key]}", f"={words[key]}")
    return text


def drawn(draw: random.Random) -> dict[str, str]:
    """Words of a spec: hostile free text, and up to three hostile names."""
    words = dict(HARMLESS)
    for key in FREE:
        words[key] = "".join(draw.choices(PARTS, k=draw.randint(0, 5)))
    for key in draw.sample(sorted(set(words) - set(FREE)), draw.randint(0, 3)):
        words[key] = draw.choice(NAMES)
    return words


class Found:
    """What a syntax tree holds: kinds of nodes, identifiers, strings, docstrings."""

    def __init__(self, text: str) -> None:
        self.shape: list[str] = []
        self.names: set[str] = set()
        self.strings: set[str] = set()
        tree = ast.parse(text)
        self.docs: list[str] = []
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                doc = ast.get_docstring(node, clean=False)
                if doc is not None:
                    self.docs.append(doc)
                    del node.body[0]
            self.shape.append(type(node).__name__)
            for field in node._fields:
                value = getattr(node, field, None)
                if isinstance(value, ast.AST):
                    waiting.append(value)
                elif isinstance(value, list):
                    waiting += [item for item in value if isinstance(item, ast.AST)]
                    self.names.update(item for item in value if isinstance(item, str))
                elif isinstance(value, str) and isinstance(node, ast.Constant):
                    self.strings.add(value)
                elif isinstance(value, str):
                    self.names.add(value)
        self.parts = {part for string in self.strings for part in split(string)}


def split(text: str) -> list[str]:
    """The names that a dotted or joined name was made of."""
    return text.replace("_", ".").split(".")


def bare(title: str) -> str:
    """The letters and digits of a title, without a number at its end."""
    return re.sub(r"[^a-z0-9]", "", title.lower()).rstrip("0123456789")


def check(text: str, plain: Found, words: dict[str, str]) -> None:
    """Fails for a token that neither a harmless print has nor a checked name is."""
    found = Found(text)
    if all(len(word) < 60 for key, word in words.items() if key not in FREE):
        # A long name may want a line of its own; a block called x takes the x.
        assert found.shape == plain.shape or {*REGISTERS} & {*words.values()}
    assert found.docs
    for doc in found.docs:
        assert doc.isascii() and doc.replace("\n", "").isprintable()
    given = set(words.values())
    starts = ("", "net", "scale", "block")
    for name in found.names - plain.names:
        assert name.isascii() and name.replace(".", "").isidentifier()
        assert not keyword.iskeyword(name)
        if name in REGISTERS or name in given or name.removesuffix("_") in given:
            continue
        titles = {bare(f"{start}{word}") for word in given for start in starts}
        own = bare(name).removesuffix("channels")  # a long width, named after its node
        assert bare(name) in titles or own in titles, name
    unknown = found.strings - plain.strings - given
    if unknown:
        parts = plain.parts.union(*(split(word) for word in given))
        for string in unknown:
            assert parts.issuperset(split(string)), string


@pytest.mark.parametrize(
    "count", [OUTPUTS // 25, pytest.param(OUTPUTS, marks=pytest.mark.proof)]
)
def test_hostile_specs(count: int) -> None:
    plain = {
        kind: Found(backend(kind).emit(graph_of(spec_of(HARMLESS))).text)
        for kind in ("torch", "keras")
    }
    draw = random.Random(0)
    printed, refused = 0, 0
    while printed < count:
        words = drawn(draw)
        try:
            files = Files()
            graph = expand(files, files.text(spec_of(words), words["title"] or "x"), {})
        except ArchspecError:
            refused += 1
            continue
        for kind, found in plain.items():
            try:
                text = backend(kind).emit(graph).text
            except ArchspecError:
                refused += 1
                continue
            check(text, found, words)
            printed += 1
    assert refused > count // 100, "some names have to be refused"


@pytest.mark.parametrize("value", [*PARTS, *NAMES, "".join(PARTS)])
def test_a_literal_is_what_it_says(value: str) -> None:
    text = lit(value)
    assert text.isascii() and "\n" not in text
    assert ast.literal_eval(text) == value


@pytest.mark.parametrize(
    "value",
    [
        True,
        0,
        -3,
        2**70,
        0.1,
        1e-5,
        1e-300,
        1e22,
        123456789.0,
        None,
        (),
        (1,),
        ((1, 2), 3),
    ],
)
def test_a_number_is_what_it_says(value: Any) -> None:
    found = ast.literal_eval(lit(value))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), {}, [1], b"x", object()])
def test_nothing_else_has_a_literal(value: Any) -> None:
    with pytest.raises(TypeError):
        lit(value)
