"""The whole run, in its order: ``up``, saves, restarts, ``up`` again; then the others on the same tree."""

from __future__ import annotations

import asyncio
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.up import figures, memory, peers, saves, trees, uploads
from benchmarks.up.desk import Desk, Follower, Page, open_desk
from benchmarks.up.trees import Tree

FILES, MEGABYTES, SAVES = 50_000, 500, 200
_RESTARTS, _UPS, _STARTS = 20, 5, 10
_WHOLE_TREES = 20
_DEFAULT_DELAY, _LOWEST_DELAY = 10, 1
"""Seconds; Debian's Syncthing takes whole ones."""
_PATIENT_SAVES, _DEFAULT_SAVES = 40, 5
_BARE = 300 << 20


def main(files: int = FILES, megabytes: int = MEGABYTES, count: int = SAVES) -> None:
    """Measure everything and print it."""
    _install()
    # Who is started in the background ignores Ctrl+C, and so would every command that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="alcove-bench-") as name:
        home = Path(name)
        with open_desk(home) as desk:
            trees.make_project(desk.project)
            desk.alcove("prep", "--public", str(desk.project))
            tree = trees.make_tree(desk.project, files=files, size=megabytes * 1_000_000)
            print(f"up: a project of {tree.files} files, {tree.size / 1e6:.0f} MB, on the embedded cluster")
            copies = _measure_alcove(desk, tree, count)
        _measure_peers(desk.project, home, copies, count)


def _measure_alcove(desk: Desk, tree: Tree, count: int) -> Sequence[float]:
    marks = desk.home / "first"
    with desk.up(probe=marks) as follower, _watching(desk, follower) as peaks:
        _open(follower)
        first = time.monotonic() - follower.began
    upload = uploads.read_upload(marks)
    built = {name: follower.phase(name) for name in ("sync", "install", "build", "start")}
    copies = _measure_saves(desk, count)
    figures.title("upload")
    again = desk.home / "again"
    with desk.up(probe=again) as follower:
        _open(follower)
    bare = asyncio.run(uploads.measure_connection(desk, min(_BARE, tree.size)))
    rsync = peers.copy_tree(desk.project, desk.home / "copy")
    uploads.print_upload(tree, upload, uploads.read_upload(again), rsync=rsync, bare=bare)
    _print_peaks("first up", peaks)
    _measure_ups(desk, first, built)
    return copies


def _measure_saves(desk: Desk, count: int) -> Sequence[float]:
    figures.title("saves")
    with desk.up() as follower:
        page = _open(follower)
        saves.save_often(desk, follower, 5, first=1)
        with _watching(desk, follower) as peaks:
            made = saves.save_often(desk, follower, count, first=100)
        copies = saves.measure_copies(page, made)
        saves.print_saves(copies)
        _print_peaks("saves", peaks)
        restarts = saves.measure_restarts(desk, page, _RESTARTS)
        saves.print_restarts(restarts, saves.measure_own_start(desk, page, _STARTS))
    figures.title("where the time of a save goes (p50 / p99)")
    marks = desk.home / "marks"
    with desk.up(probe=marks) as follower:
        page = _open(follower)
        made = saves.save_often(desk, follower, max(count // 4, 5), first=10_000)
        saves.print_parts(made, saves.measure_copies(page, made), marks)
    return copies


def _measure_ups(desk: Desk, first: float, built: dict[str, float]) -> None:
    figures.title("up")
    own = saves.measure_own_start(desk, desk.entrance(desk.project), _STARTS)
    method = ", ".join(f"{name} {seconds:.1f}" for name, seconds in built.items())
    figures.row("first up, with upload and build", f"{first:.1f} s", method=f"of that: {method} s")
    _measure_unchanged(desk, desk.project, "all files", own)
    small = desk.home / "small"
    trees.make_project(small)
    desk.alcove("prep", "--public", str(small))
    seconds = _up_once(desk, small)
    figures.row("first up of a project of 20 files", f"{seconds:.1f} s", method="hub and builder are there")
    _measure_unchanged(desk, small, "20 files", own)
    began = time.monotonic()
    desk.alcove("down", str(desk.project))
    figures.row("down", f"{time.monotonic() - began:.1f} s", method="with all contents that nobody needs")


def _measure_unchanged(desk: Desk, project: Path, name: str, own: Sequence[float]) -> None:
    begin = statistics.median(own)
    figures.row(
        f"up -d, no change, {name}, p50 / p99",
        figures.spread([_up_once(desk, project) for _ in range(_UPS)]),
        target=f"{1500 + begin * 1000:.0f} ms",
        method=f"{_UPS} times, whole command and a request; 1.5 s + the own start of {begin * 1000:.0f} ms",
    )


def _up_once(desk: Desk, project: Path) -> float:
    outside = desk.entrance(project)
    began = time.monotonic()
    desk.alcove("up", "-d", str(project), "-o", "json")
    outside.until(lambda answer: "version" in answer)
    return time.monotonic() - began


def _measure_peers(project: Path, home: Path, copies: Sequence[float], count: int) -> None:
    figures.title("the same saves by others")
    target = home / "copy"
    peers.copy_tree(project, target)
    whole = peers.save_with_rsync(project, target, min(count, _WHOLE_TREES), first=20_000, one=False)
    _print_peer("rsync -a of the tree, p50 / p99", whole, copies)
    one = peers.save_with_rsync(project, target, count, first=30_000, one=True)
    _print_peer("rsync -a of the one file, p50 / p99", one, copies)
    series = ((_LOWEST_DELAY, min(count, _PATIENT_SAVES)), (_DEFAULT_DELAY, min(count, _DEFAULT_SAVES)))
    for delay, found in peers.save_with_syncthing(project, target, home, first=40_000, series=series):
        _print_peer(f"Syncthing, watcher's delay {delay} s, p50 / p99", found, copies)


def _print_peer(what: str, theirs: Sequence[float], ours: Sequence[float]) -> None:
    ratio = figures.times(ours, theirs)
    figures.row(what, figures.spread(theirs), method=f"{len(theirs)} saves; {ratio} the median of alcove")


def _open(follower: Follower) -> Page:
    """Wait until the service answers at its port."""
    port = follower.wait("ports").told["ports"][0]["local"]
    page = Page(port)
    page.until(lambda answer: "version" in answer)
    return page


def _watching(desk: Desk, follower: Follower) -> _Peaks:
    return _Peaks(desk, follower)


class _Peaks:
    """What the client and the hub hold at most, for a block."""

    def __init__(self, desk: Desk, follower: Follower) -> None:
        self._desk = desk
        self._client = memory.watching(lambda: [follower.process.pid])
        self._hub = memory.watching(lambda: desk.processes("alcove", "hub"))

    def __enter__(self) -> _Peaks:
        self.client = self._client.__enter__()
        self.hub = self._hub.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.__exit__(None, None, None)
        self._client.__exit__(None, None, None)


def _print_peaks(when: str, peaks: _Peaks) -> None:
    for who, peak in (("client", peaks.client), ("hub's pod", peaks.hub)):
        figures.row(
            f"memory of the {who}, {when}",
            str(peak),
            method=f"peak of PSS; of RSS {peak.largest:.0f} MB (largest process of {len(peak.resident)})",
        )


def _install() -> None:
    subprocess.run([Path(__file__).parents[2] / "scripts" / "setup_bench"], check=True)
