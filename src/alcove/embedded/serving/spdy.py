"""SPDY/3.1 framing, the server's side, without any I/O: bytes in, events out, frames to send as bytes.

kubectl forwards ports as SPDY streams inside of WebSocket messages. Of SPDY only what such a peer uses is
here: streams that it opens, data, half-close by the FIN flag, resets, pings and farewells. WINDOW_UPDATE and
SETTINGS are read and left aside: Kubernetes' SPDY library neither sends nor heeds windows, so holding data
back for them would stop every transfer after 64 KiB; what bounds the buffers is the back-pressure of the
connection beneath.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_FRAME = 1 << 20
"""The most bytes of a frame that is accepted."""
LARGEST_HEADERS = 16 << 10
"""The most bytes of a header block, after decompression."""
MOST_STREAMS = 2048
"""The most streams open at once; a port-forwarded connection takes two."""
REFUSED_STREAM = 3
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_CONTROL = 0x80030000
_FIN = 1

_WORDS = """
    options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age
    allow authorization cache-control connection content-base content-encoding content-language content-length
    content-location content-md5 content-range content-type date etag expect expires from host if-match
    if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma
    proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding
    upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public
    set-cookie keep-alive origin
""".replace("_", "\0").split()
_DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.replace("\0", " ").encode() for word in _WORDS) + (
    b"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    b"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    b"403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    b"Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    b"chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    b"text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


class SpdyError(Exception):
    """The peer does not speak SPDY/3.1 as it should; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The peer opened a stream; answer with ``reply``."""

    stream: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes of a stream."""

    stream: int
    content: bytes


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The peer sends no more on a stream; it may still be written to."""

    stream: int


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The peer wants nothing more of a stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class AnswerDue:
    """Bytes to send back at once."""

    content: bytes


Event = StreamOpened | DataReceived | StreamEnded | StreamReset | AnswerDue


class SpdyConnection:
    """One connection's state: the unread rest, the header compression, the streams that are open."""

    def __init__(self) -> None:
        """Begin a connection."""
        self._unread = bytearray()
        self._inflate = zlib.decompressobj(zdict=_DICTIONARY)
        self._deflate = zlib.compressobj(zdict=_DICTIONARY)
        self._last = 0
        self._receiving: set[int] = set()
        self._sending: set[int] = set()

    def receive(self, content: bytes) -> list[Event]:
        """Take bytes, however cut, and tell what they complete.

        Raises:
            SpdyError: they are not SPDY/3.1.
        """
        self._unread += content
        events: list[Event] = []
        while len(self._unread) >= 8:
            head, rest = struct.unpack_from(">II", self._unread)
            flags, size = rest >> 24, rest & 0xFFFFFF
            if size > LONGEST_FRAME:
                raise SpdyError(f"a frame of {size} bytes is too long")
            if len(self._unread) < 8 + size:
                break
            body = bytes(self._unread[8 : 8 + size])
            del self._unread[: 8 + size]
            if head >> 31:
                events += self._read_control(head, flags, body)
            else:
                events += self._read_data(head, flags, body)
        return events

    def _read_control(self, head: int, flags: int, body: bytes) -> list[Event]:
        if head & 0xFFFF0000 != _CONTROL:
            raise SpdyError(f"version {head >> 16 & 0x7FFF} is not SPDY/3")
        kind = head & 0xFFFF
        if kind == _SYN_STREAM:
            return self._read_opening(flags, body)
        if kind == _RST_STREAM:
            stream = _stream_of(body)
            self._forget(stream)
            return [StreamReset(stream)]
        if kind == _PING:
            return [AnswerDue(_frame(_PING, body))] if _stream_of(body) % 2 else []
        return []

    def _read_opening(self, flags: int, body: bytes) -> list[Event]:
        headers = self._read_headers(body[10:])
        stream = _stream_of(body)
        if stream % 2 == 0 or stream <= self._last:
            raise SpdyError(f"stream {stream} is opened out of turn")
        self._last = stream
        if len(self._receiving) >= MOST_STREAMS or len(self._sending) >= MOST_STREAMS:
            return [AnswerDue(_reset(stream, REFUSED_STREAM))]
        self._receiving.add(stream)
        self._sending.add(stream)
        return [StreamOpened(stream, headers), *self._end(stream, flags)]

    def _read_data(self, stream: int, flags: int, body: bytes) -> list[Event]:
        if stream not in self._receiving:
            return []
        events: list[Event] = [DataReceived(stream, body)] if body else []
        return events + self._end(stream, flags)

    def _end(self, stream: int, flags: int) -> list[Event]:
        if not flags & _FIN:
            return []
        self._receiving.discard(stream)
        return [StreamEnded(stream)]

    def _forget(self, stream: int) -> None:
        self._receiving.discard(stream)
        self._sending.discard(stream)

    def _read_headers(self, block: bytes) -> dict[str, str]:
        try:
            text = self._inflate.decompress(block, LARGEST_HEADERS)
        except zlib.error as error:
            raise SpdyError(f"headers cannot be decompressed: {error}") from None
        if self._inflate.unconsumed_tail:
            raise SpdyError("headers are too large")
        pieces = _split_headers(text)
        return {name.lower(): value for name, value in zip(pieces[::2], pieces[1::2], strict=True)}

    def reply(self, stream: int) -> bytes:
        """Give the frame that accepts a stream."""
        block = self._deflate.compress(b"\0\0\0\0") + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _frame(_SYN_REPLY, struct.pack(">I", stream) + block)

    def send(self, stream: int, content: bytes, *, end: bool = False) -> bytes:
        """Give the frame of some bytes; nothing when the stream takes no more."""
        if stream not in self._sending:
            return b""
        if end:
            self._sending.discard(stream)
        return struct.pack(">II", stream, (_FIN if end else 0) << 24 | len(content)) + content

    def reset(self, stream: int) -> bytes:
        """Give the frame that drops a stream (CANCEL)."""
        self._forget(stream)
        return _reset(stream, 5)

    def farewell(self) -> bytes:
        """Give the frame that says that no more streams are accepted."""
        return _frame(_GOAWAY, struct.pack(">II", self._last, 0))


def _stream_of(body: bytes) -> int:
    if len(body) < 4:
        raise SpdyError("a frame is too short")
    return int.from_bytes(body[:4], "big") & 0x7FFFFFFF


def _split_headers(text: bytes) -> list[str]:
    pieces: list[str] = []
    place = 4
    for _ in range(2 * int.from_bytes(text[:4], "big")):
        size = int.from_bytes(text[place : place + 4], "big")
        piece = text[place + 4 : place + 4 + size]
        if place + 4 > len(text) or len(piece) != size:
            raise SpdyError("headers are truncated")
        pieces.append(piece.decode(errors="replace"))
        place += 4 + size
    return pieces


def _reset(stream: int, status: int) -> bytes:
    return _frame(_RST_STREAM, struct.pack(">II", stream, status))


def _frame(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", _CONTROL | kind, len(body)) + body
