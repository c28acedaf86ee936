"""The frames of the gRPC health check."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.kubelet.grpc_health import HealthAnswer, request


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def message(body: bytes) -> bytes:
    return frame(0, 0, 1, b"\0" + struct.pack(">I", len(body)) + body)


TRAILERS = frame(1, 5, 1, b"\x88")


def test_the_request_names_the_service() -> None:
    content = request("10.0.0.1:50051", "shop")
    assert content.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert content.endswith(b"\0\0\0\0\x06\x0a\x04shop")


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        (message(b"\x08\x01") + TRAILERS, "SERVING"),
        (message(b"\x08\x02") + TRAILERS, "NOT_SERVING"),
        (message(b"") + TRAILERS, "UNKNOWN"),
        (TRAILERS, None),
        (frame(3, 0, 1, b"\0\0\0\x01"), None),
    ],
)
def test_the_answer_is_in_the_data(frames: bytes, status: str | None) -> None:
    answer = HealthAnswer()
    for start in range(0, len(frames), 7):
        answer.feed(frames[start : start + 7])
    assert answer.done
    assert answer.status == status


def test_settings_and_pings_are_acknowledged() -> None:
    answer = HealthAnswer()
    assert answer.feed(frame(4, 0, 0, b"\0" * 6)) == frame(4, 1, 0)
    assert answer.feed(frame(6, 0, 0, b"12345678")) == frame(6, 1, 0, b"12345678")
    assert answer.feed(frame(4, 1, 0)) == b""


@given(st.binary(max_size=200))
def test_any_bytes_can_be_heard(content: bytes) -> None:
    answer = HealthAnswer()
    answer.feed(content)
    assert answer.status in (None, "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
