"""What a hub asks of an agent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import TypeVar

from alcove.agents import messages
from alcove.agents.connection import Answers, Connection, Event, Stream, open_connection, value_of
from alcove.agents.errors import ApplyError, LostError
from alcove.agents.messages import AgentHello, Entry, Message
from alcove.agents.operations import Content, Operation, WriteFile
from alcove.agents.running import Running

_T = TypeVar("_T")

_PIECE = 256 * 1024
_MOST_PATHS = 128 * 1024
"""Bytes of paths in one question."""
_KILL = 9


class AgentClient:
    """An agent that has answered. Every method raises LostError once the connection has ended."""

    def __init__(self, connection: Connection) -> None:
        """Use ``open`` instead."""
        self._connection = connection
        self._batch = asyncio.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, stream: Stream, session: str, *, timeout: float = 10.0) -> AsyncIterator[AgentClient]:
        """Speak to the agent at the other end of ``stream``, which stays the caller's to close.

        Raises:
            LostError: nobody answers within ``timeout`` seconds, or it is the agent of another session.
        """
        async with open_connection(stream, session, timeout=timeout) as connection:
            yield cls(connection)

    @property
    def hello(self) -> AgentHello:
        """What it said of itself at the beginning."""
        return self._connection.hello

    async def apply(
        self, operations: AsyncIterable[Operation] | Iterable[Operation], *, root: str, applied: str
    ) -> None:
        """Change the tree below ``root``; after it the agent says that ``applied`` is what is there.

        Batches of one connection follow each other. A batch that is given up, by an error of its content or
        by cancellation, changes nothing.

        Raises:
            ApplyError: something could not be changed.
        """
        answers = Answers()
        async with self._batch:
            with self._connection.request(answers) as request:
                await self._connection.send(request, messages.Begin(root))
                async for message in _batch(operations):
                    await self._connection.send(request, message)
                    if answers.has_some():
                        break
                else:
                    await self._connection.send(request, messages.Commit(applied))
                answer = await answers.next()
        if isinstance(answer, messages.Failed):
            raise ApplyError(answer.path, answer.reason, partly=answer.partly)

    async def tree(self, root: str, paths: Sequence[str] = ()) -> list[Entry]:
        """Give what is below ``root``, parents first; or what is at ``paths`` below it, also what is missing.

        A root that is missing has nothing in it.

        Raises:
            RefusedError: ``root`` cannot be read.
        """
        entries: list[Entry] = []
        for some in _parts(paths):
            answers = Answers()
            with self._connection.request(answers) as request:
                await self._connection.send(request, messages.Tree(root, some))
                while isinstance(answer := await answers.next(), Entry):
                    entries.append(answer)
            value_of(answer)
        return entries

    @contextlib.asynccontextmanager
    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        workdir: str = "",
        with_input: bool = False,
        with_log: bool = False,
    ) -> AsyncIterator[Running]:
        """Run a command beside the container's; leaving the block kills one that still runs.

        ``env`` is added to the container's; ``workdir`` is the container's when empty. ``with_log`` copies
        the output into the container's log.

        Raises:
            RefusedError: too many run already.
        """
        flags = with_input * messages.WITH_INPUT | with_log * messages.WITH_LOG
        message = messages.Run(tuple(argv), _assignments(env), workdir, flags)
        running = Running()
        with self._connection.request(running) as request:

            async def send(sent: Message) -> None:
                await self._connection.send(request, sent)

            running.send = send
            try:
                await send(message)
                await running.wait_started()
                yield running
            finally:
                if running.discard() and self._connection.lost is None:
                    await send(messages.Signal(_KILL))

    async def stop(self, names: Sequence[str] = (), *, grace: float = 10.0) -> int:
        """End the container's command and all processes with these names; give its code, or minus its signal.

        What has not ended after ``grace`` seconds is killed.
        """
        return await self._ask(messages.Stop(tuple(names), round(grace * 1000)))

    async def start(
        self, argv: Sequence[str] = (), *, env: Mapping[str, str] | None = None, workdir: str = ""
    ) -> int:
        """Start the container's command, ending one that runs; give its process.

        With ``argv`` that is the command from now on, over restarts of the container too; without, it is the
        original one again, with ``env`` added: that of the build's settings, or with ``messages.PLAIN`` what
        the pod or its image says. Process 0 is one that could not be started: the container's log says why.
        """
        return await self._ask(messages.Start(tuple(argv), _assignments(env), workdir))

    async def ping(self) -> None:
        """Return when the agent has answered."""
        await self._ask(messages.Ping())

    def events(self) -> AsyncGenerator[Event, None]:
        """Yield starts and ends of the container's command from now on.

        Who is too slow for a thousand of them loses the oldest.
        """
        return self._connection.events()

    async def wait_lost(self) -> LostError:
        """Return when the connection has ended, and say how."""
        return await self._connection.wait_lost()

    async def log(self, content: bytes) -> None:
        """Write into the log of a container that waits for its image."""
        for start in range(0, len(content), _PIECE):
            message = messages.Log(content[start : start + _PIECE])
            await self._connection.send(self._connection.next_request(), message)

    async def settings(
        self,
        *,
        argv: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        workdir: str = "",
        hold: bool = False,
    ) -> None:
        """Say, before ``built``, how the pod's session containers begin."""
        await self._ask(messages.Settings(tuple(argv), _assignments(env), workdir, hold))

    async def built(self, image: messages.Built) -> None:
        """Say that the image is there: the container that waited for it ends."""
        await self._ask(image)

    async def build_failed(self, text: str) -> None:
        """Say why there is no image; the container goes on waiting."""
        await self._ask(messages.BuildFailed(text))

    async def _ask(self, message: Message) -> int:
        answers = Answers()
        with self._connection.request(answers) as request:
            await self._connection.send(request, message)
            return await answers.value()


def _assignments(env: Mapping[str, str] | None) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in (env or {}).items())


def _parts(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """Cut into what fits into frames; no paths are one part."""
    parts: list[list[str]] = [[]]
    size = 0
    for path in paths:
        if size > _MOST_PATHS:
            parts.append([])
            size = 0
        parts[-1].append(path)
        size += len(path) * 4 + 4
    return [tuple(part) for part in parts]


async def _batch(operations: AsyncIterable[Operation] | Iterable[Operation]) -> AsyncIterator[Message]:
    async for operation in _each(operations):
        if not isinstance(operation, WriteFile):
            yield operation
            continue
        yield messages.File(operation.path, operation.mode, operation.size, operation.digest)
        async for piece in _pieces(operation.content):
            yield messages.Data(piece)


async def _each(items: AsyncIterable[_T] | Iterable[_T]) -> AsyncIterator[_T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _pieces(content: Content) -> AsyncIterator[bytes]:
    """Cut into what fits into frames."""
    async for part in _each((content,) if isinstance(content, bytes) else content):
        for start in range(0, len(part), _PIECE):
            yield part[start : start + _PIECE]
