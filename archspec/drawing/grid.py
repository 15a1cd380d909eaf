"""How the boxes of one scope stand, and how lines run between them.

    row 0   conv1           a long edge has a column of its own in the rows that it
    row 1   bn1     |       passes, in which no box stands; between rows there is a gap,
    row 2   add <---+       in which every line that moves sideways has its own track.

Nothing here depends on what is open: sizes come later, so that a page adds numbers up
and lays nothing out. A place on the x axis is `(column, dx)`: pixels from the column's
middle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from archspec.drawing.outline import Box

STEP = 14
"""Pixels between two ports of a box."""
MOST = 5
"""Lines in a gap for which every order of tracks is tried."""

X = tuple[int, int]
Source = tuple[int, int, str]
"""A child's number, its port and the net that has the line alone, or "".

The number is -1 for the scope's own input; see `Box.lone` for the net.
"""


@dataclass(slots=True)
class Piece:
    """What one line does in one gap: from places above to places below.

    Attributes:
        gap: the one above the row of this number.
        track: which of the gap's tracks; -1 where it runs straight down.
        tops, bottoms: where it comes from and where it goes; behind the place: the
            number of the child whose box is there, or -1 where it passes a row or the
            border of the scope.
    """

    gap: int
    tops: list[tuple[X, int]]
    bottoms: list[tuple[X, int]]
    track: int = -1


@dataclass(slots=True)
class Net:
    """One value with all its readers.

    Attributes:
        source: who makes it.
        targets: numbers of the children that read it; -1 for the scope's output.
        pieces: in the order of the gaps.
        lanes: (column, row) of the rows that it passes.
    """

    source: Source
    targets: list[int]
    pieces: list[Piece] = field(default_factory=list)
    lanes: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Grid:
    """A scope, laid out.

    Attributes:
        rows, columns: of each child.
        height, width: how many rows and columns there are.
        nets: the lines.
        tracks: how many tracks each gap has; the last gap is below the last row.
        ports: for each child, how far its ports reach to the left and to the right.
        edges: the same for the scope's own ports, which stand in column 0.
    """

    rows: list[int]
    columns: list[int]
    height: int
    width: int
    nets: list[Net]
    tracks: list[int]
    ports: list[tuple[int, int]]
    edges: tuple[int, int]


def grid(box: Box, root: bool = False) -> Grid:
    """Lays out what an open scope shows; the whole net has no ports."""
    children = box.children or [box]
    reads = () if root else box.reads
    gives = () if root else box.gives
    made = {name: (-1, n) for n, name in enumerate(reads)}
    for number, child in enumerate(children):
        if child.parts:
            made.update(dict.fromkeys(child.makes, (number, 0)))
        else:
            made.update((name, (number, n)) for n, name in enumerate(child.gives))
    sources = [
        list(_lines((made[name], child.lone.get(name, "")) for name in child.reads))
        for child in children
    ]
    leaves = (
        () if root else box.leaves or [(name, n, "") for n, name in enumerate(gives)]
    )
    outs: dict[Source, int] = {}
    for name, port, net in leaves:
        outs.setdefault((*made[name], net), port)
    rows, follows = _rows(sources)
    height = max(rows) + 1
    columns = _columns(rows, follows, sources)
    nets = _nets(sources, outs)
    taken = set(zip(columns, rows, strict=True))
    lanes = _lanes(nets, rows, columns, height, taken)
    width = max([*columns, *(lane for lane in lanes if lane is not None)]) + 1
    arrivals = _arrivals(sources, nets, lanes, columns, rows)
    ports = [
        (
            max([0, *(-dx for dx in found.values())]),
            max([0, *found.values(), STEP * (_outs(child) - 1)]),
        )
        for child, found in zip(children, arrivals, strict=True)
    ]
    tracks = _route(nets, lanes, rows, columns, height, arrivals, outs)
    edge = STEP * max(len(reads) - 1, len(gives) - 1, 0)
    return Grid(rows, columns, height, width, nets, tracks, ports, (0, edge))


def _lines(read: Iterable[tuple[tuple[int, int], str]]) -> Iterator[Source]:
    """Where lines begin, each once: one that both nets have in some way is of both."""
    nets: dict[tuple[int, int], set[str]] = {}
    for made, net in read:
        nets.setdefault(made, set()).add(net)
    for (number, port), held in nets.items():
        yield number, port, next(iter(held)) if len(held) == 1 else ""


def _outs(child: Box) -> int:
    return 1 if child.parts else max(1, len(child.gives))


def _rows(sources: list[list[Source]]) -> tuple[list[int], list[list[int]]]:
    """The row of each child, one below all that it reads; and who reads it."""
    rows: list[int] = []
    follows: list[list[int]] = [[] for _ in sources]
    for number, read in enumerate(sources):
        rows.append(max((rows[s] + 1 for s, *_ in read if s >= 0), default=0))
        for s in {s for s, *_ in read if s >= 0}:
            follows[s].append(number)
    for number, read in enumerate(sources):
        # An input that is needed late stands where it is needed.
        if not read and follows[number]:
            rows[number] = min(rows[n] for n in follows[number]) - 1
    return rows, follows


def _columns(
    rows: list[int], follows: list[list[int]], sources: list[list[Source]]
) -> list[int]:
    """The column of each child: the longest path is the first, branches stand right."""
    count = len(rows)
    below = [0] * count
    for number in reversed(range(count)):
        below[number] = max((below[n] + 1 for n in follows[number]), default=0)
    columns = [-1] * count
    taken: list[list[tuple[int, int]]] = []
    order = sorted(range(count), key=lambda n: (-below[n] - rows[n], rows[n], n))
    for start in order:
        if columns[start] >= 0:
            continue
        chain = [start]
        while True:
            free = [n for n in follows[chain[-1]] if columns[n] < 0]
            if not free:
                break
            chain.append(max(free, key=lambda n: (below[n], -n)))
        while True:
            above = [s for s, *_ in sources[chain[0]] if s >= 0 and columns[s] < 0]
            if not above:
                break
            chain.insert(0, max(above, key=lambda n: (rows[n], -n)))
        # The rows that the lines to and from it pass are kept free as well.
        first = max(
            (rows[s] + 1 if s >= 0 else 0 for s, *_ in sources[chain[0]]),
            default=rows[chain[0]],
        )
        last = max((rows[n] - 1 for n in follows[chain[-1]]), default=rows[chain[-1]])
        column = next(
            (
                n
                for n, spans in enumerate(taken)
                if all(last < low or high < first for low, high in spans)
            ),
            len(taken),
        )
        if column == len(taken):
            taken.append([])
        taken[column].append((first, max(last, rows[chain[-1]])))
        for number in chain:
            columns[number] = column
    return columns


def _nets(sources: list[list[Source]], outs: Iterable[Source]) -> list[Net]:
    found: dict[Source, Net] = {}
    for number, read in enumerate(sources):
        for source in read:
            found.setdefault(source, Net(source, [])).targets.append(number)
    for source in outs:
        found.setdefault(source, Net(source, [])).targets.append(-1)
    return list(found.values())


def _lanes(
    nets: list[Net],
    rows: list[int],
    columns: list[int],
    height: int,
    taken: set[tuple[int, int]],
) -> list[int | None]:
    """The column in which each line passes rows; None where it passes none."""
    lanes: list[int | None] = [None] * len(nets)
    spans = []
    for number, net in enumerate(nets):
        first = rows[net.source[0]] + 1 if net.source[0] >= 0 else 0
        last = max(height if t < 0 else rows[t] for t in net.targets) - 1
        if first <= last:
            spans.append((last - first, number, first, last))
    width = max(columns) + 1
    for straight in (True, False):
        for _, number, first, last in sorted(spans):
            if lanes[number] is not None:
                continue
            net = nets[number]
            own = columns[net.source[0]] if net.source[0] >= 0 else 0
            far = max(net.targets, key=lambda t: height if t < 0 else rows[t])
            wanted = [own, columns[far] if far >= 0 else 0]
            if not straight:
                wanted = list(range(1, width + 1))
            for column in wanted:
                cells = {(column, row) for row in range(first, last + 1)}
                if not cells & taken:
                    taken |= cells
                    lanes[number] = column
                    net.lanes = sorted(cells)
                    width = max(width, column + 1)
                    break
    return lanes


def _arrivals(
    sources: list[list[Source]],
    nets: list[Net],
    lanes: list[int | None],
    columns: list[int],
    rows: list[int],
) -> list[dict[Source, int]]:
    """For each child, how far from its middle each line ends."""
    lane = {net.source: lane for net, lane in zip(nets, lanes, strict=True)}
    found: list[dict[Source, int]] = []
    for number, read in enumerate(sources):
        places = {}
        for source in read:
            own = columns[source[0]] if source[0] >= 0 else 0
            near = (rows[source[0]] if source[0] >= 0 else -1) == rows[number] - 1
            passed = lane[source]
            places[source] = own if near or passed is None else passed
        here = columns[number]
        left = sorted((s for s in read if places[s] < here), key=lambda s: -places[s])
        right = sorted((s for s in read if places[s] > here), key=lambda s: places[s])
        middle = [s for s in read if places[s] == here]
        if not middle:
            middle = (
                [left.pop(0) if left and not right else (right or left).pop(0)]
                if read
                else []
            )
        dx = {s: STEP * n for n, s in enumerate(middle)}
        dx.update({s: -STEP * (n + 1) for n, s in enumerate(left)})
        dx.update({s: STEP * (n + len(middle)) for n, s in enumerate(right)})
        found.append(dx)
    return found


def _route(
    nets: list[Net],
    lanes: list[int | None],
    rows: list[int],
    columns: list[int],
    height: int,
    arrivals: list[dict[Source, int]],
    outs: Mapping[Source, int],
) -> list[int]:
    """Fills in the pieces of every line; how many tracks each gap needs."""
    gaps: list[list[Piece]] = [[] for _ in range(height + 1)]
    for net, lane in zip(nets, lanes, strict=True):
        child, port, _ = net.source
        gap = rows[child] + 1 if child >= 0 else 0
        column = columns[child] if child >= 0 else 0
        last = max(height if t < 0 else rows[t] for t in net.targets)
        at: tuple[X, int] = ((column, STEP * port), child)
        while gap <= last:
            bottoms: list[tuple[X, int]] = []
            for target in net.targets:
                if target < 0 and gap == height:
                    bottoms.append(((0, STEP * outs[net.source]), -1))
                elif target >= 0 and rows[target] == gap:
                    place = (columns[target], arrivals[target][net.source])
                    bottoms.append((place, target))
            if gap < last:
                assert lane is not None
                bottoms.append(((lane, 0), -1))
            piece = Piece(gap, [at], bottoms)
            net.pieces.append(piece)
            gaps[gap].append(piece)
            if gap < last:
                assert lane is not None
                at = ((lane, 0), -1)
            gap += 1
    return [_tracks(pieces) for pieces in gaps]


def _tracks(pieces: list[Piece]) -> int:
    """Gives every piece that moves sideways a track, so that few lines cross."""
    moving = []
    for piece in pieces:
        places = {place for place, _ in (*piece.tops, *piece.bottoms)}
        if len(places) > 1:
            moving.append(piece)
    order: Sequence[Piece]
    if len(moving) <= MOST:
        order = min(permutations(moving), key=_crossings)
    else:
        order = []
        for piece in moving:
            options = [[*order[:n], piece, *order[n:]] for n in range(len(order) + 1)]
            order = min(options[-12:], key=_crossings)
    for number, piece in enumerate(order):
        piece.track = number
    return len(order)


def _crossings(order: Sequence[Piece]) -> int:
    """How often lines cross where the first has the uppermost track."""
    return sum(
        _between(upper, lower)
        for n, upper in enumerate(order)
        for lower in order[n + 1 :]
    )


def _between(upper: Piece, lower: Piece) -> int:
    count = 0
    spans = []
    for piece in (upper, lower):
        places = [place for place, _ in (*piece.tops, *piece.bottoms)]
        spans.append((min(places), max(places)))
    for place, _ in upper.bottoms:
        count += spans[1][0] <= place <= spans[1][1]
        count += 50 * any(place == other for other, _ in lower.tops)
    for place, _ in lower.tops:
        count += spans[0][0] <= place <= spans[0][1]
    for place, _ in upper.bottoms:
        # Both would run down at one place.
        count += 50 * any(place == other for other, _ in lower.bottoms)
    return count
