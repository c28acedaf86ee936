"""Agents as the hub meets them: the real codec over streams in memory, with the state of a container."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from alcove.agents import frames, messages
from alcove.agents.messages import Message, State
from alcove.kube.errors import UnreachableError

Say = Callable[[Message], None]
Ran = tuple[bytes, bytes, int]
"""What a command printed on stdout and stderr, and its code."""


def _no_command(_run: messages.Run) -> Ran:
    return b"", b"", 0


@dataclass
class Container:
    """A container of which an agent is in charge."""

    session: str
    role: str = "run"
    state: State = State.RUNNING
    applied: str = ""
    workdir: str = "/app"
    files: dict[str, bytes] = field(default_factory=dict)
    """By their absolute paths; a link is ``-> target``."""
    starts: list[tuple[str, ...]] = field(default_factory=list)
    """The commands that were started, with their environment behind."""
    stops: int = 0
    logs: list[bytes] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    settings: messages.Settings | None = None
    run: Callable[[messages.Run], Ran] = _no_command
    breaks_at: type[Message] | None = None
    """The connection breaks when this comes, once, before anything is done."""
    unwritable: str = ""
    """A path that cannot be changed."""
    built: Callable[[messages.Built], Awaitable[None]] | None = None
    """Hears that the image is there."""
    streams: list[AgentStream] = field(default_factory=list)

    def connect(self) -> AgentStream:
        stream = AgentStream(self)
        self.streams.append(stream)
        return stream

    def die(self) -> None:
        """End every connection, as the end of the container does."""
        for stream in self.streams:
            stream.end()
        self.streams.clear()

    def hello(self) -> messages.AgentHello:
        return messages.AgentHello(
            1, self.session, self.role, self.applied, "life", self.state, 7, 0, 0, self.workdir
        )

    def tree(self, root: str, path: str) -> messages.Entry:
        place = f"{root.rstrip('/')}/{path}"
        content = self.files.get(place)
        if content is None:
            is_directory = any(one.startswith(f"{place}/") for one in self.files)
            return messages.Entry(path, "d" if is_directory else "-", 0o755, 0, b"")
        if content.startswith(b"-> "):
            return messages.Entry(path, "l", 0o777, 0, content[3:])
        return messages.Entry(path, "f", 0o644, len(content), hashlib.sha256(content).digest())


class AgentStream:
    """One connection to the agent of a container."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._decoder = frames.Decoder(messages.TO_AGENT)
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._batch: _Batch | None = None
        self._ended = False
        self._running: int | None = None
        self.heard: list[Message] = []

    async def read(self) -> bytes:
        return await self._answers.get()

    async def write(self, content: bytes) -> None:
        for frame in self._decoder.feed(content):
            await asyncio.sleep(0)
            if self._ended:
                raise UnreachableError("the connection was lost")
            self.heard.append(frame.message)
            await self._hear(frame.request, frame.message)

    def end(self) -> None:
        self._ended = True
        self._answers.put_nowait(b"")

    def say(self, message: Message, request: int = 0) -> None:
        self._answers.put_nowait(frames.encode(message, request))

    async def _hear(self, request: int, message: Message) -> None:
        container = self._container
        if container.breaks_at is not None and isinstance(message, container.breaks_at):
            container.breaks_at = None
            self.end()
            return

        def say(answer: Message) -> None:
            self.say(answer, request)

        match message:
            case messages.HubHello(session=session):
                good = session == container.session
                self.say(container.hello() if good else messages.Error("another session"))
            case messages.Begin(root=root):
                self._batch = _Batch(container, root)
            case messages.Commit(applied=applied) if self._batch is not None:
                say(self._batch.commit(applied))
            case messages.Tree(root=root, paths=paths):
                for path in paths:
                    say(container.tree(root, path))
                say(messages.Done())
            case messages.Log(content=content):
                container.logs.append(content)
            case messages.Run():
                self._run(message, say)
            case messages.Signal(number=number):
                say(messages.Exited(-number))
            case messages.Stop() | messages.Start() | messages.Settings() | messages.Ping():
                self._take(message, say)
            case messages.Built():
                say(messages.Done())
                if container.built is not None:
                    await container.built(message)
            case messages.BuildFailed(text=text):
                container.failures.append(text)
                say(messages.Done())
            case messages.Input(content=content) if self._running is not None:
                say(messages.Output(1, content))
            case messages.InputEnd() if self._running is not None:
                say(messages.Exited(self._running))
            case _ if self._batch is not None:
                self._batch.add(message)

    def _take(self, message: Any, say: Say) -> None:
        container = self._container
        if isinstance(message, messages.Stop):
            container.stops += 1
            container.state = State.ENDED
        elif isinstance(message, messages.Start):
            container.state = State.RUNNING
            container.starts.append((*message.argv, *message.env))
        elif isinstance(message, messages.Settings):
            container.settings = message
        say(messages.Done(7))

    def _run(self, message: messages.Run, say: Say) -> None:
        out, err, code = self._container.run(message)
        say(messages.Started(8))
        for stream, content in ((1, out), (2, err)):
            if content:
                say(messages.Output(stream, content))
        if message.flags & messages.WITH_INPUT:
            self._running = code
        else:
            say(messages.Exited(code))


class _Batch:
    """Changes that wait for their commit."""

    def __init__(self, container: Container, root: str) -> None:
        self._container = container
        self._root = root.rstrip("/")
        self._changes: list[Message] = []
        self._contents: dict[int, bytes] = {}

    def add(self, message: Message) -> None:
        if isinstance(message, messages.Data):
            self._contents[len(self._changes) - 1] += message.content
            return
        self._contents[len(self._changes)] = b""
        self._changes.append(message)

    def commit(self, applied: str) -> Message:
        for number, change in enumerate(self._changes):
            path: str = getattr(change, "path", "")
            if path and path == self._container.unwritable:
                return messages.Failed(path, "Permission denied")
            self._change(change, f"{self._root}/{path}", self._contents[number])
        self._container.applied = applied
        return messages.Done()

    def _change(self, change: Message, place: str, content: bytes) -> None:
        files = self._container.files
        match change:
            case messages.File(digest=digest):
                assert hashlib.sha256(content).digest() == digest
                files[place] = content
            case messages.Link(target=target):
                files[place] = b"-> " + target.encode()
            case messages.Remove():
                for one in [one for one in files if one == place or one.startswith(f"{place}/")]:
                    del files[one]
