"""Frames of the connection between workstation and hub, without I/O.

``u32 length | u8 kind | payload``, big-endian; the length counts kind and payload. A value is a JSON
document, bytes are bytes, and a mark ends a row of bytes frames. A beat carries nothing: it may come between
any two frames, and shows that the sender is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAX_PAYLOAD = 1 << 20
"""Bytes of one frame's payload; whoever sends more is not one of us."""
_HEAD = struct.Struct(">IB")


class FrameError(ValueError):
    """These bytes are no frames."""


class Kind(IntEnum):
    """What a frame carries."""

    VALUE = 1
    BYTES = 2
    MARK = 3
    BEAT = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: Kind
    payload: bytes = b""

    def encode(self) -> bytes:
        """Give it as bytes.

        Raises:
            ValueError: the payload is too long.
        """
        if len(self.payload) > MAX_PAYLOAD:
            raise ValueError(f"{len(self.payload)} bytes do not fit into a frame")
        return _HEAD.pack(len(self.payload) + 1, self.kind) + self.payload


class Decoder:
    """From bytes as they come to frames; holds at most one frame."""

    def __init__(self) -> None:
        """Begin at the first byte of a connection."""
        self._rest = bytearray()

    @property
    def is_between(self) -> bool:
        """Whether nothing of a frame has come yet."""
        return not self._rest

    def feed(self, content: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete.

        Raises:
            FrameError: the bytes are no frames; nothing more can be read.
        """
        self._rest += content
        while len(self._rest) >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._rest)
            if not 1 <= length <= MAX_PAYLOAD + 1:
                raise FrameError(f"a frame of {length} bytes")
            if kind not in Kind.__members__.values():
                raise FrameError(f"a frame of kind {kind}")
            end = 4 + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[_HEAD.size : end])
            del self._rest[:end]
            yield Frame(Kind(kind), payload)
