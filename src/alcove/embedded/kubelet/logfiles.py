"""The log files of containers: written as output comes, rotated, and read while they grow.

The event loop reads a container's pipes itself, one bounded piece at a time, so a container that writes
faster than we do waits in its own ``write``. Readers are woken by the writer, they never poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from alcove.embedded.kubelet.loglines import LineFramer, Selection, log_stamp

logger = logging.getLogger(__name__)

ROTATE_AT = 10 * 1024 * 1024
"""Bytes at which a log file is set aside."""
KEEP = 5
"""Log files kept of one run of a container, the current one included."""

_PIECE = 65536
_DRAIN_SECONDS = 1.0


class ContainerLog:
    """The log of one run of a container, while it is written."""

    def __init__(self, path: Path, *, rotate_at: int = ROTATE_AT) -> None:
        """Write to ``path`` and, set aside, to ``path.1`` and so on."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.generation = 0
        self.closed = False
        self._rotate_at = rotate_at
        self._descriptor = self._open()
        self._size = 0
        self._failed = False
        self._readers: set[asyncio.Event] = set()

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def write(self, content: bytes) -> None:
        """Append whole lines; what does not fit on the disk is lost, which is told once."""
        if not content or self.closed:
            return
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            if not self._failed:
                logger.warning("cannot write %s: %s", self.path, error)
            self._failed = True
        self._size += len(content)
        if self._size >= self._rotate_at:
            self._rotate()
        self._wake()

    def _rotate(self) -> None:
        os.close(self._descriptor)
        for index in range(KEEP - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                rotated(self.path, index - 1).rename(rotated(self.path, index))
        self._descriptor, self._size = self._open(), 0
        self.generation += 1

    def close(self) -> None:
        """End the log: its readers come to their end."""
        if not self.closed:
            self.closed = True
            os.close(self._descriptor)
            self._wake()

    def _wake(self) -> None:
        for reader in self._readers:
            reader.set()

    @contextlib.contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """Give an event that is set by every write while the block runs."""
        event = asyncio.Event()
        self._readers.add(event)
        try:
            yield event
        finally:
            self._readers.discard(event)


def rotated(path: Path, index: int) -> Path:
    """Give where the log file that was set aside ``index`` rotations ago lies."""
    return path.with_name(f"{path.name}.{index}") if index else path


def remove_log(path: Path) -> None:
    """Remove the log of a run that nobody can ask for any more."""
    for index in range(KEEP):
        rotated(path, index).unlink(missing_ok=True)


class OutputPump:
    """Moves what a process writes into its log."""

    def __init__(
        self, log: ContainerLog, streams: Sequence[tuple[str, int]], clock: Callable[[], float]
    ) -> None:
        """Read the descriptors of ``streams`` (name, descriptor) and close them at their end."""
        self._log = log
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._open = {descriptor: LineFramer(name) for name, descriptor in streams}
        self._ended = asyncio.Event()
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
            self._loop.add_reader(descriptor, self._read, descriptor)

    def _read(self, descriptor: int) -> None:
        try:
            content = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return
        except OSError:
            # A terminal whose other side is gone answers EIO instead of an end of file.
            content = b""
        if content:
            self._log.write(self._open[descriptor].feed(content, log_stamp(self._clock())))
        else:
            self._end(descriptor)

    def _end(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        self._log.write(self._open.pop(descriptor).flush(log_stamp(self._clock())))
        if not self._open:
            self._ended.set()

    async def drain(self) -> None:
        """Wait for the last output of a process that has ended, but not for one that still holds its pipe."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._ended.wait()

    def close(self) -> None:
        """Stop reading and end the log."""
        for descriptor in list(self._open):
            self._end(descriptor)
        self._log.close()


async def read_files(
    path: Path, selection: Selection, *, tail: int | None, following: ContainerLog | None
) -> AsyncIterator[bytes]:
    """Yield what ``selection`` shows of a log, oldest first; go on with ``following`` until it is closed."""
    files = [open_file for index in range(KEEP) if (open_file := _open(rotated(path, index)))]
    generation = following.generation if following else 0
    watch: AbstractContextManager[asyncio.Event]
    watch = following.watched() if following else contextlib.nullcontext(asyncio.Event())
    try:
        with watch as changed:
            _seek_tail(files, tail)
            while files:
                changed.clear()
                content = os.read(files[-1], _PIECE)
                if content:
                    if shown := selection.feed(content):
                        yield shown
                    if selection.exhausted:
                        return
                elif len(files) > 1:
                    os.close(files.pop())
                elif following and following.generation > generation:
                    generation = _next_generation(files, following, generation)
                elif following and not following.closed:
                    await changed.wait()
                else:
                    return
    finally:
        for descriptor in files:
            os.close(descriptor)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _next_generation(files: list[int], following: ContainerLog, generation: int) -> int:
    os.close(files.pop())
    for later in range(generation + 1, following.generation + 1):
        found = _open(rotated(following.path, following.generation - later))
        if found is not None:
            files.append(found)
            return later
    return following.generation


def _seek_tail(files: list[int], tail: int | None) -> None:
    """Move to where the last ``tail`` lines begin; ``files`` are newest first, older ones are dropped."""
    if tail is None:
        return
    for position, descriptor in enumerate(files):
        offset, tail = _last_lines(descriptor, tail)
        os.lseek(descriptor, offset, os.SEEK_SET)
        if tail == 0:
            for older in files[position + 1 :]:
                os.close(older)
            del files[position + 1 :]
            return


def _last_lines(descriptor: int, count: int) -> tuple[int, int]:
    """Give where the last ``count`` lines of a file begin and how many more there should have been."""
    end = os.fstat(descriptor).st_size
    if count == 0:
        return end, 0
    seen = 0
    for start in itertools.count(max(0, end - _PIECE), -_PIECE):
        block = os.pread(descriptor, min(_PIECE, end), max(0, start))
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            seen += 1
            if seen > count:
                return max(0, start) + at + 1, 0
        if start <= 0:
            break
        end = start
    return 0, max(0, count - seen)
