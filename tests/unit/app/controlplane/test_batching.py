"""The clock goes on when the loop waits for nothing else: no time passes in these tests."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from alcove.app.controlplane.batching import Batch, collect
from alcove.app.controlplane.settings import BatchSettings

SETTINGS = BatchSettings(hold_off=0.02, longest=0.1)
times = st.floats(min_value=0, max_value=1000)


@given(times, times)
def test_a_build_is_due_soon_after_the_last_change_and_never_late(first: float, later: float) -> None:
    due = Batch(first, first + later).due(SETTINGS)
    assert due <= first + SETTINGS.longest
    assert due <= first + later + SETTINGS.hold_off
    assert due in (first + SETTINGS.longest, first + later + SETTINGS.hold_off)


async def test_changes_that_come_together_are_one_batch() -> None:
    changed, done = asyncio.Event(), 0
    loop = asyncio.get_running_loop()
    changed.set()
    await collect(changed, loop.time, BatchSettings(hold_off=0.001, longest=0.002))
    done += 1
    assert not changed.is_set()
    assert done == 1


async def test_a_change_after_the_hold_off_is_another_batch() -> None:
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    settings = BatchSettings(hold_off=0.0, longest=0.0)
    changed.set()
    await collect(changed, loop.time, settings)
    assert not changed.is_set()
    changed.set()
    await collect(changed, loop.time, settings)
    assert not changed.is_set()
