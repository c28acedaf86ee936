"""Messages between the daemon and the launcher."""

from __future__ import annotations

import os
import socket

import pytest

from alcove.embedded.launcher import wire


@pytest.mark.parametrize("size", [0, 10, 40_000, 5_000_000])
def test_messages_of_any_size_arrive_with_their_descriptors(size: int) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    attached = wire.memory_file(b"attached")
    with one, other:
        wire.send(one, {"text": "x" * size}, [attached])
        received = wire.receive(other)
    assert received is not None
    assert received.message == {"text": "x" * size}
    assert wire.read_memory_file(received.descriptors[0]) == b"attached"
    for descriptor in (attached, *received.descriptors):
        os.close(descriptor)


def test_the_end_of_the_other_side_is_no_message() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.close()
    with other:
        assert wire.receive(other) is None
