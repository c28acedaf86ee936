"""The launcher's own process: one loop that answers requests and reports how processes end.

It never waits for a child: a child tells through a pipe that closes when it becomes its program, and its end
comes as SIGCHLD. What is slow (mounting, executing) happens in the children, so requests overlap.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from alcove.embedded.launcher import child, links, syscalls, wire
from alcove.embedded.launcher.syscalls import CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID

MACHINE, NODE = -1, 0
"""The ids of the two network namespaces that are always there."""

_POD_SYSCTLS = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}


class _Child:
    """A process that was forked and has not been reaped."""

    __slots__ = ("complaint", "container", "pidfd", "request", "told")

    def __init__(self, request: int, pidfd: int, complaint: int, container: str) -> None:
        """``complaint`` is its pipe until it has become its program."""
        self.request = request
        self.pidfd = pidfd
        self.complaint: int | None = complaint
        self.container = container
        self.told = b""


class _Container:
    """A container whose first process was forked, still running or not."""

    __slots__ = ("mounts", "pid", "pidfd", "privileged", "shares_pids")

    def __init__(self, pid: int, pidfd: int, *, privileged: bool, shares_pids: bool) -> None:
        """``mounts`` will tell its processes in a shared pid namespace: their mount namespace's inode."""
        self.pid = pid
        self.pidfd = pidfd
        self.privileged = privileged
        self.shares_pids = shares_pids
        self.mounts = 0


