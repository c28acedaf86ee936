"""One connection to an agent: requests out, what is said to them into their mailboxes.

Whoever reads must not wait for whoever asks, so mailboxes take what comes at once. Only the output of a
command can be more than its mailbox takes: then reading waits, and with it all other answers, until the
output is taken or nobody wants it any more. Writing has a task of its own, so that a request that is
cancelled never leaves half a frame behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Protocol, TypeVar

from alcove.agents import frames
from alcove.agents.errors import AgentError, FramingError, LostError, RefusedError
from alcove.agents.frames import Frame
from alcove.agents.messages import (
    TO_HUB,
    VERSION,
    AgentHello,
    CommandExited,
    CommandStarted,
    Done,
    Error,
    Failed,
    HubHello,
    Message,
)
from alcove.aio import Background, open_background

_T = TypeVar("_T")

Event = CommandStarted | CommandExited

_MOST_WAITING = 256 * 1024
"""Bytes that wait to be written, but for one message."""
_PIECE = 128 * 1024
"""Of one write: thousands of small messages go together, and one is not larger than what servers take."""
_MOST_EVENTS = 1000
_FLUSH_SECONDS = 5.0


class Stream(Protocol):
    """Bytes both ways (``kube.client.PortStream`` is one)."""

    async def read(self) -> bytes:
        """Give the next bytes, none at the end."""

    async def write(self, content: bytes) -> None:
        """Send; waits while the other side does not read."""


class Mailbox(Protocol):
    """Where what is said to one request goes."""

    async def take(self, message: Message) -> None:
        """Keep it."""

    def lose(self, error: LostError) -> None:
        """Nothing comes any more."""


class Answers:
    """A mailbox to wait at."""

    def __init__(self) -> None:
        """Begin empty."""
        self._queue: asyncio.Queue[Message | LostError] = asyncio.Queue()

    async def take(self, message: Message) -> None:
        """Keep it."""
        self._queue.put_nowait(message)

    def lose(self, error: LostError) -> None:
        """Nothing comes any more."""
        self._queue.put_nowait(error)

    def has_some(self) -> bool:
        """Tell whether ``next`` would give something at once."""
        return not self._queue.empty()

    async def next(self) -> Message:
        """Give the next message."""
        return await _next(self._queue)

    async def value(self) -> int:
        """Give what the request gave, or raise RefusedError."""
        return value_of(await self.next())


class Connection:
    """A connection over which an agent has answered."""

    hello: AgentHello

    def __init__(self, stream: Stream) -> None:
        """Use ``open_connection`` instead."""
        self._stream = stream
        self._decoder = frames.Decoder(TO_HUB)
        self._outgoing = bytearray()
        self._writing = False
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._mailboxes: dict[int, Mailbox] = {}
        self._subscribers: set[asyncio.Queue[Event | LostError]] = set()
        self._last_request = 0
        self._ended = asyncio.Event()
        self.lost: LostError | None = None

    @contextlib.contextmanager
    def request(self, mailbox: Mailbox) -> Iterator[int]:
        """Give a number for a request whose answers go into ``mailbox`` as long as the block lasts."""
        if self.lost is not None:
            raise self.lost
        number = self.next_request()
        self._mailboxes[number] = mailbox
        try:
            yield number
        finally:
            del self._mailboxes[number]

    def next_request(self) -> int:
        """Give a number for a request that nobody waits for."""
        self._last_request = self._last_request % 0xFFFFFFFF + 1
        return self._last_request

    async def send(self, request: int, message: Message) -> None:
        """Have a message written after those before it; waits while there are many.

        Raises:
            ValueError: it cannot be said in a frame.
            LostError: nothing can be said any more.
        """
        frame = frames.encode(message, request)
        while len(self._outgoing) >= _MOST_WAITING and self.lost is None:
            self._room.clear()
            await self._room.wait()
        if self.lost is not None:
            raise self.lost
        self._outgoing += frame
        self._due.set()

    def events(self) -> AsyncGenerator[Event, None]:
        """Yield events from now on."""
        queue: asyncio.Queue[Event | LostError] = asyncio.Queue(_MOST_EVENTS)
        if self.lost is not None:
            queue.put_nowait(self.lost)
        self._subscribers.add(queue)
        return self._events(queue)

    async def wait_lost(self) -> LostError:
        """Return when the connection has ended, and say how."""
        while self.lost is None:
            await self._ended.wait()
        return self.lost

    def lose(self, error: LostError) -> None:
        """End every request with ``error``, and every one to come; the first error stays."""
        if self.lost is not None:
            return
        self.lost = error
        self._ended.set()
        self._room.set()
        for mailbox in self._mailboxes.values():
            mailbox.lose(error)
        for subscriber in self._subscribers:
            _put(subscriber, error)

    async def begin(self, session: str, tasks: Background) -> None:
        """Exchange greetings, and serve from then on."""
        with _translated():
            await self._stream.write(frames.encode(HubHello(VERSION, session)))
        received: list[Frame] = []
        while not received:
            received = await self._receive()
        first = received[0].message
        if isinstance(first, Error):
            raise LostError(first.text)
        if not isinstance(first, AgentHello) or first.version != VERSION:
            raise FramingError("the other side is no agent that we understand")
        self.hello = first
        tasks.start(self._read(received[1:]), name="read")
        tasks.start(self._write(), name="write")

    async def flush(self) -> None:
        """Have all that was sent written, or give it up after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                while (self._outgoing or self._writing) and self.lost is None:
                    self._room.clear()
                    await self._room.wait()

    async def _read(self, received: list[Frame]) -> None:
        try:
            while True:
                for request, message in received:
                    await self._take(request, message)
                received = await self._receive()
        except LostError as error:
            self.lose(error)

    async def _write(self) -> None:
        try:
            while True:
                await self._due.wait()
                while self._outgoing:
                    self._writing = True
                    piece = bytes(self._outgoing[:_PIECE])
                    del self._outgoing[:_PIECE]
                    with _translated():
                        await self._stream.write(piece)
                    self._writing = False
                    self._room.set()
                self._due.clear()
        except LostError as error:
            self.lose(error)

    async def _receive(self) -> list[Frame]:
        with _translated():
            content = await self._stream.read()
        if not content:
            middle = "" if self._decoder.is_between() else " in the middle of a message"
            raise LostError(f"the connection ended{middle}")
        return self._decoder.feed(content)

    async def _take(self, request: int, message: Message) -> None:
        if isinstance(message, CommandStarted | CommandExited):
            for subscriber in self._subscribers:
                _put(subscriber, message)
        elif isinstance(message, Error):
            raise LostError(message.text)
        elif request in self._mailboxes:
            await self._mailboxes[request].take(message)

    async def _events(self, queue: asyncio.Queue[Event | LostError]) -> AsyncGenerator[Event, None]:
        try:
            while True:
                yield await _next(queue)
        finally:
            self._subscribers.discard(queue)


