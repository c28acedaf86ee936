"""Digests of files, and of what is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.sync.worlds import digest_of

from alcove.sync.hashing import ChangingError, hash_file, read_file, stamp_of


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh", b"x" * 700_000])
def test_a_file_is_hashed_with_its_stamp(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)
    expected = (digest_of(content), stamp_of((tmp_path / "f").lstat()), content.startswith(b"#!"))
    assert hash_file(str(tmp_path / "f")) == expected
    assert b"".join(read_file(str(tmp_path / "f"), digest_of(content), len(content))) == content


def test_links_pipes_and_directories_are_refused_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "link").symlink_to("f")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "", "absent"):
        with pytest.raises(OSError):
            hash_file(str(tmp_path / name))
    with pytest.raises(ChangingError):
        list(read_file(str(tmp_path / "pipe"), digest_of(b""), 0))


@pytest.mark.parametrize(
    ("digest", "size"), [(digest_of(b"a"), 1), (digest_of(b"b"), 2), (digest_of(b""), 0)]
)
def test_another_content_is_never_given_whole(tmp_path: Path, digest: str, size: int) -> None:
    (tmp_path / "f").write_bytes(b"b")
    with pytest.raises(ChangingError):
        list(read_file(str(tmp_path / "f"), digest, size))
