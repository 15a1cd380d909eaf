"""How wide a text is, without a font at hand.

For each letter the larger width of DejaVu Sans and Liberation Sans (which has Arial's
and Helvetica's widths): a browser takes whichever of the stack it has.
"""

STACK = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_REGULAR = """
    32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34
    34 84 84 84 56 102 68 69 72 77 67 61 78 75 29 50 67 56 86 75 79 67 79 72 67 61
    73 68 99 69 67 69 39 34 39 84 56 50 61 63 55 63 62 35 63 63 28 28 58 28 97 63 61
    63 63 41 52 39 63 59 82 59 59 52 64 34 64 84
"""
_BOLD = """
    35 46 52 84 70 100 87 31 46 46 52 84 38 42 38 37 70 70 70 70 70 70 70 70 70 70
    40 40 84 84 84 61 100 77 76 73 83 68 68 82 84 37 56 77 64 100 84 85 73 85 77 72
    68 81 77 110 77 72 73 46 37 46 84 56 50 67 72 59 72 68 44 72 71 34 34 67 34 104
    71 69 72 72 49 60 48 71 65 92 65 65 58 71 37 71 84
"""
WIDTHS = tuple(
    {chr(32 + n): int(width) / 100 for n, width in enumerate(text.split())}
    | {"\N{MULTIPLICATION SIGN}": 0.84, "\N{MIDDLE DOT}": 0.38}
    for text in (_REGULAR, _BOLD)
)
"""In em, of regular and of bold letters."""
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def width(text: str, size: float, bold: bool = False) -> float:
    """An upper bound of the pixels that a text takes; other letters count 1.05 em."""
    widths = WIDTHS[bold]
    return size * sum([widths.get(letter, 1.05) for letter in text])


def fitted(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits with an ellipsis behind it."""
    if width(text, size, bold) <= room:
        return text
    left = room - width(ELLIPSIS, size, bold)
    widths = WIDTHS[bold]
    end = 0
    for letter in text:
        left -= size * widths.get(letter, 1.05)
        if left < 0:
            break
        end += 1
    return text[:end].rstrip() + ELLIPSIS
