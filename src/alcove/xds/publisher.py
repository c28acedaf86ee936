"""The newest snapshot of each node, the seats of the streams that want it, and how far they are.

A seat belongs to one stream. It holds no queue: publishing replaces the snapshot and wakes the seats, and a
stream that was busy finds only the newest one. A node counts as acknowledged when every stream it has open
has answered for all it asked for; whoever needs to know waits for a sequence number, which grows with every
change published to any node.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from alcove.errors import UnavailableError
from alcove.xds.resources import Snapshot
from alcove.xds.stream import Refusal

_MOST_SEATS = 4
"""Open streams of one node: two while Envoy restarts itself, more only when it lost connections."""


class Ending(Enum):
    """Who ended a stream."""

    PROXY_LEFT = "the proxy ended the stream"
    CLOSED = "the server ended the stream"
    PROTOCOL = "the proxy broke the protocol"


@dataclass(frozen=True, slots=True)
class Closing:
    """Why a stream ends."""

    ending: Ending
    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot and when it came, in the order of everything published."""

    sequence: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How far one node is."""

    node_id: str
    sequence: int
    """Of the newest snapshot published to it; 0 when there is none."""
    version: str
    """Of that snapshot."""
    acked: int
    """The sequence that all its open streams have answered for; 0 when it has no stream, or none has yet."""
    streams: int
    responses: int
    """Sent on its open streams."""
    refusals: tuple[Refusal, ...]
    """What it refuses and keeps an older version of, one name each."""


class Seat:
    """What one stream sees of the publisher."""

    def __init__(self, node: _Node) -> None:
        """Belong to a node; see ``Publisher.connect``."""
        self.changed = asyncio.Event()
        """Set when there may be something to do; the stream clears it."""
        self.changed.set()
        self.closing: Closing | None = None
        self.acked = 0
        self.responses = 0
        self.refusals: tuple[Refusal, ...] = ()
        self._node = node

    @property
    def latest(self) -> Published | None:
        """The newest snapshot, or None while there is none."""
        return self._node.latest

    def close(self, ending: Ending, reason: str) -> None:
        """Ask the stream to end; the first reason stands."""
        self.closing = self.closing or Closing(ending, reason)
        self.changed.set()

    def settle(self, sequence: int) -> None:
        """Report that the proxy answered for all it asked for, up to ``sequence``."""
        if sequence > self.acked:
            self.acked = sequence
            self._node.wake_waiters()


class Publisher:
    """Hands each node's newest snapshot to its streams. All methods belong to the loop's thread."""

    def __init__(self) -> None:
        """Begin with no node."""
        self._nodes: dict[str, _Node] = {}
        self._sequence = 0

    def publish(self, node_id: str, snapshot: Snapshot) -> int:
        """Make ``snapshot`` what the node is to have; give the sequence to wait for.

        Publishing what the node has already been given changes nothing and gives the earlier sequence.
        """
        node = self._nodes.setdefault(node_id, _Node(node_id))
        if node.latest is None or node.latest.snapshot.version != snapshot.version:
            self._sequence += 1
            node.latest = Published(self._sequence, snapshot)
            for seat in node.seats:
                seat.changed.set()
        return node.latest.sequence

    def withdraw(self, node_id: str) -> None:
        """Forget a node that is gone; a proxy that is still connected keeps what it has."""
        node = self._nodes.get(node_id)
        if node is not None:
            node.latest = None
            node.fail_waiters()
            self._drop_unused(node)

    @contextlib.contextmanager
    def connect(self, node_id: str) -> Iterator[Seat]:
        """Give a stream of the node its seat until the block ends; too many streams end the oldest one."""
        node = self._nodes.setdefault(node_id, _Node(node_id))
        seat = Seat(node)
        node.seats.append(seat)
        if len(node.seats) > _MOST_SEATS:
            node.seats[0].close(Ending.CLOSED, f"the node has more than {_MOST_SEATS} streams open")
        try:
            yield seat
        finally:
            node.seats.remove(seat)
            node.wake_waiters()
            self._drop_unused(node)

    async def wait_acked(self, node_id: str, sequence: int) -> NodeStatus:
        """Wait until all of the node's streams, at least one, have answered for ``sequence`` or a later one.

        What they refused counts as answered and is in the status. Whoever waits sets the bound.

        Raises:
            UnavailableError: the node was withdrawn, or was never known.
        """
        node = self._nodes.get(node_id)
        if node is None or node.latest is None:
            raise _withdrawn(node_id)
        if node.acked < sequence:
            waiter = asyncio.get_running_loop().create_future()
            node.waiters.append((sequence, waiter))
            try:
                await waiter
            finally:
                node.waiters.remove((sequence, waiter))
                self._drop_unused(node)
        return node.status()

    def status(self, node_id: str) -> NodeStatus:
        """Give how far one node is; an unknown one has nothing."""
        return self._nodes.get(node_id, _Node(node_id)).status()

    def statuses(self) -> list[NodeStatus]:
        """Give how far each node is, by id."""
        return [self._nodes[node_id].status() for node_id in sorted(self._nodes)]

    def close_streams(self, reason: str) -> None:
        """Ask every open stream to end."""
        for node in self._nodes.values():
            for seat in node.seats:
                seat.close(Ending.CLOSED, reason)

    def _drop_unused(self, node: _Node) -> None:
        if node.latest is None and not node.seats and not node.waiters:
            self._nodes.pop(node.node_id, None)


@dataclass(slots=True)
class _Node:
    node_id: str
    latest: Published | None = None
    seats: list[Seat] = field(default_factory=list)
    waiters: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    @property
    def acked(self) -> int:
        return min((seat.acked for seat in self.seats), default=0)

    def wake_waiters(self) -> None:
        acked = self.acked
        for sequence, waiter in self.waiters:
            if sequence <= acked and not waiter.done():
                waiter.set_result(None)

    def fail_waiters(self) -> None:
        for _, waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(_withdrawn(self.node_id))

    def status(self) -> NodeStatus:
        refusals = {(r.type_url, r.names): r for seat in self.seats for r in seat.refusals}
        return NodeStatus(
            node_id=self.node_id,
            sequence=self.latest.sequence if self.latest else 0,
            version=self.latest.snapshot.version if self.latest else "",
            acked=self.acked,
            streams=len(self.seats),
            responses=sum(seat.responses for seat in self.seats),
            refusals=tuple(refusals.values()),
        )


def _withdrawn(node_id: str) -> UnavailableError:
    return UnavailableError(
        f"nothing is published to node {node_id}",
        cause="it is gone, or was never known",
        hint="see whether its pod still exists",
    )
