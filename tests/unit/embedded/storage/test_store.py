"""The store: memory, disk and history agree, whatever happens in between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object, ObjectKey, StoredObject
from alcove.embedded.storage import DamagedStoreError, ObjectStore, StoreInUseError, StoreUnusableError

THINGS = GroupResource("things")
OTHERS = GroupResource("others.example.com")


def key(name: str, namespace: str = "default", resource: GroupResource = THINGS) -> ObjectKey:
    return ObjectKey(resource, namespace, name)


def thing(name: str, namespace: str = "default", **fields: object) -> Object:
    return {"kind": "Thing", "metadata": {"name": name, "namespace": namespace}, **fields}


def put(store: ObjectStore, name: str, **fields: object) -> StoredObject:
    return store.put(key(name), thing(name) | fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cluster" / "objects.db"


@pytest.fixture
def store(path: Path) -> Iterator[ObjectStore]:
    opened = ObjectStore.open(path)
    yield opened
    opened.close()


def test_a_written_object_carries_its_revision_and_its_json(store: ObjectStore) -> None:
    stored = put(store, "a", size=1)
    assert stored.revision == store.revision == 1
    assert stored.object["metadata"]["resourceVersion"] == "1"
    assert msgspec.json.decode(stored.encoded) == stored.object
    assert store.get(key("a")) is stored


def test_revisions_are_one_sequence_over_all_resources(store: ObjectStore) -> None:
    revisions = [
        put(store, "a").revision,
        store.put(key("a", resource=OTHERS), thing("a")).revision,
        store.remove(key("a")).revision,
        put(store, "a").revision,
    ]
    assert revisions == [1, 2, 3, 4]


def test_lists_are_sorted_and_a_namespace_is_exact(store: ObjectStore) -> None:
    for namespace, name in (("b", "x"), ("a", "y"), ("a-b", "z"), ("a", "x"), ("ab", "w")):
        store.put(key(name, namespace), thing(name, namespace))
    assert [stored.key[1:] for stored in store.list(THINGS)] == [
        ("a", "x"),
        ("a", "y"),
        ("a-b", "z"),
        ("ab", "w"),
        ("b", "x"),
    ]
    assert [stored.key.name for stored in store.list(THINGS, "a")] == ["x", "y"]
    assert store.list(OTHERS) == []


def test_a_removal_gives_the_last_state_under_its_own_revision(store: ObjectStore) -> None:
    put(store, "a", size=1)
    gone = store.remove(key("a"))
    assert (gone.revision, gone.object["size"]) == (2, 1)
    assert gone.object["metadata"]["resourceVersion"] == "2"
    assert store.get(key("a")) is None


def test_a_reopened_store_goes_on_where_it_ended(path: Path) -> None:
    store = ObjectStore.open(path)
    put(store, "a", size=1)
    put(store, "a", size=2)
    put(store, "b")
    store.remove(key("b"))
    store.close()
    again = ObjectStore.open(path)
    assert [stored.object["size"] for stored in again.list(THINGS)] == [2]
    assert put(again, "c").revision == 5
    again.close()


def test_revisions_from_before_a_restart_are_expired(path: Path) -> None:
    store = ObjectStore.open(path)
    put(store, "a")
    put(store, "b")
    store.close()
    again = ObjectStore.open(path)
    with pytest.raises(ApiError) as raised:
        again.subscribe(THINGS, revision=1)
    assert (raised.value.code, raised.value.reason) == (410, "Expired")
    assert again.subscribe(THINGS, revision=2).read() == []
    again.close()


def test_a_second_store_on_the_same_file_is_refused(store: ObjectStore, path: Path) -> None:
    with pytest.raises(StoreInUseError) as raised:
        ObjectStore.open(path)
    assert raised.value.cause and raised.value.hint


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_damaged_file_is_told_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DamagedStoreError) as raised:
        ObjectStore.open(path)
    assert str(path) in str(raised.value) and raised.value.hint
    assert path.read_bytes() == content


def test_a_row_that_is_no_object_is_damage(path: Path) -> None:
    ObjectStore.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO objects VALUES (1, 'things', 'a', 'b', x'00')")
    connection.close()
    with pytest.raises(DamagedStoreError, match="things a/b"):
        ObjectStore.open(path)


def test_a_file_of_a_later_format_is_not_touched(path: Path) -> None:
    ObjectStore.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DamagedStoreError, match="format 99"):
        ObjectStore.open(path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusableError) as raised:
        ObjectStore.open(tmp_path / "file" / "objects.db")
    assert raised.value.cause and raised.value.hint


def test_a_directory_in_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreUnusableError):
        ObjectStore.open(path)


_FULL_DISK = """
import resource, sys
from pathlib import Path
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, ObjectKey
from alcove.embedded.storage import ObjectStore
store = ObjectStore.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
written, refused = [], 0
for number in range(100):
    name = f"thing-{number:03}"
    item = {"metadata": {"name": name}, "fill": "x" * 5000}
    try:
        store.put(ObjectKey(GroupResource("things"), "", name), item)
        written.append(name)
    except ApiError as error:
        refused = error.code
