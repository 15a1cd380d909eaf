"""Random specs in which the file has params of the names that blocks' params have.

    KERAS_BACKEND=torch python tests/random_specs_run.py 0 1000 --hiding

A name means one thing in a file, another in a block that has a param so called, and the
file's again in the default of that param and in what the file says of all ops of a
kind. The generator of random specs seldom gives one name twice; here it is given often,
and whatever may read a name behind another does.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from random_specs import numbered

PLAIN = (bool, int, float)
"""Types of params that are given names twice."""
WORDS = {"bool": bool, "int": int, "float": float}


def hiding(number: int) -> dict[str, Any]:
    """The random spec of this number, with names that hide others."""
    spec = numbered(number)
    draw = Random(f"hiding {number}")
    whole = spec.get("files", {}).get("base.yaml", spec)
    blocks: dict[str, Any] = whole.get("blocks", {})
    calls = [s for s in statements(whole["graph"]) if "block" in s]
    params: dict[str, Any] = whole.setdefault("params", {})
    for block in blocks.values():
        for name, declared in block.get("params", {}).items():
            given = [declared, *(c[name] for c in calls if name in c)]
            values = [value for value in given if type(value) in PLAIN]
            if values and name not in whole["inputs"] and draw.random() < 0.7:
                params.setdefault(name, values[0])
    for block in blocks.values():
        own = block.get("params", {})
        for name, declared in own.items():
            kind = WORDS.get(declared) if isinstance(declared, str) else type(declared)
            alike = [n for n in params if type(params[n]) is kind in PLAIN]
            if name in alike and draw.random() < 0.4:
                own[name] = f"={name}"
            elif alike and draw.random() < 0.4:
                own[name] = f"={draw.choice(alike)}"
    for call in calls:
        for name in call.keys() & params.keys():
            value = params[name]
            if type(call[name]) is type(value) and draw.random() < 0.7:
                texts = [f"={name}", f"={name} * {name}", f"={2 * value} - {name}"]
                call[name] = texts[0] if type(value) is bool else draw.choice(texts)
    ops = whole.setdefault("defaults", {})
    for name, value in params.items():
        if type(value) is float and value > 0:
            ops.setdefault("batch_norm", {}).setdefault("eps", f"={name}")
        elif type(value) in PLAIN and draw.random() < 0.5:
            more = f"={name}" if type(value) is bool else f"={name} > {value - 1}"
            ops.setdefault("conv2d", {})["bias"] = more
    for made in statements(blocks) if "bias" in ops.get("conv2d", {}) else ():
        if made.get("op") == "conv2d" and draw.random() < 0.7:
            made.pop("bias", None)
    return spec


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings within a value, statements among them."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from statements(item)
