"""Random and mutated specs: each is a graph or an error with a place, and soon.

    python tests/fuzz.py 1000000 [SEED]

runs any number of cases and prints the slowest one and the memory used.
"""

from __future__ import annotations

import random
import re
import resource
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from archspec.authoring.codes import codes
from archspec.authoring.lint import warnings
from archspec.authoring.messages import facts, render
from archspec.authoring.schema import BLOCK, FILE, NODE
from archspec.authoring.starter import starter
from archspec.catalog import root
from archspec.errors import ArchspecError, SpecErrors
from archspec.graph import Graph
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.language.formula import evaluate
from archspec.limits import DEFAULT
from archspec.ops import BY_KIND
from archspec.spec import Spec

SECONDS = 2.0
LIMITS = DEFAULT
"""Those that users have."""

LOOKUP: dict[str, Any] = {
    "a": 3,
    "b": 2.5,
    "t": True,
    "s": "relu",
    "l": (1, (2, 3)),
    "input.height": 8,
}
WORDS = [
    *BY_KIND,
    *FILE,
    *BLOCK,
    *NODE,
    *("channels", "kernel", "stride", "padding", "groups", "features", "init", "size"),
    *("=a", "=input.channels", "=index", "input", "image", "null", "true", "1", "-1"),
    *("0", "3", "1e400", "99999999999999999999", "[3, 8, 8]", "[]", "{}", "same", "x"),
    *(
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        ":",
        "- ",
        "#",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "%",
        "=",
    ),
    *("a{index}", "\t", "\n", "  ", "\x00", "\ufeff", "\u2028", "é", "<<", "---", ", "),
]
TOKENS = [
    *("a", "b", "t", "s", "l", "input.height", "index", "x", "1", "0", "2.5", "1e308"),
    *("9007199254740992", "'r'", '"', "'", "(", ")", "[", "]", "{", "}", ",", ":", "."),
    *("+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", ">=", "in", "not in", "is"),
    *(
        "and",
        "or",
        "not",
        "if",
        "else",
        "for",
        "lambda",
        "min(",
        "max(",
        "len(",
        "sum(",
    ),
    *("round(", "abs(", "int(", "range(", "open(", "~", "@", ":=", "True", "none", "^"),
]


@cache
def corpus() -> list[str]:
    """Valid specs, and bad ones that are near to valid."""
    texts = [starter("net", None), *(c.spec for c in codes().values() if c.spec)]
    texts += [path.read_text() for path in sorted(root().glob("families/*.yaml"))]
    return texts


def mutated(draw: random.Random, texts: list[str]) -> bytes:
    """A spec with a few lines, words or characters changed."""
    text = draw.choice(texts)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        text = draw.choice(MUTATIONS)(draw, text)
    return text.encode("utf-8", "surrogatepass")


def _line(draw: random.Random, text: str) -> str:
    lines = text.split("\n")
    here, there = draw.randrange(len(lines)), draw.randrange(len(lines))
    match draw.randrange(5):
        case 0:
            del lines[here]
        case 1:
            lines.insert(there, lines[here])
        case 2:
            lines[here], lines[there] = lines[there], lines[here]
        case 3:
            lines[here] = " " * draw.randrange(9) + lines[here].strip()
        case _:
            lines.insert(there, draw.choice(WORDS) + ": " + draw.choice(WORDS))
    return "\n".join(lines)


def _word(draw: random.Random, text: str) -> str:
    words = list(re.finditer(r"[\w.]+|=[^,}\n]*|[^\w\s]", text))
    if not words:
        return draw.choice(WORDS)
    word = draw.choice(words)
    return text[: word.start()] + draw.choice(WORDS) + text[word.end() :]


def _formula(draw: random.Random, text: str) -> str:
    places = list(re.finditer(r"(?<=: )[^,}\n{\[]+", text))
    if not places:
        return text
    place = draw.choice(places)
    return f'{text[: place.start()]}"={formula(draw)}"{text[place.end() :]}'


def _character(draw: random.Random, text: str) -> str:
    here = draw.randrange(len(text) + 1)
    made = chr(draw.choice((draw.randrange(32, 127), draw.randrange(0xD800))))
    return text[:here] + made + text[here + draw.randrange(2) :]


