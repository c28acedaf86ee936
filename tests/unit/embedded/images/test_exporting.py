"""Files of an image as a tar file."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from alcove.embedded.images import merged
from alcove.embedded.images.exporting import write_tar
from alcove.embedded.images.merged import MergedTree
from alcove.errors import AlcoveError


@pytest.fixture
def tree(tmp_path: Path) -> MergedTree:
    """Two layers: the upper one replaces ``app/a``, deletes ``app/gone`` and adds a link."""
    low, high = tmp_path / "low", tmp_path / "high"
    for layer in (low, high):
        (layer / "app/sub").mkdir(parents=True)
    for name in ("a", "gone", "sub/b"):
        (low / "app" / name).write_text("old")
    (low / "app/sub/b").chmod(0o750)
    (high / "app/a").write_text("new")
    (high / "app/link").symlink_to("/etc/passwd")
    os.mkfifo(high / "app/pipe")
    (high / "app/gone").touch()
    if os.geteuid() == 0:
        (high / "app/gone").unlink()
        merged.put_whiteout(high / "app/gone")
    return MergedTree((low, high))


def members(tree: MergedTree, path: str) -> dict[str, tuple[int, str]]:
    packed = io.BytesIO()
    write_tar(tree, path, packed)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        return {member.name: (member.mode, _content(archive, member)) for member in archive}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member) if member.isreg() else None
    return file.read().decode() if file is not None else member.linkname


@pytest.mark.root
def test_a_directory_gives_what_shows_in_it(tree: MergedTree) -> None:
    found = members(tree, "/app/")
    assert sorted(found) == ["a", "link", "sub", "sub/b"]
    assert (found["a"][1], found["link"][1]) == ("new", "/etc/passwd")
    assert found["sub/b"] == (0o750, "old")


def test_a_file_goes_by_its_own_name(tree: MergedTree) -> None:
    assert {name: text for name, (_, text) in members(tree, "app/a").items()} == {"a": "new"}


def test_a_link_at_the_path_is_followed_inside_of_the_image(tree: MergedTree) -> None:
    with pytest.raises(AlcoveError, match="the image has no /app/link"):
        members(tree, "/app/link")


def test_nothing_there_is_told(tree: MergedTree) -> None:
    with pytest.raises(AlcoveError, match="the image has no /nope"):
        members(tree, "/nope")
