from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.app.hub.trees import keep, open_book, tree_of

from alcove.app.hub import manifests
from alcove.app.hub.manifests import ManifestBook
from alcove.sync.errors import StoreFullError
from alcove.sync.manifest import Manifest, diff


@pytest.fixture(autouse=True)
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chains be as long as the numbers here say."""
    monkeypatch.setattr(manifests, "_LONGEST_CHAIN", 100)


def numbered(number: int) -> dict[str, bytes]:
    return {"kept.py": b"always", "app.py": str(number).encode()}


async def add(book: ManifestBook, base: Manifest | None, files: dict[str, bytes]) -> Manifest:
    """Keep a tree with its contents, by its changes where it has a base."""
    tree = keep(book.store, files)
    if base is None:
        await book.add(tree)
    else:
        await book.add_changed(base, diff(base, tree), tree)
    return tree


async def chain(book: ManifestBook, length: int) -> list[Manifest]:
    trees = [await add(book, None, numbered(0))]
    for number in range(1, length):
        trees.append(await add(book, trees[-1], numbered(number)))
    return trees


def steps_of(directory: Path) -> set[str]:
    return {path.name for path in (directory / "changes").iterdir()}


@pytest.mark.parametrize("length", [1, 2, 16, 99, 100, 101, 102, 250])
async def test_every_tree_is_found_again_by_the_next_hub(tmp_path: Path, length: int) -> None:
    trees = await chain(open_book(tmp_path), length)
    book = open_book(tmp_path)
    for tree in reversed(trees):
        assert book.read(tree.id) == tree
    assert len(book.store.manifests) == 1 + (length - 1) // 101


async def test_a_chain_that_goes_on_from_an_old_tree_does_not_get_too_long(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    trees = await chain(book, 90)
    for tree in trees[30:60]:
        assert book.read(tree.id) == tree  # and 89 is forgotten
    assert book.read(trees[-1].id) == trees[-1]
    base = trees[-1]
    for number in range(1000, 1030):
        base = await add(book, base, numbered(number))
    assert open_book(tmp_path).read(base.id) == base


async def test_a_tree_of_itself_and_a_tree_that_comes_back(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    first, second, third = await chain(book, 3)
    await book.add_changed(third, diff(third, third), third)
    await book.add_changed(third, diff(third, second), second)
    await book.add_changed(second, diff(second, first), first)
    book.collect({third.id})
    fresh = open_book(tmp_path)
    assert fresh.read(third.id) == third


@pytest.mark.parametrize("damage", [b"", b"x", b"0" * 64, b"0" * 64 + b"ALCc1junk", b"\xff" * 80])
async def test_a_step_that_is_damaged_or_missing_makes_a_tree_unknown(tmp_path: Path, damage: bytes) -> None:
    first, second, third = await chain(open_book(tmp_path), 3)
    (tmp_path / "changes" / second.id).write_bytes(damage)
    book = open_book(tmp_path)
    assert book.read(third.id) is None and book.read(second.id) is None
    assert book.read(first.id) == first
    (tmp_path / "changes" / second.id).unlink()
    assert book.read(third.id) is None
    book.collect({third.id, first.id})
    assert book.read(first.id) == first


async def test_a_step_that_leads_to_another_tree_is_not_believed(tmp_path: Path) -> None:
    _, second, third = await chain(open_book(tmp_path), 3)
    changes = tmp_path / "changes"
    (changes / third.id).write_bytes((changes / second.id).read_bytes())
    assert open_book(tmp_path).read(third.id) is None


async def test_steps_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    _, second, third = await chain(open_book(tmp_path), 3)
    step = tmp_path / "changes" / second.id
    step.write_bytes(third.id.encode() + step.read_bytes()[64:])
    book = open_book(tmp_path)
    assert book.read(third.id) is None
    book.collect({third.id})


@pytest.mark.parametrize(
    "name",
    ["", "x", "../" * 21 + "x", "/" * 64, "." * 64, "a/../" * 12 + "abcd", "\0" * 64, "é" * 64, "a" * 300],
)
async def test_an_id_names_nothing_outside(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_bytes(b"0" * 64)
    book = open_book(tmp_path)
    await chain(book, 2)
    assert book.read(name) is None
    book.collect({name})


async def test_what_is_dropped_is_no_base_any_more(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    trees = await chain(book, 3)
    other = await add(book, None, {"other": b"one"})
    book.collect({other.id})
    assert [book.read(tree.id) for tree in trees] == [None] * 3
    assert book.read(other.id) == other and not steps_of(tmp_path)
    assert book.store.missing(other.digests) == [] and book.store.missing(trees[0].digests)


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    book = open_book(tmp_path, limit=100)
    with pytest.raises(StoreFullError):
        await book.add(tree_of({f"file-{number}": b"" for number in range(50)}))
    small = open_book(tmp_path / "two")
    (tree,) = await chain(small, 1)
    (tmp_path / "two" / "changes").rmdir()
    after = keep(small.store, numbered(5))
    with pytest.raises(StoreFullError, match="cannot be written"):
        await small.add_changed(tree, diff(tree, after), after)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "change", "collect", "restart"]), st.integers(0, 7), st.integers(0, 7)),
    max_size=25,
)


@settings(max_examples=40)
@given(ACTIONS)
def test_a_book_knows_what_a_model_knows(actions: Sequence[tuple[str, int, int]]) -> None:
    async def play(directory: Path) -> None:
        book = open_book(directory)
        trees = [tree_of(numbered(number)) for number in range(8)]
        known: set[int] = set()
        for action, one, two in actions:
            if action == "add" or (action == "change" and book.read(trees[one].id) is None):
                await add(book, None, numbered(one))
                known.add(one)
            elif action == "change":
                await add(book, trees[one], numbered(two))
                known.add(two)
            elif action == "collect":
                book.collect({trees[one].id, trees[two].id})
                known &= {one, two}
            else:
                book = open_book(directory)
            for number in known:
                tree = book.read(trees[number].id)
                assert tree == trees[number]
                assert not book.store.missing(tree.digests)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(play(Path(directory)))
