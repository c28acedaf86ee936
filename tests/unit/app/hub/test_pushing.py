from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from tests.unit.app.hub.trees import SOURCES, file_of, keep, open_book, tree_of
from tests.unit.sessions.streams import wires

from alcove.app.hub.manifests import ManifestBook
from alcove.app.hub.pushing import receive_push
from alcove.sessions import calls
from alcove.sessions.calls import Push, Wanted
from alcove.sessions.wire import LostError, Wire
from alcove.sync.encoding import encode_changes, encode_manifest
from alcove.sync.errors import StoreFullError, SyncError
from alcove.sync.manifest import Manifest, diff
from alcove.sync.uploading import Blob, pack

TREE = tree_of(SOURCES)
CHANGED = {**SOURCES, "app.py": b"print(2)\n"}


@pytest.fixture
def book(tmp_path: Path) -> ManifestBook:
    return open_book(tmp_path)


def blobs(files: Mapping[str, bytes], digests: Iterable[str]) -> Iterable[bytes]:
    contents = {file_of(content).digest: content for content in files.values()}
    return pack([Blob(one, len(contents[one]), [contents[one]]) for one in digests if one in contents])


async def answer(wire: Wire, files: Mapping[str, bytes]) -> list[int]:
    """Send what is asked for, until there is nothing more; give how much that was each time."""
    counts = []
    while (frame := await wire.next_frame()) is not None:
        wanted = wire.read_value(frame, calls.TOLD)
        assert isinstance(wanted, Wanted)
        row = await wire.receive_all(1 << 20)
        counts.append(wanted.count)
        await wire.send_bytes(blobs(files, [row[at : at + 32].hex() for at in range(0, len(row), 32)]))
    return counts


async def push(
    book: ManifestBook,
    announced: Push,
    rows: Iterable[Iterable[bytes]],
    files: Mapping[str, bytes] = SOURCES,
) -> tuple[Manifest, list[int]]:
    """Push; give the tree and how many contents were asked for in each round."""
    near, far = wires()
    for row in rows:
        await near.send_bytes(row)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(answer(near, files))
        try:
            found = await receive_push(far, announced, book, asyncio.Lock())
        finally:
            far._stream.close()  # type: ignore[attr-defined]
    return found, asked.result()


async def test_a_whole_tree_and_what_is_missing_of_it(book: ManifestBook) -> None:
    book.store.write(file_of(SOURCES["app.py"]).digest, [SOURCES["app.py"]])
    found, asked = await push(book, Push(TREE.id), [[encode_manifest(TREE)]])
    assert found == TREE and asked == [len(TREE.digests) - 1]
    assert book.read(TREE.id) == TREE and not book.store.missing(TREE.digests)
    assert (await push(book, Push(TREE.id), [[encode_manifest(TREE)]]))[1] == []


@pytest.mark.parametrize("inline", [False, True])
async def test_changes_since_a_tree_that_is_known(book: ManifestBook, inline: bool) -> None:
    await book.add(keep(book.store, SOURCES))
    after = tree_of(CHANGED)
    changes = diff(TREE, after)
    rows = [[encode_changes(changes)], *([blobs(CHANGED, changes.digests)] if inline else [])]
    found, asked = await push(book, Push(after.id, TREE.id, inline), rows, CHANGED)
    assert found == after and asked == ([] if inline else [1])
    assert not book.store.missing(after.digests)


async def test_what_was_left_out_inline_is_asked_for(book: ManifestBook) -> None:
    await book.add(keep(book.store, SOURCES))
    after = tree_of(CHANGED)
    rows = [[encode_changes(diff(TREE, after))], pack([])]
    _, asked = await push(book, Push(after.id, TREE.id, inline=True), rows, CHANGED)
    assert asked == [1]


@pytest.mark.parametrize(
    ("announced", "row", "told"),
    [
        (Push(TREE.id, "0" * 64), encode_changes(diff(TREE, TREE)), "is not known here"),
        (Push("0" * 64), encode_manifest(TREE), "not the one that was announced"),
        (Push(TREE.id), b"", "no manifest"),
        (Push(TREE.id), b"ALCm1junk", "damaged"),
        (Push(TREE.id), encode_changes(diff(TREE, TREE)), "no manifest"),
    ],
)
async def test_what_is_no_tree_is_refused(book: ManifestBook, announced: Push, row: bytes, told: str) -> None:
    near, far = wires()
    await near.send_bytes([row])
    with pytest.raises(SyncError, match=told):
        await receive_push(far, announced, book, asyncio.Lock())
    assert not book.store.manifests


async def test_contents_that_do_not_come_end_it_after_some_rounds(book: ManifestBook) -> None:
    near, far = wires()
    await near.send_bytes([encode_manifest(TREE)])
    for _ in range(5):
        await near.send_bytes(pack([]))
    with pytest.raises(SyncError, match="did not come") as caught:
        await receive_push(far, Push(TREE.id), book, asyncio.Lock())
    assert "build.ignore" in caught.value.hint and book.read(TREE.id) is None


async def test_a_content_that_nobody_asked_for_is_refused_and_the_row_is_read_to_its_end(
    book: ManifestBook,
) -> None:
    near, far = wires()
    await near.send_bytes([encode_manifest(TREE)])
    await near.send_bytes([*pack([Blob(file_of(b"x").digest, 1, [b"x"])]), b"and more"])
    await near.send(calls.Hello())
    with pytest.raises(SyncError, match="nobody asked for"):
        await receive_push(far, Push(TREE.id), book, asyncio.Lock())
    assert await far.receive(calls.REQUEST) == calls.Hello()


async def test_a_full_store_is_told_and_the_connection_stays_usable(tmp_path: Path) -> None:
    book = open_book(tmp_path, limit=50)
    near, far = wires()
    tree = tree_of({"big": b"x" * 100_000})
    await near.send_bytes([encode_manifest(tree)])
    await near.send_bytes(pack([Blob(one, 100_000, [b"x" * 100_000]) for one in tree.digests]))
    await near.send(calls.Hello())
    with pytest.raises(StoreFullError):
        await receive_push(far, Push(tree.id), book, asyncio.Lock())
    assert await far.receive(calls.REQUEST) == calls.Hello()


async def test_what_came_before_the_connection_broke_is_not_asked_for_again(book: ManifestBook) -> None:
    near, far = wires()
    await near.send_bytes([encode_manifest(TREE)])
    for piece in blobs({"app.py": SOURCES["app.py"]}, TREE.digests):
        await near.send_chunk(piece)
    near._stream.close()  # type: ignore[attr-defined]
    with pytest.raises(LostError):
        await receive_push(far, Push(TREE.id), book, asyncio.Lock())
    assert file_of(SOURCES["app.py"]).digest not in book.store.missing(TREE.digests)
