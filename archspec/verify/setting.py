"""What is verified: a spec with its params, in one precision, from one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.graph import Graph
from archspec.opening import load
from archspec.verify.data import Data, Dtype, ExactData

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a process needs to make the same net and the same numbers.

    Attributes:
        spec: a path or a name of the zoo.
        params, size: as `archspec.load` takes them.
        dtype, seed: of the numbers.
        exact: whether floats round nothing on the numbers; what is never exact is
            another op.
        chance: whether the net has its dropouts; in comparisons they drop nothing.
        unrounded: kinds of ops in whose place others stand, since their kernels round
            in float64; see `archspec.passes.unrounded`.
        file: a file that a user wrote, and maybe a name in it; its model is what is
            verified, and its parameters are renamed with `rename`.
        printed: for which image size the file is printed, where it runs at another.
        device: where the backend's framework puts the model; its default if None.
    """

    spec: str
    dtype: Dtype = "float64"
    seed: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    exact: bool = False
    chance: bool = False
    unrounded: tuple[str, ...] = ()
    device: str | None = None
    file: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    printed: Size | None = None

    def facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "spec": self.spec,
            "dtype": self.dtype,
            "seed": self.seed,
            "params": dict(self.params),
            "size": self.size,
            "exact": self.exact,
            "chance": self.chance,
            "unrounded": self.unrounded,
            "device": self.device,
            "file": self.file,
            "rename": dict(self.rename),
            "printed": self.printed,
        }

    def graph(self) -> Graph:
        """The net, where it may drop nothing; SpecError, ShapeError as `load`."""
        from archspec.passes.stand_ins import stand_ins
        from archspec.passes.unrounded import unrounded
        from archspec.passes.without_dropout import without_dropout

        found = load(self.spec, params=self.params, size=self.size).graph
        still = found if self.chance else without_dropout(found)
        still = unrounded(still, self.unrounded)
        return stand_ins(still)[0] if self.exact else still

    def data(self) -> Data:
        """The net with its numbers."""
        kind = ExactData if self.exact else Data
        made = kind(self.graph(), self.dtype, self.seed, self.device)
        if self.printed is not None:
            made.printed = replace(self, size=self.printed).graph()
        return made


def read(facts: Mapping[str, Any]) -> Setting:
    """The setting that JSON holds."""
    return Setting(
        facts["spec"],
        facts["dtype"],
        facts["seed"],
        facts["params"],
        _pair(facts["size"]),
        facts["exact"],
        facts["chance"],
        tuple(facts["unrounded"]),
        facts["device"],
        facts["file"],
        facts["rename"],
        _pair(facts["printed"]),
    )


def _pair(size: Sequence[int] | None) -> Size | None:
    return (int(size[0]), int(size[1])) if size else None
