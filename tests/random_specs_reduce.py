"""Makes a spec that fails as small as it gets while it fails in the same way.

Works on the structure that hypothesis doesn't see: a node is taken out and its readers
read on, a formula becomes a part of itself, a block's body its only node.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

Spec = dict[str, Any]
Path = tuple[Any, ...]


def reduced(spec: Spec, fails: Callable[[Spec], bool], most: int = 3000) -> Spec:
    """The smallest spec found that still fails; `most` is how many are tried."""
    tried = 0
    while tried < most:
        for smaller in candidates(spec):
            tried += 1
            if fails(smaller):
                spec = smaller
                break
            if tried >= most:
                break
        else:
            return spec
    return spec


def candidates(spec: Spec) -> Iterator[Spec]:
    """Smaller specs, those first that drop most."""
    paths = sorted(walk(spec), key=lambda path: (len(path), str(path)))
    for path in paths:
        if path[0] == "inputs" and len(path) < 2:
            continue
        yield from without(spec, path)
    for path in paths:
        yield from simpler(spec, path)


def walk(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of everything in a spec."""
    if path:
        yield path
    items: Any = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield from walk(item, (*path, key))


def at(spec: Any, path: Path) -> Any:
    for step in path:
        spec = spec[step]
    return spec


def without(spec: Spec, path: Path) -> Iterator[Spec]:
    """The spec without what is at a path; who read a node there reads what it read."""
    made = copy.deepcopy(spec)
    parent = at(made, path[:-1])
    key = path[-1]
    node = parent[key]
    if path[-1] == "inputs" and len(path) == 1:
        return
    place = path[-2] if len(path) > 1 else ""
    if isinstance(parent, dict) and place == "graph":
        names = list(parent)
        before = names[names.index(key) - 1] if names.index(key) else "input"
        source = before
        if isinstance(node, dict) and "from" in node:
            read = node["from"]
            source = read[0] if isinstance(read, list) and read else read
        del parent[key]
        if not parent:
            return
        for other in parent.values():
            if isinstance(other, dict) and "from" in other:
                other["from"] = renamed(other["from"], str(key), source)
        outputs = at(made, path[:-2]).get("outputs")
        if outputs:
            for name, value in outputs.items():
                outputs[name] = renamed(value, str(key), source)
        yield made
        return
    del parent[key]
    if not parent and len(path) > 1:
        grand = at(made, path[:-2])
        if isinstance(grand, dict):
            grand.pop(path[-2])
    yield made


def renamed(read: Any, name: str, other: Any) -> Any:
    """A `from` in which a node has another name."""
    if isinstance(read, list):
        return [renamed(item, name, other) for item in read]
    return other if str(read).split(".")[0] == name else read


SIMPLE_OPS = ("relu",)


def simpler(spec: Spec, path: Path) -> Iterator[Spec]:
    """The spec with something simpler at a path."""
    value = at(spec, path)
    if path[0] == "inputs" and path[-1] in (1, 2):
        return
    for other in simplifications(value, path):
        made = copy.deepcopy(spec)
        at(made, path[:-1])[path[-1]] = other
        yield made
    if (
        isinstance(value, dict)
        and isinstance(value.get("graph"), dict)
        and len(path) > 1
    ):
        parent = at(spec, path[:-1])
        if len(value["graph"]) == 1 and isinstance(parent, dict):
            made = copy.deepcopy(spec)
            (inner,) = value["graph"].values()
            inner = {"op": inner} if isinstance(inner, str) else dict(inner)
            inner.pop("from", None)
            rest = {k: v for k, v in value.items() if k != "graph"}
            at(made, path[:-1])[path[-1]] = {**inner, **rest}
            yield made
    if (
        isinstance(value, dict)
        and "block" in value
        and str(value["block"]) in spec.get("blocks", {})
    ):
        block = spec["blocks"][value["block"]]
        if (
            not block.get("params")
            and not block.get("inputs")
            and not block.get("outputs")
        ):
            made = copy.deepcopy(spec)
            rest = {k: v for k, v in value.items() if k != "block"}
            at(made, path[:-1])[path[-1]] = {
                "graph": copy.deepcopy(block["graph"]),
                **rest,
            }
            yield made


def simplifications(value: Any, path: Path) -> Iterator[Any]:
    """Simpler values."""
    if path[-1] == "op" and isinstance(value, str) and not value.startswith("="):
        return
    if isinstance(value, dict) and list(value) == ["op"]:
        yield value["op"]
    if isinstance(value, dict) and "op" in value and value["op"] != "relu":
        rest = {k: value[k] for k in ("from", "when", "repeat") if k in value}
        if not (isinstance(rest.get("from"), list)):
            yield {"op": "relu", **rest}
    if isinstance(value, bool):
        if value:
            yield False
    elif isinstance(value, int):
        for other in (1, 2, 3, 4):
            if other < value:
                yield other
    elif isinstance(value, float):
        for simpler in (0.5, 0.25):
            if value not in (simpler, 0.5):
                yield simpler
    elif isinstance(value, str) and value.startswith("="):
        yield from (
            (True, False) if path[-1] in ("when", "bias", "affine") else (1, 2, 4)
        )
        if path[-1] == "op":
            yield "relu"
        yield from formulas(value[1:])


def formulas(text: str) -> Iterator[str]:
    """Parts of a formula in its place."""
    try:
        tree = ast.parse(re.sub(r"\btrue\b", "True", text), mode="eval").body
    except SyntaxError:
        return
    for node in ast.walk(tree):
        for _name, child in ast.iter_fields(node):
            parts = child if isinstance(child, list) else [child]
            for part in parts:
                if isinstance(part, ast.expr):
                    if node is tree:
                        yield "=" + ast.unparse(part)
                    if isinstance(part, ast.Constant):
                        continue
                    for inner in ast.iter_child_nodes(part):
                        if isinstance(inner, ast.expr):
                            yield "=" + replaced(tree, part, inner)
                    for number in (1, 2):
                        yield "=" + replaced(tree, part, ast.Constant(number))


def replaced(tree: ast.expr, old: ast.expr, new: ast.expr) -> str:
    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    # Copies by text keep the tree; the swap finds nodes by identity.
    kept = copy.deepcopy(tree)
    places = {id(a): b for a, b in zip(ast.walk(tree), ast.walk(kept), strict=True)}
    target = places[id(old)]

    class SwapCopy(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return copy.deepcopy(new) if node is target else self.generic_visit(node)

    del Swap
    made = SwapCopy().visit(kept)
    return (
        ast.unparse(ast.fix_missing_locations(made))
        .replace("True", "true")
        .replace("False", "false")
    )


def size(spec: Spec) -> int:
    """How large a spec is."""
    return sum(1 for _ in walk(spec))
