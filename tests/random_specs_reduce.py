"""Makes a spec that fails as small as it gets while it fails in the same way.

Works on the structure of the file: a node is taken out and its readers read on, a
formula becomes a part of itself, a block with one node that node.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

Spec = dict[str, Any]
Path = tuple[Any, ...]

OTHER_WAYS = ("from", "when", "repeat", "index")
"""What a node keeps that becomes another op."""


def reduced(spec: Spec, fails: Callable[[Spec], bool], most: int = 3000) -> Spec:
    """The smallest spec found that still fails; `most` is how many are tried."""
    tried, found = 0, True
    while found:
        found = False
        for smaller in candidates(spec):
            tried += 1
            if tried > most:
                return spec
            if fails(smaller):
                spec, found = smaller, True
                break
    return spec


def size(spec: Spec) -> int:
    """How much there is in a spec."""
    return sum(1 for _ in walk(spec))


def candidates(spec: Spec) -> Iterator[Spec]:
    """Smaller specs, those first that drop most."""
    paths = sorted(walk(spec), key=lambda path: (len(path), str(path)))
    for path in paths:
        yield from without(spec, path)
    for path in paths:
        yield from simpler(spec, path)


def walk(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of everything in a spec."""
    if path:
        yield path
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from walk(item, (*path, key))


def at(spec: Any, path: Path) -> Any:
    """What is at a path."""
    for step in path:
        spec = spec[step]
    return spec


def put(spec: Spec, path: Path, value: Any) -> Spec:
    """A copy with another value at a path."""
    made = copy.deepcopy(spec)
    at(made, path[:-1])[path[-1]] = copy.deepcopy(value)
    return made


def without(spec: Spec, path: Path) -> Iterator[Spec]:
    """The spec without what is at a path; who read a node there reads what it read."""
    made = copy.deepcopy(spec)
    parent, key = at(made, path[:-1]), path[-1]
    if path == ("inputs",):
        return
    if isinstance(parent, dict) and path[-2:-1] == ("graph",):
        source = read_by(parent, key)
        outputs = at(made, path[:-2]).get("outputs", {})
        for name, value in outputs.items():
            outputs[name] = renamed(value, str(key), source)
        for other in parent.values():
            if isinstance(other, dict) and "from" in other:
                other["from"] = renamed(other["from"], str(key), source)
    del parent[key]
    if not parent and isinstance(at(made, path[:-2]), dict) and len(path) > 1:
        del at(made, path[:-2])[path[-2]]
    yield made


def read_by(graph: dict[Any, Any], key: Any) -> Any:
    """What a node of a graph reads first."""
    node, names = graph[key], list(graph)
    read = node.get("from") if isinstance(node, dict) else None
    if read is None:
        place = names.index(key)
        return names[place - 1] if place else "input"
    return read[0] if isinstance(read, list) else read


def renamed(read: Any, name: str, other: Any) -> Any:
    """A `from` in which a node has another name."""
    if isinstance(read, list):
        return [renamed(item, name, other) for item in read]
    return other if str(read).partition(".")[0] == name else read


def simpler(spec: Spec, path: Path) -> Iterator[Spec]:
    """The spec with something simpler at a path."""
    value = at(spec, path)
    if path[0] == "inputs" and path[-1] in (1, 2):
        return  # An image of one pixel hides more than it shows.
    yield from (put(spec, path, other) for other in values(value, path[-1]))
    if not isinstance(value, dict):
        return
    graph = value.get("graph")
    if isinstance(graph, dict) and len(graph) == 1 and path[-1:] != ("graph",):
        (inner,) = graph.values()
        node = {"op": inner} if isinstance(inner, str) else inner
        node = {k: v for k, v in node.items() if k != "from"}
        rest = {k: v for k, v in value.items() if k != "graph"}
        if "params" not in rest:
            yield put(spec, path, {**node, **rest})
    block = spec.get("blocks", {}).get(str(value.get("block")))
    if block and list(block) == ["graph"]:
        rest = {k: v for k, v in value.items() if k != "block"}
        yield put(spec, path, {"graph": block["graph"], **rest})


def values(value: Any, key: Any) -> Iterator[Any]:
    """Simpler values than one that stands under a key."""
    if isinstance(value, dict):
        if list(value) == ["op"]:
            yield value["op"]
        if "op" in value and value["op"] != "relu":
            rest = {k: value[k] for k in OTHER_WAYS if k in value}
            if not isinstance(rest.get("from"), list):
                yield {"op": "relu", **rest}
    elif isinstance(value, bool):
        yield from (False,) * value
    elif isinstance(value, int):
        yield from (n for n in (1, 2, 3, 4) if n < value)
    elif isinstance(value, float):
        yield from (0.5,) * (value != 0.5)
    elif isinstance(value, str) and value.startswith("="):
        yield from (True, False) if key in ("when", "bias", "affine") else (1, 2, 4)
        yield from ("relu",) * (key == "op")
        yield from formulas(value[1:])


def formulas(text: str) -> Iterator[str]:
    """A formula with a part of it gone, the largest parts first."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        return
    parts = [part for part in ast.walk(tree) if isinstance(part, ast.expr)]
    for number, part in enumerate(parts):
        inner = [c for c in ast.iter_child_nodes(part) if isinstance(c, ast.expr)]
        for other in (*inner, ast.Constant(1), ast.Constant(2)):
            if not isinstance(part, ast.Constant):
                yield "=" + ast.unparse(swapped(tree, number, other))


def swapped(tree: ast.expr, number: int, other: ast.expr) -> ast.expr:
    """A copy of a tree with another part in the place of one of its parts."""
    made = copy.deepcopy(tree)
    parts = [part for part in ast.walk(made) if isinstance(part, ast.expr)]
    target = parts[number]

    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return other if node is target else self.generic_visit(node)

    found: ast.expr = Swap().visit(made)
    return found