def _cut(draw: random.Random, text: str) -> str:
    here, there = sorted(draw.randrange(len(text) + 1) for _ in range(2))
    return text[:here] + text[there:] if draw.random() < 0.7 else text[:here]


def _typo(draw: random.Random, text: str) -> str:
    """Two letters of a word in the other order, one lost, or one twice."""
    words = list(re.finditer(r"[A-Za-z_]{3,}", text))
    if not words:
        return text
    word = draw.choice(words)
    here = draw.randrange(word.start(), word.end() - 1)
    pair = text[here : here + 2]
    made = draw.choice((pair[::-1], pair[0], pair[0] * 2 + pair[1]))
    return text[:here] + made + text[here + 2 :]


def _saved(draw: random.Random, text: str) -> str:
    """As other editors and half a save leave a file."""
    match draw.randrange(7):
        case 0:
            return "\ufeff" + text
        case 1:
            return text.replace("\n", draw.choice(("\r\n", "\r", "\x85")))
        case 2:
            return text.replace("  ", "\t", draw.choice((1, 1, -1)))
        case 3:
            return text[: draw.randrange(len(text) + 1)]
        case 4:
            return text[: draw.randrange(len(text) + 1)] + "\0" * draw.randrange(99)
        case 5:
            return text.replace(": ", ":", 1 + draw.randrange(3))
        case _:
            return text.replace(" ", "\xa0", 1 + draw.randrange(3))


def _merged(draw: random.Random, text: str) -> str:
    """What a merge in git leaves, or a file pasted behind another."""
    lines = text.split("\n")
    here, there = sorted(draw.randrange(len(lines) + 1) for _ in range(2))
    one, two = lines[here:there], draw.sample(lines, draw.randrange(min(4, len(lines))))
    if draw.random() < 0.3:
        return text + draw.choice(("", "---\n", "...\n")) + draw.choice(corpus())
    parted = ["<<<<<<< HEAD", *one, "=======", *two, ">>>>>>> branch"]
    return "\n".join(lines[:here] + parted + lines[there:])


def _anchored(draw: random.Random, text: str) -> str:
    """Anchors, aliases and merge keys on values that a file has."""
    places = [place.start() for place in re.finditer(r"(?<=: )\S", text)]
    if len(places) < 2:
        return text
    one, two = sorted(draw.sample(places, 2))
    alias = draw.choice(("*a", "{<<: *a}", "{<<: [*a, *a]}", "[*a, *a]", "*b"))
    end = re.compile(r"[,}\]\n]|$").search(text, two)
    assert end is not None
    return f"{text[:one]}&a {text[one:two]}{alias}{text[end.start() :]}"


def _number(draw: random.Random, text: str) -> str:
    """Another number: huge, of another notation, with a unit."""
    numbers = list(re.finditer(r"\b\d+(\.\d+)?\b", text))
    if not numbers:
        return text
    number = draw.choice(numbers)
    return text[: number.start()] + draw.choice(NUMBERS) + text[number.end() :]


def _named(draw: random.Random, text: str) -> str:
    """A name everywhere in a file in other letters."""
    names = re.findall(r"^ *([a-z]\w*):", text, re.MULTILINE)
    if not names:
        return text
    return re.sub(rf"\b{draw.choice(names)}\b", draw.choice(NAMES), text)


NUMBERS = (
    *("1" + "0" * 400, "0x7fffffff", "0o17", "010", "1_000", "1e3", "1E400", "-0.0"),
    *("9223372036854775808", "4294967296", ".5", "5.", ".inf", ".nan", "1,000", "3x3"),
    *("12:30:45", "1:30", "2024-01-01", "64px", "50%", "+1", "--1", "½", "²", "\uff11"),
)
NAMES = (
    *("größe", "层", "слой", "e\u0301", "ﬁ", "a b", "a.b", "a-b", "1a", "on", "yes"),
    *("class", "self", "__init__", "input", "null", "\U0001f600", "x" * 300, "\u202ea"),
)
MUTATIONS: list[Callable[[random.Random, str], str]] = [
    _line,
    _word,
    _word,
    _formula,
    _character,
    _cut,
    _typo,
    _typo,
    _saved,
    _merged,
    _anchored,
    _number,
    _named,
]


