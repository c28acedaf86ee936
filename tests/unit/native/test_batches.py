"""Batches of changes, and listings of what is there then."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.unit.native.conftest import Agent, Run, wait_until
from tests.unit.native.hub import Container, Hub, container, file, write

from alcove.agents import messages
from alcove.agents.messages import Entry, Message


@pytest.fixture
def pod(agent: Agent, tmp_path: Path) -> Iterator[Container]:
    with container(agent, tmp_path) as made:
        yield made


@pytest.fixture
def run(pod: Container) -> Run:
    return pod.begin("sleep", "600")


@pytest.fixture
def hub(pod: Container, run: Run) -> Hub:
    return pod.hub()


@pytest.fixture
def open_pod(agent: Agent) -> Iterator[Container]:
    """One that every user gets at, unlike the directories of tests."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        program = place / "agent"
        program.write_bytes(Path(agent.prefix[-1]).read_bytes())
        program.chmod(0o755)
        theirs = Agent(str(program))
        with container(theirs, place) as made:
            made.directory.chmod(0o777)
            yield made
        theirs.close()


def tree(root: Path) -> dict[str, bytes | str | None]:
    """Give what is below: content of files, targets of links, None for directories and what has just gone."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        try:
            if path.is_symlink():
                found[name] = str(path.readlink())
            else:
                found[name] = None if path.is_dir() else path.read_bytes()
        except FileNotFoundError:
            found[name] = None
    return found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


class TestChanges:
    def test_all_kinds_in_their_order(self, pod: Container, hub: Hub) -> None:
        changes: list[Message] = [
            *write("a/b/c.txt", b"content", 0o640),
            *write("empty", b""),
            *write("run.sh", b"#!/bin/sh\n", 0o755),
            messages.Link("link", "a/b/c.txt"),
            messages.Link("dangling", "/nowhere/it"),
            messages.Directory("d", 0o750),
            messages.Directory("e/f", 0o755),
            *write("wünsche/für dich \N{SNOWMAN}", b"x"),
        ]
        hub.apply(pod.root, *changes)
        assert tree(pod.root) == {
            "a": None, "a/b": None, "a/b/c.txt": b"content", "d": None, "dangling": "/nowhere/it", "e": None,
            "e/f": None, "empty": b"", "link": "a/b/c.txt", "run.sh": b"#!/bin/sh\n", "wünsche": None,
            "wünsche/für dich \N{SNOWMAN}": b"x",
        }  # fmt: skip
        assert [mode(pod.root / name) for name in ("a/b/c.txt", "run.sh", "d")] == [0o640, 0o755, 0o750]
        hub.apply(
            pod.root,
            messages.Remove("a"),
            messages.Remove("nothing"),
            messages.Remove("neither/it"),
            messages.Remove("link"),
            messages.Mode("run.sh", 0o600),
            messages.Mode("d", 0o700),
            messages.Mode("dangling", 0o700),
            *write("empty", b"now not"),
            applied="m2",
        )
        assert set(tree(pod.root)) == {
            "d", "dangling", "e", "e/f", "empty", "run.sh", "wünsche", "wünsche/für dich \N{SNOWMAN}",
        }  # fmt: skip
        assert (pod.root / "empty").read_bytes() == b"now not"
        assert [mode(pod.root / name) for name in ("run.sh", "d")] == [0o600, 0o700]
        assert pod.dial().greet().applied == "m2"

    def test_whatever_is_in_the_way_makes_way(self, pod: Container, hub: Hub) -> None:
        hub.apply(
            pod.root,
            *write("file/below/it", b"x"),
            *write("directory", b"x"),
            messages.Link("link", "file"),
            *write("target/kept", b"x"),
            messages.Link("to-directory", "target"),
        )
        hub.apply(
            pod.root,
            *write("file", b"a file now"),
            messages.Directory("directory", 0o755),
            *write("directory/below", b"x"),
            messages.Directory("link", 0o755),
            *write("to-directory", b"a file now"),
            messages.Link("target2", "x"),
        )
        assert tree(pod.root) == {
            "file": b"a file now", "directory": None, "directory/below": b"x", "link": None, "target": None,
            "target/kept": b"x", "to-directory": b"a file now", "target2": "x",
        }  # fmt: skip

    def test_a_directory_that_is_removed_and_made_anew_in_one_batch(self, pod: Container, hub: Hub) -> None:
        hub.apply(pod.root, *write("a/b/old", b"x"))
        hub.apply(pod.root, messages.Remove("a"), *write("a/b/new", b"y"), *write("a/new", b"z"))
        assert tree(pod.root) == {"a": None, "a/b": None, "a/b/new": b"y", "a/new": b"z"}

    def test_a_big_file_in_pieces(self, pod: Container, hub: Hub) -> None:
        content = os.urandom(5_000_001)
        hub.apply(pod.root, *write("big", content))
        assert (pod.root / "big").read_bytes() == content

    def test_directories_that_are_closed_are_removed(self, pod: Container, hub: Hub) -> None:
        (pod.root / "a/b").mkdir(parents=True)
        (pod.root / "a/b/c").write_text("x")
        (pod.root / "a/b").chmod(0o500)
        hub.apply(pod.root, messages.Remove("a"))
        assert tree(pod.root) == {}

    def test_a_file_is_replaced_and_never_rewritten(self, pod: Container, hub: Hub) -> None:
        hub.apply(pod.root, *write("a", b"old"))
        reader = (pod.root / "a").open("rb")
        (pod.root / "other").hardlink_to(pod.root / "a")
        hub.apply(pod.root, *write("a", b"new"))
        assert reader.read() == b"old"
        assert (pod.root / "other").read_bytes() == b"old"
        reader.close()

    def test_nothing_is_seen_before_the_commit(self, pod: Container, hub: Hub) -> None:
        request = hub.say(messages.Begin(str(pod.root)))
        for change in (*write("a/b", b"x"), messages.Directory("d", 0o755), *write("c", b"y")):
            hub.say(change, request)
        hub.ask(messages.Ping())
        assert {path.name for path in pod.root.iterdir() if not path.name.startswith(".alcove-")} == set()
        assert hub.list(pod.root) == []
        hub.say(messages.Commit("m"), request)
        hub.hear(messages.Done, request)
        assert tree(pod.root) == {"a": None, "a/b": b"x", "d": None, "c": b"y"}

    def test_an_empty_batch_only_says_what_is_there(self, pod: Container, hub: Hub) -> None:
        hub.apply(pod.root, applied="as-it-is")
        assert pod.dial().greet().applied == "as-it-is"
        assert (pod.directory / "applied.web").read_bytes().split(b"\0")[1] == b"as-it-is"

    @pytest.mark.root
    def test_owners_stay(self, pod: Container, hub: Hub) -> None:
        hub.apply(pod.root, *write("kept", b"x"), *write("theirs/old", b"x"))
        os.chown(pod.root / "kept", 1234, 1235)
        os.chown(pod.root / "theirs", 1236, 1237)
        hub.apply(
            pod.root,
            *write("kept", b"y", 0o4755),
            *write("theirs/new", b"y"),
            messages.Directory("theirs/d", 0o755),
            messages.Link("theirs/l", "x"),
            *write("new", b"y"),
        )
        owners = {
            name: (found.st_uid, found.st_gid)
            for name in ("kept", "theirs/new", "theirs/d", "theirs/l", "new")
            if (found := (pod.root / name).lstat())
        }
        theirs = (1236, 1237)
        assert owners == {
            "kept": (1234, 1235), "theirs/new": theirs, "theirs/d": theirs, "theirs/l": theirs, "new": (0, 0),
        }  # fmt: skip
        assert mode(pod.root / "kept") == 0o4755


class TestEscapes:
    @pytest.mark.parametrize(
        "path",
        ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "./a", "a/./b", "a//b", "a/",
         "a" * 256, "a/" * 2050 + "a"],
    )  # fmt: skip
    @pytest.mark.parametrize(
        "change",
        [
            lambda path: file(path),
            lambda path: messages.Link(path, "x"),
            lambda path: messages.Directory(path, 0o755),
            lambda path: messages.Remove(path),
            lambda path: messages.Mode(path, 0o777),
        ],
        ids=["file", "link", "directory", "remove", "mode"],
    )
    def test_paths_that_are_not_below_the_root(
        self, pod: Container, hub: Hub, path: str, change: object
    ) -> None:
        assert callable(change)
        failed = hub.fail(pod.root, change(path))
        assert failed == messages.Failed(path[:4095], "not a path below the root")
        assert tree(pod.root) == {}

    @pytest.mark.parametrize("target", ["outside", "/", "..", "inside"])
    def test_through_links(self, pod: Container, hub: Hub, tmp_path: Path, target: str) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside/secret").write_text("x")
        (pod.root / "inside").mkdir(parents=True)
        real = tmp_path / "outside" if target == "outside" else Path(target)
        (pod.root / "link").symlink_to(real)
        for change in (
            write("link/secret", b"y"),
            [messages.Link("link/l", "x")],
            [messages.Directory("link/d/e", 0o755)],
            [messages.Mode("link/secret", 0o777)],
        ):
            failed = hub.fail(pod.root, *change)
            assert failed.reason == "a directory above it is a symbolic link"
        hub.apply(pod.root, messages.Remove("link/secret"))
        assert tree(tmp_path / "outside") == {"secret": b"x"}
        assert tree(pod.root) == {"inside": None, "link": str(real)}

    def test_a_link_of_the_same_batch_is_not_followed(self, pod: Container, hub: Hub, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        failed = hub.fail(pod.root, messages.Link("l", str(tmp_path / "outside")), *write("l/x", b"y"))
        assert (failed.path, failed.partly) == ("l/x", True)
        assert tree(tmp_path / "outside") == {}
        assert pod.dial().greet().applied == "?"

    def test_removing_a_tree_does_not_follow_its_links(
        self, pod: Container, hub: Hub, tmp_path: Path
    ) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside/kept").write_text("x")
        (pod.root / "a/b").mkdir(parents=True)
        (pod.root / "a/b/l").symlink_to(tmp_path / "outside")
        hub.apply(pod.root, messages.Remove("a"))
        assert tree(tmp_path / "outside") == {"kept": b"x"}

    def test_a_root_that_is_a_link_is_where_it_leads(self, pod: Container, hub: Hub, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        pod.root.symlink_to(tmp_path / "real")
        hub.apply(pod.root, *write("a", b"x"))
        assert tree(tmp_path / "real") == {"a": b"x"}

    @pytest.mark.parametrize("root", ["", "relative", "/dev/null", "/" + "x" * 300])
    def test_roots_that_cannot_be(self, hub: Hub, root: str) -> None:
        request = hub.say(messages.Begin(root))
        failed = hub.hear(messages.Failed, request)
        assert failed.path == root
        hub.say(file("a"), request)
        hub.say(messages.Commit("m"), request)
        hub.ask(messages.Ping())


class TestFailures:
    def test_a_wrong_digest(self, pod: Container, hub: Hub) -> None:
        wrong = messages.File("a", 0o644, 1, hashlib.sha256(b"y").digest())
        failed = hub.fail(pod.root, *write("b", b"z"), wrong, messages.Data(b"x"))
        assert failed == messages.Failed("a", "its content is not what its digest says")
        assert tree(pod.root) == {}
        assert pod.dial().greet().applied == ""

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ([messages.File("a", 0o644, 2, bytes(32)), messages.Data(b"x")], "shorter"),
            ([messages.File("a", 0o644, 2, bytes(32)), messages.Data(b"x"), messages.Remove("b")], "shorter"),
            ([messages.File("a", 0o644, 2, bytes(32)), messages.Data(b"xyz")], "longer"),
            ([*write("a", b"x"), messages.Data(b"y")], "longer"),
            ([messages.Data(b"y")], "longer"),
            ([messages.File("a", 0o644, 0, bytes(32))], "digest"),
        ],
    )
    def test_content_that_is_not_as_it_says(
        self, pod: Container, hub: Hub, changes: list[Message], reason: str
    ) -> None:
        assert reason in hub.fail(pod.root, *changes).reason
        assert tree(pod.root) == {}

    def test_what_comes_of_a_batch_that_failed_is_not_listened_to(self, pod: Container, hub: Hub) -> None:
        request = hub.say(messages.Begin(str(pod.root)))
        hub.say(messages.Remove(".."), request)
        hub.hear(messages.Failed, request)
        for change in (*write("a", b"x"), messages.Link("l", "x"), messages.Commit("m")):
            hub.say(change, request)
        hub.apply(pod.root, *write("b", b"y"))
        assert tree(pod.root) == {"b": b"y"}

    def test_one_that_is_begun_anew_is_given_up(self, pod: Container, hub: Hub) -> None:
        request = hub.say(messages.Begin(str(pod.root)))
        hub.say(messages.File("a", 0o644, 10, bytes(32)), request)
        hub.say(messages.Data(b"half"), request)
        hub.apply(pod.root, *write("b", b"y"))
        assert tree(pod.root) == {"b": b"y"}

    def test_a_change_in_the_middle_that_fails(self, pod: Container, hub: Hub) -> None:
        hub.apply(pod.root, *write("a", b"old"), applied="m1")
        changes = [*write("a", b"new"), messages.Mode("nothing", 0o600), *write("c/d", b"x")]
        failed = hub.fail(pod.root, *changes)
        assert failed == messages.Failed("nothing", os.strerror(errno.ENOENT), partly=True)
        assert tree(pod.root) == {"a": b"new"}
        assert pod.dial().greet().applied == "?"

    @pytest.mark.parametrize("half", [True, False])
    def test_a_connection_that_breaks_leaves_nothing(self, pod: Container, hub: Hub, half: bool) -> None:
        hub.apply(pod.root, *write("a", b"old"), applied="m1")
        request = hub.say(messages.Begin(str(pod.root)))
        changes: list[Message] = [*write("a", b"new"), *write("b/c", b"new"), messages.Remove("a")]
        if half:
            changes += [messages.File("d", 0o644, 10, bytes(32)), messages.Data(b"half")]
        for change in changes:
            hub.say(change, request)
        hub.ask(messages.Ping())
        hub.close()
        wait_until(lambda: tree(pod.root) == {"a": b"old"})
        assert pod.dial().greet().applied == "m1"

    @pytest.mark.root
    def test_a_full_disk(self, agent: Agent, tmp_path: Path) -> None:
        mounted = tmp_path / "app"
        mounted.mkdir()
        below = agent.below(
            "unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size=1m none {mounted} && exec "$@"', "sh"
        )
        with container(below, tmp_path) as pod:
            pod.begin("sleep", "600")
            hub = pod.hub()
            hub.apply(mounted, *write("a", b"old"), applied="m1")
            failed = hub.fail(mounted, *write("a", b"new"), *write("big", bytes(2 << 20)))
            assert failed == messages.Failed("big", os.strerror(errno.ENOSPC))
            assert [entry.path for entry in hub.list(mounted)] == ["a"]
            assert hub.run("cat", f"{mounted}/a")[1] == b"old"
            assert hub.run("ls", "-A", str(mounted))[1] == b"a\n"
            assert pod.dial().greet().applied == "m1"

    @pytest.mark.root
    def test_a_read_only_file_system(self, agent: Agent, tmp_path: Path) -> None:
        mounted = tmp_path / "app"
        mounted.mkdir()
        script = f'mount -t tmpfs none {mounted} && mount -o remount,ro {mounted} && exec "$@"'
        with container(agent.below("unshare", "--mount", "sh", "-c", script, "sh"), tmp_path) as pod:
            pod.begin("sleep", "600")
            failed = pod.hub().fail(mounted, *write("a", b"new"))
            assert failed == messages.Failed("a", os.strerror(errno.EROFS))

    @pytest.mark.root
    def test_an_ordinary_user(self, open_pod: Container) -> None:
        pod = open_pod
        (pod.root / "closed").mkdir(parents=True)
        (pod.root / "open").mkdir()
        (pod.root / "open").chmod(0o777)
        pod.begin("sleep", "600", user=1234, group=1234, extra_groups=[])
        hub = pod.dial()
        assert hub.greet().uid == 1234
        failed = hub.fail(pod.root, *write("closed/a", b"x"))
        assert failed == messages.Failed("closed/a", os.strerror(errno.EACCES))
        hub.apply(pod.root, *write("open/a", b"x"), messages.Directory("open/d", 0o700))
        assert (pod.root / "open/a").stat().st_uid == 1234
        closed = [messages.Directory("open/closed", 0o500), *write("open/closed/a", b"x", 0o400)]
        hub.apply(
            pod.root, *closed, messages.Directory("open/closed/d", 0o500), *write("open/closed/d/b", b"y")
        )
        assert [mode(pod.root / f"open/closed{name}") for name in ("", "/a", "/d")] == [0o500, 0o400, 0o500]
        hub.apply(pod.root, messages.Remove("open/closed"))
        failed = hub.fail(pod.root, messages.Mode("open", 0o755))
        assert failed == messages.Failed("open", os.strerror(errno.EPERM))


class TestListing:
    def test_everything(self, pod: Container, hub: Hub) -> None:
        hub.apply(
            pod.root,
            *write("a/b", b"content", 0o640),
            messages.Link("a/l", "b"),
            messages.Directory("d", 0o750),
            *write("empty", b""),
        )
        os.mkfifo(pod.root / "pipe", 0o600)
        entries = hub.list(pod.root)
        assert sorted(entries, key=lambda entry: entry.path) == [
            Entry("a", "d", 0o755, 0, b""),
            Entry("a/b", "f", 0o640, 7, hashlib.sha256(b"content").digest()),
            Entry("a/l", "l", 0o777, 0, b"b"),
            Entry("d", "d", 0o750, 0, b""),
            Entry("empty", "f", 0o644, 0, hashlib.sha256(b"").digest()),
            Entry("pipe", "o", 0o600, 0, b""),
        ]
        places = {entry.path: place for place, entry in enumerate(entries)}
        assert places["a"] < places["a/b"]

    def test_some_paths(self, pod: Container, hub: Hub) -> None:
        hub.apply(pod.root, *write("a/b", b"x"), messages.Link("l", "a"))
        kinds = {entry.path: entry.kind for entry in hub.list(pod.root, "a/b", "a", "l", "n", "l/b", "n/n")}
        assert kinds == {"a/b": "f", "a": "d", "l": "l", "n": "-", "l/b": "-", "n/n": "-"}

    def test_a_root_that_is_not_there(self, pod: Container, hub: Hub) -> None:
        assert hub.list(pod.root) == []
        assert [entry.kind for entry in hub.list(pod.root, "a")] == ["-"]

    def test_a_root_that_cannot_be(self, hub: Hub) -> None:
        assert hub.refused(messages.Tree("relative")).reason == "not an absolute path"
        assert hub.refused(messages.Tree("/dev/null")).reason == os.strerror(errno.ENOTDIR)
        assert hub.refused(messages.Tree("/usr", ("../etc",))).path == "../etc"

    def test_names_that_are_no_text(self, pod: Container, hub: Hub) -> None:
        pod.root.mkdir()
        (pod.root / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
        (entry,) = hub.list(pod.root)
        assert os.fsencode(entry.path) == b"\xff\xfe"
        hub.apply(pod.root, messages.Remove(entry.path))
        assert tree(pod.root) == {}

    def test_many_files_do_not_keep_others_waiting(self, pod: Container, hub: Hub) -> None:
        pod.root.mkdir()
        for number in range(1500):
            (pod.root / f"file-{number}").write_bytes(b"x" * 100)
        request = hub.say(messages.Tree(str(pod.root)))
        ping = hub.say(messages.Ping())
        order: list[int] = []
        while len(order) < 2:
            frame = hub.hear_any()
            if not isinstance(frame.message, Entry):
                order.append(frame.request)
        assert order == [ping, request]

    def test_no_more_than_some_at_once(self, pod: Container, hub: Hub) -> None:
        pod.root.mkdir()
        for number in range(1500):
            (pod.root / f"file-{number}").write_bytes(b"x")
        requests = [hub.say(messages.Tree(str(pod.root))) for _ in range(20)]
        answers: dict[int, Message] = {}
        while len(answers) < len(requests):
            frame = hub.hear_any()
            if not isinstance(frame.message, Entry):
                answers[frame.request] = frame.message
        assert messages.Done() in answers.values()
        assert all(
            isinstance(answer, messages.Done) or "too many" in getattr(answer, "reason", "")
            for answer in answers.values()
        )

    @pytest.mark.root
    def test_what_is_closed_to_us_is_told_without_its_content(self, open_pod: Container) -> None:
        pod = open_pod
        (pod.root / "closed").mkdir(parents=True)
        (pod.root / "closed/in it").write_text("x")
        (pod.root / "secret").write_text("x")
        (pod.root / "closed").chmod(0o700)
        (pod.root / "secret").chmod(0o600)
        pod.begin("sleep", "600", user=1234, group=1234, extra_groups=[])
        entries = pod.hub().list(pod.root)
        assert {(entry.path, entry.kind, entry.content) for entry in entries} == {
            ("closed", "d", b""),
            ("secret", "f", b""),
        }
