from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.app.hub.workstations import Hub, serving
from tests.unit.app.hub.worlds import Space
from tests.unit.app.up.worlds import Screen, UserClient, make_folder, make_up, open_user

from alcove import aio
from alcove.app.up.calling import CallError
from alcove.app.up.upping import ProjectUp
from alcove.sessions import calls


@pytest.fixture(autouse=True)
def log_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep sync logs where nobody else's are."""
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "logs"))


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving(Space(tmp_path / "hub")) as hub:
        yield hub


@pytest.fixture
async def client(hub: Hub) -> UserClient:
    return await open_user(hub)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


@contextlib.asynccontextmanager
async def running(up: ProjectUp) -> AsyncIterator[asyncio.Task[int | None]]:
    async with aio.open_background(name="up") as tasks:
        yield tasks.start(up.run(), name="run")


async def test_a_folder_becomes_a_service_and_a_save_arrives(
    hub: Hub, client: UserClient, folder: Path
) -> None:
    screen = Screen()
    async with running(make_up(client, folder, screen)):
        await screen.until(calls.Running)
        assert next(one.phase for one in screen.told if isinstance(one, calls.PhaseEnded)) == "sync"
        assert [one.target for one in screen.ports] == [8080]
        since = len(screen.told)
        (folder / "app.py").write_bytes(b"print('saved')\n")
        assert (await screen.until(calls.Updated, since)).kind == "restart"
        (folder / "static" / "index.html").write_bytes(b"<p>saved</p>")
        assert (await screen.until(calls.Updated, since, kind="copy")).files == 1
        (folder / "static" / "index.html").unlink()
        await screen.until(calls.Updated, len(screen.told))
    files = hub.space.containers["web-1"].files
    assert files["/app/app.py"] == b"print('saved')\n" and "/app/static/index.html" not in files


async def test_what_is_saved_while_the_hub_is_away_arrives_when_it_is_back(
    hub: Hub, client: UserClient, folder: Path
) -> None:
    screen = Screen()
    async with running(make_up(client, folder, screen)):
        await screen.until(calls.Running)
        since, port = len(screen.told), client.hubs.pop("alcove-hub-1")
        client.break_connections()
        await screen.until(calls.Notice, since)
        (folder / "app.py").write_bytes(b"print('meanwhile')\n")
        client.hubs["alcove-hub-1"] = port
        await screen.until(calls.Notice, since, message="the hub answers again")
        await screen.until(calls.Updated, since)
    assert hub.space.containers["web-1"].files["/app/app.py"] == b"print('meanwhile')\n"


async def test_connections_that_break_again_and_again_lose_no_save(
    hub: Hub, client: UserClient, folder: Path
) -> None:
    screen = Screen()
    async with running(make_up(client, folder, screen)):
        await screen.until(calls.Running)
        for number in range(3):
            (folder / "app.py").write_bytes(f"print({number} + 100)\n".encode())
            for _ in range(number * 7):
                await hub.ask(calls.Hello())
            client.break_connections()
        wanted = (folder / "app.py").read_bytes()
        container = hub.space.containers["web-1"]
        async with asyncio.timeout(20):
            while container.files["/app/app.py"] != wanted:
                await hub.ask(calls.Hello())


async def test_detached_it_ends_when_the_service_runs(client: UserClient, folder: Path) -> None:
    screen = Screen()
    assert await make_up(client, folder, screen, detach=True).run() == 0
    assert isinstance(screen.told[-1], calls.Running) and not screen.ports


async def test_detached_it_ends_with_a_failure(client: UserClient, folder: Path) -> None:
    (folder / "Dockerfile").write_bytes(b"broken")
    screen = Screen()
    assert await make_up(client, folder, screen, detach=True).run() == 1
    assert isinstance(screen.told[-1], calls.Problem)


async def test_a_second_time_only_the_comparison_is_sent(hub: Hub, client: UserClient, folder: Path) -> None:
    for _ in range(2):
        screen = Screen()
        assert await make_up(client, folder, screen, detach=True).run() == 0
    assert len(hub.space.builder.requests) == 1


