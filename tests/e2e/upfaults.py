"""What tests of faults under ``up`` need: a way to the cluster that can be spoilt, processes to be killed.

Nothing here waits for time to pass: a fault is made in a known state, and ends when something is seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import Object, until
from tests.e2e.ups import Desk, Folder, Running

TOPS = ("build.sh", "data", "server.py", "static")
"""What is compared: all of the example that belongs into its container."""
_PIECE = 1 << 14
_RESET = struct.pack("ii", 1, 0)

CENSUS = """
import hashlib, json, os, stat, sys, urllib.request
found = {}
def look(path):
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        found[path] = ["link", os.readlink(path)]
    elif stat.S_ISDIR(status.st_mode):
        found[path] = ["directory", mode]
        for name in os.listdir(path):
            if name != "__pycache__":
                look(path + "/" + name)
    else:
        with open(path, "rb") as stream:
            found[path] = ["file", mode, hashlib.sha256(stream.read()).hexdigest()]
for top in sys.argv[2:]:
    if os.path.lexists(top):
        look(top)
answer = urllib.request.urlopen(sys.argv[1], timeout=20).read().decode() if sys.argv[1] else "{}"
print(json.dumps({"tree": found, "answer": json.loads(answer)}))
"""
"""Run in the container and on the workstation alike: every entry with mode and digest, and who answers."""


class Relay:
    """A TCP relay before the API server, which can be cut, stalled, or stopped after a number of bytes."""

    def __init__(self, host: str, port: int) -> None:
        """Lead to an address; see ``open_relay``."""
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._changed = threading.Condition()
        self._cut = self._stalled = False
        self._left: int | None = None
        self._held = False
        self._links: set[_Link] = set()

    def serve(self) -> None:
        """Accept until closed."""
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            link = _Link(accepted)
            with self._changed:
                if self._cut:
                    link.reset()
                    continue
                self._links.add(link)
            threading.Thread(target=self._connect, args=(link,), daemon=True).start()

    def close(self) -> None:
        """End it, with all connections."""
        # Without it the thread that accepts would keep the socket.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection, and whatever tries to connect."""
        with self._changed:
            self._cut = True
            links, self._links = self._links, set()
            for link in links:
                link.reset()
            self._changed.notify_all()

    def stall(self) -> None:
        """Carry nothing any more, and tell nobody."""
        with self._changed:
            self._stalled = True

    def hold_after(self, size: int) -> None:
        """Stall when so many bytes more have gone to the server."""
        with self._changed:
            self._left, self._held = size, False

    def wait_held(self, seconds: float = 90) -> None:
        """Return when ``hold_after`` has come true."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._held, seconds), f"{self._left} bytes were not sent"

    def restore(self, *, forget: bool = False) -> None:
        """Carry again; ``forget``: what was connected stays silent for ever, as after a router's restart."""
        with self._changed:
            if forget:
                for link in self._links:
                    link.forgotten = True
            self._cut = self._stalled = False
            self._left = None
            self._changed.notify_all()

    def _connect(self, link: _Link) -> None:
        try:
            link.server = socket.create_connection(self._target, timeout=10)
            link.server.settimeout(None)
        except OSError:
            link.reset()
            return
        down = threading.Thread(target=self._carry, args=(link, link.server, link.client, False), daemon=True)
        down.start()
        self._carry(link, link.client, link.server, True)
        down.join()
        with self._changed:
            self._links.discard(link)
        link.close()

    def _carry(self, link: _Link, source: socket.socket, target: socket.socket, up: bool) -> None:
        try:
            while True:
                content = source.recv(_PIECE)
                with self._changed:
                    if up and content and self._left is not None:
                        self._left -= len(content)
                        if self._left <= 0:
                            self._left, self._held, self._stalled = None, True, True
                            self._changed.notify_all()
                    self._changed.wait_for(lambda: not (self._stalled or link.forgotten) or link.ended)
                if not content:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(content)
        except OSError:
            link.reset()


