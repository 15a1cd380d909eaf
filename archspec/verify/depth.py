"""Every value of a net beside the definitions: how errors grow along its depth.

The net is as it is, with weights and images of ordinary size, so that floats round. The
definitions compute it in float64, and once more in the type that is compared, with
another last bit in every value: what that makes of a net is the floor, node by node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from archspec.reference import evaluate
from archspec.verify.bisection import Finding, finding
from archspec.verify.comparison import Curve, Row, distances, limit, verdict
from archspec.verify.data import Data
from archspec.verify.definitions import Definitions, Shaken
from archspec.verify.process import NotAvailable, Session, asked
from archspec.verify.proof import Proof
from archspec.verify.setting import Setting
from archspec.verify.target import Target
from archspec.verify.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECK = "every value, by definition"
VALUES = Task("values")


def prove(
    setting: Setting,
    targets: Sequence[Target],
    open_session: Callable[[Setting, Target], Session],
    note: Callable[[str], None],
) -> Proof:
    """A row and a curve for each target, and the first node that differs.

    A node has a limit of its own, by its floor.

    Args:
        setting: of the net as it is; of a small image.
        targets: each is compared by itself.
        open_session: starts a target; raises NotAvailable.
        note: told what goes on.
    """
    note(f"every value by the definitions, {setting.dtype}: computing")
    data, dtype = setting.data(), setting.dtype
    wanted = _values(data, Definitions(), "float64")
    shaken = _values(data, Shaken(), dtype)
    floors = distances(shaken, wanted, "values")
    limits = {name: limit(dtype, 0.0, floor) for name, floor in floors.items()}
    nodes = {node.name: node for node in data.graph.nodes}
    rows: list[Row] = []
    findings: dict[str, Finding | str] = {}
    curves: list[Curve] = []
    for target in targets:
        note(f"{target}, {dtype}: every value")
        try:
            made = asked(open_session(setting, target), VALUES)
        except NotAvailable as error:
            row = Row(dtype, CHECK, str(target), "not available", reason=str(error))
            rows.append(row)
            continue
        errors = distances(made, wanted, "values")
        errors = {name: errors[name] for name in nodes}
        said = {n: verdict(errors[n], limits[n], floors[n], dtype) for n in nodes}
        wrong = [name for name in nodes if said[name] == "FAIL"]
        shaky = [name for name in nodes if said[name] not in ("pass", "FAIL")]
        worst = max(nodes, key=lambda name: errors[name])
        where = nodes[[*wrong, *shaky, worst][0]]
        rows.append(
            Row(
                dtype,
                CHECK,
                str(target),
                said[where.name],
                errors[where.name],
                where.name,
                str(where.at),
                floors[where.name],
                limits[where.name],
            )
        )
        curves.append(Curve(dtype, CHECK, str(target), errors, floors, limits))
        if wrong:
            findings[f"{target}, {dtype}"] = finding(where, errors[where.name])
    return Proof(tuple(rows), tuple(findings.items()), (), (), tuple(curves))


def _values(data: Data, own: Definitions, dtype: str) -> dict[str, NDArray[Any]]:
    """The value of every node by the definitions, as a task of a backend names it."""
    weights = own.build(data.graph, data.weights("conditioned"), dtype=dtype)
    images = {name: image.astype(dtype) for name, image in data.images().items()}
    values = evaluate(data.graph, weights, images, noise=own.noise)
    return {f"values/{node.name}": values[node.name] for node in data.graph.nodes}
