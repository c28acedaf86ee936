"""One unary gRPC call, ``grpc.health.v1.Health/Check``, over HTTP/2: the frames, without I/O.

A whole client would be a dependency for one question. What matters of the answer is the message in its DATA
frames, so headers (and their compression) are passed over.
"""

from __future__ import annotations

import struct

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 1, 1, 4, 8
_LARGEST = 1 << 20

STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


def _frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def _header(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([min(len(value), 126)]) + value[:126]


def request(authority: str, service: str) -> bytes:
    """Give all bytes of the call."""
    name = service.encode()[:120]
    message = b"\x0a" + bytes([len(name)]) + name if name else b""
    headers = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/grpc.health.v1.Health/Check"),
        (b":authority", authority.encode()),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
    block = b"".join(_header(name, value) for name, value in headers)
    return (
        _PREFACE
        + _frame(_SETTINGS, 0, 0)
        + _frame(_HEADERS, _END_HEADERS, 1, block)
        + _frame(_DATA, _END_STREAM, 1, b"\0" + struct.pack(">I", len(message)) + message)
    )


class HealthAnswer:
    """Reads the server's frames: bytes in, bytes to send out, and at last the answer."""

    def __init__(self) -> None:
        """Nothing has been heard."""
        self.done = False
        self._buffer = b""
        self._message = b""

    def feed(self, content: bytes) -> bytes:
        """Take the next bytes and give what has to be sent back."""
        self._buffer += content
        answers = []
        while len(self._buffer) >= 9 and not self.done:
            size = int.from_bytes(self._buffer[:3], "big")
            if size > _LARGEST:
                self.done = True
                break
            if len(self._buffer) < 9 + size:
                break
            kind, flags = self._buffer[3], self._buffer[4]
            body, self._buffer = self._buffer[9 : 9 + size], self._buffer[9 + size :]
            answers.append(self._take(kind, flags, body))
        return b"".join(answers)

    def _take(self, kind: int, flags: int, body: bytes) -> bytes:
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            return _frame(kind, _ACK, 0, body if kind == _PING else b"")
        if kind == _DATA:
            if flags & _PADDED and body:
                body = body[1 : len(body) - body[0]]
            self._message += body
        if kind in (_RESET, _GOAWAY) or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            self.done = True
        return b""

    @property
    def status(self) -> str | None:
        """``SERVING`` and so on; None when the server gave no answer of this protocol."""
        if len(self._message) < 5:
            return None
        body = self._message[5:]
        if not body:
            return STATUSES[0]
        return STATUSES.get(body[1], "UNKNOWN") if body[0] == 8 and len(body) > 1 else None
