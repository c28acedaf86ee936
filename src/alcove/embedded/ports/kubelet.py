"""What users reach of running pods (room: kubelet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from alcove.embedded.ports.launcher import ExitStatus


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What ``pods/log`` asks for."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    since_seconds: int | None = None
    since_time: str = ""
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """What ``pods/exec`` asks for."""

    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    tty: bool = False


class ExecSession(Protocol):
    """A running exec, as the wire side drives it (room: kubelet)."""

    async def write_stdin(self, content: bytes) -> None:
        """Pass input on; waits while the process does not read."""

    async def close_stdin(self) -> None:
        """Tell the process that no more comes."""

    def resize(self, columns: int, rows: int) -> None:
        """Set the terminal's size."""

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 stdout or 2 stderr, content) until both have ended."""

    async def wait(self) -> ExitStatus:
        """Wait for the process's end."""


class PodAccess(Protocol):
    """What users reach of running pods (room: kubelet)."""

    def read_log(self, namespace: str, pod: str, query: LogQuery) -> AsyncIterator[bytes]:
        """Yield the log; ApiError 400 when the container is unknown or has not started, 404 without pod."""

    def open_exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecSession]:
        """Start a command in a container and end it with the block."""

    def open_port(self, namespace: str, pod: str, port: int) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Connect to a port on the pod's own loopback; yields (StreamReader, StreamWriter)."""
