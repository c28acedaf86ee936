from __future__ import annotations

import asyncio

import pytest

from alcove.app.hub import announcing
from alcove.app.hub.announcing import LEFT_OUT, Announcer, Follower, lines
from alcove.sessions import calls
from alcove.sessions.calls import Line, Notice, PhaseBegan, PhaseEnded, Problem, Running, Told

RUNNING = Running(("web-1",))
PROBLEM = Problem("no")


async def drain(follower: Follower) -> list[Told]:
    """Read what is there."""
    heard: list[Told] = []
    end = Notice("end")
    follower.put(end)
    while (told := await follower.next()) is not end:
        heard.append(told)
    return heard


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        ([], []),
        ([Line("build", "x"), Notice("n")], []),
        ([PhaseBegan("install")], [PhaseBegan("install")]),
        ([PhaseBegan("install"), PhaseEnded("install", 1.0)], []),
        ([PhaseBegan("a"), PhaseBegan("b"), PhaseEnded("a", 1.0)], [PhaseBegan("b")]),
        ([RUNNING], [RUNNING]),
        ([RUNNING, PROBLEM], [RUNNING, PROBLEM]),
        ([PROBLEM, RUNNING], [RUNNING]),
        ([PROBLEM, Problem("still")], [Problem("still")]),
    ],
)
async def test_who_comes_late_is_told_where_things_stand(told: list[Told], standing: list[Told]) -> None:
    announcer = Announcer()
    for one in told:
        announcer.tell(one)
    with announcer.follow() as follower:
        assert await drain(follower) == standing


async def test_all_followers_hear_everything_while_they_follow() -> None:
    announcer = Announcer()
    with announcer.follow() as one:
        announcer.tell(Line("build", "1"))
        with announcer.follow() as two:
            announcer.tell(Line("build", "2"))
        announcer.tell(Line("build", "3"))
        assert await drain(two) == [Line("build", "2")]
        assert await drain(one) == [Line("build", text) for text in "123"]


async def test_what_begins_anew_and_what_is_given_up_stands_no_more() -> None:
    announcer = Announcer()
    announcer.tell(PhaseBegan("build"))
    announcer.tell(PhaseBegan("start"))
    announcer.forget("build")
    announcer.forget("never began")
    with announcer.follow() as follower:
        assert await drain(follower) == [PhaseBegan("start")]
    announcer.reset()
    with announcer.follow() as follower:
        assert await drain(follower) == []


async def test_who_is_slow_loses_lines_is_told_so_and_loses_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announcing, "_QUEUED", 3)
    announcer = Announcer()
    with announcer.follow() as follower:
        for number in range(6):
            announcer.tell(Line("build", str(number)))
        announcer.tell(RUNNING)
        announcer.tell(Line("build", "late"))
        heard = await drain(follower)
        assert heard == [*(Line("build", str(number)) for number in range(3)), LEFT_OUT, RUNNING]
        announcer.tell(Line("build", "again"))
        assert await drain(follower) == [Line("build", "again")]


async def test_each_gap_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "_QUEUED", 2)
    follower = Follower()
    for text in ("1", "2", "lost"):
        follower.put(Line("build", text))
    await follower.next()
    await follower.next()
    for text in ("3", "lost too"):
        follower.put(Line("build", text))
    assert await drain(follower) == [LEFT_OUT, Line("build", "3"), LEFT_OUT]


async def test_next_waits_for_what_comes() -> None:
    follower = Follower()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(follower.next())
        await asyncio.sleep(0)
        follower.put(RUNNING)
    assert first.result() == RUNNING


def test_lines_of_a_text() -> None:
    assert list(lines("helm", "a\r\nb\n\nc", "i")) == [
        calls.Line("helm", one, "i") for one in ("a", "b", "", "c")
    ]
    assert not list(lines("helm", ""))
