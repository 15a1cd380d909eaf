"""Random families: a spec beside itself with other values of its params, in one file.

What differs between the nets is then an argument of what they share, in any structure
that the generator of specs knows.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from archspec_torch.lowering import OPS
from random_specs_checks import Case, Net, emitted, fault, made, others, taken

from archspec.backend import Backend, backend, emit_family
from archspec.errors import BackendError
from archspec.graph import Value
from archspec.source.program import Source

NETS = 4
"""So many other nets are tried beside the first."""


def check(case: Case, number: int, kind: str) -> str | None:
    """Checks a family on a backend; returns what is printed, None if it is refused.

    Every builder gives what its net gives, and with another value of an argument what
    the net with that value of the param gives.
    """
    chosen, found = backend(kind), members(case, Random(number))
    nets = [net for net, _ in found]
    named = [replace(net.graph, name=f"net{n}", title="") for n, net in enumerate(nets)]
    if any(emitted(chosen, graph) is None for graph in named):
        return None
    try:
        source = emit_family(chosen, named)
    except BackendError as error:
        if error.code == "AS516":
            return None
        raise
    source = replace(source, name=f"family{number}")
    for entry, (net, own) in zip(source.entries, found, strict=True):
        _member(case, chosen, replace(source, entry=entry), net, own)
    return source.text


def members(case: Case, draw: Random) -> list[tuple[Net, dict[str, Any]]]:
    """The net of a spec, and some that other values of its params make, with these."""
    found: list[tuple[Net, dict[str, Any]]] = [(case.net, {})]
    params = case.net.graph.params
    for _ in range(NETS if params else 0):
        some = draw.sample([*params], min(len(params), draw.choice((1, 1, 2, 3))))
        given = {name: _other(name, params[name], draw) for name in some}
        net = case.given(**given)
        known = [other.graph.params for other, _ in found]
        if net is not None and net.graph.params not in known:
            found.append((net, given))
    return found


def _other(name: str, value: Value, draw: Random) -> Any:
    """Another legal value of a param; of a list, one in which some items are others."""
    if isinstance(value, tuple):
        return tuple(draw.choice((item, _other(name, item, draw))) for item in value)
    return draw.choice(others(name, value) or [value])


def _member(
    case: Case, chosen: Backend, source: Source, net: Net, own: dict[str, Any]
) -> None:
    """Checks the builder of a net that some values of params make.

    What they leave follows from them, and from the builder's arguments.
    """
    for given in ({}, *_arguments(source, net)):
        wanted = net if not given else case.given(**{**own, **given})
        if wanted is None:
            continue
        where = f"{source.entry} of {own} with {given}"
        try:
            found = made(chosen, source, given, wanted)
        except Exception as error:
            if emitted(chosen, wanted.graph) is None:
                continue
            raise fault(f"{chosen.name}: family", error, where) from None
        wanted.compare(f"{chosen.name}: family: output", found, where)


def _arguments(source: Source, net: Net) -> list[dict[str, Any]]:
    """Another value of each argument, but of ops, which have words of their own."""
    found = []
    for name in taken(source):
        value = net.graph.params.get(name)
        if value is not None and value not in OPS:
            found += [{name: other} for other in others(name, value)[:1]]
    return found
