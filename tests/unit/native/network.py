"""A node and a pod, each with a network of its own, joined by a cable; and who answers in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeVar

_NETWORK = 0x40000000  # CLONE_NEWNET
_KERNEL = ctypes.CDLL(None, use_errno=True)
PATIENCE_SECONDS = 5.0
ADDRESSES = {
    ("pod", socket.AF_INET): "10.9.0.2",
    ("node", socket.AF_INET): "10.9.0.1",
    ("pod", socket.AF_INET6): "fd00:9::2",
    ("node", socket.AF_INET6): "fd00:9::1",
    ("loopback", socket.AF_INET): "127.0.0.1",
    ("loopback", socket.AF_INET6): "::1",
}
_T = TypeVar("_T")


def _apart(action: Callable[[], _T]) -> _T:
    """Do it in a thread that then ends: what a thread enters stays its own."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(action).result()


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused")


@dataclass(frozen=True, slots=True)
class Network:
    """One of the two."""

    name: str
    holder: int
    """A process in it."""

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.holder}/ns/net")

    def run(self, *command: str) -> str:
        return subprocess.run([*self.prefix, *command], check=True, capture_output=True, text=True).stdout

    def open(
        self, family: socket.AddressFamily, *, uid: int = 0, kind: int = socket.SOCK_STREAM
    ) -> socket.socket:
        """Make a socket that is in it, of that user; it stays so wherever it is used."""

        def enter() -> socket.socket:
            with Path(f"/proc/{self.holder}/ns/net").open("rb") as namespace:
                _checked(_KERNEL.setns(namespace.fileno(), _NETWORK))
            _KERNEL.setfsuid(uid)  # of this thread alone
            return socket.socket(family, kind)

        return _apart(enter)

    def ask(self, family: socket.AddressFamily, to: str, port: int, *, uid: int = 0) -> str:
        """Connect; give who answered."""
        with self.open(family, uid=uid) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect((ADDRESSES[to, family], port))
            return connection.recv(100).decode()


@dataclass(slots=True)
class Listeners:
    """Say who they are to each that connects."""

    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _thread: threading.Thread | None = None
    _over: tuple[int, int] = field(default_factory=os.pipe)

    def add(self, network: Network, port: int) -> None:
        """Listen at all its addresses, of both families."""
        listener = network.open(socket.AF_INET6)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", port))
        listener.listen()
        self._selector.register(listener, selectors.EVENT_READ, f"{network.name}:{port}".encode())

    def __enter__(self) -> Listeners:
        self._selector.register(self._over[0], selectors.EVENT_READ, b"")
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        os.write(self._over[1], b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        for end in self._over:
            os.close(end)

    def _answer(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if not isinstance(key.fileobj, socket.socket):
                    return
                with key.fileobj.accept()[0] as connection, contextlib.suppress(OSError):
                    connection.sendall(key.data)


@contextlib.contextmanager
def open_networks() -> Iterator[tuple[Network, Network]]:
    """Yield the node's network and the pod's."""
    with contextlib.ExitStack() as stack:
        node = Network("node", stack.enter_context(_hold()))
        pod = Network("pod", stack.enter_context(_hold()))
        node.run(*f"ip link add cable type veth peer name eth0 netns {pod.holder}".split())
        for network, link in ((node, "cable"), (pod, "eth0")):
            network.run("ip", "link", "set", "lo", "up")
            network.run("ip", "address", "add", f"{ADDRESSES[network.name, socket.AF_INET]}/24", "dev", link)
            address = f"{ADDRESSES[network.name, socket.AF_INET6]}/64"
            network.run("ip", "address", "add", address, "dev", link, "nodad")
            network.run("ip", "link", "set", link, "up")
        yield node, pod


@contextlib.contextmanager
def _hold() -> Iterator[int]:
    """Yield a process that keeps a fresh network: it writes when it is in it."""
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo in; read end"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        yield process.pid
