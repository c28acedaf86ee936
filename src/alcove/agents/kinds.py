"""How values are written into payloads and read from them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from alcove.agents.errors import FramingError

DIGEST_BYTES = 32


class Reader:
    """Takes values off a payload."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def take(self, length: int) -> bytes:
        """Give so many bytes."""
        end = self._at + length
        if end > len(self._payload):
            raise FramingError("a message is shorter than it says")
        taken = self._payload[self._at : end]
        self._at = end
        return taken

    def rest(self) -> bytes:
        """Give all that is left."""
        return self.take(len(self._payload) - self._at)

    def is_empty(self) -> bool:
        """Tell whether nothing is left."""
        return self._at == len(self._payload)


class Kind(NamedTuple):
    """How values of one kind are written and read."""

    write: Callable[[Any], bytes]
    read: Callable[[Reader], Any]


def _number(code: str) -> Kind:
    layout = struct.Struct(">" + code)

    def write(value: int) -> bytes:
        try:
            return layout.pack(value)
        except struct.error as error:
            raise ValueError(f"{value} does not fit into {layout.size} bytes") from error

    def read(reader: Reader) -> int:
        return int(layout.unpack(reader.take(layout.size))[0])

    return Kind(write, read)


U8, U16, U32, U64, I32 = (_number(code) for code in "BHIQi")


def _write_bytes(value: bytes) -> bytes:
    return U32.write(len(value)) + value


def _read_bytes(reader: Reader) -> bytes:
    return reader.take(U32.read(reader))


def _encode_text(value: str) -> bytes:
    if "\0" in value:
        raise ValueError("a NUL cannot be part of a path or an argument")
    return value.encode("utf-8", "surrogateescape")


def _write_text(value: str) -> bytes:
    return _write_bytes(_encode_text(value))


def _read_text(reader: Reader) -> str:
    return _read_bytes(reader).decode("utf-8", "surrogateescape")


def _write_texts(values: Sequence[str]) -> bytes:
    return U32.write(len(values)) + b"".join(_write_text(value) for value in values)


def _read_texts(reader: Reader) -> tuple[str, ...]:
    # A count that is a lie ends at the first text that is missing: each takes four bytes at least.
    return tuple(_read_text(reader) for _ in range(U32.read(reader)))


def _write_digest(value: bytes) -> bytes:
    if len(value) != DIGEST_BYTES:
        raise ValueError(f"a digest has {DIGEST_BYTES} bytes, not {len(value)}")
    return value


TEXT = Kind(_write_text, _read_text)
TEXTS = Kind(_write_texts, _read_texts)
BYTES = Kind(_write_bytes, _read_bytes)
DIGEST = Kind(_write_digest, lambda reader: reader.take(DIGEST_BYTES))
REST = Kind(bytes, Reader.rest)
REST_TEXT = Kind(_encode_text, lambda reader: reader.rest().decode("utf-8", "surrogateescape"))
FLAG = Kind(lambda value: U8.write(int(value)), lambda reader: U8.read(reader) != 0)
LETTER = Kind(lambda value: U8.write(ord(value)), lambda reader: chr(U8.read(reader)))
