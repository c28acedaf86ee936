"""The daemon's record on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alcove import errors
from alcove.app.embedded import record


def own(**changes: int) -> record.DaemonRecord:
    started = record.started_ticks(os.getpid())
    assert started is not None
    fields = {"pid": os.getpid(), "started": started, **changes}
    return record.DaemonRecord(fields["pid"], fields["started"], "https://127.0.0.1:1", 1, "0")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    assert record.read_record(path) is None
    record.write_record(path, own())
    assert record.read_record(path) == own()


def test_a_pid_given_to_another_process_is_not_ours() -> None:
    assert record.is_alive(own())
    assert not record.is_alive(own(started=1))
    assert not record.is_alive(own(pid=2**22 + 1))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff"])
def test_a_damaged_record_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "daemon.json"
    path.write_bytes(content)
    with pytest.raises(errors.AlcoveError, match="cannot read"):
        record.read_record(path)