class Server:
    """Answers one daemon until its end of the socket is closed."""

    def __init__(self, daemon: socket.socket, machine: int) -> None:
        """Serve ``daemon``; ``machine`` is a descriptor of the machine's own network namespace."""
        self._daemon = daemon
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._netns = {MACHINE: machine, NODE: home}
        self._last_netns = NODE
        self._children: dict[int, _Child] = {}
        self._containers: dict[str, _Container] = {}
        self._complaints: dict[int, int] = {}
        self._poll = select.poll()

    def serve(self) -> None:
        """Answer until the daemon is gone."""
        woken, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for descriptor in (woken, self._daemon.fileno()):
            self._poll.register(descriptor, select.POLLIN)
        wire.send(self._daemon, {"ready": True})
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == woken:
                    os.read(woken, 4096)
                    self._reap()
                elif descriptor in self._complaints:
                    self._hear(self._complaints[descriptor])
                elif descriptor == self._daemon.fileno() and not self._answer():
                    return

    def _answer(self) -> bool:
        received = wire.receive(self._daemon)
        if received is None:
            return False
        message, descriptors = received
        try:
            self._requests[message["do"]](self, message, descriptors)
        except OSError as error:
            self._refuse(message["id"], error.strerror or str(error))
        except (ValueError, LookupError, TypeError) as error:
            # One request that makes no sense is no reason to take every container down.
            self._refuse(message["id"], f"{type(error).__name__}: {error}")
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _reply(self, request: int, value: Any = None, descriptors: tuple[int, ...] = ()) -> None:
        wire.send(self._daemon, {"id": request, "value": value}, descriptors)

    def _refuse(self, request: int, why: str) -> None:
        wire.send(self._daemon, {"id": request, "error": why})

    # ------------------------------------------------------------------------------------- children

    def _fork(self, request: int, act: Callable[[], None], *, container: str = "") -> int:
        heard, complains = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            child.run(act, complains)
        os.close(complains)
        self._children[pid] = _Child(request, os.pidfd_open(pid), heard, container)
        self._complaints[heard] = pid
        self._poll.register(heard, select.POLLIN)
        return pid

    def _fork_within(self, pids: int | None, fork: Callable[[], int]) -> int:
        """Fork into the pid namespace of a pidfd, or into a new one."""
        if pids is None:
            syscalls.unshare(CLONE_NEWPID)
        else:
            syscalls.setns(pids, CLONE_NEWPID)
        try:
            return fork()
        finally:
            syscalls.setns(self._own_pids, CLONE_NEWPID)

    def _hear(self, pid: int) -> None:
        """Learn whether a child became its program: its pipe says why not, or ends."""
        started = self._children[pid]
        assert started.complaint is not None  # noqa: S101 (a child is heard once)
        said = os.read(started.complaint, 65536)
        if said:
            started.told += said
            return
        self._poll.unregister(started.complaint)
        del self._complaints[started.complaint]
        os.close(started.complaint)
        started.complaint = None
        container = self._containers.get(started.container)
        first = container is not None and container.pid == pid
        if started.told:
            if first:
                self._forget(started.container)
            self._refuse(started.request, started.told.decode(errors="replace"))
            return
        if container is not None and first:
            container.mounts = _mount_namespace(pid)
        self._reply(started.request, None, (started.pidfd,))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._children:
                self._bury(pid, status)

    def _bury(self, pid: int, status: int) -> None:
        while self._children[pid].complaint is not None:
            self._hear(pid)
        ended = self._children.pop(pid)
        os.close(ended.pidfd)
        container = self._containers.get(ended.container)
        if container is not None and container.pid == pid:
            _end_leftovers(container)
        if not ended.told:
            wire.send(self._daemon, {"ended": ended.request, "status": status})

    # ------------------------------------------------------------------------------------- networks

    def _create_netns(self, message: wire.Message, _: list[int]) -> None:
        syscalls.unshare(CLONE_NEWNET)
        try:
            links.raise_loopback()
            _write_sysctls(_POD_SYSCTLS)
            made = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            syscalls.setns(self._netns[NODE], CLONE_NEWNET)
        self._last_netns += 1
        self._netns[self._last_netns] = made
        self._reply(message["id"], self._last_netns)

    def _close_netns(self, message: wire.Message, _: list[int]) -> None:
        if message["netns"] > NODE and message["netns"] in self._netns:
            os.close(self._netns.pop(message["netns"]))
        self._reply(message["id"])

    def _descriptor(self, netns: int) -> int:
        try:
            return self._netns[netns]
        except KeyError:
            raise OSError(f"network namespace {netns} is gone") from None

    def _within(self, netns: int, act: Callable[[], Any]) -> Any:
        syscalls.setns(self._descriptor(netns), CLONE_NEWNET)
        try:
            return act()
        finally:
            syscalls.setns(self._netns[NODE], CLONE_NEWNET)

    def _open_socket(self, message: wire.Message, _: list[int]) -> None:
        with self._within(
            message["netns"], partial(socket.socket, message["family"], message["kind"])
        ) as made:
            self._reply(message["id"], None, (made.fileno(),))

    def _set_sysctls(self, message: wire.Message, _: list[int]) -> None:
        self._within(message["netns"], partial(_write_sysctls, message["sysctls"]))
        self._reply(message["id"])

    def _create_veth(self, message: wire.Message, _: list[int]) -> None:
        name, peer, address = message["name"], message["peer"], message["address"]
        links.create_veth(name, peer, self._descriptor(message["netns"]), address)
        self._within(message["netns"], partial(links.configure_peer, peer, address, message["gateway"]))
        links.settle_link(name)
        self._reply(message["id"])

    def _move_link(self, message: wire.Message, _: list[int]) -> None:
        links.move_link(message["name"], self._descriptor(message["netns"]), message["rename"])
        self._reply(message["id"])

    def _delete_route(self, message: wire.Message, _: list[int]) -> None:
        links.delete_route(message["address"])
        self._reply(message["id"])

    def _run_tool(self, message: wire.Message, streams: list[int]) -> None:
        netns = self._descriptor(message["netns"])
        self._fork(message["id"], partial(child.become_tool, message["argv"], streams, netns))

    # ----------------------------------------------------------------------------------- containers

    def _start_container(self, message: wire.Message, streams: list[int]) -> None:
        spec = message["spec"]
        shared = spec["share_pids_with"]
        act = partial(child.become_container, spec, streams, self._descriptor(spec["netns"]))
        fork = partial(self._fork, message["id"], act, container=spec["id"])
        self._forget(spec["id"])
        pid = self._fork_within(self._running(shared).pidfd if shared else None, fork)
        pidfd = os.dup(self._children[pid].pidfd)
        self._containers[spec["id"]] = _Container(
            pid, pidfd, privileged=spec["privileged"], shares_pids=bool(shared)
        )

    def _running(self, container: str) -> _Container:
        found = self._containers.get(container)
        first = self._children.get(found.pid) if found else None
        if found is None or first is None or first.complaint is not None:
            raise OSError(f"container {container} is not running")
        return found

    def _start_beside(self, message: wire.Message, streams: list[int]) -> None:
        name = message["container"]
        container = self._running(name)
        act = partial(
            child.become_beside,
            message["process"],
            streams,
            container.pidfd,
            privileged=container.privileged,
        )
        fork = partial(self._fork, message["id"], act, container=name)
        self._fork_within(container.pidfd, fork)

    def _remove_container(self, message: wire.Message, _: list[int]) -> None:
        self._forget(message["container"])
        self._reply(message["id"])

    def _forget(self, name: str) -> None:
        container = self._containers.pop(name, None)
        if container is None:
            return
        _end_leftovers(container)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(container.pidfd, signal.SIGKILL)
        os.close(container.pidfd)

    _requests = {  # noqa: RUF012 (a table of methods)
        "create_netns": _create_netns,
        "close_netns": _close_netns,
        "open_socket": _open_socket,
        "set_sysctls": _set_sysctls,
        "create_veth": _create_veth,
        "move_link": _move_link,
        "delete_route": _delete_route,
        "run_tool": _run_tool,
        "start_container": _start_container,
        "start_beside": _start_beside,
        "remove_container": _remove_container,
    }


