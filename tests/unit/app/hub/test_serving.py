from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.app.hub.trees import SOURCES
from tests.unit.app.hub.workstations import Hub, serving
from tests.unit.app.hub.worlds import SETTINGS, Space

from alcove import __version__
from alcove.sessions import calls
from alcove.sessions.wire import LostError


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving(Space(tmp_path)) as hub:
        yield hub


async def up(hub: Hub) -> str:
    """Bring the project up; give its session."""
    async with hub.call(calls.Up(SETTINGS)) as call:
        base = await call.until(calls.Base)
        await call.push()
        await call.until(calls.Running)
    return base.session


async def test_who_is_there(hub: Hub) -> None:
    assert await hub.ask(calls.Hello()) == calls.Greeting(__version__, "dev", persistent=True)
    assert await hub.ask(calls.List()) == calls.Sessions(())


async def test_a_project_is_brought_up_and_saved_listed_and_taken_down(hub: Hub) -> None:
    async with hub.call(calls.Up(SETTINGS)) as call:
        base = await call.until(calls.Base)
        assert (base.manifest, base.base) == ("", "")
        committed = await call.push()
        assert (await call.until(calls.Running)).instances == ("web-1",)
        await call.push({**SOURCES, "app.py": b"print(2)"})
        assert (await call.until(calls.Updated)).kind == "restart"
    (view,) = (await sessions(hub)).sessions
    assert (view.id, view.project, view.phase, view.instances) == (base.session, "web", "Running", ("web-1",))
    async with hub.call(calls.Up(SETTINGS, committed.manifest)) as call:
        again = await call.until(calls.Base)
        assert again.session == base.session and again.base == committed.manifest
        assert again.manifest not in ("", committed.manifest)
    removed = await hub.ask(calls.Down("web"))
    assert isinstance(removed, calls.Removed) and removed.left == 0 and len(removed.objects) == 2


async def sessions(hub: Hub) -> calls.Sessions:
    found = await hub.ask(calls.List())
    assert isinstance(found, calls.Sessions)
    return found


@pytest.mark.parametrize(
    "request_",
    [calls.Attach("no"), calls.Logs("no"), calls.Dial("no", 1), calls.Exec("no", ("x",)), calls.Down("no")],
)
async def test_a_session_that_is_not_there_ends_the_call(hub: Hub, request_: calls.Request) -> None:
    told = await hub.ask(request_)
    assert isinstance(told, calls.Problem) and told.final and told.code == 4
    assert told.message == "there is no session 'no' in the space 'dev'"


@pytest.mark.parametrize("content", [b"GET / HTTP/1.1\r\n\r\n", b"", b"\0\0\0\5\1{}", b"\0\0\0\3\1[]"])
async def test_who_speaks_another_language_is_left_alone_and_others_are_served(
    hub: Hub, content: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(content)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert isinstance(await hub.ask(calls.Hello()), calls.Greeting)


async def test_a_workstation_that_vanishes_in_the_middle_ends_its_call_alone(hub: Hub) -> None:
    for request in (calls.Up(SETTINGS), calls.Attach("web")):
        async with hub.call(request) as call:
            await call.until(calls.Base) if isinstance(request, calls.Up) else None
            await call.send(b"\0\0\0\x09\1{")
            call.abort()
    assert len((await sessions(hub)).sessions) == 1


async def test_whoever_attaches_hears_how_things_stand(hub: Hub) -> None:
    session = await up(hub)
    async with hub.call(calls.Attach(session, verbose=True)) as call:
        assert (await call.until(calls.Running)).instances == ("web-1",)


async def test_who_does_not_follow_any_more_is_forgotten(hub: Hub) -> None:
    session = await up(hub)
    live = hub.projects.find(session)
    for request in (calls.Attach(session), calls.Up(SETTINGS)):
        async with hub.call(request) as call:
            await call.until(calls.Running) if isinstance(request, calls.Attach) else await call.push()
            assert live.announcer._followers
        async with asyncio.timeout(20):
            while live.announcer._followers:
                await hub.ask(calls.Hello())


async def test_who_follows_a_service_that_is_taken_down_is_told(hub: Hub) -> None:
    session = await up(hub)
    async with hub.call(calls.Attach(session)) as attached, hub.call(calls.Up(SETTINGS)) as call:
        await attached.until(calls.Running)
        await call.push()
        await call.until(calls.Running)
        await hub.ask(calls.Down(session))
        assert (await attached.until(calls.Problem)).final
        assert (await call.until(calls.Problem)).final
        with pytest.raises(LostError):
            await call.push()


async def test_errors_of_the_code_end_one_call_and_are_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> tuple[calls.SessionView, ...]:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(hub.projects, "views", fail)
    told = await hub.ask(calls.List())
    assert isinstance(told, calls.Problem) and told.final and told.cause == "by zero"
    assert "a call failed" in caplog.text
    assert isinstance(await hub.ask(calls.Hello()), calls.Greeting)
