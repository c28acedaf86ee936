from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.hub.test_streams import echoing
from tests.unit.app.hub.workstations import Hub, serving
from tests.unit.app.hub.worlds import Space
from tests.unit.app.up.worlds import Screen, make_folder, make_up, open_user

from alcove import aio
from alcove.app.up.calling import HubClient
from alcove.app.up.ports import OpenPort, PortKeeper, candidates
from alcove.errors import ConflictError
from alcove.sessions.calls import Port


@given(st.text(min_size=1), st.integers(1, 65535))
def test_a_port_has_its_own_number_or_a_steady_one_or_any(session: str, target: int) -> None:
    numbers = candidates(session, target)
    assert numbers == candidates(session, target) and numbers[-1] == 0
    assert numbers[0] == target or (target < 1024 and 20_000 <= numbers[0] < 30_000)
    assert all(20_000 <= number < 30_000 for number in numbers[-2:-1])


def test_sessions_have_steady_numbers_of_their_own() -> None:
    assert candidates("one", 80) != candidates("two", 80) != candidates("two", 81)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """Give a hub at which the folder runs."""
    async with serving(Space(tmp_path / "hub")) as hub:
        up = make_up(await open_user(hub), make_folder(tmp_path), Screen(), detach=True)
        assert await up.run() == 0
        yield hub


class Desk:
    """A keeper of ports and what it says."""

    def __init__(self, tasks: aio.Background, client: HubClient) -> None:
        self.said: list[str] = []
        self.keeper = PortKeeper(client, "web", tasks, self.said.append)


@pytest.fixture
async def desk(hub: Hub) -> AsyncIterator[Desk]:
    async with aio.open_background(name="desk") as tasks:
        desk = Desk(tasks, HubClient(await open_user(hub), "dev"))
        yield desk
        desk.keeper.close()


async def free_port() -> int:
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as server:
        return int(server.sockets[0].getsockname()[1])


async def exchange(port: int, content: bytes) -> bytes:
    """Say something, end, and give all that is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


async def test_what_is_said_to_a_port_reaches_the_instance_and_may_end_first(desk: Desk) -> None:
    async with echoing() as target:
        local = await free_port()
        (opened,) = await desk.keeper.open([Port("web", "http", 80, target)], {target: local})
        assert opened == OpenPort(local, target, "web", "http", 80)
        assert opened.url == f"http://localhost:{local}"
        assert await exchange(local, b"hello") == b"you said hello"
        large = bytes(range(256)) * 4000
        assert await exchange(local, large) == b"you said " + large


async def test_what_is_open_stays_open_and_chosen_ports_need_no_service(desk: Desk) -> None:
    one, two = await free_port(), await free_port()
    first = await desk.keeper.open([Port("web", "http", 80, 8080)], {8080: one})
    again = await desk.keeper.open(
        [Port("web", "http", 80, 8080), Port("", "x", 0, 0)], {8080: one, 9999: two}
    )
    assert again == (*first, OpenPort(two, 9999))


async def test_a_number_that_is_taken_gives_way_unless_it_was_chosen(desk: Desk) -> None:
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as server:
        taken = int(server.sockets[0].getsockname()[1])
        (opened,) = await desk.keeper.open([Port("web", "http", 80, taken)], {})
        assert opened.local != taken
        with pytest.raises(ConflictError, match=f"port {taken} of this workstation") as caught:
            await desk.keeper.open([], {9999: taken})
        assert caught.value.hint == "choose another: --port OTHER:9999"


async def test_a_port_at_which_nobody_listens_ends_the_connection_and_says_why(desk: Desk) -> None:
    target, local = await free_port(), await free_port()
    await desk.keeper.open([], {target: local})
    assert await exchange(local, b"hello") == b""
    (said,) = desk.said
    assert said.startswith(f"a connection to port {target} ended: nothing answers at port {target} of web-1")
