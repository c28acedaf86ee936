"""``alcove down``, ``attach``, ``logs`` and ``exec``, as a user types them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.cli.developers import Developer, developing

from alcove.agents import messages
from alcove.sessions import calls


@pytest.fixture
async def alcove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Developer]:
    """Give a developer whose folder is up."""
    async with developing(tmp_path, monkeypatch, capsys) as developer:
        assert (await developer("up -d")).code == 0
        yield developer


async def test_down_says_what_it_removed(alcove: Developer) -> None:
    done = await alcove("down")
    assert done.code == 0 and not done.out
    assert done.err.startswith("Removed release azds-") and done.err.endswith(" of 'web'\n")
    assert not alcove.hub.projects.sessions


async def test_down_of_all_and_of_nothing(alcove: Developer) -> None:
    assert "of 'web'" in (await alcove("down --all")).err
    again = await alcove("down --all")
    assert again.code == 0 and again.err == "Nothing is up in the space 'dev'\n"
    missing = await alcove("down")
    assert missing.code == 4 and f"there is no session of {alcove.folder}" in missing.err


async def test_a_session_is_named(alcove: Developer, tmp_path: Path) -> None:
    missing = await alcove(f"down {tmp_path / 'logs'}")
    assert missing.code == 4 and "web (s" in missing.err
    assert (await alcove("down --session web --progress quiet")).err == ""


async def test_logs_are_data(alcove: Developer) -> None:
    alcove.hub.space.client.logs["dev", "web-1"] = b"one\ntwo\nthree\n"
    assert (await alcove("logs --tail 2")).out == "two\nthree\n"
    lines = (await alcove("logs -o json")).out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["one", "two", "three"]
    assert json.loads(lines[0])["event"] == "line"


async def test_attach_ends_when_the_service_is_taken_down(alcove: Developer) -> None:
    async with asyncio.TaskGroup() as group:
        attached = group.create_task(alcove("attach --tail 0"))
        live = alcove.hub.projects.find("web")
        async with asyncio.timeout(20):
            while not live.announcer._followers:
                await alcove.hub.ask(calls.Hello())
        await alcove.hub.projects.remove(live)
    done = attached.result()
    assert done.code == 1 and "Attached to 'web' in the space 'dev'" in done.err
    assert "the service was removed from the space" in done.err


@pytest.mark.parametrize(("code", "given"), [(0, 0), (7, 7), (-15, 143)])
async def test_exec_gives_the_commands_output_and_code(alcove: Developer, code: int, given: int) -> None:
    def run(asked: messages.Run) -> tuple[bytes, bytes, int]:
        assert asked.argv == ("ls", "-l", "--all")
        return b"out\n", b"err\n", code

    alcove.hub.space.containers["web-1"].run = run
    alcove.monkeypatch.setattr("alcove.cli.output._read_input", lambda: b"")
    done = await alcove("exec ls -- -l --all")
    assert done.code == given and done.err == "err\n" and done.out == "out\n"


async def test_exec_in_an_instance_that_is_not_there(alcove: Developer) -> None:
    alcove.monkeypatch.setattr("alcove.cli.output._read_input", lambda: b"")
    done = await alcove("exec --instance web-9 -- ls")
    assert done.code == 4 and "no instance 'web-9' runs" in done.err
    assert (await alcove("exec")).code == 2
