"""The protocol between hub and agent: bytes to messages and back, without I/O.

::

    frame    u32 length of what follows | u8 type | u32 request | payload
    string   u32 length | bytes            list   u32 count | items

The hub numbers its requests from 1; an answer has the number of its request, an event has 0. A batch is one
request: every message from ``Begin`` to ``Commit`` has its number. Integers are big-endian.

A connection begins with ``HubHello``, answered by ``AgentHello`` or by ``Error`` and the end. Requests are
answered by ``Done`` or ``Failed``, but for these: what follows ``Begin`` or ``Run`` under its number, and
``Log``, have no answer of their own; ``Tree`` is answered by entries before its ``Done``; ``Run`` by
``Started`` (or ``Failed``), output, and ``Exited``.

A batch that fails is answered at once; what still comes under its number is then ignored by the agent. A
``Begin`` gives up what came of a batch before it that has no ``Commit``.
"""

from __future__ import annotations

import struct
from dataclasses import fields
from typing import NamedTuple

from alcove.agents.errors import FramingError
from alcove.agents.kinds import Reader
from alcove.agents.messages import Kinds, Message

LARGEST = (1 << 20) + 64
"""The most that follows a frame's length."""
_HEAD = struct.Struct(">IBI")
_LEAST = _HEAD.size - 4


class Frame(NamedTuple):
    """A message, and the request it belongs to."""

    request: int
    message: Message


def encode(message: Message, request: int = 0) -> bytes:
    """Give the frame.

    Raises:
        ValueError: something does not fit, or a text has a NUL.
    """
    names = (field.name for field in fields(message))
    payload = b"".join(
        kind.write(getattr(message, name)) for kind, name in zip(message.LAYOUT, names, strict=True)
    )
    length = _LEAST + len(payload)
    if length > LARGEST:
        raise ValueError(f"a message of {length} bytes is too large for a frame")
    return _HEAD.pack(length, message.TYPE, request) + payload


class Decoder:
    """Turns bytes, however they are cut, into frames; what is unfinished waits, within the largest frame."""

    def __init__(self, kinds: Kinds) -> None:
        """Know the messages of one direction: ``TO_AGENT`` or ``TO_HUB``."""
        self._kinds = kinds
        self._pending = bytearray()

    def feed(self, content: bytes) -> list[Frame]:
        """Give the frames that are complete.

        Raises:
            FramingError: this is not the protocol; nothing more can be read.
        """
        self._pending += content
        frames = []
        at = 0
        while len(self._pending) - at >= 4:
            length = int.from_bytes(self._pending[at : at + 4])
            if not _LEAST <= length <= LARGEST:
                raise FramingError(f"a frame says that it has {length} bytes")
            if len(self._pending) - at - 4 < length:
                break
            frames.append(self._decode(bytes(self._pending[at : at + 4 + length])))
            at += 4 + length
        del self._pending[:at]
        return frames

    def is_between(self) -> bool:
        """Tell whether no frame has begun."""
        return not self._pending

    def _decode(self, frame: bytes) -> Frame:
        _, number, request = _HEAD.unpack_from(frame)
        message = self._kinds.get(number)
        if message is None:
            raise FramingError(f"there is no message of type {number}")
        reader = Reader(frame[_HEAD.size :])
        values = [kind.read(reader) for kind in message.LAYOUT]
        if not reader.is_empty():
            raise FramingError(f"a message of type {number} is longer than it says")
        return Frame(request, message(*values))
