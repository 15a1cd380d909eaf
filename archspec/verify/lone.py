"""A net of one op.

>>> from archspec.ops.activation import Dropout
>>> lone(Dropout(rate=0.25), (3, 4, 4)).nodes[0].name
'node'
"""

from __future__ import annotations

import json

from archspec.graph import Graph
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.ops import Op, Shape


def lone(op: Op, *shapes: Shape) -> Graph:
    """The net whose node is this op; its inputs are `x0`, `x1`, ..."""
    inputs = {f"x{number}": list(shape) for number, shape in enumerate(shapes)}
    attributes = op.model_dump(exclude_defaults=True, exclude={"init"})
    read = list(inputs) if len(inputs) > 1 else "input"
    node = {"op": op.kind, "from": read, **attributes}
    whole = {"archspec": 1, "name": "alone", "inputs": inputs, "graph": {"node": node}}
    files = Files()
    return expand(files, files.text(json.dumps(whole), "alone.yaml"), {})
