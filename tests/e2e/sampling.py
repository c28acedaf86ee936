"""A few rows of a large table that show as many pairs of values side by side as they can."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence

Row = Sequence[Hashable]
Pair = tuple[int, Hashable, int, Hashable]


def choose_rows(rows: Sequence[Row], count: int) -> list[int]:
    """Give the places of at most ``count`` rows, in order; equal tables give equal choices.

    Each step takes the row that shows most pairs of values that no row before it shows; of those that are
    equally good the one with most new values, else the first.
    """
    left = {place: pairs_of(row) for place, row in enumerate(rows)}
    shown: set[Pair] = set()
    known: set[tuple[int, Hashable]] = set()
    while left and len(rows) - len(left) < count:
        best = max(left, key=lambda place: (len(left[place] - shown), _news(rows[place], known), -place))
        shown |= left.pop(best)
        known |= set(enumerate(rows[best]))
    return sorted(set(range(len(rows))) - left.keys())


def pairs_of(row: Row) -> set[Pair]:
    """Give the pairs of values of different columns that a row shows."""
    columns = itertools.combinations(enumerate(row), 2)
    return {(one, left, other, right) for (one, left), (other, right) in columns}


def _news(row: Row, known: set[tuple[int, Hashable]]) -> int:
    return len(set(enumerate(row)) - known)
