"""Log files: rotated, read, followed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alcove.embedded.kubelet.logfiles import ContainerLog, OutputPump, read_files, remove_log
from alcove.embedded.kubelet.loglines import Selection, log_stamp
from alcove.embedded.ports import LogQuery

NOW = 1_700_000_000.0


def line(text: str) -> bytes:
    return log_stamp(NOW) + b" stdout F " + text.encode() + b"\n"


def read(path: Path, following: ContainerLog | None = None, **query: Any) -> AsyncIterator[bytes]:
    asked = LogQuery(**query)
    return read_files(path, Selection(asked, NOW), tail=asked.tail_lines, following=following)


async def content(path: Path, **query: Any) -> bytes:
    return b"".join([piece async for piece in read(path, **query)])


def written(path: Path, count: int, rotate_at: int = 1 << 20) -> ContainerLog:
    log = ContainerLog(path, rotate_at=rotate_at)
    for number in range(count):
        log.write(line(str(number)))
    return log


async def test_set_aside_files_are_read_first(tmp_path: Path) -> None:
    written(tmp_path / "0.log", 10, rotate_at=150).close()
    assert (tmp_path / "0.log.1").exists()
    assert await content(tmp_path / "0.log") == b"".join(b"%d\n" % number for number in range(10))


async def test_only_a_few_files_are_kept(tmp_path: Path) -> None:
    written(tmp_path / "0.log", 100, rotate_at=150).close()
    assert len(list(tmp_path.iterdir())) == 5
    assert (await content(tmp_path / "0.log")).endswith(b"98\n99\n")


@pytest.mark.parametrize("rotate_at", [150, 1 << 20])
@pytest.mark.parametrize("tail", [0, 1, 3, 9, 10, 50])
async def test_the_tail_is_counted_from_the_end(tmp_path: Path, tail: int, rotate_at: int) -> None:
    written(tmp_path / "0.log", 10, rotate_at).close()
    last = range(10)[10 - min(tail, 10) :]
    assert await content(tmp_path / "0.log", tail_lines=tail) == b"".join(b"%d\n" % n for n in last)


async def test_the_tail_of_a_large_file_is_found(tmp_path: Path) -> None:
    written(tmp_path / "0.log", 20000).close()
    assert await content(tmp_path / "0.log", tail_lines=15000) == b"".join(
        b"%d\n" % n for n in range(5000, 20000)
    )


async def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert await content(tmp_path / "0.log") == b""


async def test_a_reader_follows_through_rotations_to_the_end(tmp_path: Path) -> None:
    log = written(tmp_path / "0.log", 2, rotate_at=150)
    async with asyncio.TaskGroup() as group:

        async def follow() -> bytes:
            return b"".join([piece async for piece in read(log.path, log)])

        following = group.create_task(follow())
        for number in range(2, 12):
            await asyncio.sleep(0)
            log.write(line(str(number)))
        log.close()
    assert following.result() == b"".join(b"%d\n" % number for number in range(12))


async def test_a_reader_stops_at_its_limit(tmp_path: Path) -> None:
    log = written(tmp_path / "0.log", 3)
    pieces = [piece async for piece in read(log.path, log, limit_bytes=3)]
    log.close()
    assert b"".join(pieces) == b"0\n1"


async def test_what_is_written_after_the_end_is_dropped(tmp_path: Path) -> None:
    log = written(tmp_path / "0.log", 1)
    log.close()
    log.write(line("late"))
    assert await content(log.path) == b"0\n"


def test_a_log_is_removed_with_what_was_set_aside(tmp_path: Path) -> None:
    written(tmp_path / "0.log", 100, rotate_at=150).close()
    remove_log(tmp_path / "0.log")
    assert list(tmp_path.iterdir()) == []


async def test_output_is_moved_into_the_log(tmp_path: Path) -> None:
    log = ContainerLog(tmp_path / "0.log")
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    pump = OutputPump(log, [("stdout", out), ("stderr", err)], lambda: NOW)
    for end, text in ((out_end, b"to out\n"), (err_end, b"to err, unfinished")):
        os.write(end, text)
        os.close(end)
    await pump.drain()
    pump.close()
    assert b" stdout F to out\n" in log.path.read_bytes()
    assert b" stderr P to err, unfinished\n" in log.path.read_bytes()


async def test_a_writer_waits_while_nobody_reads(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 4096)
    log = ContainerLog(tmp_path / "0.log")
    pump = OutputPump(log, [("stdout", read_end)], lambda: NOW)
    os.close(write_end)
    await pump.drain()
    pump.close()
    assert len(await content(log.path)) == 65536
