"""A command that an agent runs for a hub."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from alcove.agents.errors import LostError, RefusedError
from alcove.agents.messages import Exited, Failed, Input, InputEnd, Message, Output, Signal, Started

_MOST_BYTES = 1 << 20
"""Of output that nobody has taken yet; then the connection is not read."""
_PIECE = 256 * 1024
_NOT_STARTED = 125


class Running:
    """A command that ``AgentClient.run`` gives. Methods raise LostError once the connection has ended."""

    pid: int = 0
    """0 when it could not be started: then its output says why, and its code is 125 to 127."""

    send: Callable[[Message], Awaitable[None]]
    """Given by the client."""

    def __init__(self) -> None:
        """Use ``AgentClient.run`` instead."""
        self._output: deque[Output] = deque()
        self._bytes = 0
        self._code: int | None = None
        self._lost: LostError | None = None
        self._refused: RefusedError | None = None
        self._discarded = False
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 stdout or 2 stderr, content) until the command has ended."""
        while True:
            await self._due.wait()
            if self._output:
                taken = self._output.popleft()
                self._bytes -= len(taken.content)
                self._room.set()
                yield taken.stream, taken.content
            elif self._code is not None:
                return
            elif self._lost is not None:
                raise self._lost
            else:
                self._due.clear()

    async def wait(self) -> int:
        """Give the exit code, or minus the signal that ended it; skips what is left of output."""
        while self._code is None:
            async for _ in self.output():
                pass
        return self._code

    async def write(self, content: bytes) -> None:
        """Pass input on, if it was started with input; what it does not read any more is lost."""
        for start in range(0, len(content), _PIECE):
            await self.send(Input(content[start : start + _PIECE]))

    async def close_input(self) -> None:
        """Tell the command that no more comes."""
        await self.send(InputEnd())

    async def signal(self, number: int) -> None:
        """Send a signal to it and its process group; none when it has ended."""
        if self._code is None:
            await self.send(Signal(number))

    # -- for the client

    async def wait_started(self) -> None:
        """Return when it runs, or has failed to."""
        await self._due.wait()
        if self._lost is not None:
            raise self._lost
        if self._refused is not None:
            raise self._refused

    async def take(self, message: Message) -> None:
        """Keep what came; waits while there is too much."""
        if isinstance(message, Output):
            await self._room.wait()
            if self._discarded:
                return
            self._output.append(message)
            self._bytes += len(message.content)
            if self._bytes >= _MOST_BYTES:
                self._room.clear()
        elif isinstance(message, Exited):
            self._code = message.code
        elif isinstance(message, Started):
            self.pid = message.pid
        elif isinstance(message, Failed):
            self._refused = RefusedError(message.path, message.reason)
            self._code = _NOT_STARTED
        self._due.set()

    def lose(self, error: LostError) -> None:
        """Nothing comes any more."""
        self._lost = error
        self._due.set()

    def discard(self) -> bool:
        """Take no more; give whether the command may still run."""
        self._discarded = True
        self._room.set()
        return self._code is None
