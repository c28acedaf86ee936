"""The daemon's side of the launcher: starts it, asks it, and hears how processes end.

Requests carry a number and may be under way together. When the launcher ends unexpectedly every waiting call
and every process's ``wait`` fails with LauncherError, and ``died`` is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal as signals
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alcove.embedded import ports
from alcove.embedded.launcher import wire
from alcove.embedded.ports import NODE_NETNS, NetnsId

_START_SECONDS = 10.0
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from alcove.embedded.launcher import server; server.main()"
)
_SOURCES = Path(__file__).parents[3]


class LauncherError(Exception):
    """The launcher could not be started, refused a request, or has ended."""


class _Refused(Exception):  # noqa: N818 (never leaves this module)
    """The launcher answered with an error, which each method translates."""


class LaunchedProcess:
    """A process that the launcher started (``ports.Process``)."""

    def __init__(self, pidfd: int, ended: asyncio.Future[ports.ExitStatus]) -> None:
        """Own ``pidfd`` until the process has ended."""
        self._pidfd = pidfd
        self._ended = ended
        self._pid = _pid_of(pidfd)
        ended.add_done_callback(self._close)

    @property
    def pid(self) -> int:
        """Its pid as this machine sees it; 0 when it had ended already."""
        return self._pid

    async def wait(self) -> ports.ExitStatus:
        """Wait for its end; may be awaited by several and after it."""
        return await asyncio.shield(self._ended)

    def kill(self, signal: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signals.pidfd_send_signal(self._pidfd, signal)

    def _close(self, _ended: object) -> None:
        os.close(self._pidfd)
        self._pidfd = -1


class LauncherClient:
    """Implements ``ports.Launcher`` over the socket to a running launcher."""

    def __init__(self, endpoint: socket.socket) -> None:
        """Speak over ``endpoint``, which does not block; call ``start`` inside the loop."""
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._last = 0
        self._replies: dict[int, asyncio.Future[tuple[Any, list[int]]]] = {}
        self._ends: dict[int, asyncio.Future[ports.ExitStatus]] = {}
        # Bounded by the requests under way: each waits for its reply.
        self._unsent: deque[tuple[wire.Message, list[int]]] = deque()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.died: asyncio.Future[None] = self._loop.create_future()
        """Done when the launcher has ended, by whatever cause."""
        self._loop.add_reader(endpoint.fileno(), self._read)

    # -------------------------------------------------------------------------------------- network

    async def create_netns(self) -> NetnsId:
        """Make a network namespace with its loopback up."""
        return NetnsId((await self._ask("create_netns"))[0])

    async def close_netns(self, netns: NetnsId) -> None:
        """Let it go; the kernel frees it when its last process and socket are gone."""
        await self._ask("close_netns", netns=netns)

    async def open_socket(self, netns: NetnsId, family: int, kind: int) -> socket.socket:
        """Give a non-blocking socket that lives in ``netns`` (not bound or connected)."""
        _, descriptors = await self._ask("open_socket", netns=netns, family=int(family), kind=int(kind))
        opened = socket.socket(fileno=descriptors[0])
        opened.setblocking(False)
        return opened

    async def set_sysctls(self, netns: NetnsId, sysctls: Mapping[str, str]) -> None:
        """Set kernel parameters (``net.ipv4.ip_forward``) of a network namespace."""
        await self._ask("set_sysctls", netns=netns, sysctls=dict(sysctls))

    async def create_veth(self, veth: ports.Veth) -> None:
        """Connect a pod's namespace to the node's by a routed link."""
        await self._ask("create_veth", **dataclasses.asdict(veth))

    async def move_link(self, name: str, netns: NetnsId, *, rename: str = "") -> None:
        """Move a network link of the node's namespace into ``netns``."""
        await self._ask("move_link", name=name, netns=netns, rename=rename)

    async def delete_route(self, address: str) -> None:
        """Forget the node's way to a pod's address; idempotent."""
        await self._ask("delete_route", address=address)

    async def run_tool(
        self, argv: Sequence[str], *, netns: NetnsId = NODE_NETNS, stdin: bytes = b""
    ) -> bytes:
        """Run a program of this machine inside ``netns``; give its stdout.

        Raises:
            ports.ToolError: it is missing, or ended with another code than 0 (its stderr is the message).
        """
        streams = [wire.memory_file(stdin), wire.memory_file(), wire.memory_file()]
        try:
            request = {"argv": list(argv), "netns": netns}
            status = await (await self._start("run_tool", streams, **request)).wait()
            output, complaint = (wire.read_memory_file(stream) for stream in streams[1:])
        except _Refused as refused:
            raise ports.ToolError(str(refused)) from None
        finally:
            _close(streams)
        if status.code:
            told = complaint.decode(errors="replace").strip()
            raise ports.ToolError(f"{argv[0]} ended with {status.code}: {told}")
        return output

    # ----------------------------------------------------------------------------------- containers

    async def start_container(
        self,
        spec: ports.ContainerSpec,
        *,
        stdin: int | None,
        stdout: int,
        stderr: int,
    ) -> LaunchedProcess:
        """Mount the root and start the first process; the descriptors are duplicated.

        Raises:
            ports.StartError: with a message for the container's status.
        """
        return await self._start_with_streams(
            "start_container", (stdin, stdout, stderr), spec=_plain(dataclasses.asdict(spec))
        )

    async def start_beside(
        self,
        container_id: str,
        process: ports.ProcessSpec,
        *,
        stdin: int | None,
        stdout: int,
        stderr: int,
    ) -> LaunchedProcess:
        """Start one more process in a running container's namespaces (exec).

        Raises:
            ports.StartError: with a message for the user.
        """
        return await self._start_with_streams(
            "start_beside",
            (stdin, stdout, stderr),
            container=container_id,
            process=_plain(dataclasses.asdict(process)),
        )

    async def remove_container(self, container_id: str) -> None:
        """Kill whatever of it is left; its mounts go with it; idempotent."""
        await self._ask("remove_container", container=container_id)

    async def _start_with_streams(
        self, do: str, streams: tuple[int | None, int, int], **request: Any
    ) -> LaunchedProcess:
        null = os.open(os.devnull, os.O_RDWR)
        try:
            given = [null if stream is None else stream for stream in streams]
            return await self._start(do, given, **request)
        except _Refused as refused:
            raise ports.StartError(str(refused)) from None
        finally:
            os.close(null)

    async def _start(self, do: str, streams: Sequence[int], **request: Any) -> LaunchedProcess:
        number = self._last + 1
        ended: asyncio.Future[ports.ExitStatus] = self._loop.create_future()
        self._ends[number] = ended
        try:
            _, descriptors = await self._request(do, streams, request)
        except BaseException:
            self._ends.pop(number, None)
            ended.cancel()
            raise
        return LaunchedProcess(descriptors[0], ended)

    # ----------------------------------------------------------------------------------- the socket

    async def _ask(self, do: str, **request: Any) -> tuple[Any, list[int]]:
        try:
            return await self._request(do, (), request)
        except _Refused as refused:
            raise LauncherError(str(refused)) from None

    async def _request(
        self, do: str, descriptors: Sequence[int], request: dict[str, Any]
    ) -> tuple[Any, list[int]]:
        if self.died.done():
            raise LauncherError("the launcher has ended")
        self._last += 1
        number = self._last
        reply: asyncio.Future[tuple[Any, list[int]]] = self._loop.create_future()
        self._replies[number] = reply
        # Duplicates, because the caller may close its own before a full socket takes them.
        self._unsent.append(({"id": number, "do": do, **request}, [os.dup(one) for one in descriptors]))
        self._write()
        try:
            return await reply
        finally:
            del self._replies[number]

    def _write(self) -> None:
        while self._unsent:
            message, descriptors = self._unsent[0]
            try:
                wire.send(self._endpoint, message, descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._endpoint.fileno(), self._write)
                return
            except ConnectionError:
                pass  # the reader learns it too, and tells everybody
            self._unsent.popleft()
            _close(descriptors)
        self._loop.remove_writer(self._endpoint.fileno())

    def _read(self) -> None:
        try:
            while (received := wire.receive(self._endpoint)) is not None:
                self._observe(received)
        except BlockingIOError:
            return
        self.close()

    def _observe(self, received: wire.Received) -> None:
        message, descriptors = received
        if "ended" in message:
            ended = self._ends.pop(message["ended"], None)
            if ended is not None and not ended.done():
                ended.set_result(_exit_status(message["status"]))
        elif "ready" in message:
            self.ready.set_result(None)
        elif "failed" in message:
            self.ready.set_exception(LauncherError(f"the launcher cannot start: {message['failed']}"))
        else:
            reply = self._replies.get(message["id"])
            if reply is None or reply.done():
                self._abandon(descriptors)
            elif "error" in message:
                reply.set_exception(_Refused(message["error"]))
            else:
                reply.set_result((message["value"], descriptors))

    def _abandon(self, descriptors: list[int]) -> None:
        """Drop what a cancelled call asked for; a process that it started is killed."""
        for descriptor in descriptors:
            with contextlib.suppress(OSError):  # not a process's descriptor, or one that has ended
                signals.pidfd_send_signal(descriptor, signals.SIGKILL)
        _close(descriptors)

    def close(self) -> None:
        """Close the socket, upon which the launcher ends everything; whoever still waits is told."""
        if self.died.done():
            return
        self.died.set_result(None)
        self._loop.remove_reader(self._endpoint.fileno())
        self._loop.remove_writer(self._endpoint.fileno())
        self._endpoint.close()
        for _, descriptors in self._unsent:
            _close(descriptors)
        self._unsent.clear()
        everybody: tuple[asyncio.Future[Any], ...] = (
            self.ready,
            *self._replies.values(),
            *self._ends.values(),
        )
        for waiting in everybody:
            if not waiting.done():
                waiting.set_exception(LauncherError("the launcher has ended"))
                waiting.exception()  # nobody has to be waiting
        self._ends.clear()


@contextlib.asynccontextmanager
async def open_launcher() -> AsyncIterator[LauncherClient]:
    """Start a launcher and yield its client once it is ready; leaving the block ends all it has started.

    Raises:
        LauncherError: it cannot start; without root it cannot.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            "-c",
            _PROGRAM,
            str(_SOURCES),
            str(theirs.fileno()),
            pass_fds=[theirs.fileno()],
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    ours.setblocking(False)
    client = LauncherClient(ours)
    try:
        async with asyncio.timeout(_START_SECONDS):
            await client.ready
        yield client
    finally:
        client.close()
        await asyncio.shield(process.wait())


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _plain(value: Any) -> Any:
    """Give the value as JSON has it."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _exit_status(status: int) -> ports.ExitStatus:
    code = os.waitstatus_to_exitcode(status)
    return ports.ExitStatus(code) if code >= 0 else ports.ExitStatus(128 - code, -code)


def _pid_of(pidfd: int) -> int:
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return max(0, int(line.split()[1]))
    return 0
