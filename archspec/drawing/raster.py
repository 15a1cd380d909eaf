"""The picture as PNG, by resvg, which needs no browser."""

from __future__ import annotations

from importlib.util import find_spec

from archspec.errors import ArchspecError

ZOOM = 2


def png(svg: str) -> bytes:
    """The bytes of the picture; ArchspecError where resvg is not installed."""
    if find_spec("resvg_py") is None:
        raise ArchspecError(
            "a PNG needs resvg, which is not installed",
            code="AS191",
            hint='pip install "archspec-nn[png]", or take .svg',
        )
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM))
