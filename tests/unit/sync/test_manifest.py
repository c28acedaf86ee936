"""Trees as values: what differs, and what turns one into the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from tests.unit.sync.worlds import MANIFESTS, file_of

from alcove.sync.errors import SyncError
from alcove.sync.manifest import (
    EMPTY,
    Changes,
    Directory,
    File,
    Link,
    Manifest,
    check_entries,
    diff,
    with_changes,
)

ONE = file_of(b"one")


@given(MANIFESTS, MANIFESTS)
def test_what_differs_turns_one_tree_into_the_other(before: Manifest, after: Manifest) -> None:
    changes = diff(before, after)
    made = with_changes(before, changes)
    assert made == after and made.id == after.id == Manifest(dict(after.entries)).id
    assert bool(changes) == (before != after) == (before.id != after.id)


@given(MANIFESTS, MANIFESTS)
def test_changes_can_be_carried_out_one_after_the_other(before: Manifest, after: Manifest) -> None:
    """As an agent does it, which removes a directory only when nothing of the manifest is in it."""
    changes = diff(before, after)
    there = dict(before.entries)
    for path in changes.removed:
        assert not any(one.startswith(path + "/") for one in there)
        del there[path]
    for path, entry in changes.written.items():
        parent = path.rpartition("/")[0]
        assert not parent or isinstance(there[parent], Directory)
        assert path not in there or isinstance(there[path], Directory) == isinstance(entry, Directory)
        there[path] = entry
    assert there == after.entries


@given(MANIFESTS)
def test_a_tree_is_sound_and_its_id_does_not_depend_on_the_order(manifest: Manifest) -> None:
    check_entries(manifest.entries)
    turned = Manifest(dict(reversed([*manifest.entries.items()])))
    assert turned.id == manifest.id and turned == manifest and hash(turned) == hash(manifest)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (File("0" * 64, 1), File("0" * 64, 2)),
        (File("0" * 64, 1), File("1" * 64, 1)),
        (ONE, File(ONE.digest, ONE.size, 0o755)),
        (Link("a"), Link("b")),
        (Directory(), Directory(0o700)),
        (Directory(), Link("493")),
    ],
)
def test_whatever_differs_is_in_the_id(one: File, other: File) -> None:
    assert Manifest({"a": one}).id != Manifest({"a": other}).id != Manifest({"b": other}).id


def test_a_directory_becomes_a_file_and_back() -> None:
    directory = Manifest({"a": Directory(), "a/b": ONE})
    file = Manifest({"a": ONE})
    assert diff(directory, file) == Changes({"a": ONE}, ("a/b", "a"))
    assert diff(file, directory) == Changes({"a": Directory(), "a/b": ONE}, ("a",))
    assert diff(file, Manifest({"a": Link("x")})) == Changes({"a": Link("x")})


def test_a_part_of_a_tree_has_paths_of_its_own() -> None:
    tree = Manifest({"a": Directory(), "a/b": Directory(), "a/b/c": ONE, "ab": ONE})
    assert tree.below("a/b").entries == {"c": ONE}
    assert tree.below("") is tree and tree.below("x") == EMPTY
    assert (tree.digests, tree.size) == ({ONE.digest: 3}, 6)


@pytest.mark.parametrize(
    "changes",
    [
        Changes({"a/b": ONE}),
        Changes({"f/b": ONE}),
        Changes({"d": ONE}),
        Changes({}, ("d",)),
        Changes({"d": ONE}, ("d",)),
    ],
)
def test_changes_for_another_tree_are_refused(changes: Changes) -> None:
    tree = Manifest({"f": ONE, "d": Directory(), "d/x": ONE})
    with pytest.raises(SyncError):
        with_changes(tree, changes)


@pytest.mark.parametrize("path", ["../a", "/a", "a/../b", "a\\b", "x/y"])
def test_entries_that_are_no_tree_are_refused(path: str) -> None:
    with pytest.raises(SyncError):
        check_entries({path: ONE})
