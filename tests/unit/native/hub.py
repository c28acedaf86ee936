"""A hub that speaks to one agent over its socket, one message after the other."""

from __future__ import annotations

import hashlib
import itertools
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.unit.native.conftest import PATIENCE_SECONDS, Agent, Run

from alcove.agents import frames, messages
from alcove.agents.messages import Message

SESSION = "s0123456789abcdef01234567"
T = TypeVar("T", bound=Message)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_connection((host, port), timeout=PATIENCE_SECONDS)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nobody listens"


class Hub:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._decoder = frames.Decoder(messages.TO_HUB)
        self._received: list[frames.Frame] = []
        self._numbers = itertools.count(1)

    def say(self, message: Message, request: int | None = None) -> int:
        """Send, under a new number unless one is given; give the number."""
        number = next(self._numbers) if request is None else request
        self.connection.sendall(frames.encode(message, number))
        return number

    def hear_any(self) -> frames.Frame:
        """Give the next frame; raise EOFError when the agent has ended the connection."""
        while not self._received:
            content = self.connection.recv(1 << 16)
            if not content:
                raise EOFError
            self._received += self._decoder.feed(content)
        return self._received.pop(0)

    def hear(self, kind: type[T], request: int | None = None) -> T:
        """Give the next frame, which must be of this kind; events are only heard when they are wanted."""
        events = (messages.CommandStarted, messages.CommandExited)
        while True:
            frame = self.hear_any()
            if isinstance(frame.message, events) != (kind in events):
                continue
            assert isinstance(frame.message, kind), frame
            assert request is None or frame.request == request, frame
            return frame.message

    def greet(self, session: str = SESSION) -> messages.AgentHello:
        self.say(messages.HubHello(messages.VERSION, session))
        return self.hear(messages.AgentHello)

    def ask(self, message: Message) -> int:
        """Give what the request gives."""
        return self.hear(messages.Done, self.say(message)).value

    def refused(self, message: Message) -> messages.Failed:
        return self.hear(messages.Failed, self.say(message))

    def batch(self, root: Path, changes: Iterable[Message], applied: str = "m") -> int:
        """Send a whole batch; give its number."""
        request = self.say(messages.Begin(str(root)))
        for change in changes:
            self.say(change, request)
        return self.say(messages.Commit(applied), request)

    def apply(self, root: Path, *changes: Message, applied: str = "m") -> None:
        self.hear(messages.Done, self.batch(root, changes, applied))

    def fail(self, root: Path, *changes: Message) -> messages.Failed:
        return self.hear(messages.Failed, self.batch(root, changes))

    def list(self, root: Path, *paths: str) -> list[messages.Entry]:
        request = self.say(messages.Tree(str(root), paths))
        entries = []
        while isinstance(message := self.hear_any().message, messages.Entry):
            entries.append(message)
        assert message == messages.Done(), (request, message)
        return entries

    def run(self, *argv: str, **more: object) -> tuple[int, bytes, bytes]:
        """Give the code, and what it wrote to both streams."""
        request = self.say(messages.Run(argv, **more))  # type: ignore[arg-type]
        self.hear(messages.Started, request)
        return self.result(request)

    def result(self, request: int) -> tuple[int, bytes, bytes]:
        """Give what ``run`` gives, of one that was started."""
        streams = {1: bytearray(), 2: bytearray()}
        while True:
            frame = self.hear_any()
            if frame.request == 0:
                continue
            assert frame.request == request
            if isinstance(frame.message, messages.Exited):
                return frame.message.code, bytes(streams[1]), bytes(streams[2])
            assert isinstance(frame.message, messages.Output), frame
            streams[frame.message.stream] += frame.message.content

    def close(self) -> None:
        self.connection.close()


class Container:
    """An agent in the directory of a test, and the hubs that speak to it."""

    def __init__(self, agent: Agent, directory: Path) -> None:
        self.agent = agent
        self.directory = directory / "alcove"
        self.directory.mkdir(exist_ok=True)
        self.root = directory / "app"
        self.port = free_port()
        self._hubs: list[Hub] = []

    def begin(self, *words: str, options: tuple[str, ...] = (), **popen: object) -> Run:
        """Run with these words as the pod's command."""
        fixed = ("--port", str(self.port), "--session", SESSION, "--directory", str(self.directory))
        return self.agent.begin("run", *fixed, "--container", "web", *options, "--", *words, **popen)

    def await_build(self, **popen: object) -> Run:
        fixed = ("--port", str(self.port), "--session", SESSION, "--directory", str(self.directory))
        return self.agent.begin("await-build", *fixed, **popen)

    def dial(self, host: str = "127.0.0.1") -> Hub:
        """Connect without a greeting."""
        hub = Hub(connect(self.port, host))
        self._hubs.append(hub)
        return hub

    def hub(self) -> Hub:
        hub = self.dial()
        hub.greet()
        return hub

    def close(self) -> None:
        for hub in self._hubs:
            hub.close()


@contextmanager
def container(agent: Agent, directory: Path) -> Iterator[Container]:
    made = Container(agent, directory)
    try:
        yield made
    finally:
        made.close()


def file(path: str, content: bytes = b"", mode: int = 0o644) -> messages.File:
    return messages.File(path, mode, len(content), hashlib.sha256(content).digest())


def write(path: str, content: bytes, mode: int = 0o644) -> list[Message]:
    """Give the messages that write a file."""
    pieces = (messages.Data(content[at : at + 65536]) for at in range(0, len(content), 65536))
    return [file(path, content, mode), *pieces]
