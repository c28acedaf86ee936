from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.app.hub.trees import SOURCES, file_of, tree_of
from tests.unit.app.hub.workstations import Call, Hub, serving
from tests.unit.app.hub.worlds import SETTINGS, Space

from alcove.sessions import calls
from alcove.sessions.settings import CommandSettings
from alcove.sync.encoding import encode_changes, encode_manifest
from alcove.sync.manifest import diff
from alcove.sync.uploading import Blob, pack


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving(Space(tmp_path)) as hub:
        yield hub


async def test_a_base_that_is_not_known_is_refused_and_the_whole_is_taken(hub: Hub) -> None:
    tree = tree_of(SOURCES)
    async with hub.call(calls.Up(SETTINGS)) as call:
        await call.until(calls.Base)
        await call.wire.send(calls.Push(tree.id, "0" * 64, inline=True))
        await call.wire.send_bytes([encode_changes(diff(tree, tree))])
        await call.wire.send_bytes(pack([]))
        refused = await call.until(calls.Refused)
        assert refused.whole and "not known here" in refused.message
        assert (await call.push()).manifest == tree.id


async def test_damage_is_refused_and_the_call_goes_on(hub: Hub) -> None:
    async with hub.call(calls.Up(SETTINGS)) as call:
        await call.until(calls.Base)
        await call.wire.send(calls.Push("0" * 64))
        await call.wire.send_bytes([b"nonsense"])
        assert not (await call.until(calls.Refused)).whole
        await call.push()
        await call.until(calls.Running)


async def test_each_synchronization_has_a_name_and_a_time(hub: Hub) -> None:
    async with hub.call(calls.Up(SETTINGS)) as call:
        await call.until(calls.Base)
        first = await call.push()
        second = await call.push({**SOURCES, "app.py": b"2"})
    assert first.synchronization != second.synchronization and first.synchronized_at == 1_900_000_000.5
    async with hub.call(calls.Up(SETTINGS, second.manifest)) as call:
        base = await call.until(calls.Base)
    assert (base.synchronization, base.manifest, base.base) == (
        second.synchronization,
        *[second.manifest] * 2,
    )


async def test_a_tree_whose_contents_were_lost_is_no_base(hub: Hub, tmp_path: Path) -> None:
    async with hub.call(calls.Up(SETTINGS)) as call:
        await call.until(calls.Base)
        committed = await call.push()
        await call.until(calls.Running)
    (live,) = hub.projects.sessions.values()
    store = live.kit.book.store
    tree = tree_of(SOURCES)
    store.collect([])
    assert store.missing(tree.digests)
    async with hub.call(calls.Up(SETTINGS, committed.manifest)) as call:
        assert (await call.until(calls.Base)).base == ""
        await call.push()
    assert not store.missing(tree.digests)


async def test_a_full_store_is_told_and_what_nobody_needs_is_dropped(tmp_path: Path) -> None:
    async with serving(Space(tmp_path, limit=9_000)) as hub, hub.call(calls.Up(SETTINGS)) as call:
        await call.until(calls.Base)
        await call.push()
        await call.until(calls.Running)
        big = {**SOURCES, "big.bin": bytes(range(256)) * 20}
        await call.push(big)
        await call.push(SOURCES)
        (live,) = hub.projects.sessions.values()
        other = {**SOURCES, "other.bin": bytes(range(255, -1, -1)) * 24}
        tree = tree_of(other)
        await call.wire.send(calls.Push(tree.id))
        await call.wire.send_bytes([encode_manifest(tree)])
        assert live.kit.book.store.size > 5_000
        await push_until_refused(call, other)
        assert live.kit.book.store.size < 5_000
        await call.push(other)


async def push_until_refused(call: Call, files: dict[str, bytes]) -> None:
    """Answer what is asked for, to an announced tree, until it is refused."""
    contents = {file_of(content).digest: content for content in files.values()}
    wanted = await call.until(calls.Wanted)
    row = await call.wire.receive_all(1 << 20)
    digests = [row[at : at + 32].hex() for at in range(0, len(row), 32)]
    assert len(digests) == wanted.count
    await call.wire.send_bytes(pack([Blob(one, len(contents[one]), [contents[one]]) for one in digests]))
    assert "no room" in (await call.until(calls.Refused)).message


async def test_another_command_restarts_the_service(hub: Hub) -> None:
    async with hub.call(calls.Up(SETTINGS)) as call:
        await call.until(calls.Base)
        await call.push()
        await call.until(calls.Running)
    command = CommandSettings(("python", "other.py"), {"A": "b"})
    async with hub.call(calls.Up(msgspec.structs.replace(SETTINGS, command=command))) as call:
        await call.until(calls.Base)
        await call.push()
        await call.until(calls.Updated, reason="the command changed")
    assert hub.space.containers["web-1"].starts == [("python", "other.py", "A=b")]
