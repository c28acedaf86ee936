"""What a program or shared library says about the others it needs, read from its headers.

Only 64-bit little-endian files are read, which all of ours are; others count as no programs.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAX_TABLE = 16 * 1024**2
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_END, _NEEDED, _STRINGS, _STRINGS_SIZE, _RPATH, _RUNPATH = 0, 1, 5, 10, 15, 29


@dataclass(frozen=True, slots=True)
class Linkage:
    """What the loader is told."""

    machine: int
    """The number of the processor's kind; libraries are of the same."""
    interpreter: str = ""
    """The loader's path; empty for libraries and static programs."""
    needed: tuple[str, ...] = ()
    """Names of libraries."""
    rpath: tuple[str, ...] = ()
    """Where to look first, also for what those libraries need; ``$ORIGIN`` is the file's directory."""
    runpath: tuple[str, ...] = ()
    """Where to look first for these libraries alone; when there is one, ``rpath`` does not count."""


def read_linkage(path: Path) -> Linkage | None:
    """Read a file; None for one that is no program and no library.

    Raises:
        ValueError: it is damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return parse_linkage(stream)


def parse_linkage(stream: BinaryIO) -> Linkage | None:
    """Read a seekable stream; as ``read_linkage``."""
    header = stream.read(64)
    if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
        return None
    machine, start = struct.unpack_from("<H", header, 18)[0], struct.unpack_from("<Q", header, 32)[0]
    size, count = struct.unpack_from("<HH", header, 54)
    if size < 56:
        raise ValueError("the program headers are too small")
    table = _read(stream, start, size * count)
    segments = [_Segment.parse(table, index * size) for index in range(count)]
    interpreter = next(
        (_text(_read(stream, s.offset, s.size), 0) for s in segments if s.kind == _INTERPRETER), ""
    )
    dynamic = next((s for s in segments if s.kind == _DYNAMIC), None)
    if dynamic is None:
        return Linkage(machine, interpreter)
    content = _read(stream, dynamic.offset, dynamic.size)
    entries: list[tuple[int, int]] = []
    for tag, value in struct.iter_unpack("<QQ", content[: len(content) // 16 * 16]):
        if tag == _END:
            break
        entries.append((tag, value))
    return _linkage(stream, machine, interpreter, segments, entries)


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int

    @classmethod
    def parse(cls, table: bytes, at: int) -> _Segment:
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", table, at)
        return cls(kind, offset, address, size)


def _linkage(
    stream: BinaryIO, machine: int, interpreter: str, segments: list[_Segment], entries: list[tuple[int, int]]
) -> Linkage:
    values = dict(entries)
    strings = b""
    if _STRINGS in values:
        address = values[_STRINGS]
        loaded = (s for s in segments if s.kind == _LOAD and s.address <= address < s.address + s.size)
        segment = next(loaded, None)
        if segment is None:
            raise ValueError("its table of names is nowhere")
        strings = _read(stream, segment.offset + address - segment.address, values.get(_STRINGS_SIZE, 0))

    def texts(wanted: int) -> tuple[str, ...]:
        return tuple(_text(strings, value) for tag, value in entries if tag == wanted)

    def paths(wanted: int) -> tuple[str, ...]:
        return tuple(path for text in texts(wanted) for path in text.split(":") if path)

    return Linkage(machine, interpreter, texts(_NEEDED), paths(_RPATH), paths(_RUNPATH))


def _read(stream: BinaryIO, start: int, size: int) -> bytes:
    if size > _MAX_TABLE or start > (1 << 62):
        raise ValueError("a table is too large")
    stream.seek(start)
    content = stream.read(size)
    if len(content) < size:
        raise ValueError("it ends too early")
    return content


def _text(table: bytes, at: int) -> str:
    end = table.find(b"\0", at)
    if at >= len(table) or end < 0:
        raise ValueError("a name is outside of its table")
    return os.fsdecode(table[at:end])
