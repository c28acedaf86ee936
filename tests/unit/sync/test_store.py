"""Contents on the disk: whole or not at all, bounded, checked."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.sync.worlds import digest_of, file_of

from alcove.sync.errors import MissingBlobError, StoreFullError, SyncError
from alcove.sync.manifest import Manifest
from alcove.sync.store import Store

ONE, TWO = b"one", b"two" * 1000
A, B = digest_of(ONE), digest_of(TWO)


def blob_path(store: Store, digest: str) -> Path:
    return store.directory / "blobs" / digest[:2] / digest[2:]


def drafts(store: Store) -> list[Path]:
    return list((store.directory / "drafts").iterdir())


def test_what_was_written_is_read_also_by_the_next_process(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    assert store.missing([A, B, A]) == [A, B]
    store.write(A, [ONE])
    store.write(B, [TWO[:10], TWO[10:]])
    for one in (store, Store(tmp_path, 10**6)):
        assert one.missing([A, B, digest_of(b"")]) == [digest_of(b"")]
        assert (one.read(A), one.read(B), one.size, one.size_of(B)) == (ONE, TWO, 3003, 3000)
    assert not drafts(store)


def test_a_content_with_another_digest_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    with pytest.raises(SyncError, match="announced"):
        store.write(A, [TWO])
    assert store.missing([A]) == [A] and store.size == 0 and not drafts(store)


def test_a_writer_that_gives_up_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield ONE
        raise KeyboardInterrupt

    store = Store(tmp_path, 10**6)
    with pytest.raises(KeyboardInterrupt):
        store.write(A, chunks())
    assert store.size == 0 and not drafts(store)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_only_digests_name_contents(tmp_path: Path, digest: str) -> None:
    store = Store(tmp_path, 10**6)
    for attempt in (lambda: store.write(digest, [ONE]), lambda: store.read(digest)):
        with pytest.raises(SyncError, match="no digest"):
            attempt()


def test_a_full_store_says_how_full_and_what_to_do(tmp_path: Path) -> None:
    store = Store(tmp_path, 2000)
    store.write(A, [ONE])
    with pytest.raises(StoreFullError) as caught:
        store.write(B, [TWO])
    assert "0.0 MB of 0.0 MB" in caught.value.cause and "build.ignore" in caught.value.hint
    assert store.size == 3 and store.read(A) == ONE and not drafts(store)


def test_a_full_disk_is_a_full_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, 10**6)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    for attempt in (
        lambda: store.write(A, [ONE]),
        lambda: store.write_manifest(Manifest({"a": file_of(ONE)})),
    ):
        with pytest.raises(StoreFullError, match="no room"):
            attempt()
    monkeypatch.undo()
    assert store.size == 0 and store.missing([A]) == [A] and not store.manifests and not drafts(store)
    store.write(A, [ONE])


@pytest.mark.root
def test_a_real_full_disk(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        store = Store(tmp_path, 10**9)
        content = bytes(200_000)
        with pytest.raises(StoreFullError, match="no room"):
            store.write(digest_of(content), [content])
        assert store.size == 0 and not drafts(store)
        store.write(A, [ONE])
        assert store.read(A) == ONE
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("damage", [b"", b"onf", b"one more"])
def test_a_damaged_content_is_missing(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path, 10**6)
    store.write(A, [ONE])
    blob_path(store, A).write_bytes(damage)
    with pytest.raises(MissingBlobError) as caught:
        store.read(A)
    assert caught.value.digest == A and store.missing([A]) == [A] and store.size == 0
    store.write(A, [ONE])
    assert store.read(A) == ONE


def test_a_content_that_somebody_removed_is_missing(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    store.write(A, [ONE])
    blob_path(store, A).unlink()
    with pytest.raises(MissingBlobError):
        store.read(A)
    assert store.missing([A]) == [A]


def test_manifests_are_kept_by_their_ids(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    manifest = Manifest({"a": file_of(ONE)})
    name = store.write_manifest(manifest)
    assert name == manifest.id and store.write_manifest(manifest) == name
    again = Store(tmp_path, 10**6)
    assert again.manifests == [name] and again.read_manifest(name) == manifest
    assert again.read_manifest("0" * 64) is None and again.read_manifest("../x") is None
    (tmp_path / "manifests" / name).write_bytes(b"damaged")
    assert again.read_manifest(name) is None and again.manifests == []


def test_collecting_keeps_what_manifests_need(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    kept, old = Manifest({"a": file_of(ONE)}), Manifest({"b": file_of(TWO)})
    for content in (ONE, TWO):
        store.write(digest_of(content), [content])
    for manifest in (kept, old):
        store.write_manifest(manifest)
    before = store.size
    freed = store.collect([kept])
    assert store.missing([A, B]) == [B] and store.manifests == [kept.id]
    assert before - store.size == freed > len(TWO)
    assert store.size == Store(tmp_path, 10**6).size


def test_collecting_for_room_removes_the_oldest_first(tmp_path: Path) -> None:
    contents = [bytes([n]) * 100 for n in range(10)]
    store = Store(tmp_path, 1000)
    for n, content in enumerate(contents):
        store.write(digest_of(content), [content])
        os.utime(blob_path(store, digest_of(content)), ns=(n, n))
    digests = [digest_of(one) for one in contents]
    store = Store(tmp_path, 1000)
    assert store.collect([Manifest({"x": file_of(contents[0])})], room=250) == 300
    assert store.missing(digests) == digests[1:4]
    store.write(B[:0] + digest_of(b"x" * 250), [b"x" * 250])


def test_what_does_not_belong_there_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "blobs/aa").mkdir(parents=True)
    (tmp_path / "blobs/aa/readme").write_text("x")
    (tmp_path / "blobs/lost+found").mkdir()
    assert Store(tmp_path, 10).size == 0


def test_a_killed_process_leaves_only_whole_contents(tmp_path: Path) -> None:
    script = (
        "import hashlib, sys; from pathlib import Path; from alcove.sync.store import Store\n"
        "store = Store(Path(sys.argv[1]), 10**9)\n"
        "for n in range(10**6):\n"
        "    content = n.to_bytes(4, 'big') * 5000\n"
        "    store.write(hashlib.sha256(content).hexdigest(), [content[:9000], content[9000:]])\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    store = Store(tmp_path, 10**9)
    written = [digest_of(n.to_bytes(4, "big") * 5000) for n in range(20)]
    assert not store.missing(written) and not drafts(store)
    for digest in store._sizes.copy():
        assert len(store.read(digest)) == 20000


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SyncError, match="cannot be used"):
        Store(tmp_path / "file" / "store", 10)
