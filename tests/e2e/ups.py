"""What tests of ``up`` say in a few words: a developer's workstation, folders, and commands that go on.

Whatever a command prints is read at once by threads of its own and waited for with a bound.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import yaml

from tests.e2e.kubectl import Kubectl, Outcome
from tests.e2e.spaces import Object

EXAMPLES = Path(__file__).parents[2] / "examples" / "03-up"
SOURCES = {"python": "server.py", "node": "server.js", "c": "server.c"}
"""The languages of the examples, each with the file that says which version it is."""
PATIENCE = 60.0
"""Seconds after which something that was waited for does not come any more: machines may be busy."""

T = TypeVar("T")

_VERSION = re.compile(r"""(\bVERSION\b[^"'\n]*["'])[^"'\n]*(["'])""")


class Running:
    """A command that goes on for as long as the block; its JSON lines are events."""

    def __init__(self, argv: list[str], directory: Path, environment: dict[str, str]) -> None:
        """Start it in a directory."""
        self._process = subprocess.Popen(
            argv,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._news = threading.Condition()
        self.events: list[Object] = []
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        streams = ((self._process.stdout, self.stdout), (self._process.stderr, self.stderr))
        self._readers = [threading.Thread(target=self._read, args=one, daemon=True) for one in streams]

    def __enter__(self) -> Running:
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._end()

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._news:
                lines.append(line.rstrip("\n"))
                if lines is self.stdout and line.startswith('{"event"'):
                    self.events.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def mark(self) -> int:
        """How many events there are: what comes after it is new."""
        return len(self.events)

    def after(self, event: Object) -> int:
        """Give the mark behind an event."""
        return next(place for place, one in enumerate(self.events) if one is event) + 1

    def event(self, name: str, since: int = 0, **fields: Any) -> Object:
        """Give the first event of a name with some fields as they are said."""
        return self.first(lambda one: _fits(one, name, fields), since, f"no event {name} {fields}")

    def printed(self, part: str, since: int = 0) -> Object:
        """Give the first line of the service, the build or the like with a text in it."""

        def fits(event: Object) -> bool:
            return event["event"] == "line" and part in event["text"]

        return self.first(fits, since, f"nothing with {part!r} was printed")

    def first(self, fits: Callable[[Object], bool], since: int, otherwise: str) -> Object:
        """Give the first event that fits, of those that are not before a mark."""
        return self.wait(lambda: next(filter(fits, self.events[since:]), None), otherwise)

    def line(self, part: str, *, stream: str = "stderr") -> str:
        """Give the first line with a text in it."""

        def find() -> str | None:
            return next((one for one in getattr(self, stream) if part in one), None)

        return self.wait(find, f"no line {part!r}")

    def wait(self, find: Callable[[], T | None], otherwise: str) -> T:
        """Give what is found in what was printed, as soon as it is."""
        ends = time.monotonic() + PATIENCE
        with self._news:
            while (found := find()) is None:
                left = ends - time.monotonic()
                gone = not any(reader.is_alive() for reader in self._readers)
                assert left > 0 and not gone, f"{otherwise}; {self.told()}"
                self._news.wait(min(left, 1))
        return found

    def told(self) -> str:
        """Give the end of what was printed, for messages."""
        return "\n".join(["stdout:", *self.stdout[-40:], "stderr:", *self.stderr[-40:]])

    def interrupt(self) -> int:
        """Press Ctrl+C; give the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._end()

    def _end(self) -> int:
        code = self._process.wait(30)
        for reader in self._readers:
            reader.join(10)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        return code


def _fits(event: Object, name: str, fields: dict[str, Any]) -> bool:
    return event["event"] == name and all(event.get(key) == value for key, value in fields.items())


@dataclass(frozen=True)
class Desk:
    """One developer's workstation, with a space selected."""

    kubeconfig: Path
    home: Path
    kubectl: Kubectl
    """Within the space."""

    @property
    def environment(self) -> dict[str, str]:
        own = {"XDG_CONFIG_HOME": str(self.home / "settings"), "TMPDIR": str(self.home)}
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), **own}

    def try_run(self, *arguments: str, at: Path | None = None, stdin: str = "") -> Outcome:
        """Run the command to its end in a directory."""
        done = subprocess.run(
            [sys.executable, "-m", "alcove", *arguments],
            env=self.environment,
            cwd=at or self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str, at: Path | None = None, stdin: str = "") -> Outcome:
        """Run a command that must succeed."""
        outcome = self.try_run(*arguments, at=at, stdin=stdin)
        assert outcome.code == 0, f"alcove {' '.join(arguments)}: {outcome.stderr}\n{outcome.stdout}"
        return outcome

    def start(self, *arguments: str, at: Path | None = None) -> Running:
        """Start a command that goes on."""
        return Running([sys.executable, "-m", "alcove", *arguments], at or self.home, self.environment)

    def up(self, folder: Folder, *arguments: str) -> list[Object]:
        """Bring a folder up without following it; give the events."""
        told = self("up", "-d", "-o", "json", *arguments, at=folder.path)
        return [json.loads(line) for line in told.stdout.splitlines()]

    def exec(self, folder: Folder, *argv: str, stdin: str = "") -> str:
        """Run a command in the container; give its stdout."""
        return self("exec", "--", *argv, at=folder.path, stdin=stdin).stdout

    def copy(self, language: str, name: str) -> Folder:
        """Give a folder of one's own with an example in it, ready for ``up``."""
        target = self.home / name
        shutil.copytree(EXAMPLES / language, target)
        self("prep", "--public", str(target))
        return Folder(target, SOURCES[language])

    def pods(self, folder: Folder) -> list[Object]:
        """Give the pods of a folder's session that are not on their way out."""
        items = self.kubectl.read("pods", "-l", "alcove.dev/session")["items"]
        own = self.session(folder)["metadata"]["name"]
        return [
            pod
            for pod in items
            if pod["metadata"]["labels"]["alcove.dev/session"] == own
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def session(self, folder: Folder) -> Object:
        """Give the Session object of a folder."""
        items = self.kubectl.read("sessions.alcove.dev")["items"]
        (found,) = [one for one in items if one["spec"]["directory"] == str(folder.path)]
        return dict(found)


@dataclass(frozen=True)
class Folder:
    """A project on the workstation."""

    path: Path
    source: str = "server.py"

    @property
    def name(self) -> str:
        return self.path.name

    def save(self, name: str, content: str) -> None:
        """Write a file as an editor does."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(content)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Change a file's text."""
        before = (self.path / name).read_text()
        after = change(before)
        assert after != before, f"{name} stays as it is"
        self.save(name, after)

    def say(self, version: str) -> None:
        """Save the source with another version."""
        self.edit(self.source, lambda text: _VERSION.sub(rf"\g<1>{version}\g<2>", text, count=1))

    def configure(self, change: Callable[[Any], None]) -> None:
        """Change azds.yaml."""
        document = yaml.safe_load((self.path / "azds.yaml").read_text())
        change(document)
        self.save("azds.yaml", yaml.safe_dump(document, sort_keys=False))


@dataclass(frozen=True)
class Page:
    """A port of this workstation that leads to a service."""

    port: int

    def get(self, path: str = "/") -> str:
        """Ask once; the answer's text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            text = response.read().decode()
            assert response.status == http.client.OK, f"{response.status} {text}"
            return text

    def who(self) -> Object:
        """Ask who answers."""
        return dict(json.loads(self.get()))


@contextlib.contextmanager
def following(desk: Desk, folder: Folder, *arguments: str) -> Iterator[tuple[Running, Page]]:
    """Have a folder up for the block, and a port to it."""
    with desk.start("up", "-o", "json", *arguments, at=folder.path) as running:
        (port,) = running.event("ports")["ports"]
        yield running, Page(port["local"])
        assert running.interrupt() == 0, running.told()


def free_port() -> int:
    """Give a port of this workstation that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def mask(line: str) -> str:
    """Give a line with its times and numbers of ports hidden."""
    times = re.sub(r"(\.\.\.| in )(\d+m )?[\d.]+m?s\b", r"\1TIME", line)
    return re.sub(r"localhost:\d+", "localhost:PORT", times)
