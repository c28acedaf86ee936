"""Which events are worth a look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.sync.worlds import make_files, select

from alcove.sync.hashing import Stamp
from alcove.sync.scanning import scan
from alcove.sync.sifting import CHANGED, CREATED, REMOVED, Sieve, Sifted

FILES = {
    ".gitignore": "node_modules/\n*.log\n",
    ".dockerignore": "Dockerfile",
    "Dockerfile": "x",
    "src/a.py": "a",
    "src/x.log": "",
    "node_modules/a/b": "",
    ".git/index": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_files(tmp_path, FILES)


def sift(root: Path, *events: tuple[int, str]) -> Sifted:
    selection = select(root, "Dockerfile", git=True)
    return Sieve(selection).sift(events, KNOWN[root])


KNOWN: dict[Path, Mapping[str, Stamp]] = {}


@pytest.fixture(autouse=True)
def _known(root: Path) -> None:
    KNOWN[root] = scan(select(root, "Dockerfile", git=True)).stamps


@pytest.mark.parametrize(
    "path", ["src/x.log", "node_modules", "node_modules/a/b", ".git/index", "src/4913", "nowhere/x"]
)
def test_what_does_not_count_does_not_wake(root: Path, path: str) -> None:
    for kind in (CREATED, CHANGED, REMOVED):
        assert sift(root, (kind, path)) == Sifted()


def test_files_that_count_do(root: Path) -> None:
    make_files(root, {"src/new": ""})
    found = sift(root, (CHANGED, "src/a.py"), (CREATED, "src/new"), (CHANGED, "Dockerfile"))
    assert found == Sifted(frozenset({"src/a.py", "src/new", "Dockerfile"}))


def test_new_directories_are_looked_at_as_a_whole_and_watched(root: Path) -> None:
    make_files(root, {"new/a/b": ""})
    found = sift(root, (CREATED, "new"), (CHANGED, "src"))
    assert found == Sifted(frozenset({"src"}), frozenset({"new"}), frozenset({"new"}))


def test_a_directory_that_went_is_not_watched_any_more(root: Path) -> None:
    (root / "src").rename(root / "lib")
    found = sift(root, (REMOVED, "src"), (CREATED, "lib"))
    assert found == Sifted(frozenset({"src"}), frozenset({"lib"}), frozenset({"src", "lib"}))


@pytest.mark.parametrize("content", ["", None])
def test_a_known_file_that_is_empty_or_away_is_being_written(root: Path, content: str | None) -> None:
    if content is None:
        (root / "src/a.py").unlink()
    else:
        make_files(root, {"src/a.py": content})
    assert sift(root, (CHANGED, "src/a.py")) == Sifted(frozenset({"src/a.py"}), is_unfinished=True)


def test_rules_that_change_are_read_again(root: Path) -> None:
    sieve = Sieve(select(root, "Dockerfile", git=True))
    assert not sieve.sift([(CHANGED, "src/x.log")], {}).changed
    make_files(root, {".gitignore": ""})
    assert sieve.sift([(CHANGED, ".gitignore")], {}).changed == {".gitignore"}
    assert sieve.sift([(CHANGED, "src/x.log")], {}).changed == {"src/x.log"}


def test_both_together() -> None:
    one, other = Sifted(frozenset("a"), is_unfinished=True), Sifted(frozenset("b"), frozenset("c"))
    assert one.joined(other) == Sifted(frozenset("ab"), frozenset("c"), is_unfinished=True)
