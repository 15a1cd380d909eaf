"""Weights that publishers give away: facts about each, and how a user names them.

`torchvision`, `timm` or `keras` alone is what that publisher takes by default for a
net; `timm:a1_in1k` is one of several, and `timm:resnet50.a1_in1k` says the net as well.
An address is what stands there. Anything else is a file, and so is `./timm`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archspec.catalog import find
from archspec.errors import WeightsError, nearest

PUBLISHERS = ("torchvision", "timm", "keras")
TABLE = Path(__file__).with_name("pretrained.json")
"""What the publishers' packages say; `python -m publishers` in `tests` writes it."""
SCHEMES = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A file of weights that somebody publishes.

    Attributes:
        net: the spec of the zoo that has these weights.
        publisher, model, name: whose they are, and what the publisher calls the net and
            the weights.
        url: of the file.
        hash: its MD5, its SHA-256 or the start of that, in hex; nothing where the
            publisher's package has none.
        mib: its size in units of 2**20 bytes, by the publisher or by the net.
        classes: how many outputs its classifier has; 0 without one.
        accuracy: what the publisher measured `on` some data, in percent, where the
            publisher says it.
        licence: as the publisher says, or nothing.
        preprocessing: how images become inputs, as in a spec.
        about: what else the publisher says.
    """

    net: str
    publisher: str
    model: str
    name: str
    url: str
    hash: str
    mib: float
    classes: int
    accuracy: Mapping[str, Any]
    licence: str
    preprocessing: Mapping[str, Any]
    about: str

    @property
    def full(self) -> str:
        """The name that means them whatever the net."""
        return f"{self.publisher}:{self.model}.{self.name}"

    @property
    def short(self) -> str:
        """The name that means them for their net."""
        return f"{self.publisher}:{self.name}"


@cache
def table() -> tuple[Pretrained, ...]:
    """All of them, by net, each publisher's default first."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    return tuple(Pretrained(**row) for row in rows)


def of(net: str) -> tuple[Pretrained, ...]:
    """Those of a net of the zoo; WeightsError where there are none."""
    found = tuple(row for row in table() if row.net == net)
    if not found:
        known = dict.fromkeys(row.net for row in table())
        raise WeightsError(
            f"nobody is known to publish weights for {net!r}",
            code="AS612",
            hint=nearest(net, known) or "`archspec weights published` lists all",
        )
    return found


def chosen(weights: object, net: str = "") -> Pretrained | None:
    """What a user's word means for a net; None for a file, or another address.

    Raises WeightsError where nobody publishes such weights.
    """
    if not isinstance(weights, str):
        return None
    if weights.startswith(SCHEMES):
        url = weights.partition("#")[0]
        return next((row for row in table() if row.url == url), None)
    publisher, colon, name = weights.partition(":")
    if publisher not in PUBLISHERS:
        return None
    every = [row for row in table() if row.publisher == publisher]
    own = [row for row in every if row.net == net]
    fitting = [row for row in own if row.name == name or not colon]
    fitting += [row for row in every if row.full == weights]
    if not fitting:
        raise _unknown(weights, net, own, every)
    return fitting[0]


def _unknown(
    weights: str, net: str, own: Sequence[Pretrained], every: Sequence[Pretrained]
) -> WeightsError:
    publisher, _, name = weights.partition(":")
    whose = f"say of which net, such as {every[0].full!r}"
    if own:
        near = nearest(name, [row.name for row in own])
    elif net:
        kin = f"{publisher}_{net}"  # keras_resnet50 is Keras' own resnet50
        near = f"{kin!r} is its net" if any(row.net == kin for row in every) else None
        near = near if find(net) else whose
    else:
        near = whose
    of = f"for {net!r}" if net else "of that name alone"
    listed = f"`archspec weights published{f' {net}' if own else ''}` lists them"
    return WeightsError(
        f"{publisher} publishes no weights {weights!r} {of}",
        code="AS612",
        hint=f"{near}; {listed}" if near else listed,
        notes=(f"a file of this name is './{weights}'",),
    )


def located(weights: object, net: str = "") -> Any:
    """The file that a text means, fetched where it isn't here yet.

    Args:
        weights: a name, an address or a path as a text; anything else is given back.
        net: the spec that the weights are for.

    Raises:
        WeightsError: nobody publishes such weights, there is no such file, or it can't
            be fetched.
    """
    if not isinstance(weights, str):
        return weights
    row, address = chosen(weights, net), weights.startswith(SCHEMES)
    if row is not None or address:
        from archspec.weights.store import fetched  # urllib takes its time to import

        url = weights if address or row is None else row.url
        return fetched(url, row.hash if row else "", row.mib if row else 0)
    path = Path(weights)
    if not path.exists():
        near = nearest(weights.partition(":")[0], PUBLISHERS)
        told = (
            "published ones are 'torchvision', 'timm:NAME', 'keras:NAME', 'https://…'"
        )
        raise WeightsError(
            f"there is no file {weights!r}",
            code="AS602",
            hint=f"{near}; {told}" if near else told,
        )
    return path
