"""The file that remembers which space is selected on which cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.config.selection import SelectionStore, parse_selections, selected_space, with_selection
from alcove.errors import AlcoveError
from alcove.model import SpaceName

DEV, ALICE = SpaceName("dev"), SpaceName("alice")

documents = st.dictionaries(
    st.text(max_size=5), st.integers() | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
).map(lambda extra: {key: value for key, value in extra.items() if key != "clusters"})


def test_nothing_is_selected_before_the_first_write(tmp_path: Path) -> None:
    assert SelectionStore(tmp_path / "absent").read("one") is None
    assert not (tmp_path / "absent").exists()


def test_each_cluster_has_its_own_selection(tmp_path: Path) -> None:
    store = SelectionStore(tmp_path)
    store.write("one", DEV, server="https://one")
    store.write("two", ALICE, server="https://two")
    assert (store.read("one"), store.read("two"), store.read("three")) == (DEV, ALICE, None)
    store.write("one", None, server="https://one")
    assert (store.read("one"), store.read("two")) == (None, ALICE)


def test_only_its_owner_may_read_the_file_and_no_draft_stays(tmp_path: Path) -> None:
    store = SelectionStore(tmp_path / "alcove")
    store.write("one", DEV, server="")
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    assert list(store.path.parent.iterdir()) == [store.path]


def test_the_same_selection_writes_nothing(tmp_path: Path) -> None:
    store = SelectionStore(tmp_path)
    store.write("one", DEV, server="s")
    before = store.path.stat()
    store.write("one", DEV, server="s")
    assert store.path.stat().st_ino == before.st_ino


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "alcove").mkdir()
    store = SelectionStore(tmp_path / "alcove")
    store.path.symlink_to(tmp_path / "elsewhere.json")
    store.write("one", DEV, server="")
    assert store.path.is_symlink() and "dev" in (tmp_path / "elsewhere.json").read_text()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"clusters": []}', '{"clusters": {"a": 1}}', '{"clusters": {"a": {"space": 1}}}']
)
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    store = SelectionStore(tmp_path)
    store.path.write_text(text)
    with pytest.raises(AlcoveError, match=r"selection\.json") as caught:
        store.write("one", DEV, server="")
    assert "remove it" in caught.value.hint and store.path.read_text() == text


def test_bytes_that_are_no_text_are_damage_too(tmp_path: Path) -> None:
    store = SelectionStore(tmp_path)
    store.path.write_bytes(b"\xff\xfe")
    with pytest.raises(AlcoveError):
        store.read("one")


def test_a_directory_that_cannot_be_made_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AlcoveError) as caught:
        SelectionStore(tmp_path / "file" / "alcove").write("one", DEV, server="")
    assert "XDG_CONFIG_HOME" in caught.value.hint


def test_processes_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from alcove.config.selection import SelectionStore\n"
        "for n in range(20): SelectionStore(Path(sys.argv[1])).write(f'{sys.argv[2]}{n}', 'dev', server='')"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in "abc"]
    assert [process.wait(timeout=15) for process in running] == [0, 0, 0]
    assert len(json.loads(SelectionStore(tmp_path).path.read_text())["clusters"]) == 60


@given(documents, st.sampled_from([DEV, ALICE]), st.text(min_size=1, max_size=4))
def test_what_we_do_not_know_is_kept(extra: dict[str, object], space: SpaceName, cluster: str) -> None:
    known = {"clusters": {cluster: {"colour": "blue", "space": "old"}, "other one": {"space": "x"}}}
    after = with_selection({**extra, **known}, cluster, space, server="s")
    assert selected_space(after, cluster) == space
    assert {key: value for key, value in after.items() if key != "clusters"} == extra
    assert after["clusters"][cluster]["colour"] == "blue" and after["clusters"]["other one"] == {"space": "x"}
    cleared = with_selection(after, cluster, None, server="s")
    assert selected_space(cleared, cluster) is None and cleared["clusters"][cluster]["colour"] == "blue"


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        document = parse_selections(text)
    except ValueError:
        return
    selected_space(document, "one")


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_selections("[" * 100_000)
