"""The lines of a container's log, as container runtimes write them: pure.

``<time> <stream> <F|P> <content>``; ``P`` marks a piece of a line that goes on with the next one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import NamedTuple

from alcove.embedded import faults
from alcove.embedded.ports import LogQuery

LONGEST_PIECE = 16384
"""Bytes of content in one line of a log file; longer lines go into several pieces."""


def log_stamp(seconds: float) -> bytes:
    """Write a time so that later ones sort after earlier ones."""
    whole, micros = divmod(int(seconds * 1_000_000), 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{micros:06d}000Z".encode()


class LineFramer:
    """Cuts the output of one stream into lines of the log; keeps at most one piece of a line back."""

    def __init__(self, stream: str) -> None:
        """``stream`` is ``stdout`` or ``stderr``."""
        self._stream = stream.encode()
        self._rest = b""

    def feed(self, content: bytes, stamp: bytes) -> bytes:
        """Give the lines that ``content`` completes, ready to be written."""
        complete, end, self._rest = (self._rest + content).rpartition(b"\n")
        full, piece = self._prefixes(stamp)
        out = [_frame(complete, full, piece)] if end else []
        while len(self._rest) > LONGEST_PIECE:
            out.append(piece + self._rest[:LONGEST_PIECE] + b"\n")
            self._rest = self._rest[LONGEST_PIECE:]
        return b"".join(out)

    def flush(self, stamp: bytes) -> bytes:
        """Give what is left of a last line without its end."""
        rest, self._rest = self._rest, b""
        return self._prefixes(stamp)[1] + rest + b"\n" if rest else b""

    def _prefixes(self, stamp: bytes) -> tuple[bytes, bytes]:
        start = b"%b %b " % (stamp, self._stream)
        return start + b"F ", start + b"P "


def _frame(lines: bytes, full: bytes, piece: bytes) -> bytes:
    # Containers may write much faster than a loop over lines: the usual case is left to one replace.
    if len(lines) <= LONGEST_PIECE or max(map(len, lines.split(b"\n"))) <= LONGEST_PIECE:
        return full + lines.replace(b"\n", b"\n" + full) + b"\n"
    out: list[bytes] = []
    for line in lines.split(b"\n"):
        start = 0
        while len(line) - start > LONGEST_PIECE:
            out += (piece, line[start : start + LONGEST_PIECE], b"\n")
            start += LONGEST_PIECE
        out += (full, line[start:], b"\n")
    return b"".join(out)


class LogLine(NamedTuple):
    """One line of a log file."""

    stamp: bytes
    stream: bytes
    full: bool
    content: bytes


def parse_line(line: bytes) -> LogLine | None:
    """Read one line without its end; None when it is not one of a log."""
    parts = line.split(b" ", 3)
    if len(parts) != 4 or parts[2] not in (b"F", b"P"):
        return None
    return LogLine(parts[0], parts[1], parts[2] == b"F", parts[3])


class Selection:
    """Turns log files into what a query asks for, and knows when that is enough."""

    def __init__(self, query: LogQuery, now: float) -> None:
        """Raise ApiError 400 when the query contradicts itself or names no time."""
        self._timestamps = query.timestamps
        self._since = _since(query, now)
        self._left = query.limit_bytes
        self._rest = b""
        self._fresh = True

    @property
    def exhausted(self) -> bool:
        """``limitBytes`` has been reached."""
        return self._left == 0

    def feed(self, content: bytes) -> bytes:
        """Give what is to be shown of the next bytes of the files."""
        *lines, self._rest = (self._rest + content).split(b"\n")
        out: list[bytes] = []
        for raw in lines:
            line = parse_line(raw)
            if line is None or line.stamp < self._since:
                continue
            if self._timestamps and self._fresh:
                out += (line.stamp, b" ")
            out.append(line.content)
            if line.full:
                out.append(b"\n")
            self._fresh = line.full
        shown = b"".join(out)
        if self._left is not None:
            shown = shown[: self._left]
            self._left -= len(shown)
        return shown


def _since(query: LogQuery, now: float) -> bytes:
    if query.since_seconds is not None:
        if query.since_time:
            raise faults.bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified")
        return log_stamp(now - query.since_seconds)
    if not query.since_time:
        return b""
    try:
        moment = datetime.fromisoformat(query.since_time)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return log_stamp(moment.timestamp())
    except (ValueError, OverflowError) as error:
        raise faults.bad_request(f"sinceTime: {query.since_time!r} is not an RFC 3339 time") from error