async def test_a_failed_build_is_mended_by_a_save(hub: Hub, client: UserClient, folder: Path) -> None:
    screen = Screen()
    (folder / "Dockerfile").write_bytes(b"broken")
    async with running(make_up(client, folder, screen)):
        await screen.until(calls.Problem)
        (folder / "Dockerfile").write_bytes(b"FROM python:3")
        await screen.until(calls.Running)
    assert len(hub.space.builder.requests) == 2


async def test_a_hub_that_forgot_everything_gets_the_whole_again(
    hub: Hub, client: UserClient, folder: Path, tmp_path: Path
) -> None:
    screen = Screen()
    async with running(make_up(client, folder, screen)):
        await screen.until(calls.Running)
        async with serving(Space(tmp_path / "another")) as other:
            since = len(screen.told)
            client.hubs["alcove-hub-1"] = other.port
            client.break_connections()
            await screen.until(calls.Running, since)
            assert other.space.containers


async def test_down_elsewhere_ends_it(hub: Hub, client: UserClient, folder: Path) -> None:
    screen = Screen()
    with pytest.raises(CallError, match="was removed from the space"):
        async with running(make_up(client, folder, screen)) as task:
            await screen.until(calls.Running)
            await hub.ask(calls.Down("web"))
            await task


async def test_a_full_store_is_told_and_the_next_save_tries_again(
    client: UserClient, folder: Path, tmp_path: Path
) -> None:
    async with serving(Space(tmp_path / "small", limit=20_000)) as small:
        client.hubs["alcove-hub-1"] = small.port
        screen = Screen()
        async with running(make_up(client, folder, screen)):
            await screen.until(calls.Running)
            (folder / "big.bin").write_bytes(bytes(range(256)) * 100)
            await screen.until(calls.Problem)
            since = len(screen.told)
            (folder / "big.bin").unlink()
            (folder / "app.py").write_bytes(b"print('small again')")
            await screen.until(calls.Updated, since)


async def test_a_store_that_is_full_from_the_beginning_fails_a_detached_up(
    folder: Path, tmp_path: Path
) -> None:
    async with serving(Space(tmp_path / "small", limit=100)) as small:
        client, screen = await open_user(small), Screen()
        assert await make_up(client, folder, screen, detach=True).run() == 1
        assert "no room" in (await screen.until(calls.Problem)).message


async def test_a_port_that_is_taken_is_told_and_the_service_runs_on(client: UserClient, folder: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        taken = server.sockets[0].getsockname()[1]
        screen = Screen()
        async with running(make_up(client, folder, screen, ports={8080: taken})):
            await screen.until(calls.Running)
        assert any(f"port {taken} of this workstation cannot be used" in one for one in screen.notices())


async def test_azds_yaml_that_says_something_else_begins_anew(client: UserClient, folder: Path) -> None:
    screen = Screen()
    up = make_up(client, folder, screen)
    async with running(up) as task:
        await screen.until(calls.Running)
        text = (folder / "azds.yaml").read_bytes()
        (folder / "azds.yaml").write_bytes(text.replace(b"[python]", b"[python, gunicorn]"))
        assert await asyncio.wait_for(task, 20) is None
    container = up.fresh.settings.container
    assert container and container.iterate and container.iterate.processes_to_kill == ("python", "gunicorn")


async def test_while_azds_yaml_is_wrong_nothing_is_built_and_saves_wait(
    client: UserClient, folder: Path
) -> None:
    screen = Screen()
    async with running(make_up(client, folder, screen)):
        await screen.until(calls.Running)
        text = (folder / "azds.yaml").read_bytes()
        (folder / "azds.yaml").write_bytes(text.replace(b"kind:", b"kinds:", 1))
        problem = await screen.until(calls.Problem)
        assert problem.hint.endswith("saves wait until it is mended")
        since = len(screen.told)
        (folder / "app.py").write_bytes(b"print('waits')")
        (folder / "azds.yaml").write_bytes(text)
        await screen.until(calls.Updated, since)
    assert not [one for one in screen.told[since:] if isinstance(one, calls.PhaseBegan)]
