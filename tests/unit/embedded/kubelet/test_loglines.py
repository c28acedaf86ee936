"""Lines of logs: written, read back, chosen from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.kubelet.loglines import LONGEST_PIECE, LineFramer, Selection, log_stamp, parse_line
from alcove.embedded.ports import LogQuery

NOW = 1_700_000_000.0
STAMP = b"2023-11-14T22:13:20.000000000Z"


def lines(*texts: str, stamp: bytes = STAMP) -> bytes:
    return b"".join(stamp + b" stdout F " + text.encode() + b"\n" for text in texts)


def select(content: bytes, **query: Any) -> bytes:
    return Selection(LogQuery(**query), NOW).feed(content)


def test_stamps_have_nanoseconds() -> None:
    assert log_stamp(NOW + 0.25) == b"2023-11-14T22:13:20.250000000Z"


def test_a_line_is_written_when_it_is_complete() -> None:
    framer = LineFramer("stdout")
    assert framer.feed(b"he", STAMP) == b""
    assert framer.feed(b"llo\nwor", STAMP) == lines("hello")
    assert framer.flush(STAMP) == STAMP + b" stdout P wor\n"
    assert framer.flush(STAMP) == b""


@given(st.lists(st.binary(max_size=40000), max_size=5))
def test_any_output_comes_back_as_it_was(pieces: list[bytes]) -> None:
    framer = LineFramer("stderr")
    written = b"".join(framer.feed(piece, STAMP) for piece in pieces) + framer.flush(STAMP)
    assert select(written) == b"".join(pieces)
    assert all(len(line) <= LONGEST_PIECE + 60 for line in written.split(b"\n"))


@given(st.binary())
def test_any_bytes_can_be_read(content: bytes) -> None:
    parse_line(content)
    select(content + b"\n")


def test_times_are_shown_once_a_line() -> None:
    content = STAMP + b" stdout P a\n" + lines("b", "c")
    assert select(content, timestamps=True) == STAMP + b" ab\n" + STAMP + b" c\n"


@pytest.mark.parametrize(
    "query",
    [
        {"since_seconds": 10},
        {"since_time": "2023-11-14T22:13:10Z"},
        {"since_time": "2023-11-14T23:13:10+01:00"},
    ],
)
def test_older_lines_are_left_out(query: dict[str, Any]) -> None:
    old = lines("old", stamp=b"2023-11-14T22:13:09.999999000Z")
    assert select(old + lines("new"), **query) == b"new\n"


def test_the_limit_cuts_within_a_line() -> None:
    selection = Selection(LogQuery(limit_bytes=4), NOW)
    assert selection.feed(lines("abc", "def")) == b"abc\n"
    assert selection.exhausted


@given(st.text(max_size=30))
def test_what_is_no_time_is_refused(text: str) -> None:
    try:
        Selection(LogQuery(since_time=text), NOW)
    except ApiError as error:
        assert error.code == 400
