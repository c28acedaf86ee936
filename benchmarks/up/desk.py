"""A cluster of one's own, a folder in it, and the ``alcove`` command with the moments of what it prints."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.e2e.kubectl import Kubectl, find_kubectl

from benchmarks import machine

PATIENCE = 900.0
"""Seconds after which what was waited for does not come any more."""
SPACE = "bench"


class Event(NamedTuple):
    """A line of ``--output json`` and when it was read, by the monotonic clock."""

    at: float
    told: dict[str, Any]


class Follower:
    """A command that goes on; its lines are events."""

    def __init__(self, process: subprocess.Popen[str], began: float) -> None:
        """Read what ``process`` prints."""
        self.process = process
        self.began = began
        self.events: list[Event] = []
        self._new: queue.Queue[Event | None] = queue.Queue()
        assert process.stdout
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._new.put(Event(time.monotonic(), json.loads(line)))
        self._new.put(None)

    def wait(self, kind: str, /, **fields: Any) -> Event:
        """Give the next event of a kind; what comes before it is kept."""
        ends = time.monotonic() + PATIENCE
        while (found := self._new.get(timeout=max(0.1, ends - time.monotonic()))) is not None:
            self.events.append(found)
            told = found.told
            if told["event"] == kind and all(told.get(name) == value for name, value in fields.items()):
                return found
            if told["event"] == "problem":
                raise RuntimeError(f"alcove up: {told}")
        raise RuntimeError(f"alcove ended before {kind} {fields}: {[one.told for one in self.events[-5:]]}")

    def phase(self, name: str) -> float:
        """Give how many seconds a phase took that has ended."""
        told = [one.told for one in self.events if one.told["event"] == "ended"]
        return float(sum(one["seconds"] for one in told if one["phase"] == name))

    def drain(self) -> None:
        """Take what has come meanwhile."""
        with contextlib.suppress(queue.Empty):
            while (found := self._new.get_nowait()) is not None:
                self.events.append(found)


@dataclass(frozen=True)
class Desk:
    """A developer's workstation beside a cluster."""

    home: Path

    @property
    def project(self) -> Path:
        """The folder that is up."""
        return self.home / "bench"

    @property
    def environment(self) -> dict[str, str]:
        """What commands run with."""
        own = {"KUBECONFIG": str(self.home / "kubeconfig"), "XDG_CONFIG_HOME": str(self.home / "settings")}
        return {**os.environ, **own, "TMPDIR": str(self.home)}

    @property
    def kubectl(self) -> Kubectl:
        """Kubectl in the space."""
        return Kubectl(find_kubectl(), self.home / "kubeconfig", SPACE)

    def alcove(self, *arguments: str) -> str:
        """Run a command to its end in the project, or at home while there is none."""
        done = subprocess.run(
            [sys.executable, "-m", "alcove", *arguments],
            env=self.environment,
            cwd=self.project if self.project.exists() else self.home,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"alcove {' '.join(arguments)}: {done.stderr}\n{done.stdout}")
        return done.stdout

    @contextlib.contextmanager
    def up(self, *, probe: Path | None = None) -> Iterator[Follower]:
        """Have the project up for the block; ``probe`` gets the marks of the one with clocks."""
        command = ["benchmarks.up.probe"] if probe else ["alcove"]
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "up", str(self.project), "-o", "json"],
            env={**self.environment, "ALCOVE_PROBE": str(probe)},
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
        )
        follower = Follower(process, began)
        try:
            yield follower
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)

    def entrance(self, project: Path) -> Page:
        """Give the way from outside to a project's service: the gateway's port on this machine."""
        ports = self.kubectl.within("azds").read("service/alcove-gateway")["spec"]["ports"]
        port = next(one["nodePort"] for one in ports if one["port"] == 80)
        suffix = self.kubectl.within("azds").read("configmap/alcove")["data"]["hostSuffix"]
        return Page(int(port), f"{SPACE}.{project.name}{suffix}")

    @functools.cached_property
    def daemon(self) -> int:
        """The cluster's own process."""
        return int(json.loads(self._cluster("status", "-o", "json"))["pid"])

    def processes(self, *words: str) -> list[int]:
        """Give the cluster's processes whose command line ends with ``words``, and all that they started."""
        ends = "\0".join(words) + "\0"
        found = [pid for pid in _descendants(self.daemon) if _command(pid).endswith(ends)]
        return [pid for top in found for pid in (top, *_descendants(top))]

    def _cluster(self, *arguments: str) -> str:
        return self.alcove("cluster", *arguments, "--data-dir", str(self.home / "data"))


@contextlib.contextmanager
def open_desk(home: Path) -> Iterator[Desk]:
    """Have a cluster with a space for the block."""
    desk = Desk(home)
    desk._cluster("start", "--progress", "quiet")
    try:
        desk.alcove("enable", "-y", "--space", SPACE, "--timeout", "120", "--progress", "quiet")
        yield desk
    finally:
        desk._cluster("reset", "-y", "--progress", "quiet")


class Page:
    """A port of this machine that leads to the service."""

    def __init__(self, port: int, host: str = "localhost") -> None:
        """Ask ``port``, as ``host``."""
        self.port = port
        self.host = host

    def get(self, path: str = "/") -> dict[str, Any]:
        """Ask once, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": self.host})
            return dict(json.loads(connection.getresponse().read()))

    def until(self, holds: Callable[[dict[str, Any]], bool], *, pause: float = 0.005) -> dict[str, Any]:
        """Ask until an answer is as it should be."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                if holds(found := self.get()):
                    return found
            time.sleep(pause)  # noqa: TID251 - somebody who asks again and again
        raise TimeoutError("the service does not answer as it should")


def measure_start(python: str, program: Path, port: int) -> float:
    """Give the seconds from the start of a program outside of the cluster to its first answer."""
    environment = {"PORT": str(port), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    began = time.monotonic()
    with subprocess.Popen([python, str(program)], env=environment, stdout=subprocess.DEVNULL) as process:
        Page(port).until(lambda _: True)
        seconds = time.monotonic() - began
        process.kill()
    return seconds


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for child in machine.children(pid):
            found += [child, *_descendants(child)]
    return found


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""
