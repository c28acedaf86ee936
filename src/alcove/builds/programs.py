"""Runs other programs: to their end, or line by line; what is no longer wanted ends with all its children."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alcove.errors import UnavailableError

_PIECE = 1 << 16
_LONGEST_LINE = 1 << 16
"""Characters; what is longer is told in pieces."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended."""

    code: int
    output: bytes
    errors: str
    """What it wrote to stderr."""


class Programs(Protocol):
    """What can be run."""

    async def finish(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: AsyncIterator[bytes] | None = None,
    ) -> Finished:
        """Run to the end; ``env`` is added to what this process has.

        Raises:
            UnavailableError: there is no such program.
        """

    def follow(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> AsyncGenerator[str | int, None]:
        """Yield the lines of stdout and stderr as they come, then the exit code.

        Closed early, it is killed with all its children.
        """


class RealPrograms:
    """The programs of this machine."""

    async def finish(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: AsyncIterator[bytes] | None = None,
    ) -> Finished:
        """Run to the end."""
        async with _started(argv, env, stdin=stdin is not None, merged=False) as process:
            async with asyncio.TaskGroup() as group:
                output = group.create_task(_read_all(process.stdout), name="stdout")
                errors = group.create_task(_read_all(process.stderr), name="stderr")
                if stdin is not None:
                    group.create_task(_feed(process.stdin, stdin), name="stdin")
            code = await process.wait()
            return Finished(code, output.result(), errors.result().decode(errors="replace"))

    async def follow(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> AsyncGenerator[str | int, None]:
        """Yield lines, then the exit code."""
        async with _started(argv, env, stdin=False, merged=True) as process:
            lines = Lines()
            while piece := await _require(process.stdout).read(_PIECE):
                for line in lines.feed(piece):
                    yield line
            for line in lines.end():
                yield line
            yield await process.wait()


class Lines:
    """Bytes made into lines of text."""

    def __init__(self) -> None:
        """Begin at the beginning of a line."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, content: bytes) -> list[str]:
        """Give the lines that are whole now."""
        *whole, self._rest = (self._rest + self._decoder.decode(content)).split("\n")
        while len(self._rest) > _LONGEST_LINE:
            whole.append(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]
        return [_overwritten(line) for line in whole]

    def end(self) -> list[str]:
        """Give what has no end of a line."""
        rest, self._rest = self._rest, ""
        return [_overwritten(rest)] if rest else []


def _overwritten(line: str) -> str:
    """Give what a terminal would show of a line that begins anew, as bars of progress do."""
    return line.rstrip("\r").rpartition("\r")[2]


@contextlib.asynccontextmanager
async def _started(
    argv: Sequence[str], env: Mapping[str, str] | None, *, stdin: bool, merged: bool
) -> AsyncIterator[asyncio.subprocess.Process]:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**os.environ, **(env or {})},
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if merged else asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise UnavailableError(f"{argv[0]} cannot be run", cause=error.strerror or "") from error
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _require(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    assert stream is not None  # noqa: S101  # it was asked for
    return stream


async def _read_all(stream: asyncio.StreamReader | None) -> bytes:
    return await _require(stream).read()


async def _feed(target: asyncio.StreamWriter | None, content: AsyncIterator[bytes]) -> None:
    assert target is not None  # noqa: S101  # it was asked for
    with contextlib.suppress(ConnectionError):  # it ended without reading all: its exit code says why
        async for piece in content:
            target.write(piece)
            await target.drain()
        target.close()
        await target.wait_closed()
