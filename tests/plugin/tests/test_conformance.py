"""All that the author of a backend has to say to have it tested."""

from archspec.testing.conformance import Conformance


class TestToy(Conformance):
    backend = "toy"
    lacks = frozenset(("conv_transpose2d",))
    variants = 3
    nets = 5
