"""Watches over the wire: one line of JSON for each event, until time is up, the client leaves or we stop.

An event's object was encoded once, when it was stored; each watcher only adds the few bytes around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.ports import RawEvent, Registry, WatchOptions
from alcove.embedded.serving.responses import encode
from alcove.embedded.serving.shapes import Shaper
from alcove.embedded.serving.streams import OpenStreams, closing

LONGEST_WATCH = 3600.0
"""Seconds after which a watch ends when the client names no time; clients begin a new one."""
_REFUSED = frozenset({400, 422})
_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
_PREFIXES = {kind: b'{"type":"%s","object":' % kind.encode() for kind in ("ADDED", "MODIFIED", "DELETED")}


class WatchServer:
    """Serves watches of one registry."""

    def __init__(self, registry: Registry, streams: OpenStreams) -> None:
        """Watch ``registry``; ``streams`` ends the watches with the server."""
        self._registry = registry
        self._streams = streams

    async def serve(
        self,
        request: web.BaseRequest,
        resource_type: ResourceType,
        namespace: str | None,
        options: WatchOptions,
        shaper: Shaper,
    ) -> web.StreamResponse:
        """Answer with the events; a failure after the first byte is an ERROR event.

        Raises:
            ApiError: 400 or 422 for options that make no sense.
        """
        opened = self._open(resource_type, namespace, options)
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        async with self._streams.open(options.seconds or LONGEST_WATCH):
            if isinstance(opened, ApiError):
                await response.write(_line(b"ERROR", encode(opened.status())))
            else:
                await self._send(response, opened, shaper)
        await response.write_eof()
        return response

    def _open(
        self, resource_type: ResourceType, namespace: str | None, options: WatchOptions
    ) -> AsyncIterator[RawEvent] | ApiError:
        """Begin to watch; a revision that cannot be had is told in the stream, as clients expect."""
        try:
            return self._registry.watch(resource_type, namespace, options)
        except ApiError as error:
            if error.code in _REFUSED:
                raise
            return error

    async def _send(
        self, response: web.StreamResponse, opened: AsyncIterator[RawEvent], shaper: Shaper
    ) -> None:
        try:
            async with closing(opened) as events:
                async for event in events:
                    await response.write(render_event(event, shaper))
        except ApiError as error:
            await response.write(_line(b"ERROR", encode(error.status())))


def render_event(event: RawEvent, shaper: Shaper) -> bytes:
    """Give an event's line."""
    if event.stored is not None:
        return b"".join((_PREFIXES[event.type], shaper.render_stored(event.stored), b"}\n"))
    if event.type == "BOOKMARK":
        return _line(b"BOOKMARK", shaper.render_bookmark(_bookmark(event)))
    return _line(b"ERROR", encode(event.status or {}))


def _bookmark(event: RawEvent) -> Object:
    meta: Object = {"resourceVersion": str(event.revision), "creationTimestamp": None}
    if event.initial_end:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    return meta


def _line(kind: bytes, content: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind, content)