assert refused in (500, 507), refused
assert [stored.key.name for stored in store.list(GroupResource("things"))] == written
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.put(ObjectKey(GroupResource("things"), "", "zzz"), {"metadata": {"name": "zzz"}})
store.close()
again = ObjectStore.open(Path(sys.argv[1]))
assert [stored.key.name for stored in again.list(GroupResource("things"))] == [*written, "zzz"]
assert again.revision == len(written) + 1
"""


def test_a_file_that_cannot_grow_loses_nothing_and_reads_go_on(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_is_told_as_insufficient_storage(store: ObjectStore, path: Path) -> None:
    put(store, "a")
    connection = store._database._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ApiError) as raised:
        put(store, "b", fill="x" * 100_000)
    assert (raised.value.code, raised.value.reason) == (507, "InsufficientStorage")
    assert [stored.key.name for stored in store.list(THINGS)] == ["a"]
    assert store.revision == 1


_WRITER = """
import sys
from pathlib import Path
from alcove.embedded.objects import GroupResource, ObjectKey
from alcove.embedded.storage import ObjectStore
store = ObjectStore.open(Path(sys.argv[1]))
for number in range(1_000_000):
    name = f"thing-{number % 50}"
    key = ObjectKey(GroupResource("things"), "", name)
    if number % 7 == 6 and store.get(key):
        revision = store.remove(key).revision
        print(revision, "gone", name, flush=True)
    else:
        revision = store.put(key, {"metadata": {"name": name}, "number": number}).revision
        print(revision, number, name, flush=True)
"""


def test_everything_acknowledged_survives_a_kill(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(400)]
        os.kill(writer.pid, signal.SIGKILL)
        lines += writer.stdout.readlines()
    acknowledged = [line.decode().split() for line in lines if line.endswith(b"\n")]
    expected: dict[str, str] = {name: what for _, what, name in acknowledged}
    last = int(acknowledged[-1][0])
    store = ObjectStore.open(path)
    assert store.revision in (last, last + 1)
    for name, what in expected.items():
        found = store.get(ObjectKey(THINGS, "", name))
        if found is None or found.revision <= last:
            assert what == ("gone" if found is None else str(found.object["number"]))
    store.close()


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove", "reopen"]),
        st.sampled_from([THINGS, OTHERS]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(),
    ),
    max_size=30,
)


def contents(store: ObjectStore) -> dict[ObjectKey, Object]:
    return {stored.key: stored.object for resource in (THINGS, OTHERS) for stored in store.list(resource)}


@given(steps=_STEPS)
def test_disk_equals_memory_after_any_writes(
    steps: list[tuple[str, GroupResource, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("store") / "objects.db"
    store = ObjectStore.open(path)
    for action, resource, name, size in steps:
        where = key(name, resource=resource)
        if action == "put":
            store.put(where, thing(name, size=size))
        elif action == "remove" and store.get(where):
            store.remove(where)
        elif action == "reopen":
            before, revision = contents(store), store.revision
            store.close()
            store = ObjectStore.open(path)
            assert (contents(store), store.revision) == (before, revision)
    store.close()


@given(steps=_STEPS)
def test_events_replayed_give_the_list_at_each_revision(
    steps: list[tuple[str, GroupResource, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = ObjectStore.open(tmp_path_factory.mktemp("store") / "objects.db")
    subscription = store.subscribe(THINGS, OTHERS)
    lists = {0: contents(store)}
    for action, resource, name, size in steps:
        where = key(name, resource=resource)
        if action == "put":
            store.put(where, thing(name, size=size))
        elif action == "remove" and store.get(where):
            store.remove(where)
        lists[store.revision] = contents(store)
    state: dict[ObjectKey, Object] = {}
    for event in subscription.read():
        if event.type == "DELETED":
            del state[event.current.key]
        else:
            assert (event.type == "ADDED") is (event.current.key not in state)
            state[event.current.key] = event.current.object
        assert state == lists[event.current.revision]
    for revision, then in lists.items():
        found = [*store.list_at(THINGS, None, revision), *store.list_at(OTHERS, None, revision)]
        assert {stored.key: stored.object for stored in found} == then
    store.close()
