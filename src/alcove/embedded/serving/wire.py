"""The protobuf wire format: a message's bytes as its fields, by number."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(Exception):
    """The bytes are not a message."""


def read_fields(content: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield (number, wire type, value) of each field: bytes for ``BYTES``, else an unsigned integer.

    Raises:
        WireError: truncated, or of a wire type that is not used any more.
    """
    place, end = 0, len(content)
    while place < end:
        key, place = read_varint(content, place)
        kind = key & 7
        if kind == VARINT:
            value, place = read_varint(content, place)
            yield key >> 3, kind, value
            continue
        if kind == BYTES:
            size, place = read_varint(content, place)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise WireError(f"wire type {kind} is not known")
        piece = content[place : place + size]
        if len(piece) != size:
            raise WireError("the message is truncated")
        place += size
        yield key >> 3, kind, piece if kind == BYTES else int.from_bytes(piece, "little")


def read_varint(content: bytes, place: int) -> tuple[int, int]:
    """Give an unsigned integer of at most 64 bits and the place after it."""
    value = shift = 0
    while True:
        if place >= len(content) or shift > 63:
            raise WireError("an integer is truncated or too long")
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7


def signed(value: int) -> int:
    """Give a 64-bit integer in two's complement as a signed one."""
    return value - (1 << 64) if value >> 63 else value
