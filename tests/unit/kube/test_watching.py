from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.kube.client import Listing, Object
from alcove.kube.errors import ForbiddenError, GoneError, KubeError, UnreachableError
from alcove.kube.watching import Backoff, Pause, Replica, follow


def item(name: str, revision: int, uid: str = "") -> Object:
    return {"metadata": {"name": name, "uid": uid or name, "resourceVersion": str(revision)}}


def raw(kind: str, name: str, revision: int) -> Object:
    return {"type": kind, "object": item(name, revision)}


class Script:
    """A server that plays back lists and streams; a stream's last entry may be an error."""

    def __init__(self, *steps: Any) -> None:
        self._steps = list(steps)
        self.asked: list[str] = []

    def _next(self) -> Any:
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def list(self) -> Listing:
        self.asked.append("list")
        found = self._next()
        assert isinstance(found, Listing)
        return found

    async def stream(self, resource_version: str) -> AsyncGenerator[Object, None]:
        self.asked.append(resource_version)
        for event in self._next():
            if isinstance(event, Exception):
                raise event
            yield event


class Waits:
    """Counts waits and stops the loop after so many."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def play(script: Script, waits: Waits | None = None) -> list[str]:
    """Give what a watcher is told until the script is over."""
    told: list[str] = []
    pause = Pause(waits or Waits(), chance=lambda: 0.999999)
    with contextlib.suppress(IndexError):
        async with aclosing(follow(script, pause)) as events:
            async for event in events:
                told += [f"{event.type} {event.object.get('metadata', {}).get('name', '')}".strip()]
    return told


async def test_a_watch_begins_where_the_list_ended() -> None:
    script = Script(Listing([item("a", 3)], "7"), [raw("MODIFIED", "a", 8)])
    assert await play(script) == ["ADDED a", "SYNCED", "MODIFIED a"]
    assert script.asked == ["list", "7", "8"]


async def test_an_interrupted_watch_resumes_after_the_last_event() -> None:
    lost = UnreachableError("lost")
    script = Script(Listing([], "1"), [raw("ADDED", "a", 5), lost], [raw("BOOKMARK", "", 9)], [lost], [])
    assert await play(script) == ["SYNCED", "ADDED a"]
    assert script.asked == ["list", "1", "5", "9", "9", "9"]


@pytest.mark.parametrize(
    "gone",
    [GoneError("too old", code=410), {"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}],
)
async def test_a_lost_history_is_made_up_for_by_a_list(gone: Any) -> None:
    again = Listing([item("b", 2), item("c", 9), item("d", 8, uid="other")], "9")
    first = Listing([item("a", 1), item("b", 2), item("c", 3), item("d", 4)], "4")
    script = Script(first, [gone], again, [])
    told = await play(script)
    assert told[:5] == ["ADDED a", "ADDED b", "ADDED c", "ADDED d", "SYNCED"]
    assert sorted(told[5:]) == ["ADDED d", "DELETED a", "DELETED d", "MODIFIED c"]
    assert told.index("DELETED d") < len(told) - 1
    assert script.asked == ["list", "4", "list", "9", "9"]


async def test_errors_before_the_first_list_are_the_callers() -> None:
    with pytest.raises(UnreachableError):
        await play(Script(UnreachableError("down")))


@pytest.mark.parametrize("error", [ForbiddenError("no", code=403), KubeError("odd", code=418)])
async def test_errors_that_retrying_cannot_mend_are_raised(error: KubeError) -> None:
    with pytest.raises(type(error)):
        await play(Script(Listing([], "1"), [error]))


async def test_waits_grow_and_end_with_success() -> None:
    lost, waits = UnreachableError("down"), Waits()
    script = Script(Listing([], "1"), [lost], [lost], [lost], [raw("ADDED", "a", 2), lost])
    await play(script, waits)
    assert [round(seconds, 2) for seconds in waits.seconds] == [0.1, 0.2, 0.4, 0.1]


async def test_a_server_that_ends_every_watch_at_once_is_not_asked_without_pause() -> None:
    waits = Waits()
    await play(Script(Listing([], "1"), [], [], []), waits)
    assert len(waits.seconds) == 3


async def test_a_server_error_may_pass() -> None:
    script = Script(Listing([], "1"), [KubeError("oops", code=500)], [raw("ADDED", "a", 2)])
    assert await play(script) == ["SYNCED", "ADDED a"]


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded(failures: int, chance: float) -> None:
    assert 0.05 <= Backoff().delay(failures, chance) <= 30


NAMES = st.sampled_from("abc")


@given(
    states=st.lists(st.dictionaries(NAMES, st.tuples(st.integers(1, 3), st.sampled_from("xy"))), max_size=5)
)
def test_what_is_told_always_leads_to_what_is_there(states: list[dict[str, tuple[int, str]]]) -> None:
    replica = Replica()
    known: dict[str, Object] = {}
    for state in states:
        items = [item(name, revision, uid) for name, (revision, uid) in state.items()]
        for event in replica.list_again(Listing(items, "1")):
            name = event.object["metadata"]["name"]
            assert (event.type == "ADDED") == (name not in known)
            if event.type == "DELETED":
                del known[name]
            else:
                known[name] = event.object
        assert known == {one["metadata"]["name"]: one for one in items}


EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.text(max_size=5) | st.sampled_from(["ADDED", "DELETED", "ERROR", "BOOKMARK"]),
        "object": st.fixed_dictionaries(
            {}, optional={"metadata": st.none() | st.just({}), "code": st.none() | st.integers(400, 500)}
        ),
    },
)


@given(event=EVENTS)
def test_odd_events_do_no_harm(event: Any) -> None:
    try:
        Replica().take(event)
    except KubeError as error:
        assert event["type"] == "ERROR"
        assert error.message
