"""Programs and libraries of a few bytes: nothing but the headers that the loader reads."""

from __future__ import annotations

import struct
from pathlib import Path

X86_64, AARCH64 = 62, 183
_BASE = 0x400000


def elf(
    *,
    needed: tuple[str, ...] = (),
    interpreter: str = "",
    runpath: str = "",
    rpath: str = "",
    machine: int = X86_64,
) -> bytes:
    """Make a file that says this."""
    strings = b"\0"
    entries = []
    for tag, text in (*((1, name) for name in needed), (29, runpath), (15, rpath)):
        if text:
            entries.append((tag, len(strings)))
            strings += text.encode() + b"\0"
    table = 64 + 3 * 56
    loader = interpreter.encode() + b"\0"
    at_strings = table + len(loader)
    at_dynamic = at_strings + len(strings)
    entries += [(5, _BASE + at_strings), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    end = at_dynamic + len(dynamic)
    segments = [(1, 0, end), (2, at_dynamic, len(dynamic))]
    segments.append((3, table, len(loader)) if interpreter else (0, 0, 0))
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    packed = b"".join(
        struct.pack("<IIQQQQQQ", kind, 4, offset, _BASE + offset, _BASE + offset, size, size, 8)
        for kind, offset, size in segments
    )
    return header + packed + loader + strings + dynamic


def write(path: Path, content: bytes) -> Path:
    """Write a file, its directories too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
