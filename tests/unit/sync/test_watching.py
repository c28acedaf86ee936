"""Real events of a real file system, and what happens without them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.sync.worlds import make_files, select
from watchfiles import _rust_notify

from alcove.sync import watching
from alcove.sync.manifest import Changes, File
from alcove.sync.scanning import Scan, scan, update_manifest
from alcove.sync.selection import Selection
from alcove.sync.sifting import Sieve, Sifted
from alcove.sync.watching import Batch, Watch, WatchSettings, open_watch

SLOW_CHECK = WatchSettings(check=3600.0, grace=0.3)
WAIT = 15.0


class Follower:
    """Does with a watch what a client does; ``told`` is what users were told, ``batches`` what woke it."""

    def __init__(self, selection: Selection, watch: Watch, seen: Scan) -> None:
        self.selection = selection
        self.watch = watch
        self.scan = seen
        self.batches: list[Batch] = []

    async def step(self) -> Changes:
        async with asyncio.timeout(WAIT):
            batch = await anext(self.watch)
        self.batches.append(batch)
        rescan = await asyncio.to_thread(
            update_manifest, self.scan, self.selection, batch.changed, whole=batch.whole
        )
        self.scan = rescan.scan
        self.watch.know(rescan.scan)
        self.watch.look_again(rescan.again)
        return rescan.changes

    async def change(self) -> Changes:
        """Give the next changes that are any."""
        while not (changes := await self.step()):
            pass
        return changes

    async def settle(self) -> None:
        """Go on until the manifest is what a whole scan gives."""
        while self.scan.manifest != scan(self.selection).manifest:
            await self.step()


@contextlib.asynccontextmanager
async def follow(
    selection: Selection, *, settings: WatchSettings = SLOW_CHECK, told: list[str] | None = None
) -> AsyncIterator[Follower]:
    seen = scan(selection)
    tell = told.append if told is not None else lambda _: None
    async with open_watch(selection, seen, settings=settings, tell=tell) as watch:
        yield Follower(selection, watch, seen)


async def test_a_save_gives_a_batch_with_its_path(tmp_path: Path) -> None:
    make_files(tmp_path, {"src/a.py": "one", "b": ""})
    async with follow(select(tmp_path)) as follower:
        make_files(tmp_path, {"src/a.py": "two"})
        changes = await follower.change()
        assert set(changes.written) == {"src/a.py"} and follower.batches[-1].changed == {"src/a.py"}


async def test_ignored_paths_do_not_wake(tmp_path: Path) -> None:
    make_files(tmp_path, {".gitignore": "*.log\nout/", "a": "", "out/x": "", "x.log": "", ".git/x": ""})
    async with follow(select(tmp_path, git=True)) as follower:
        make_files(tmp_path, {"out/y": "1", "x.log": "1", ".git/y": "1", "out/d/e": "1"})
        make_files(tmp_path, {"a": "1"})
        assert set((await follower.change()).written) == {"a"}
        assert all(batch.changed | batch.whole <= {"a"} for batch in follower.batches)


async def test_a_save_by_rename(tmp_path: Path) -> None:
    make_files(tmp_path, {"a.py": "one"})
    async with follow(select(tmp_path)) as follower:
        make_files(tmp_path, {".a.py.tmp": "two"})
        (tmp_path / ".a.py.tmp").replace(tmp_path / "a.py")
        while "a.py" not in (await follower.change()).written:
            pass
        await follower.settle()
        assert list(follower.scan.manifest.entries) == ["a.py"]


async def test_the_way_vim_saves_is_one_batch_with_the_final_state(tmp_path: Path) -> None:
    make_files(tmp_path, {"a.py": "one"})
    async with follow(select(tmp_path)) as follower:
        (tmp_path / "4913").touch()
        (tmp_path / "4913").unlink()
        (tmp_path / "a.py").rename(tmp_path / "a.py~")
        await asyncio.to_thread(os.sync)
        make_files(tmp_path, {"a.py": "two"})
        (tmp_path / "a.py~").unlink()
        changes = await follower.change()
        assert set(changes.written) == {"a.py"} and not changes.removed


async def test_deleted_and_created_again_is_a_change(tmp_path: Path) -> None:
    make_files(tmp_path, {"a.py": "one"})
    async with follow(select(tmp_path)) as follower:
        (tmp_path / "a.py").unlink()
        make_files(tmp_path, {"a.py": "three"})
        changes = await follower.change()
        entry = changes.written["a.py"]
        assert isinstance(entry, File) and entry.size == 5 and not changes.removed


async def test_a_deleted_file_is_removed_after_a_moment(tmp_path: Path) -> None:
    make_files(tmp_path, {"a.py": "one", "b": ""})
    async with follow(select(tmp_path)) as follower:
        (tmp_path / "a.py").unlink()
        assert (await follower.change()).removed == ("a.py",)


@pytest.mark.parametrize("most", [256, 3])
async def test_new_directories_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(watching, "_MOST_LATER", most)
    make_files(tmp_path, {"a": ""})
    async with follow(select(tmp_path)) as follower:
        for round_number in range(6):
            make_files(tmp_path, {f"n{round_number}/d/e/f": "1", f"n{round_number}/g": "1"})
            await follower.settle()
            make_files(tmp_path, {f"n{round_number}/d/e/f": "2", f"n{round_number}/d/h": "2"})
            await follower.settle()
        assert len(follower.watch._watchers) <= 2


async def test_a_big_directory_is_renamed_removed_and_made_again(tmp_path: Path) -> None:
    make_files(tmp_path, {f"big/d{n % 20}/f{n}": str(n) for n in range(600)})
    async with follow(select(tmp_path)) as follower:
        (tmp_path / "big").rename(tmp_path / "new")
        await follower.settle()
        make_files(tmp_path, {"new/d3/f3": "changed"})
        await follower.settle()
        shutil.rmtree(tmp_path / "new")
        make_files(tmp_path, {"new/d3/f3": "again"})
        await follower.settle()
        make_files(tmp_path, {"new/d3/f3": "and again", "new/d3/x": ""})
        await follower.settle()


async def test_what_changed_between_scan_and_watch_is_found(tmp_path: Path) -> None:
    make_files(tmp_path, {"a": "one", "d/b": "two", "d/c": ""})
    selection = select(tmp_path)
    seen = scan(selection)
    make_files(tmp_path, {"a": "changed", "d/new": ""})
    (tmp_path / "d/b").unlink()
    async with open_watch(selection, seen, settings=SLOW_CHECK) as watch:
        follower = Follower(selection, watch, seen)
        await follower.settle()


@pytest.mark.parametrize("reason", ["OS file watch limit reached.", "No space left on device (os error 28)"])
async def test_without_watches_the_check_serves_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, reason)

    monkeypatch.setattr(_rust_notify, "RustNotify", fail)
    make_files(tmp_path, {"a": "one", "d/b": "two"})
    told: list[str] = []
    async with follow(
        select(tmp_path), settings=WatchSettings(check_alone=0.05, grace=0.0), told=told
    ) as follower:
        make_files(tmp_path, {"a": "changed", "d/new/x": ""})
        (tmp_path / "d/b").unlink()
        await follower.settle()
    assert len(told) == 1
    assert "0.05 seconds" in told[0] and "fs.inotify.max_user_watches" in told[0]


async def test_a_flood_of_events_has_everything_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, {"a": "one", "b": ""})
    async with follow(select(tmp_path)) as follower:
        await asyncio.to_thread(os.sync)
        monkeypatch.setattr(watching, "_FLOOD", 0)
        monkeypatch.setattr(Sieve, "sift", _only(Sieve.sift, "a"))
        make_files(tmp_path, {"a": "lost", "b": "seen"})
        await follower.settle()


def _only(sift: object, lost: str) -> object:
    """Lose the system's events about a path, and none of the check's."""

    def losing(self: object, events: object, known: object) -> object:
        listed = list(events)  # type: ignore[call-overload]
        kept = [one for one in listed if one[1] != lost] if isinstance(events, set) else listed
        return sift(self, kept, known)  # type: ignore[operator]

    return losing


async def test_paths_are_looked_at_again_when_asked(tmp_path: Path) -> None:
    make_files(tmp_path, {"a": "one"})
    async with follow(select(tmp_path), settings=WatchSettings(check=3600.0, again=0.01)) as follower:
        follower.watch.look_again(["a"])
        await follower.step()
        assert follower.batches[-1].changed == {"a"}


async def test_an_extra_outside_of_the_tree_is_watched(tmp_path: Path) -> None:
    make_files(tmp_path, {"context/a": "", "web/azds.yaml": "", "web/other": ""})
    selection = select(tmp_path / "context", "../web/azds.yaml")
    async with follow(selection) as follower:
        make_files(tmp_path, {"web/other": "x"})
        make_files(tmp_path, {"web/azds.yaml": "x"})
        assert set((await follower.change()).written) == {"web/azds.yaml"}


async def test_batches_that_come_while_nobody_asks_are_one(tmp_path: Path) -> None:
    make_files(tmp_path, {"a": "", "b": ""})
    async with follow(select(tmp_path)) as follower:
        follower.watch._put(Sifted(frozenset("a")))
        follower.watch._put(Sifted(frozenset("b")))
        await follower.step()
        assert follower.batches == [Batch(frozenset("ab"))]
