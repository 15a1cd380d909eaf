"""`python -m benchmarks`: a table of ratios; `python -m benchmarks reading` of some."""

from __future__ import annotations

import sys

from benchmarks import drawing, models, reading, verify, weights

PARTS = {
    "reading": reading.rows,
    "drawing": drawing.rows,
    "models": models.rows,
    "weights": weights.rows,
    "verify": verify.rows,
}


def main(names: list[str]) -> None:
    wrong = [name for name in names if name not in PARTS]
    if wrong:
        sys.exit(f"there is no part {wrong[0]!r}: {', '.join(PARTS)}")
    print("| what | archspec | other | ratio | target |")
    print("|---|---|---|---|---|")
    for name in names or PARTS:
        for row in PARTS[name]():
            cells = (row.what, row.ours, row.theirs, f"{row.ratio:.2f}", row.target)
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
