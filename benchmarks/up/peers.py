"""rsync and Syncthing with the same tree and the same saves.

rsync is started for each save, at the moment of the save: nobody has to notice it, which is more than fair.
Its two halves speak over a pipe, as over a remote shell. Syncthing is two instances on the loopback, each
with a home and keys of its own, that watch their folders; neither speaks to anybody else.
"""

from __future__ import annotations

import contextlib
import json
import queue
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.up import trees
from benchmarks.up.desk import PATIENCE

_SHELL = "sh -c 'shift; exec \"$@\"' sh"
"""A remote shell that goes nowhere: rsync's other half runs here, behind a pipe."""
_PAUSES = (0.05, 0.3)
_KEY = "bench"


@contextlib.contextmanager
def arrivals(directory: Path) -> Iterator[Callable[[int], float]]:
    """Give a function that waits for a number to arrive in a directory, and gives when it did."""
    program = Path(__file__).with_name("service.py")
    argv = [sys.executable, str(program), "watch", str(directory / trees.PAGE)]
    news: queue.Queue[tuple[int, float]] = queue.Queue()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            number, moment = line.split()
            news.put((int(number), int(moment) / 1e9))

    def wait(wanted: int) -> float:
        while True:
            number, moment = news.get(timeout=PATIENCE)
            if number == wanted:
                return moment

    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        threading.Thread(target=read, daemon=True).start()
        try:
            wait(-1)
            yield wait
        finally:
            process.kill()


def copy_tree(source: Path, target: Path) -> float:
    """Give the seconds that rsync needs for a whole tree."""
    began = time.monotonic()
    _rsync(source, target)
    return time.monotonic() - began


def save_with_rsync(source: Path, target: Path, count: int, *, first: int, one: bool) -> list[float]:
    """Save the page and run rsync; ``one``: it is told the file instead of looking at the whole tree."""
    chance, found = random.Random(first), []
    listed = ["--files-from=-"] if one else []
    with arrivals(target) as wait:
        for number in range(first, first + count):
            time.sleep(chance.uniform(*_PAUSES))  # noqa: TID251 - somebody who types
            saved = time.monotonic()
            trees.write_page(source, number)
            _rsync(source, target, *listed, stdin=trees.PAGE if one else "")
            found.append(wait(number) - saved)
    return found


def save_with_syncthing(
    source: Path, target: Path, home: Path, *, first: int, series: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, list[float]]]:
    """Yield, for each delay and number of saves, the delay and what the saves took."""
    pair = [_Instance(home / name) for name in ("source", "target")]
    for delay, count in series:
        with contextlib.ExitStack() as running:
            for instance, folder in zip(pair, (source, target), strict=True):
                instance.configure(pair, folder, delay)
                running.enter_context(instance.running())
            for instance in pair:
                instance.wait_idle(pair)
            yield delay, _save(source, target, count, first)
        first += count


def _save(source: Path, target: Path, count: int, first: int) -> list[float]:
    chance, found = random.Random(first), []
    with arrivals(target) as wait:
        for number in range(first, first + count):
            time.sleep(chance.uniform(*_PAUSES))  # noqa: TID251 - somebody who types
            saved = time.monotonic()
            trees.write_page(source, number)
            found.append(wait(number) - saved)
    return found


def _rsync(source: Path, target: Path, *options: str, stdin: str = "") -> None:
    # Else two saves of the same size within a second are one.
    exact = "--modify-window=-1"
    argv = ["rsync", "-a", exact, "-e", _SHELL, *options, f"{source}/", f"here:{target}/"]
    subprocess.run(argv, input=stdin, text=True, check=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class _Instance:
    """One Syncthing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.page = _free_port(), _free_port()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        argv = ["syncthing", "generate", f"--home={home}", "--no-default-folder"]
        subprocess.run(argv, check=True, **quiet)  # type: ignore[call-overload]
        shown = subprocess.run(
            ["syncthing", f"--home={home}", "--device-id"], check=True, stdout=subprocess.PIPE, text=True
        )
        self.device = shown.stdout.strip()

    def configure(self, pair: Sequence[_Instance], folder: Path, delay: int) -> None:
        """Write the whole configuration: what is not said has its default."""
        devices = "".join(
            f'<device id="{one.device}"><address>tcp://127.0.0.1:{one.port}</address></device>'
            for one in pair
        )
        shared = "".join(f'<device id="{one.device}"/>' for one in pair)
        off = "".join(
            f"<{name}>false</{name}>"
            for name in (
                "globalAnnounceEnabled",
                "localAnnounceEnabled",
                "relaysEnabled",
                "natEnabled",
                "crashReportingEnabled",
                "startBrowser",
            )
        )
        (self.home / "config.xml").write_text(
            f'<configuration version="35"><folder id="bench" path="{folder}" type="sendreceive" '
            f'fsWatcherEnabled="true" fsWatcherDelayS="{delay}">{shared}</folder>{devices}'
            f'<gui enabled="true" tls="false"><address>127.0.0.1:{self.page}</address>'
            f"<apikey>{_KEY}</apikey></gui><options>"
            f"<listenAddress>tcp://127.0.0.1:{self.port}</listenAddress>{off}"
            f"<urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH>"
            f"</options></configuration>"
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run it for the block."""
        argv = ["syncthing", "serve", f"--home={self.home}", "--no-browser", "--no-restart", "--no-upgrade"]
        with (self.home / "log").open("a") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
            try:
                yield
            finally:
                self._process.terminate()
                self._process.wait(60)

    def wait_idle(self, pair: Sequence[_Instance]) -> None:
        """Wait until it has looked at everything and both have the same."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                raise RuntimeError(f"Syncthing ended: {(self.home / 'log').read_text()[-1000:]}")
            with contextlib.suppress(OSError, ValueError, KeyError):
                status = self._ask("/rest/db/status?folder=bench")
                peers = self._ask("/rest/system/connections")["connections"]
                connected = all(peers[one.device]["connected"] for one in pair if one is not self)
                same = status["needFiles"] == 0 and status["localFiles"] == status["globalFiles"] > 0
                if status["state"] == "idle" and same and connected:
                    return
            time.sleep(0.5)  # noqa: TID251 - it has no other way to say so
        raise TimeoutError("Syncthing does not get ready")

    def _ask(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.page}{path}", headers={"X-API-Key": _KEY})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.loads(answer.read()))