def written(draw: random.Random, depth: int = 0) -> str:
    """Random YAML in flow style, with the words of the language."""
    if depth > 5 or draw.random() < 0.3:
        return draw.choice(WORDS)
    items = [written(draw, depth + 1) for _ in range(draw.randrange(4))]
    if draw.random() < 0.5:
        return "[" + ", ".join(items) + "]"
    return "{" + ", ".join(f"{draw.choice(WORDS)}: {item}" for item in items) + "}"


def document(draw: random.Random) -> bytes:
    """A file whose keys are right and whose values are random YAML."""
    keys = draw.sample(list(FILE), draw.randrange(len(FILE)))
    lines = ["archspec: 1", "name: net", "inputs: {image: [3, 8, 8]}"]
    lines += [f"{key}: {written(draw)}" for key in keys]
    return "\n".join(lines).encode()


def formula(draw: random.Random) -> str:
    """Random tokens of formulas, some of them a formula."""
    if draw.random() < 0.5:
        return " ".join(draw.choice(TOKENS) for _ in range(draw.randrange(1, 14)))
    return expression(draw, 0)


def expression(draw: random.Random, depth: int) -> str:
    """A formula whose syntax is right, though its types may not be."""
    if depth > 4 or draw.random() < 0.2:
        return draw.choice(TOKENS[:12])
    one, two, three = (expression(draw, depth + 1) for _ in range(3))
    sign = draw.choice(("+", "-", "*", "/", "//", "%", "**", "<", "==", "and", "in"))
    call = draw.choice(("min", "max", "len", "sum", "round", "abs", "int", "range"))
    return draw.choice(
        (
            f"({one} {sign} {two})",
            f"({one} if {two} else {three})",
            f"[{one}, {two}]",
            f"{call}({one}, {two})",
            f"{call}({one})",
            f"l[{one}:{two}]",
            f"not {one}",
        )
    )


def check_spec(data: bytes) -> None:
    """Reads and expands a spec; raises AssertionError for a wrong outcome."""
    files = Files(LIMITS)
    try:
        unit = files.text(data, "net.yaml")
        spec = Spec(expand(files, unit), unit, False)
    except ArchspecError as error:
        found = error.errors if isinstance(error, SpecErrors) else (error,)
        assert found
        for item in found:
            assert item.at is not None, item.message
            assert item.at.line > 0 and item.at.column > 0
            assert item.code in codes()
            render(item)
            facts(item)
        return
    assert isinstance(spec.graph, Graph)
    warnings(spec)


def check_formula(text: str) -> None:
    """Evaluates a formula; ArchspecError is the only one that may come."""
    try:
        evaluate(text, LOOKUP)
    except ArchspecError as error:
        assert error.code in codes()


def case(draw: random.Random, texts: list[str]) -> str:
    """Makes and checks one case; returns it, should it be slow."""
    kind = draw.random()
    if kind < 0.25:
        text = formula(draw)
        check_formula(text)
        return text
    if kind < 0.35:
        data = draw.randbytes(draw.randrange(60))
    elif kind < 0.55:
        data = document(draw)
    else:
        data = mutated(draw, texts)
    try:
        check_spec(data)
    except Exception as error:
        raise AssertionError(f"{error!r} for\n{data!r}") from error
    return data.decode("utf-8", "replace")


def run(count: int, seed: int) -> tuple[float, str]:
    """Checks that many cases; returns the seconds and the text of the slowest."""
    draw, texts = random.Random(seed), corpus()
    slowest = (0.0, "")
    for _ in range(count):
        start = time.process_time()
        text = case(draw, texts)
        slowest = max(slowest, (time.process_time() - start, text))
    return slowest


if __name__ == "__main__":
    seconds, text = run(int(sys.argv[1]), int((*sys.argv, "0")[2]))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{text}\nthe slowest took {seconds:.2f} s; {memory:.0f} MiB in all")
    sys.exit(seconds > SECONDS or memory > 1024)
