from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.app.hub.workstations import Call, Hub, serving
from tests.unit.app.hub.worlds import Space
from tests.unit.app.up.worlds import make_folder, open_folder
from tests.unit.sessions.streams import wires

from alcove import aio
from alcove.app.up.pushing import Pusher, RefusedError, read_wanted
from alcove.sessions import calls
from alcove.sync.uploading import ChangedFileError


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving(Space(tmp_path / "hub")) as hub:
        yield hub


@pytest.fixture
async def pusher(tmp_path: Path) -> Pusher:
    (tmp_path / "logs").mkdir()
    pusher = Pusher(open_folder(make_folder(tmp_path)), log_directory=tmp_path / "logs")
    assert await pusher.look() == ""
    return pusher


async def listen(call: Call, pusher: Pusher) -> None:
    """Hand on what the hub answers."""
    while (frame := await call.wire.next_frame()) is not None:
        told = call.wire.read_value(frame, calls.TOLD)
        pusher.hear(await read_wanted(call.wire) if isinstance(told, calls.Wanted) else told)


async def push(hub: Hub, pusher: Pusher, hub_has: str = "", *, whole: bool = False) -> tuple[bool, int]:
    """Push over a call of its own; tell whether changes were sent, and how many contents."""
    committed = pusher.committed.id if pusher.committed else ""
    async with hub.call(calls.Up(pusher.project.settings, committed)) as call:
        await call.until(calls.Base)
        async with aio.open_background(name="push") as tasks:
            tasks.start(listen(call, pusher), name="listen")
            done = await pusher.push(call.wire, hub_has, whole=whole)
    return done.changes is not None, done.contents


async def test_the_whole_at_first_then_what_changed(hub: Hub, pusher: Pusher) -> None:
    count = len(pusher.scan.manifest.digests)
    assert await push(hub, pusher) == (False, count)
    assert pusher.committed == pusher.scan.manifest
    directory = pusher.project.directory
    (directory / "app.py").write_bytes(b"print('two')")
    await pusher.look_again(["app.py"])
    assert not pusher.is_committed
    assert await push(hub, pusher) == (True, 1)
    assert await push(hub, pusher, whole=True) == (False, 0)


async def test_what_is_too_much_to_go_along_is_asked_for(hub: Hub, pusher: Pusher) -> None:
    await push(hub, pusher)
    (pusher.project.directory / "big.bin").write_bytes(bytes(300 << 10))
    await pusher.look_again(["big.bin"])
    assert await push(hub, pusher) == (True, 1)


async def test_where_the_hub_has_the_tree_nothing_but_its_name_is_sent(hub: Hub, pusher: Pusher) -> None:
    await push(hub, pusher)
    manifest = pusher.committed
    pusher.committed = None
    assert manifest is not None
    assert await push(hub, pusher, manifest.id) == (True, 0)


@pytest.mark.parametrize("change", ["write", "remove"])
async def test_a_file_that_changes_while_it_is_sent(hub: Hub, pusher: Pusher, change: str) -> None:
    file = pusher.project.directory / "app.py"
    if change == "write":
        file.write_bytes(b"print('changed since')")
    else:
        file.unlink()
    with pytest.raises(ChangedFileError) as caught:
        await push(hub, pusher)
    assert caught.value.path == "app.py" and pusher.committed is None
    await pusher.look_again(["app.py"])
    await push(hub, pusher)
    assert pusher.is_committed


async def test_a_refusal_says_whether_the_whole_would_be_taken(pusher: Pusher) -> None:
    near, far = wires()
    for whole in (False, True):
        with pytest.raises(RefusedError, match="no") as caught:
            async with aio.open_background(name="push") as tasks:
                task = tasks.start(pusher.push(near), name="push")
                await far.receive(calls.PUSHED)
                await far.receive_all(1 << 20)
                pusher.hear(calls.Refused("no", "because", "hint", whole=whole))
                await task
        assert caught.value.whole is whole and caught.value.cause == "because"


async def test_answers_to_a_call_that_broke_are_no_answers(hub: Hub, pusher: Pusher) -> None:
    pusher.hear(calls.Committed("stale", "s", 1.0))
    count = len(pusher.scan.manifest.digests)
    assert await push(hub, pusher) == (False, count)


async def test_the_log_saves_reading_and_names_the_synchronization(
    hub: Hub, pusher: Pusher, tmp_path: Path
) -> None:
    pusher.write_log()
    assert not list((tmp_path / "logs").iterdir()), "the hub does not have it yet"
    await push(hub, pusher)
    pusher.write_log()
    (log,) = (tmp_path / "logs").iterdir()
    first = log.read_bytes()
    log.write_bytes(b"")
    pusher.write_log()
    assert not log.read_bytes(), "it was written already"
    (pusher.project.directory / "app.py").write_bytes(b"print('three')")
    await pusher.look_again(["app.py"])
    await push(hub, pusher)
    pusher.write_log()
    assert log.read_bytes() not in (b"", first)
    again = Pusher(pusher.project, log_directory=tmp_path / "logs")
    assert await again.look() == "" and again.scan.manifest == pusher.scan.manifest
    log.write_bytes(b"{")
    assert "is not used" in await again.look()
