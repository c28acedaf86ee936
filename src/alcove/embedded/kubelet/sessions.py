"""A command beside a container's process, as ``kubectl exec`` drives it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import os
import signal
import struct
import termios
from collections.abc import AsyncIterator, Iterable

from alcove import aio
from alcove.embedded.kubelet import pipes
from alcove.embedded.kubelet.runs import Run
from alcove.embedded.ports import ExecRequest, ExitStatus, Launcher, Process, StartError


class _NeverStarted:
    """Stands for a process that could not be started."""

    pid = 0

    def __init__(self, why: str) -> None:
        self._why = why

    async def wait(self) -> ExitStatus:
        return ExitStatus(127, message=self._why)

    def kill(self, signal: int) -> None:
        pass


class RunningSession:
    """Implements ``ports.ExecSession``."""

    def __init__(self, process: Process, *, stdin: int | None, outputs: dict[int, int], tty: bool) -> None:
        """Own ``stdin`` and ``outputs`` (stream number: descriptor), which do not block."""
        self._process = process
        self._stdin = stdin
        self._outputs = outputs
        self._tty = tty
        self._ended = False
        self._news = asyncio.Event()

    async def write_stdin(self, content: bytes) -> None:
        """Pass input on; waits while the process does not read."""
        if self._stdin is not None:
            with contextlib.suppress(OSError):
                await pipes.write_all(self._stdin, content)

    async def close_stdin(self) -> None:
        """Tell the process that no more comes."""
        if self._stdin is None:
            return
        if self._tty:
            await self.write_stdin(b"\x04")
        else:
            pipes.close_quietly(self._stdin)
        self._stdin = None

    def resize(self, columns: int, rows: int) -> None:
        """Set the terminal's size."""
        if self._tty:
            size = struct.pack("HHHH", rows & 0xFFFF, columns & 0xFFFF, 0, 0)
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._outputs[1], termios.TIOCSWINSZ, size)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 stdout or 2 stderr, content) until both have ended.

        What the process leaves running may keep its streams open; that is not waited for.
        """
        live = dict(self._outputs)
        while live:
            ended, idle = self._ended, True
            for stream, descriptor in list(live.items()):
                content = pipes.read_now(descriptor)
                if content:
                    idle = False
                    yield stream, content
                elif content is not None:
                    del live[stream]
            if idle and live:
                if ended:
                    return
                await self._until_news(live.values())

    async def _until_news(self, descriptors: Iterable[int]) -> None:
        loop = asyncio.get_running_loop()
        self._news.clear()
        if self._ended:
            return
        for descriptor in descriptors:
            loop.add_reader(descriptor, self._news.set)
        try:
            await self._news.wait()
        finally:
            for descriptor in descriptors:
                loop.remove_reader(descriptor)

    async def note_end(self) -> None:
        """Wait for the process's end and have ``output`` come to its own."""
        await self._process.wait()
        self._ended = True
        self._news.set()

    async def wait(self) -> ExitStatus:
        """Wait for the process's end."""
        return await self._process.wait()

    def close(self) -> None:
        """End the process and what it started, unless it has ended by itself, and close what it owns."""
        if not self._ended:
            # It leads a session of its own; the group is asked for so that no other can be meant.
            with contextlib.suppress(OSError):
                if self._process.pid > 1 and os.getpgid(self._process.pid) == self._process.pid:
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill(signal.SIGKILL)
        # A terminal is one descriptor for both directions.
        owned = {*self._outputs.values(), *(() if self._stdin is None else (self._stdin,))}
        pipes.close_quietly(*owned)


@contextlib.asynccontextmanager
async def open_session(launcher: Launcher, run: Run, request: ExecRequest) -> AsyncIterator[RunningSession]:
    """Start the command of ``request`` beside the process of ``run`` and end it with the block.

    A command that cannot be started is a session that ends at once, with the reason as its status's message.
    """
    environment = {**run.spec.environment, **({"TERM": "xterm"} if request.tty else {})}
    spec = dataclasses.replace(run.spec, argv=request.command, tty=request.tty, environment=environment)
    ours, theirs = _open_terminal(request) if request.tty else _open_pipes(request)
    try:
        stdin, stdout, stderr = theirs
        process: Process = await launcher.start_beside(
            run.id, spec, stdin=stdin, stdout=stdout, stderr=stderr
        )
    except StartError as error:
        pipes.close_quietly(*set(ours.values()))
        ours, process = {}, _NeverStarted(str(error))
    except BaseException:
        pipes.close_quietly(*set(ours.values()))
        raise
    finally:
        pipes.close_quietly(*{descriptor for descriptor in theirs if descriptor is not None})
    for descriptor in ours.values():
        os.set_blocking(descriptor, False)
    stdin = ours.pop(0, None)
    session = RunningSession(process, stdin=stdin, outputs=ours, tty=request.tty)
    async with aio.open_background(name="exec") as background:
        background.start(session.note_end(), name="end")
        try:
            yield session
        finally:
            session.close()


def _open_terminal(request: ExecRequest) -> tuple[dict[int, int], tuple[int, int, int]]:
    reading, writing = os.openpty()
    ours = {0: reading, 1: reading} if request.stdin else {1: reading}
    return ours, (writing, writing, writing)


def _open_pipes(request: ExecRequest) -> tuple[dict[int, int], tuple[int | None, int, int]]:
    ours: dict[int, int] = {}
    stdin: int | None = None
    if request.stdin:
        stdin, ours[0] = os.pipe()
    ours[1], stdout = os.pipe()
    ours[2], stderr = os.pipe()
    return ours, (stdin, stdout, stderr)
