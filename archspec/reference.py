"""What the ops' classes say of themselves, as text."""

from __future__ import annotations

import inspect

from archspec.errors import SpecError, nearest
from archspec.ops import BY_KIND
from archspec.ops.describe import expected, summary


def listing() -> str:
    """Every op with the first line of its documentation."""
    width = max(map(len, BY_KIND))
    lines = [f"{kind.ljust(width)}  {summary(op)}" for kind, op in BY_KIND.items()]
    return "\n".join(lines) + "\n"


def page(kind: str) -> str:
    """The documentation of one op; SpecError, with the nearest name, without one."""
    op = BY_KIND.get(kind)
    if op is None:
        raise SpecError(f"there is no op {kind!r}", hint=nearest(kind, BY_KIND))
    fewest, most = op.arity
    count = str(fewest) if fewest == most else f"{fewest} or more"
    if most is not None and most != fewest:
        count = f"{fewest} to {most}"
    lines = [kind, "", inspect.cleandoc(op.__doc__ or ""), "", f"inputs: {count}"]
    if op.weighted:
        lines.append(f"weights: {', '.join(op.weighted)}")
    if op.model_fields:
        lines += ["", "attributes:"]
    for name, field in op.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default!r}"
        lines.append(f"  {name}: {expected(op, name)}, {default}")
    return "\n".join(lines) + "\n"
