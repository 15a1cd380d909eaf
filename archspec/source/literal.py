"""Values as Python literals: the only way from a value to text."""

from __future__ import annotations

import math
import re

from archspec.graph import Value

EXPONENT = re.compile(r"e(?:\+|(-))0*(\d)")
"""What people leave out of an exponent."""


class Product(int):
    """A number that is printed as the product that it is, such as 512 * 7 * 7."""

    factors: tuple[int, ...]

    @classmethod
    def of(cls, factors: tuple[int, ...]) -> Product:
        """The product of these, of which there is one at least."""
        made = cls(math.prod(factors))
        made.factors = factors
        return made


def lit(value: Value) -> str:
    """The Python literal of a bool, int, finite float, str, None or tuple of these.

    Raises TypeError for anything else.
    """
    if isinstance(value, Product):
        return " * ".join(map(repr, value.factors))
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return EXPONENT.sub(r"e\1\2", repr(value))
    if isinstance(value, str):
        body = value.encode("unicode_escape").decode("ascii")
        if '"' in body and "'" not in body:
            return f"'{body}'"
        return '"' + body.replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        inner = ", ".join(lit(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    raise TypeError(f"{type(value).__name__} has no literal")
