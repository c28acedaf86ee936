"""Files are written where none are; all of them, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from alcove.errors import AlcoveError, ConflictError
from alcove.prep.planning import PlannedFile
from alcove.prep.writing import replace_file, write_files

FILES = (PlannedFile("a/b/one", "1\nü\n"), PlannedFile("two", "2\n"))


def test_what_is_missing_is_written_and_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("mine")
    assert write_files(tmp_path, FILES) == {"a/b/one": True, "two": False}
    assert (tmp_path / "a/b/one").read_bytes() == "1\nü\n".encode()
    assert (tmp_path / "two").read_text() == "mine"
    assert (tmp_path / "a/b/one").stat().st_mode & 0o777 == 0o644


def test_a_link_to_nowhere_is_kept_too(tmp_path: Path) -> None:
    (tmp_path / "two").symlink_to(tmp_path / "nowhere")
    assert write_files(tmp_path, FILES) == {"a/b/one": True, "two": False}
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(("blocked", "kind"), [("a", "file"), ("a/b", "file"), ("two", "directory")])
def test_something_else_in_the_way_is_told_before_anything_is_written(
    tmp_path: Path, blocked: str, kind: str
) -> None:
    place = tmp_path / blocked
    place.parent.mkdir(exist_ok=True)
    if kind == "file":
        place.touch()
    else:
        place.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConflictError, match=f"{blocked} is a {kind}"):
        write_files(tmp_path, FILES)
    assert sorted(tmp_path.rglob("*")) == before


def test_after_a_failure_nothing_of_it_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    too_long = PlannedFile("c/" + "x" * 300, "")
    with pytest.raises(AlcoveError, match="cannot write") as caught:
        write_files(tmp_path, (*FILES, too_long))
    assert caught.value.cause == "File name too long"
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


def test_a_file_is_replaced_with_its_mode_and_through_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    replace_file(link, "new\r\n")
    assert link.is_symlink() and real.read_bytes() == b"new\r\n" and real.stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.iterdir()) == [link, real]


def test_a_file_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    with pytest.raises(AlcoveError, match="cannot write"):
        replace_file(tmp_path / "missing", "x")
    assert list(tmp_path.iterdir()) == []
