"""Trees that a hub brings to what it wants, through the real agent."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.feature.agents.conftest import open_agent, open_stream
from tests.unit.native.hub import SESSION, Container

from alcove.agents import frames, messages
from alcove.agents.client import AgentClient
from alcove.agents.errors import ApplyError
from alcove.agents.messages import Directory, Link, Mode, Remove
from alcove.agents.operations import Operation, WriteFile


def write(path: str, content: bytes, mode: int = 0o644) -> WriteFile:
    return WriteFile(path, mode, len(content), hashlib.sha256(content).digest(), content)


async def describe(agent: AgentClient, root: Path) -> dict[str, tuple[str, int, bytes]]:
    """Give what is there by path: kind, mode, and digest or target."""
    entries = await agent.tree(str(root))
    return {entry.path: (entry.kind, entry.mode, entry.content) for entry in entries}


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


async def test_files_of_all_kinds(agent: AgentClient, pod: Container) -> None:
    big = random.Random(1).randbytes(20 << 20)
    await agent.apply(
        [
            write("empty", b""),
            write("big", big),
            write("ein/schöner \N{SNOWMAN}/日本語.txt", b"unicode"),
            write("bin/run", b"#!/bin/sh\n", 0o755),
            Link("current", "bin/run"),
            Directory("nothing in it", 0o700),
        ],
        root=str(pod.root),
        applied="m1",
    )
    assert await describe(agent, pod.root) == {
        "empty": ("f", 0o644, digest(b"")),
        "big": ("f", 0o644, digest(big)),
        "ein": ("d", 0o755, b""),
        "ein/schöner \N{SNOWMAN}": ("d", 0o755, b""),
        "ein/schöner \N{SNOWMAN}/日本語.txt": ("f", 0o644, digest(b"unicode")),
        "bin": ("d", 0o755, b""),
        "bin/run": ("f", 0o755, digest(b"#!/bin/sh\n")),
        "current": ("l", 0o777, b"bin/run"),
        "nothing in it": ("d", 0o700, b""),
    }
    async with open_agent(pod.port) as again:
        assert again.hello.applied == "m1"


async def test_deletes_renames_and_modes(agent: AgentClient, pod: Container) -> None:
    root = str(pod.root)
    await agent.apply([write("a/old", b"x"), write("a/kept", b"y"), write("b", b"z")], root=root, applied="1")
    changes: list[Operation] = [
        Remove("a/old"),
        write("a/new", b"x"),
        Mode("b", 0o600),
        Remove("never/there"),
    ]
    await agent.apply(changes, root=root, applied="2")
    assert await describe(agent, pod.root) == {
        "a": ("d", 0o755, b""),
        "a/kept": ("f", 0o644, digest(b"y")),
        "a/new": ("f", 0o644, digest(b"x")),
        "b": ("f", 0o600, digest(b"z")),
    }


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "link/evil", "link"])
async def test_nothing_escapes(agent: AgentClient, pod: Container, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    pod.root.mkdir()
    (pod.root / "link").symlink_to(tmp_path / "outside")
    if path == "link":
        await agent.apply([write(path, b"x")], root=str(pod.root), applied="m")
        assert (pod.root / "link").read_bytes() == b"x"
    else:
        with pytest.raises(ApplyError) as raised:
            await agent.apply([write(path, b"x")], root=str(pod.root), applied="m")
        assert (raised.value.path, raised.value.partly) == (path, False)
    assert list((tmp_path / "outside").iterdir()) == []
    assert not (tmp_path / "evil").exists()


async def test_a_broken_connection_leaves_nothing_half_written(agent: AgentClient, pod: Container) -> None:
    await agent.apply([write("a", b"old"), write("d/b", b"old")], root=str(pod.root), applied="m1")
    before = await describe(agent, pod.root)
    async with open_stream(pod.port) as stream:
        sent = [
            frames.encode(messages.HubHello(1, SESSION)),
            frames.encode(messages.Begin(str(pod.root)), 1),
            frames.encode(messages.File("a", 0o644, 3, digest(b"new")), 1),
            frames.encode(messages.Data(b"new"), 1),
            frames.encode(messages.Remove("d"), 1),
            frames.encode(messages.File("d/c", 0o644, 1000, digest(b"x" * 1000)), 1),
            frames.encode(messages.Data(b"x" * 999), 1),
            frames.encode(messages.Ping(), 2),
        ]
        await stream.write(b"".join(sent))
        answers = frames.Decoder(messages.TO_HUB)
        received: list[frames.Frame] = []
        while len(received) < 2:
            received += answers.feed(await stream.read())
    while any(path.name.startswith(".alcove-") for path in pod.root.rglob("*")):
        await agent.ping()
    assert await describe(agent, pod.root) == before
    async with open_agent(pod.port) as again:
        assert again.hello.applied == "m1"


async def test_a_batch_that_is_cancelled_makes_way_for_the_next(agent: AgentClient, pod: Container) -> None:
    half_way = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        half_way.set()
        await asyncio.Event().wait()

    async def begin() -> None:
        file = WriteFile("a", 0o644, 10_000, bytes(32), endless())
        await agent.apply([write("b", b"b"), file], root=str(pod.root), applied="m1")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(begin())
        await half_way.wait()
        task.cancel()
    await agent.apply([write("c", b"c")], root=str(pod.root), applied="m2")
    assert await describe(agent, pod.root) == {"c": ("f", 0o644, digest(b"c"))}
    assert [path.name for path in pod.root.iterdir()] == ["c"]


async def test_thousands_of_files_in_one_batch(agent: AgentClient, pod: Container) -> None:
    def many() -> Iterator[Operation]:
        for number in range(5000):
            yield write(f"d{number % 50}/f{number}", str(number).encode())

    await agent.apply(many(), root=str(pod.root), applied="m1")
    await agent.apply(
        [*(Remove(f"d{number}") for number in range(50)), *many()], root=str(pod.root), applied="m2"
    )
    entries = await agent.tree(str(pod.root))
    assert len(entries) == 5050
    some = [f"d{number % 50}/f{number}" for number in range(4000)]
    found = await agent.tree(str(pod.root), some)
    assert [entry.content for entry in found] == [digest(str(number).encode()) for number in range(4000)]


async def test_a_listing_may_be_slow_and_others_are_not(agent: AgentClient, pod: Container) -> None:
    pod.root.mkdir()
    (pod.root / "big").write_bytes(os.urandom(30 << 20))
    done = []

    async def list_all() -> None:
        await agent.tree(str(pod.root))
        done.append("listing")

    async def ping() -> None:
        await agent.ping()
        done.append("ping")

    async with asyncio.TaskGroup() as group:
        group.create_task(list_all())
        group.create_task(ping())
    assert done == ["ping", "listing"]


NAMES = st.sampled_from(["a", "b", "a/b", "a/c", "a/b/c", "d", "d/e"])
OPERATIONS = st.lists(
    st.one_of(
        st.builds(write, NAMES, st.binary(max_size=30), st.sampled_from([0o644, 0o755])),
        st.builds(Link, NAMES, st.sampled_from(["a", "../x", "/etc"])),
        st.builds(Directory, NAMES, st.sampled_from([0o755, 0o700])),
        st.builds(Remove, NAMES),
    ),
    max_size=8,
)


class Model:
    """What a tree is after operations, or that one of them cannot be."""

    def __init__(self) -> None:
        self.tree: dict[str, tuple[str, int, bytes]] = {}

    def apply(self, operation: Operation) -> bool:
        path = operation.path
        parents = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        if isinstance(operation, Remove):
            if all(self.tree.get(parent, ("", 0, b""))[0] == "d" for parent in parents):
                self.remove(path)
            return True
        if any(self.tree.get(parent, ("d", 0, b""))[0] != "d" for parent in parents):
            return False
        for parent in parents:
            self.tree.setdefault(parent, ("d", 0o755, b""))
        if isinstance(operation, Directory):
            if self.tree.get(path, ("d", 0, b""))[0] != "d":
                self.remove(path)
            self.tree[path] = ("d", operation.mode, b"")
            return True
        self.remove(path)
        if isinstance(operation, Link):
            self.tree[path] = ("l", 0o777, operation.target.encode())
        elif isinstance(operation, WriteFile):
            self.tree[path] = ("f", operation.mode, operation.digest)
        return True

    def remove(self, path: str) -> None:
        self.tree = {
            other: entry
            for other, entry in self.tree.items()
            if other != path and not other.startswith(path + "/")
        }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(batches=st.lists(OPERATIONS, min_size=1, max_size=4))
async def test_any_batches_do_what_they_say(
    pod: Container, agent: AgentClient, batches: list[list[Operation]]
) -> None:
    """Each either all, or up to the change that cannot be made."""
    root = str(pod.root)
    model = Model()
    await agent.apply([Remove(name) for name in "abd"], root=root, applied="")
    for operations in batches:
        possible = all(model.apply(operation) for operation in operations)
        try:
            await agent.apply(operations, root=root, applied="m")
            assert possible
        except ApplyError:
            assert not possible
        assert await describe(agent, pod.root) == model.tree
        assert not list(pod.root.rglob(".alcove-*"))
