"""Builds the agent once, and runs it with every wait bounded."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = REPOSITORY / "native" / "agent"
DRIVER = Path(__file__).with_name("driver.c")
PATIENCE_SECONDS = 15.0
# For the one program that is linked statically: the first cross-compilation on a machine builds a C library.
COLD_BUILD_SECONDS = 240


class Lines:
    """Reads a pipe by lines."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = b""

    def next(self) -> str:
        """Give the next line without its end; raise EOFError when there is none."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\n" not in self._pending:
            if not select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"no line, after {self._pending!r}")
            chunk = os.read(self._descriptor, 65536)
            if not chunk:
                raise EOFError(self._pending)
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(errors="backslashreplace")

    def until(self, text: str) -> str:
        """Give the next line that contains ``text``."""
        while text not in (line := self.next()):
            pass
        return line


class Run:
    """One agent that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        self.out = Lines(process.stdout.fileno())
        self.err = Lines(process.stderr.fileno())

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)


class Agent:
    """A program to start, maybe below another such as unshare."""

    def __init__(self, *prefix: str) -> None:
        self.prefix = prefix
        self._runs: list[subprocess.Popen[bytes]] = []

    def below(self, *prefix: str) -> Agent:
        inner = Agent(*prefix, *self.prefix)
        inner._runs = self._runs
        return inner

    def start(self, *command: str, options: tuple[str, ...] = (), **popen: Any) -> Run:
        """Supervise ``command``."""
        return self.begin("supervise", *options, "--", *command, **popen)

    def begin(self, *arguments: str, **popen: Any) -> Run:
        """Start with these arguments."""
        argv = [*self.prefix, *arguments]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(argv, **{**streams, **popen})
        self._runs.append(process)
        return Run(process)

    def script(self, text: str, *options: str, **popen: Any) -> Run:
        """Supervise a shell that runs ``text``."""
        return self.start("sh", "-c", text, options=options, **popen)

    def call(self, *arguments: str | bytes, **run: Any) -> subprocess.CompletedProcess[bytes]:
        """Run with these arguments until it ends."""
        streams = {"stdin": subprocess.DEVNULL} if "input" not in run else {}
        return subprocess.run(
            [*self.prefix, *arguments],
            **{**streams, "capture_output": True, "timeout": PATIENCE_SECONDS, "check": False, **run},
        )

    def run(self, *command: str, **run: Any) -> subprocess.CompletedProcess[bytes]:
        """Supervise ``command`` until it ends."""
        return self.call("supervise", *run.pop("options", ()), "--", *command, **run)

    def close(self) -> None:
        for process in self._runs:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


class Driver:
    """The program that asks the agent's pure parts; see driver.c."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, name: str, *numbers: int, content: bytes = b"") -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{' '.join([name, *map(str, numbers)])}\n".encode() + content)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line.endswith(b"\n"), f"it ended with {self._process.wait(PATIENCE_SECONDS)} at {content!r}"
        return line[:-1].decode()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def wait_gone(pid: int) -> None:
    """Wait for the end of a process that need not be a child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], PATIENCE_SECONDS)[0], f"process {pid} lives"
    finally:
        os.close(descriptor)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing announces."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        select.select([], [], [], 0.005)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what builds programs out of the time a test may take: whichever comes first would pay for all."""
    for item in items:
        if item.path.parent == DRIVER.parent and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(func_only=True))


def build(*arguments: str, directory: Path = SOURCES) -> None:
    subprocess.run([sys.executable, str(directory / "build.py"), *arguments], check=True)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two programs, by this machine's compiler."""
    directory = tmp_path_factory.mktemp("agent")
    build("--for-tests", str(directory))
    return directory


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    directory = tmp_path_factory.mktemp("driver")
    build("--for-tests", str(directory), "--driver", str(DRIVER))
    driver = Driver(directory / DRIVER.stem)
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What goes into wheels, for this machine."""
    directory = tmp_path_factory.mktemp("release")
    build("--output", str(directory), "--architecture", platform.machine())
    return directory / f"alcove-agent-{platform.machine()}"


@pytest.fixture(params=["alcove-agent", "alcove-agent-sanitized"], ids=["plain", "sanitized"])
def agent(programs: Path, request: pytest.FixtureRequest) -> Iterator[Agent]:
    agent = Agent(str(programs / request.param))
    yield agent
    agent.close()


@pytest.fixture
def sanitized(programs: Path) -> Agent:
    return Agent(str(programs / "alcove-agent-sanitized"))


@pytest.fixture
def root(release: Path, tmp_path: Path) -> Path:
    """A root that holds the agent and nothing else."""
    place = tmp_path / "root"
    place.mkdir()
    (place / "agent").write_bytes(release.read_bytes())
    (place / "agent").chmod(0o755)
    return place


def ignore_and_block_signals() -> None:
    """For a process to be started with what a careless parent leaves behind."""
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    # Signal 32 is the C library's own, so only the kernel itself takes this; make leaves it ignored.
    change_action, change_mask = {"x86_64": (13, 14), "aarch64": (134, 135)}[platform.machine()]
    ignored, blocked = (ctypes.c_uint64 * 4)(1, 0, 0, 0), ctypes.c_uint64(1 << 31)
    kernel = ctypes.CDLL(None).syscall
    kernel(change_action, 32, ctypes.byref(ignored), None, 8)
    kernel(change_mask, signal.SIG_BLOCK, ctypes.byref(blocked), None, 8)
