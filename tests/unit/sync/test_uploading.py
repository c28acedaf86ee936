"""Contents on their way."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sync.worlds import digest_of, make_files, select

from alcove.sync.errors import StoreFullError, SyncError
from alcove.sync.scanning import scan
from alcove.sync.store import Store
from alcove.sync.uploading import (
    LARGEST_PIECE,
    Begun,
    Blob,
    ChangedFileError,
    Ended,
    Part,
    Receiver,
    Unpacker,
    pack,
    read_blobs,
)

CONTENTS = st.lists(st.binary(max_size=300) | st.integers(0, 3).map(lambda n: bytes(n * 150_000)), max_size=6)


def blobs_of(contents: list[bytes]) -> list[Blob]:
    return [Blob(digest_of(one), len(one), [one[:7], one[7:]]) for one in contents]


def expected_of(contents: list[bytes]) -> dict[str, int]:
    return {digest_of(one): len(one) for one in contents}


@given(CONTENTS, st.integers(1, 50_000))
def test_contents_arrive_in_whatever_portions(contents: list[bytes], portion: int) -> None:
    packed = b"".join(pack(blobs_of(contents)))
    unpacker = Unpacker(expected_of(contents))
    arrived: list[bytes] = []
    ended: list[str] = []
    for start in range(0, len(packed), portion):
        for event in unpacker.receive(packed[start : start + portion]):
            if isinstance(event, Begun):
                arrived.append(b"")
            elif isinstance(event, Part):
                arrived[-1] += event.content
            else:
                ended.append(event.digest)
    assert arrived == contents and unpacker.ended
    assert ended == [digest_of(one) for one in contents]


@given(st.binary(max_size=80) | st.lists(st.integers(0, 3)).map(bytes))
def test_random_bytes_are_refused(content: bytes) -> None:
    with contextlib.suppress(SyncError):
        Unpacker({}).receive(content)


@given(CONTENTS, st.data())
def test_a_changed_byte_raises_nothing_else(contents: list[bytes], data: st.DataObject) -> None:
    packed = bytearray(b"".join(pack(blobs_of(contents))))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(SyncError):
        Unpacker(expected_of(contents)).receive(bytes(packed))


def piece(kind: int, content: bytes, raw: int) -> bytes:
    return struct.pack(">BII", kind, len(content), raw) + content


@pytest.mark.parametrize(
    "received",
    [
        piece(2, zlib.compress(bytes(1 << 24)), 1 << 20),
        piece(2, zlib.compress(bytes(100)), 50),
        piece(2, zlib.compress(bytes(100)), 200),
        piece(2, b"damaged", 100),
        piece(1, b"x" * 10, 11),
        piece(1, b"", 0),
        piece(7, b"x", 1),
        struct.pack(">BII", 1, LARGEST_PIECE + 1, LARGEST_PIECE + 1),
        struct.pack(">BII", 0, 0, 0) + b"more",
        piece(1, bytes(32), 32) + struct.pack(">BII", 0, 0, 0),
        piece(1, bytes(32) + struct.pack(">Q", 1 << 50), 40),
    ],
)
def test_bombs_and_lies_are_refused(received: bytes) -> None:
    with pytest.raises(SyncError):
        Unpacker({"00" * 32: 5}).receive(received)


def test_nothing_comes_after_the_end() -> None:
    unpacker = Unpacker({})
    unpacker.receive(b"".join(pack([])))
    with pytest.raises(SyncError):
        unpacker.receive(b"x")


def test_small_files_share_a_piece_and_noise_is_not_compressed() -> None:
    small = [f"content {n}".encode() for n in range(2000)]
    assert len(list(pack(blobs_of(small)))) == 2
    text, noise = bytes(1_000_000), os.urandom(1_000_000)
    assert len(b"".join(pack(blobs_of([text])))) < 10_000
    assert len(b"".join(pack(blobs_of([noise])))) < 1_000_200


@pytest.mark.parametrize("size", [0, 2, 4])
def test_a_content_must_have_the_size_that_it_says(size: int) -> None:
    with pytest.raises(SyncError, match="size"):
        list(pack([Blob("00" * 32, size, [b"123"])]))


def test_files_go_to_the_store_and_an_upload_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    make_files(tmp_path / "p", {f"d/f{n}": str(n) * 200 for n in range(300)} | {"big": os.urandom(2_000_000)})
    selection = select(tmp_path / "p")
    manifest = scan(selection).manifest
    store = Store(tmp_path / "store", 10**8)
    packed = b"".join(pack(read_blobs(manifest, store.missing(manifest.digests), selection.absolute)))
    with Receiver(store, manifest.digests) as receiver:
        receiver.add(packed[: len(packed) // 2])
        assert not receiver.ended
    missing = store.missing(manifest.digests)
    assert 0 < len(missing) < 301 and not list((store.directory / "drafts").iterdir())
    sizes = {one: manifest.digests[one] for one in missing}
    with Receiver(store, sizes) as receiver:
        stored = [
            one
            for chunk in pack(read_blobs(manifest, missing, selection.absolute))
            for one in receiver.add(chunk)
        ]
        assert receiver.ended
    assert sorted(stored) == sorted(missing) and not store.missing(manifest.digests)
    assert store.size == sum(manifest.digests.values())


@pytest.mark.parametrize("change", ["other", "longer than it was", "", None])
def test_a_file_that_changed_before_it_was_sent_is_named(tmp_path: Path, change: str | None) -> None:
    make_files(tmp_path, {"a": "first"})
    selection = select(tmp_path)
    manifest = scan(selection).manifest
    if change is None:
        (tmp_path / "a").unlink()
    else:
        make_files(tmp_path, {"a": change})
    with pytest.raises(ChangedFileError) as caught:
        list(pack(read_blobs(manifest, manifest.digests, selection.absolute)))
    assert caught.value.path == "a"


def test_a_content_that_is_not_what_was_announced_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    packed = b"".join(pack([Blob("00" * 32, 3, [b"abc"])]))
    with pytest.raises(SyncError, match="announced"), Receiver(store, {"00" * 32: 3}) as receiver:
        receiver.add(packed)
    assert store.size == 0 and not list((tmp_path / "drafts").iterdir())


def test_a_store_without_room_ends_the_upload(tmp_path: Path) -> None:
    store = Store(tmp_path, 10)
    content = bytes(100)
    with pytest.raises(StoreFullError), Receiver(store, expected_of([content])) as receiver:
        receiver.add(b"".join(pack(blobs_of([content]))))
    assert store.size == 0


def test_events_say_what_they_are_about() -> None:
    events = Unpacker(expected_of([b""])).receive(b"".join(pack(blobs_of([b""]))))
    assert events == [Begun(digest_of(b""), 0), Ended(digest_of(b""))]