@contextlib.asynccontextmanager
async def open_connection(stream: Stream, session: str, *, timeout: float) -> AsyncIterator[Connection]:
    """Speak to the agent at the other end of ``stream``, which stays the caller's to close.

    Raises:
        LostError: nobody answers within ``timeout`` seconds, or it is the agent of another session.
    """
    connection = Connection(stream)
    failure: BaseException | None = None
    async with open_background(name="agent") as tasks:
        # Errors of the block go around the group, which would wrap them.
        try:
            async with _deadline(timeout):
                await connection.begin(session, tasks)
            yield connection
            await connection.flush()
        except (Exception, asyncio.CancelledError) as error:
            failure = error
        finally:
            connection.lose(LostError("it was closed"))
    if failure is not None:
        raise failure


def value_of(answer: Message) -> int:
    """Give what a request gave.

    Raises:
        RefusedError: it gave nothing.
    """
    if isinstance(answer, Done):
        return answer.value
    if isinstance(answer, Failed):
        raise RefusedError(answer.path, answer.reason)
    raise FramingError(f"{type(answer).__name__} is no answer to what was asked")


def _put(queue: asyncio.Queue[Event | LostError], item: Event | LostError) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)


async def _next(queue: asyncio.Queue[_T | LostError]) -> _T:
    item = await queue.get()
    if isinstance(item, LostError):
        queue.put_nowait(item)
        raise item
    return item


@contextlib.asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise LostError(f"no answer within {seconds:g} s") from error


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what a stream raises into LostError; cancellation passes."""
    try:
        yield
    except AgentError:
        raise
    except Exception as error:
        raise LostError(str(error) or type(error).__name__) from error
