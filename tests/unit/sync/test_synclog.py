"""What the workstation remembers."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sync.worlds import make_files, select

from alcove.sync import hashing
from alcove.sync.errors import SyncError
from alcove.sync.scanning import scan
from alcove.sync.synclog import SyncLog, log_path, make_log, read_log, write_log


@pytest.fixture
def log(tmp_path: Path) -> SyncLog:
    make_files(tmp_path / "p", {"a": "one", "d/é": "two"})
    for path in ("a", "d/é"):
        os.utime(tmp_path / "p" / path, ns=(10**18, 10**18))
    return make_log(tmp_path / "p", scan(select(tmp_path / "p")), synchronization_id="id", synced_ns=7)


def test_the_file_is_where_and_what_the_original_said(tmp_path: Path, log: SyncLog) -> None:
    path = write_log(log, tmp_path)
    name = hashlib.sha256(str(tmp_path / "p").encode()).hexdigest()
    assert path == tmp_path / f"{name}.synclog" == log_path(tmp_path / "p", tmp_path)
    assert log_path(tmp_path).parent == Path(tempfile.gettempdir())
    document = json.loads(path.read_text())
    assert (document["synchronizationId"], document["lastSync"]) == ("id", 7)
    entry = next(one for one in document["files"] if one["path"] == "a")
    assert (entry["timestamp"], entry["size"], len(entry["digest"])) == (10**18, 3, 64)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_next_scan_reads_nothing(tmp_path: Path, log: SyncLog, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(log, tmp_path)
    read = read_log(tmp_path / "p", tmp_path).log
    assert read and (read.synchronization_id, read.synced_ns) == ("id", 7)
    monkeypatch.setattr(hashing, "hash_file", None)
    assert scan(select(tmp_path / "p"), read.known).manifest.entries.keys() == {"a", "d", "d/é"}


def test_no_file_is_a_full_synchronization_without_a_word(tmp_path: Path) -> None:
    read = read_log(tmp_path / "p", tmp_path)
    assert read.log is None and read.said == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', "null", "[" * 5000, "\x00"])
def test_a_damaged_file_is_said_and_not_used(tmp_path: Path, text: str) -> None:
    log_path(tmp_path, tmp_path).write_text(text)
    read = read_log(tmp_path, tmp_path)
    assert read.log is None and "damaged" in read.said and "all files are compared" in read.said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version"),
        ({"project": "/other"}, "another project"),
        (
            {
                "files": [
                    {"path": "../x", "timestamp": 1, "size": 1, "mode": 1, "inode": 1, "digest": "0" * 64}
                ]
            },
            "damaged",
        ),
        (
            {"files": [{"path": "x", "timestamp": 1, "size": 1, "mode": 1, "inode": 1, "digest": "0"}]},
            "damaged",
        ),
    ],
)
def test_what_is_not_of_this_project_is_not_used(
    tmp_path: Path, log: SyncLog, change: dict[str, object], said: str
) -> None:
    path = write_log(log, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    read = read_log(tmp_path / "p", tmp_path)
    assert read.log is None and said in read.said


def test_a_link_is_not_followed_and_not_written_through(tmp_path: Path, log: SyncLog) -> None:
    path = write_log(log, tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    assert read_log(tmp_path / "p", tmp_path).log is None
    write_log(SyncLog(log.project, "other", 9, log.known), tmp_path)
    assert not path.is_symlink() and (tmp_path / "elsewhere").read_bytes() == before


def test_a_file_that_others_may_write_or_own_is_not_believed(tmp_path: Path, log: SyncLog) -> None:
    path = write_log(log, tmp_path)
    path.chmod(0o622)
    assert "somebody else" in read_log(tmp_path / "p", tmp_path).said
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
        assert "somebody else" in read_log(tmp_path / "p", tmp_path).said


def test_a_pipe_in_its_place_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(log_path(tmp_path, tmp_path))
    assert "no regular file" in read_log(tmp_path, tmp_path).said


def test_a_log_that_cannot_be_written_leaves_no_draft(tmp_path: Path, log: SyncLog) -> None:
    log_path(tmp_path / "p", tmp_path).mkdir()
    with pytest.raises(SyncError, match="cannot write"):
        write_log(log, tmp_path)
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_said(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        log_path(Path("/p"), Path(name)).write_bytes(content)
        assert read_log(Path("/p"), Path(name)).log is None
