from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.serving.wire import WireError, read_fields, signed


def test_a_message_is_its_fields_in_order() -> None:
    content = bytes.fromhex("089601 120568656c6c6f 19000000000000f03f 2501000000".replace(" ", ""))
    assert [(number, value) for number, _, value in read_fields(content)] == [
        (1, 150), (2, b"hello"), (3, 0x3FF0000000000000), (4, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["08", "1205aa", "0b", "08ffffffffffffffffffff01", "19000000", "ff"])
def test_what_is_no_message_is_told(content: str) -> None:
    with pytest.raises(WireError):
        list(read_fields(bytes.fromhex(content)))


def test_negative_numbers_are_in_twos_complement() -> None:
    assert signed((1 << 64) - 5) == -5
    assert signed(5) == 5


@given(st.binary())
def test_random_bytes_raise_nothing_else(content: bytes) -> None:
    with contextlib.suppress(WireError):
        list(read_fields(content))
