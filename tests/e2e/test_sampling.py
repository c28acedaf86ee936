"""The choice of rows: as good as so few can be, and always the same."""

from __future__ import annotations

import itertools

from tests.e2e.sampling import choose_rows, pairs_of

GRID = list(itertools.product("abc", "xyz", "123", "pq"))


def test_every_pair_is_shown_by_far_fewer_rows_than_there_are() -> None:
    chosen = choose_rows(GRID, 14)
    shown = set().union(*(pairs_of(GRID[place]) for place in chosen))
    assert shown == set().union(*map(pairs_of, GRID))


def test_fewer_rows_show_every_value() -> None:
    chosen = [GRID[place] for place in choose_rows(GRID, 4)]
    assert [len({row[column] for row in chosen}) for column in range(4)] == [3, 3, 3, 2]


def test_the_choice_is_in_order_and_never_repeats() -> None:
    chosen = choose_rows([*GRID, *GRID], 60)
    assert chosen == sorted(set(chosen)) and len(chosen) == 60
    assert choose_rows([*GRID, *GRID], 60) == chosen


def test_a_small_table_is_taken_whole() -> None:
    assert choose_rows(GRID[:3], 40) == [0, 1, 2]
    assert choose_rows([], 40) == []
