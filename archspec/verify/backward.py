"""Exact gradients of a net: what every correct backward pass gives, bit for bit.

On exact data (see `dyadic`) gradients are exact too, for the slopes are powers of two
and the cotangents small integers. They are computed here from the ends to the inputs,
op by op, by the definitions of the ops (see `adjoint`), in float64: of the sums in
deep nets float32 has too few bits.

What can't be relied on is `loose`, with the reason: a gradient of many bits, one
through a softmax or at a kink, and all that come from it. Nearer to an end there are
fewer of them: the net that ends before has gradients of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archspec.graph import Node
from archspec.verify.adjoint import Array, Gradients, Inexact, adjoint
from archspec.verify.dyadic import Dyadic, bits

MANTISSA = 53
SUMS = 13
"""So many bits are left for the sums of one op, besides those of a parameter's."""


class Backward:
    """The gradients of sum(value x cotangent) over some values of a net.

    Args:
        numbers: the net with its data.
        against: cotangents by the names of exact values.

    Attributes:
        gradients: by the names of parameters and inputs; those that count for no value
            are not among them.
        loose: why a gradient can't be relied on bit for bit, by the same names.
    """

    def __init__(self, numbers: Dyadic, against: Mapping[str, Array]) -> None:
        self.numbers = numbers
        self.gradients: dict[str, Array] = {}
        self.loose: dict[str, str] = {}
        self._back: dict[str, Array] = dict(against)
        self._doubts: dict[str, str] = {}
        for node in reversed(numbers.graph.nodes):
            if node.name in self._doubts:
                self._give_up(node, self._doubts[node.name])
            elif node.name in self._back:
                self._take(node, self._back.pop(node.name))
        for name in numbers.graph.inputs:
            if name in self._doubts:
                self.loose[name] = self._doubts[name]
            elif name in self._back:
                self.gradients[name] = self._back[name]

    def _take(self, node: Node, cotangent: Array) -> None:
        values, stored = self.numbers.values, self.numbers.stored[node.name]
        read = [values[name] for name in node.inputs]
        try:
            taken = bits(cotangent)
            if taken + SUMS > MANTISSA:
                raise Inexact(f"a gradient takes {taken} bits at {node.name!r}")
            with np.errstate(all="ignore"):
                found = adjoint(node.op, cotangent, *read, stored=stored)
        except Inexact as error:
            self._give_up(node, str(error))
            return
        for number, name in enumerate(node.inputs):
            if name not in self._doubts:
                self._add(name, found[number])
        self._keep(node, found, cotangent, taken + max(bits(x) for x in read))

    def _keep(self, node: Node, found: Gradients, cotangent: Array, taken: int) -> None:
        """The gradients of parameters, where there is room for their sums."""
        for name in self.numbers.stored[node.name]:
            if name not in found:
                continue
            whole = f"{node.name}.{name}"
            if taken + (cotangent.size - 1).bit_length() > MANTISSA:
                self.loose[whole] = "its sums take too many bits"
            else:
                self.gradients[whole] = found[name]

    def _add(self, name: str, gradient: Array) -> None:
        before = self._back.get(name)
        self._back[name] = gradient if before is None else before + gradient

    def _give_up(self, node: Node, reason: str) -> None:
        """All that is behind a gradient that isn't exact isn't either."""
        graph = self.numbers.graph
        own = (f"{node.name}.{name}" for name in self.numbers.stored[node.name])
        parameters = graph.parameters()
        self.loose.update((name, reason) for name in own if name in parameters)
        for name in node.inputs:
            self._doubts.setdefault(name, reason)
            self._back.pop(name, None)
