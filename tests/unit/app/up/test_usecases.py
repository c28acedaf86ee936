from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.app.hub.workstations import Hub, serving
from tests.unit.app.hub.worlds import Space
from tests.unit.app.up.test_hubs import INSTALLATION
from tests.unit.app.up.worlds import Screen, UserClient, make_folder, make_up, open_user

from alcove import aio
from alcove.agents import messages
from alcove.app.up import hubs, usecases
from alcove.app.up.calling import CallError
from alcove.app.up.composition import SpaceHub, SpacePlace
from alcove.app.up.usecases import ExecChoices
from alcove.errors import ConflictError
from alcove.kube import resources
from alcove.model import SpaceName
from alcove.sessions import calls

PLACE = SpacePlace(SpaceName("dev"), "dev", SpaceName("dev"), "here")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving(Space(tmp_path / "hub")) as hub:
        yield hub


@pytest.fixture
async def client(hub: Hub) -> UserClient:
    client = await open_user(hub)
    await hubs.ensure_hub(client, hubs.HubSettings("dev", INSTALLATION))
    return client


@pytest.fixture
def space(client: UserClient) -> SpaceHub:
    return SpaceHub(client, PLACE, INSTALLATION)


@pytest.fixture
async def folder(client: UserClient, tmp_path: Path) -> Path:
    """Give a folder that is up."""
    folder = make_folder(tmp_path)
    assert await make_up(client, folder, Screen(), detach=True).run() == 0
    return folder


class Terminal:
    """Gives input, keeps output."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.output = {1: b"", 2: b""}

    def write(self, stream: int, content: bytes) -> None:
        self.output[stream] += content

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


async def test_where_there_is_no_hub_there_are_no_sessions(hub: Hub) -> None:
    empty = SpaceHub(await open_user(), PLACE, INSTALLATION)
    assert await usecases.list_sessions(empty) == ()
    with pytest.raises(ConflictError, match="there is no session 'web'") as caught:
        await usecases.find_session(empty, "web", Path("/x"))
    assert caught.value.hint == "alcove up starts one"


async def test_a_session_is_found_by_its_directory_or_its_names(space: SpaceHub, folder: Path) -> None:
    view = await usecases.find_session(space, "", folder)
    for name in ("web", view.id, view.id[:6]):
        assert (await usecases.find_session(space, name, Path("/"))).id == view.id
    for name, directory in (("", folder.parent), ("we", folder), ("s", folder)):
        with pytest.raises(ConflictError) as caught:
            await usecases.find_session(space, name, directory)
        assert f"web ({view.id})" in caught.value.cause


async def test_the_hub_goes_with_the_last_session(space: SpaceHub, folder: Path, client: UserClient) -> None:
    view = await usecases.find_session(space, "", folder)
    removed = await usecases.bring_down(space, view.id)
    assert removed.left == 0 and not await space.exists()
    assert not (await client.list(resources.DEPLOYMENTS)).items


@pytest.mark.parametrize(("code", "given"), [(0, 0), (3, 3), (-9, 137)])
async def test_a_command_gives_its_output_and_its_code(
    hub: Hub, space: SpaceHub, folder: Path, code: int, given: int
) -> None:
    def run(asked: messages.Run) -> tuple[bytes, bytes, int]:
        assert asked.argv == ("ls",)
        return b"out", b"err", code

    hub.space.containers["web-1"].run = run
    terminal = Terminal(b"in", b"put")
    assert await usecases.run_command(space.calls, "web", ExecChoices(("ls",)), terminal) == given
    assert terminal.output == {1: b"outinput", 2: b"err"}
    assert folder


async def test_a_command_in_an_instance_that_is_not_there(space: SpaceHub, folder: Path) -> None:
    with pytest.raises(CallError, match="no instance 'web-9' runs"):
        await usecases.run_command(space.calls, "web", ExecChoices(("ls",), "web-9"), Terminal())
    assert folder


async def test_logs_end_with_what_was_printed(hub: Hub, space: SpaceHub, folder: Path) -> None:
    hub.space.client.logs["dev", "web-1"] = b"one\ntwo\n"
    told = [one async for one in usecases.follow_logs(space.calls, calls.Logs("web", follow=False))]
    assert told == [calls.Line("command", text, "web-1") for text in ("one", "two")]
    with pytest.raises(CallError):
        [one async for one in usecases.follow_logs(space.calls, calls.Logs("other"))]
    assert folder


async def test_whoever_attaches_hears_both_and_that_it_was_taken_down(
    hub: Hub, space: SpaceHub, folder: Path
) -> None:
    hub.space.client.logs["dev", "web-1"] = b"printed\n"
    screen = Screen()
    with pytest.raises(CallError, match="was removed"):
        async with aio.open_background(name="attached") as tasks:
            work = usecases.follow_session(space.calls, "web", screen.tell, verbose=False, tail=5)
            task = tasks.start(work, name="attach")
            await screen.until(calls.Running)
            await screen.until(calls.Line, text="printed")
            await hub.ask(calls.Down("web"))
            await task
    assert folder
