"""The client's side of the protocols that the server speaks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from alcove.embedded.serving import spdy


class SpdyPeer:
    """Writes a client's frames and reads the server's."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=spdy._DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=spdy._DICTIONARY)
        self._unread = b""

    def open(self, stream: int, headers: Mapping[str, str]) -> bytes:
        block = struct.pack(">I", len(headers))
        for text in (text.encode() for pair in headers.items() for text in pair):
            block += struct.pack(">I", len(text)) + text
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", stream, 0, 0) + packed
        return struct.pack(">II", 0x80030001, len(body)) + body

    def data(self, stream: int, content: bytes, *, end: bool = False) -> bytes:
        return struct.pack(">II", stream, int(end) << 24 | len(content)) + content

    def reset(self, stream: int) -> bytes:
        return struct.pack(">IIII", 0x80030003, 8, stream, 5)

    def receive(self, content: bytes) -> list[tuple[str, int, bytes]]:
        self._unread += content
        told: list[tuple[str, int, bytes]] = []
        while len(self._unread) >= 8:
            head, rest = struct.unpack_from(">II", self._unread)
            size = rest & 0xFFFFFF
            if len(self._unread) < 8 + size:
                break
            body, self._unread = self._unread[8 : 8 + size], self._unread[8 + size :]
            told += self._read(head, rest >> 24, body)
        return told

    def _read(self, head: int, flags: int, body: bytes) -> list[tuple[str, int, bytes]]:
        if not head >> 31:
            told = [("data", head, body)] if body else []
            return [*told, ("end", head, b"")] if flags & 1 else told
        kind, stream = head & 0xFFFF, int.from_bytes(body[:4], "big")
        if kind == 2:
            assert self._inflate.decompress(body[4:]) == b"\0\0\0\0"
        return [({2: "reply", 3: "reset", 6: "ping"}.get(kind, "other"), stream, b"")]