def _mount_namespace(pid: int | str) -> int:
    try:
        return Path(f"/proc/{pid}/ns/mnt").stat().st_ino
    except OSError:
        return 0


def _end_leftovers(container: _Container) -> None:
    """End what outlives a container's first process because the pid namespace is another's."""
    if not container.shares_pids or not container.mounts:
        return
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and _mount_namespace(path.name) == container.mounts:
            with suppress(ProcessLookupError):
                os.kill(int(path.name), signal.SIGKILL)


def _write_sysctls(sysctls: dict[str, str]) -> None:
    for name, value in sysctls.items():
        Path("/proc/sys", name.replace(".", "/")).write_text(value)


def _enter_namespaces() -> int:
    """Leave the machine's namespaces; give a descriptor of its network."""
    machine = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.unshare(CLONE_NEWNS | CLONE_NEWNET)
    syscalls.mount("", "/", flags=syscalls.MS_REC | syscalls.MS_SLAVE)
    syscalls.mount("proc", "/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    links.raise_loopback()
    return machine


def _stand_by(launcher: int, daemon: socket.socket) -> None:
    """Be the launcher's outer end: outlive every signal that is meant for the daemon, and end with it."""
    daemon.close()
    _, status = os.waitpid(launcher, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def main() -> None:
    """Serve the daemon on the socket whose descriptor is the last argument."""
    daemon = socket.socket(fileno=int(sys.argv[-1]))
    daemon.set_inheritable(False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        # The first process of a pid namespace takes every other with it, even those that changed their
        # user and so escaped a parent-death signal.
        syscalls.unshare(CLONE_NEWPID)
        outer, inner = os.pipe()
        launcher = os.fork()
        if launcher:
            _stand_by(launcher, daemon)
        os.close(inner)
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if select.select([outer], [], [], 0)[0]:  # it had ended before the kernel was told to watch
            os._exit(1)
        os.close(outer)
        server = Server(daemon, _enter_namespaces())
    except OSError as error:
        wire.send(daemon, {"failed": error.strerror or str(error)})
        os._exit(1)
    gc.freeze()
    with suppress(ConnectionError):
        server.serve()
    os._exit(0)
