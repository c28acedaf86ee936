"""Trees made of a manifest and a store."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from tests.unit.sync.worlds import MANIFESTS, digest_of, file_of

from alcove.sync.errors import MissingBlobError, SyncError
from alcove.sync.ignoring import IgnoreRules
from alcove.sync.manifest import Directory, File, Link, Manifest
from alcove.sync.scanning import scan
from alcove.sync.selection import make_selection
from alcove.sync.store import Store
from alcove.sync.trees import tar_tree, write_tree

CONTENTS = (b"", b"one", b"two", b"x" * 3000)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("store"), 10**6)
    for content in CONTENTS:
        made.write(digest_of(content), [content])
    return made


def seen(directory: Path) -> Manifest:
    return scan(make_selection([(directory, IgnoreRules(dockerignore=""))])).manifest


@given(MANIFESTS, MANIFESTS)
def test_a_written_tree_is_the_tree(
    tmp_path_factory: pytest.TempPathFactory, store: Store, before: Manifest, after: Manifest
) -> None:
    directory = tmp_path_factory.mktemp("tree")
    write_tree(before, store, "", directory)
    assert seen(directory) == before
    write_tree(after, store, "", directory)
    there = seen(directory).entries
    assert {path: there[path] for path in after.entries} == after.entries


def test_a_part_is_written_relative_to_its_top(tmp_path: Path, store: Store) -> None:
    tree = Manifest(
        {"a": Directory(), "a/b": Directory(0o500), "a/b/c": file_of(b"one", 0o755), "d": file_of(b"")}
    )
    write_tree(tree, store, "a", tmp_path)
    assert seen(tmp_path).entries == {"b": Directory(0o500), "b/c": file_of(b"one", 0o755)}
    (tmp_path / "b").chmod(0o700)


def test_links_that_are_in_the_way_are_replaced_and_nothing_is_written_outside(
    tmp_path: Path, store: Store
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("untouched")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "d").symlink_to(outside)
    (inside / "f").symlink_to(outside / "file")
    write_tree(Manifest({"d": Directory(), "d/x": file_of(b"one"), "f": file_of(b"two")}), store, "", inside)
    assert [one.name for one in outside.iterdir()] == ["file"] and (
        outside / "file"
    ).read_text() == "untouched"
    assert (inside / "d/x").read_bytes() == b"one" and not (inside / "f").is_symlink()


def test_a_missing_content_and_a_place_that_cannot_be_written_are_told(tmp_path: Path, store: Store) -> None:
    with pytest.raises(MissingBlobError):
        write_tree(Manifest({"a": file_of(b"absent")}), store, "", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SyncError, match="cannot write"):
        write_tree(Manifest({}), store, "", tmp_path / "file" / "x")


@given(MANIFESTS)
def test_a_tar_holds_the_tree_and_is_always_the_same(store: Store, tree: Manifest) -> None:
    content = b"".join(tar_tree(tree, store, ""))
    assert content == b"".join(tar_tree(Manifest(dict(reversed([*tree.entries.items()]))), store, ""))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {one.name: one for one in archive.getmembers()}
        assert members.keys() == tree.entries.keys()
        for path, entry in tree.entries.items():
            member = members[path]
            assert (member.mtime, member.uid, member.gid) == (0, 0, 0)
            if isinstance(entry, File):
                stream = archive.extractfile(member)
                assert stream and digest_of(stream.read()) == entry.digest and member.mode == entry.mode
            elif isinstance(entry, Link):
                assert member.issym() and member.linkname == entry.target
            else:
                assert member.isdir() and member.mode == entry.mode


def test_long_names_with_any_letters_and_a_prefix(store: Store) -> None:
    name = "ü" * 120
    tree = Manifest({"a": Directory(), "a/" + name: Directory(), f"a/{name}/{name}": file_of(b"one")})
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar_tree(tree, store, "a")))) as archive:
        assert archive.getnames() == [name, f"{name}/{name}"]


def test_a_manifest_that_lies_about_a_size_is_found_out(store: Store) -> None:
    with pytest.raises(SyncError, match="4 bytes"):
        list(tar_tree(Manifest({"a": File(digest_of(b"one"), 4)}), store, ""))