class _Link:
    """One connection through the relay."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.server: socket.socket | None = None
        self.forgotten = self.ended = False

    def reset(self) -> None:
        """End both halves at once."""
        self.ended = True
        for one in (self.client, self.server):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    one.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        for one in (self.client, self.server):
            if one is not None:
                one.close()


@contextlib.contextmanager
def open_relay(kubeconfig: Path, changed: Path) -> Iterator[Relay]:
    """Have a relay for the block; write to ``changed`` a kubeconfig that leads through it."""
    document = yaml.safe_load(kubeconfig.read_text())
    name = next(
        one["context"]["cluster"]
        for one in document["contexts"]
        if one["name"] == document["current-context"]
    )
    cluster = next(one["cluster"] for one in document["clusters"] if one["name"] == name)
    address = urllib.parse.urlsplit(cluster["server"])
    relay = Relay(str(address.hostname), address.port or 443)
    cluster["server"] = f"https://127.0.0.1:{relay.port}"
    cluster["tls-server-name"] = address.hostname
    changed.write_text(yaml.safe_dump(document))
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()


@dataclass
class Bench:
    """A project that is up, a workstation with a way to the cluster, and a way of one's own to look from."""

    desk: Desk
    """Its way is the relay."""
    folder: Folder
    relay: Relay
    cluster: Kubectl
    data: Path | None
    """The directory of the embedded cluster."""
    number: int = 1
    """Of the last version that was saved."""

    @property
    def space(self) -> Kubectl:
        """Kubectl in the space, not by the relay."""
        return self.desk.kubectl

    def save(self) -> str:
        """Save another version; give it."""
        self.number += 1
        version = f"v{self.number}"
        self.folder.say(version)
        return version

    def save_many(self, count: int = 800, size: int = 4096) -> None:
        """Make many files of random content, in a directory of their own; those of before go."""
        self.remove_many()
        draft = self.desk.home / f"{uuid.uuid4().hex[:8]} ä"
        draft.mkdir()
        for number in range(count):
            (draft / f"{number}.bin").write_bytes(os.urandom(size))
        (draft / "0.bin").chmod(0o755)
        (draft / "link").symlink_to("0.bin")
        (draft / "empty").mkdir()
        # At once: else some would be synchronized before the others are there.
        draft.rename(self.folder.path / "data" / draft.name)

    def remove_many(self) -> None:
        """Remove what ``save_many`` made."""
        for before in (self.folder.path / "data").glob("* ä*"):
            shutil.rmtree(before)

    def tidy(self) -> None:
        """Remove, rename and change what ``save_many`` made."""
        made = [one for one in (self.folder.path / "data").iterdir() if one.is_dir()]
        for directory in made:
            for number in range(1, 300):
                (directory / f"{number}.bin").unlink(missing_ok=True)
            moved = directory.with_name(f"{directory.name} moved")
            if not directory.name.endswith("moved"):
                directory.rename(moved)

    # ------------------------------------------------------------------------------ what is seen

    def local(self) -> Any:
        """Give the workstation's tree."""
        argv = [sys.executable, "-c", CENSUS, "", *TOPS]
        done = subprocess.run(argv, cwd=self.folder.path, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["tree"]

    def remote(self) -> Any:
        """Give the tree of the one container that serves, and what it answers."""
        pods = [one for one in self.desk.pods(self.folder) if is_ready(one)]
        assert len(pods) == 1, f"ready: {[one['metadata']['name'] for one in pods]}"
        name = pods[0]["metadata"]["name"]
        container = pods[0]["spec"]["containers"][0]["name"]
        argv = ("exec", name, "-c", container, "--", "python3", "-c", CENSUS, "http://127.0.0.1:8080/", *TOPS)
        outcome = self.space.try_run(*argv)
        assert outcome.code == 0, outcome.stderr
        return json.loads(outcome.stdout)

    def expect(self, version: str, *, seconds: float = 60) -> None:
        """Wait until the service answers with a version, and its tree is the workstation's."""

        def equal() -> bool:
            found = self.remote()
            assert found["answer"]["version"] == version, f"{found['answer']} and not {version}"
            assert not (unlike := differences(self.local(), found["tree"])), unlike
            return True

        until(equal, seconds=seconds, every=0.2)

    def phase(self) -> str:
        """Give how far the session is."""
        return str(self.desk.session(self.folder).get("status", {}).get("phase", ""))

    @contextlib.contextmanager
    def following(self) -> Iterator[Running]:
        """Have ``up`` follow saves for the block; it must go on to the end, and end by Ctrl+C."""
        with self.leaving() as running:
            yield running
            assert running.interrupt() == 0, running.told()

    @contextlib.contextmanager
    def leaving(self) -> Iterator[Running]:
        """Have ``up`` follow saves; whoever leaves the block kills it."""
        self.relay.restore()
        argv = ["setsid", sys.executable, "-m", "alcove", "up", "-o", "json"]
        with Running(argv, self.folder.path, self.desk.environment) as running:
            running.event("ports")
            try:
                yield running
            except AssertionError as error:
                error.add_note(running.told())
                raise


def differences(local: dict[str, Any], remote: dict[str, Any]) -> list[str]:
    """Give the first paths that are not the same on both sides."""
    unlike = [path for path in sorted(local | remote) if local.get(path) != remote.get(path)]
    return [f"{path}: here {local.get(path)}, there {remote.get(path)}" for path in unlike[:5]]


def is_ready(pod: Object) -> bool:
    """Tell whether a pod is ready."""
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod.get("status", {}).get("conditions", ())
    )


# ---------------------------------------------------------------------------------------------- processes


def find_processes(*marks: str) -> list[int]:
    """Give the processes whose command line and environment hold all of these texts."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
            except OSError:
                continue
            if all(mark.encode() in told.replace(b"\0", b" ") for mark in marks):
                found.append(int(entry.name))
    return found


def kill(*marks: str, how: Callable[[int], None] = lambda pid: os.kill(pid, signal.SIGKILL)) -> None:
    """Kill the one process that has all these marks."""
    pids = until(lambda: find_processes(*marks))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            how(pid)
