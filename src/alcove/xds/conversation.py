"""One stream at work: what the proxy says goes in, what it must know goes out, until either side ends it.

Two tasks share the state of the stream and never await inside a decision. One reads: each request is taken in
at once. The other writes: it computes what to say only when the wire has taken what was said before, so a
proxy that reads slowly delays itself and nobody else.
"""

from __future__ import annotations

import logging
from typing import Protocol

from alcove.aio import open_background
from alcove.xds import resources
from alcove.xds.publisher import Closing, Ending, Seat
from alcove.xds.stream import DeltaStream, Refusal, Request
from alcove.xds.subscription import StreamError

_log = logging.getLogger(__name__)
_SHOWN = 1000
"""Characters of a proxy's complaint that are kept."""


class Wire(Protocol):
    """The transport of one stream."""

    async def read(self) -> Request | None:
        """Give the next request, None when the proxy has ended the stream.

        Raises:
            StreamError: what came is no request.
        """
        ...

    async def write(self, response: bytes) -> None:
        """Send a response; returns when there is room for the next."""
        ...


async def serve_stream(wire: Wire, first: Request, seat: Seat, *, node_id: str) -> Closing:
    """Serve one stream until it ends; give why it ended.

    Args:
        wire: where requests come from and responses go.
        first: the request that was read to learn who the proxy is.
        seat: the stream's seat at the publisher.
        node_id: for the log.
    """
    conversation = _Conversation(wire, seat, node_id)
    async with open_background(name=f"ads/{node_id}") as background:
        background.start(conversation.listen(first), name="listen")
        closing = await conversation.speak()
    return closing


class _Conversation:
    def __init__(self, wire: Wire, seat: Seat, node_id: str) -> None:
        self._wire = wire
        self._seat = seat
        self._node_id = node_id
        self._stream = DeltaStream()
        self._errors: dict[tuple[str, str], str] = {}

    async def listen(self, first: Request) -> None:
        request: Request | None = first
        try:
            while request is not None:
                self._take(request)
                request = await self._wire.read()
        except StreamError as error:
            self._seat.close(Ending.PROTOCOL, str(error))
        else:
            self._seat.close(Ending.PROXY_LEFT, "the proxy ended the stream")

    async def speak(self) -> Closing:
        while True:
            await self._seat.changed.wait()
            self._seat.changed.clear()
            if self._seat.closing is not None:
                return self._seat.closing
            await self._speak_once()

    async def _speak_once(self) -> None:
        published = self._seat.latest
        if published is None:
            return
        self._stream.offer(published.snapshot)
        for response in self._stream.respond():
            self._seat.responses += 1
            await self._wire.write(response.encode())
        if self._stream.is_settled:
            self._seat.settle(published.sequence)

    def _take(self, request: Request) -> None:
        refusal = self._stream.receive(request)
        if refusal is not None:
            self._report(_masked(refusal))
        if refusal is not None or self._errors:
            self._note_refusals()
        self._seat.changed.set()

    def _report(self, refusal: Refusal) -> None:
        self._errors.update({(refusal.type_url, name): refusal.error for name in refusal.names})
        _log.warning(
            "node %s refused %s %s: %s",
            self._node_id,
            refusal.type_url.rpartition(".")[2],
            ", ".join(refusal.names)[:_SHOWN],
            refusal.error,
        )

    def _note_refusals(self) -> None:
        refused = self._stream.refused
        self._errors = {key: error for key, error in self._errors.items() if key in refused}
        self._seat.refusals = tuple(
            Refusal(url, (name,), error) for (url, name), error in self._errors.items()
        )


def _masked(refusal: Refusal) -> Refusal:
    """Bound what a proxy says, and leave out what might quote a secret."""
    error = "(not shown: it may quote the secret)" if refusal.type_url == resources.SECRET else refusal.error
    return Refusal(refusal.type_url, refusal.names, error[:_SHOWN])
