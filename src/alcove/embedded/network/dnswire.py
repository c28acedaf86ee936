"""DNS messages as bytes: reading queries that anyone may send, and writing answers.

Reading never fails otherwise than by giving None or a query to be refused.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

A, CNAME, SOA, PTR, TXT, AAAA, SRV, OPT, ANY = 1, 5, 6, 12, 16, 28, 33, 41, 255
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)

_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_MINIMUM, _MAXIMUM = 512, 4096


class Query(NamedTuple):
    """One question."""

    id: int
    name: str
    """In lower case, without the last dot."""
    type: int
    question: bytes
    """As it was asked, to be given back with the answer."""
    flags: int = 0
    limit: int = _MINIMUM
    """The longest answer that the client takes over UDP (bytes)."""
    extended: bool = False
    fault: int = NOERROR
    """Why it is refused: FORMERR, NOTIMP."""


class Record(NamedTuple):
    """One record of an answer; ``name`` empty means the name that was asked."""

    type: int
    content: bytes
    name: str = ""


class Reply(NamedTuple):
    """What a query is answered with."""

    code: int = NOERROR
    answers: Sequence[Record] = ()
    authority: Sequence[Record] = ()
    additional: Sequence[Record] = ()


def parse_query(packet: bytes) -> Query | None:
    """Give the query; None for what deserves no answer (a reply, or less than a header)."""
    if len(packet) < _HEADER.size:
        return None
    number, flags, questions, answers, authorities, additional = _HEADER.unpack_from(packet)
    if flags & 0x8000:
        return None
    if flags & 0x7800:
        return Query(number, "", 0, b"", flags, fault=NOTIMP)
    try:
        name, offset = _parse_name(packet, _HEADER.size)
        kind, _ = struct.unpack_from("!HH", packet, offset)
    except (ValueError, struct.error):
        return Query(number, "", 0, b"", flags, fault=FORMERR)
    if questions != 1:
        return Query(number, "", 0, b"", flags, fault=FORMERR)
    offset += 4
    question = packet[_HEADER.size : offset]
    size = 0 if answers or authorities or not additional else _parse_size(packet, offset)
    limit = min(max(size, _MINIMUM), _MAXIMUM)
    return Query(number, name, kind, question, flags, limit, extended=bool(size))


def _parse_name(packet: bytes, offset: int) -> tuple[str, int]:
    labels: list[str] = []
    start = offset
    while True:
        if offset >= len(packet):
            raise ValueError("the name does not end")
        length = packet[offset]
        offset += 1
        if length == 0:
            return ".".join(labels), offset
        if length > 63 or offset - start > 255:
            raise ValueError("not a question's name")
        labels.append(packet[offset : offset + length].decode("latin-1").lower())
        offset += length


def _parse_size(packet: bytes, offset: int) -> int:
    """Give the size that an OPT record right after the question announces, 0 without one."""
    if packet[offset : offset + 3] != b"\0\0\x29" or len(packet) < offset + 11:
        return 0
    return max(1, int.from_bytes(packet[offset + 3 : offset + 5], "big"))


def encode_name(name: str) -> bytes:
    """Give a name's labels; those longer than 63 bytes are cut."""
    labels = (label.encode("latin-1", "replace")[:63] for label in name.split(".") if label)
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def address(value: str) -> bytes:
    """Give the content of an A record."""
    return socket.inet_aton(value)


def service(port: int, target: str) -> bytes:
    """Give the content of an SRV record."""
    return struct.pack("!HHH", 0, 100, port) + encode_name(target)


def start_of_authority(zone: str, seconds: int) -> bytes:
    """Give the content of a SOA record; ``seconds`` is how long clients remember what there is not."""
    names = encode_name(f"ns.dns.{zone}") + encode_name(f"hostmaster.{zone}")
    return names + struct.pack("!IIIII", 1, 7200, 1800, 86400, seconds)


def encode_reply(query: Query, reply: Reply, *, ttl: int, limit: int = 0) -> bytes:
    """Give the message; one longer than ``limit`` (when not 0) is cut to its question and marked so."""
    flags = 0x8480 | (query.flags & 0x0100) | reply.code
    sections = (reply.answers, reply.authority, reply.additional)
    counts = [len(section) for section in sections]
    body = b"".join(_encode_record(query, record, ttl) for section in sections for record in section)
    extension = b"\0" + _RECORD.pack(OPT, _MAXIMUM, 0, 0) if query.extended else b""
    if limit and _HEADER.size + len(query.question) + len(body) + len(extension) > limit:
        flags, counts, body = flags | 0x0200, [0, 0, 0], b""
    counts[2] += bool(extension)
    header = _HEADER.pack(query.id, flags, bool(query.question), *counts)
    return header + query.question + body + extension


def _encode_record(query: Query, record: Record, ttl: int) -> bytes:
    name = encode_name(record.name) if record.name or not query.question else b"\xc0\x0c"
    return name + _RECORD.pack(record.type, 1, ttl, len(record.content)) + record.content
