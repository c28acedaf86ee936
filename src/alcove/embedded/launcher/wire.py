"""What passes between the daemon and the launcher: JSON messages with descriptors attached.

A message is one packet of a ``SOCK_SEQPACKET`` socket, so the kernel keeps the boundaries. A text that is
too long for a packet travels in an unnamed memory file whose descriptor is the packet's first.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

Message = dict[str, Any]

_PACKET = 32 * 1024
_SPILLED = b"F"
_INLINE = b"I"
_MAX_DESCRIPTORS = 64


class Received(NamedTuple):
    """One message as it came in; the receiver owns the descriptors."""

    message: Message
    descriptors: list[int]


def memory_file(content: bytes = b"") -> int:
    """Give the descriptor of an unnamed file that holds ``content``, set to its beginning."""
    descriptor = os.memfd_create("alcove", os.MFD_CLOEXEC)
    if content:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def read_memory_file(descriptor: int) -> bytes:
    """Give the whole content, wherever its position is."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()


def send(endpoint: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message; the descriptors are duplicated.

    Raises:
        BlockingIOError: the socket does not block and is full; nothing was sent.
        OSError: the other end is gone.
    """
    text = json.dumps(message, separators=(",", ":")).encode()
    if len(text) < _PACKET:
        socket.send_fds(endpoint, [_INLINE, text], list(descriptors))
        return
    spilled = memory_file(text)
    try:
        socket.send_fds(endpoint, [_SPILLED], [spilled, *descriptors])
    finally:
        os.close(spilled)


def receive(endpoint: socket.socket) -> Received | None:
    """Give the next message; None when the other end is gone.

    Raises:
        BlockingIOError: the socket does not block and nothing is there.
    """
    try:
        packet, descriptors, _, _ = socket.recv_fds(
            endpoint, _PACKET + 1, _MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionError:
        return None
    if not packet:
        return None
    text = packet[1:]
    if packet[:1] == _SPILLED:
        spilled = descriptors.pop(0)
        text = read_memory_file(spilled)
        os.close(spilled)
    return Received(json.loads(text), descriptors)
