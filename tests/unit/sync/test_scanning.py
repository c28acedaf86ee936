"""From files to manifests, whole and in part."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.sync.worlds import NAMES, file_of, make_files, select

from alcove.sync import hashing
from alcove.sync.errors import SyncError
from alcove.sync.ignoring import IgnoreRules
from alcove.sync.looking import Known, Progress
from alcove.sync.manifest import Directory, File, Link, check_entries
from alcove.sync.scanning import Scan, find_case_problems, scan, update_manifest
from alcove.sync.selection import Selection, find_ignoring_rule, make_selection

LONG_AGO = 1_000_000_000_000_000_000


def paths_of(found: Scan) -> list[str]:
    return sorted(path for path, one in found.manifest.entries.items() if not isinstance(one, Directory))


def test_files_links_modes_and_empty_directories_are_in_the_manifest(tmp_path: Path) -> None:
    make_files(tmp_path, {"a.py": "one", "d/é/run.sh": "#!", "empty/": ""})
    (tmp_path / "d/é/run.sh").chmod(0o755)
    (tmp_path / "a.py").chmod(0o644)
    (tmp_path / "link").symlink_to("../nowhere")
    (tmp_path / "to_directory").symlink_to("d")
    entries = scan(select(tmp_path)).manifest.entries
    check_entries(entries)
    assert entries["a.py"] == file_of(b"one")
    assert entries["d/é/run.sh"] == file_of(b"#!", 0o755)
    assert isinstance(entries["empty"], Directory)
    assert (entries["link"], entries["to_directory"]) == (Link("../nowhere"), Link("d"))
    assert sorted(entries) == ["a.py", "d", "d/é", "d/é/run.sh", "empty", "link", "to_directory"]


def test_what_cannot_be_kept_is_told_and_nothing_waits(tmp_path: Path) -> None:
    make_files(tmp_path, {"a": "", "b\\c": "", "ok/": ""})
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        (tmp_path / os.fsdecode(b"\xff.txt")).touch()
        found = scan(select(tmp_path))
    assert paths_of(found) == ["a"]
    reasons = {one.path: one.reason for one in found.problems}
    assert set(reasons) == {"b\\c", "pipe", "socket", "\\udcff.txt"}
    assert (
        "named pipe" in reasons["pipe"]
        and "socket" in reasons["socket"]
        and "UTF-8" in reasons["\\udcff.txt"]
    )
    assert "backslash" in str(found.problems[1])


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    make_files(tmp_path, {"secret": "x"})
    (tmp_path / "secret").chmod(0)
    # Root reads everything, unless it is without the capabilities that let it.
    ordinary = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "--"]
    program = (
        "import sys, pathlib; from alcove.sync import scanning, selection, ignoring\n"
        "chosen = selection.make_selection([(pathlib.Path(sys.argv[1]), ignoring.IgnoreRules())])\n"
        "print(scanning.scan(chosen).problems[0].reason)"
    )
    argv = [*(ordinary if os.geteuid() == 0 else []), sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert "cannot be read" in done.stdout


def test_rules_and_what_always_counts(tmp_path: Path) -> None:
    make_files(
        tmp_path,
        {
            ".gitignore": "node_modules/\n*.log",
            ".dockerignore": "Dockerfile\ncharts\nazds.yaml",
            ".git/config": "",
            "Dockerfile": "",
            "charts/web/x.log": "",
            "charts/web/.git/x": "",
            "charts/other": "",
            "node_modules/a/b.js": "",
            "node_modules/keep/b.js": "",
            "a.log": "",
            "a.py": "",
        },
    )
    selection = select(tmp_path, "Dockerfile", "charts/web", git=True, ignore=("!node_modules/keep",))
    found = scan(selection)
    assert paths_of(found) == [
        ".dockerignore",
        ".gitignore",
        "Dockerfile",
        "a.py",
        "charts/web/x.log",
        "node_modules/keep/b.js",
    ]
    assert find_ignoring_rule(selection, "a.log") == ".gitignore:2 (*.log)"
    assert find_ignoring_rule(selection, "charts/other") == ".dockerignore:2 (charts)"
    assert find_ignoring_rule(selection, "charts/web/x.log") == ""
    assert find_ignoring_rule(selection, "charts/web/.git/x") == "version control"


def test_ignored_directories_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path, {".gitignore": "node_modules/", "node_modules/a/b/c": "", "src/a": ""})
    listed: list[str] = []
    real = os.scandir

    def listing(path: str) -> object:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", listing)
    scan(select(tmp_path, git=True, ignore=("!*.config",)))
    assert sorted(listed) == [str(tmp_path), str(tmp_path / "src")]


def test_a_context_beside_the_project_and_rules_of_the_repository(tmp_path: Path) -> None:
    make_files(
        tmp_path,
        {
            ".git/info/exclude": "secret",
            ".gitignore": "/libs/out\n*.tmp",
            "libs/a.cs": "",
            "libs/out/x": "",
            "libs/b.tmp": "",
            "libs/secret": "",
            "web/azds.yaml": "",
            "web/x": "",
            "other/y": "",
        },
    )
    selection = make_selection(
        [(tmp_path / "libs", IgnoreRules(use_git_ignore=True))], [tmp_path / "web/azds.yaml"]
    )
    found = scan(selection)
    assert selection.root == tmp_path
    assert paths_of(found) == ["libs/a.cs", "web/azds.yaml"]
    assert find_ignoring_rule(selection, "libs/secret").startswith(".git/info/exclude:1")
    assert find_ignoring_rule(selection, "other/y") == "it is not in the project's build context"
    make_files(tmp_path, {"web/azds.yaml": "new", "libs/n/a": ""})
    again = update_manifest(found, selection, ["web/azds.yaml", "web", "libs", "other/y"])
    assert set(again.changes.written) == {"web/azds.yaml", "libs/n", "libs/n/a"}


def test_a_worktree_has_the_excludes_of_its_repository(tmp_path: Path) -> None:
    make_files(tmp_path, {"first/.git/info/exclude": "x", "first/.git/worktrees/w/commondir": "../..\n"})
    make_files(tmp_path, {"w/.git": f"gitdir: {tmp_path}/first/.git/worktrees/w\n", "w/x": "", "w/y": ""})
    assert paths_of(scan(select(tmp_path / "w", git=True))) == ["y"]


def test_drives_without_a_common_directory_are_told() -> None:
    with pytest.raises(SyncError):
        make_selection([])


def test_what_has_not_changed_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path, {"a": "one", "b": "two", "c": "x"})
    for name in "abc":
        os.utime(tmp_path / name, ns=(LONG_AGO, LONG_AGO))
    first = scan(select(tmp_path), clock=lambda: LONG_AGO + 10**10)
    make_files(tmp_path, {"b": "2"})
    read: list[str] = []
    real = hashing.hash_file

    def reading(path: str) -> object:
        read.append(path[-1])
        return real(path)

    monkeypatch.setattr(hashing, "hash_file", reading)
    second = scan(select(tmp_path), first.known)
    assert read == ["b"] and second.manifest.entries["b"] == file_of(b"2")
    scan(select(tmp_path), Known(first.known.entries, first.known.stamps, LONG_AGO + 10**9))
    assert sorted(read) == ["a", "b", "b", "c"]


def test_a_change_that_keeps_time_and_size_is_found_by_its_inode(tmp_path: Path) -> None:
    make_files(tmp_path, {"a": "one"})
    os.utime(tmp_path / "a", ns=(LONG_AGO, LONG_AGO))
    first = scan(select(tmp_path), clock=lambda: LONG_AGO + 10**10)
    make_files(tmp_path, {"new": "two"})
    os.utime(tmp_path / "new", ns=(LONG_AGO, LONG_AGO))
    (tmp_path / "new").replace(tmp_path / "a")
    assert scan(select(tmp_path), first.known).manifest.entries["a"] == file_of(b"two")


def test_a_file_that_changes_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, {"log": "one", "calm": "x"})
    before = scan(select(tmp_path))
    real = os.read

    def read_while_somebody_writes(descriptor: int, size: int) -> bytes:
        with (tmp_path / "log").open("ab") as stream:
            stream.write(b"more")
        return real(descriptor, size)

    monkeypatch.setattr(os, "read", read_while_somebody_writes)
    again = update_manifest(before, select(tmp_path), ["log"])
    assert again.again == {"log"} and not again.changes
    assert [str(one) for one in again.scan.problems] == ["log: it changes while it is read"]
    monkeypatch.undo()
    after = update_manifest(again.scan, select(tmp_path), ["log"])
    assert set(after.changes.written) == {"log"} and not after.scan.problems


def test_progress_is_told_and_can_end_the_scan(tmp_path: Path) -> None:
    make_files(tmp_path, {"a": "12", "d/b": "345"})
    told: list[Progress] = []
    scan(select(tmp_path), tell=told.append)
    assert told[-1] == Progress(files=2, hashed=2, hashed_bytes=5)

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(select(tmp_path), tell=stop)


def test_only_the_changed_paths_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path, {f"d{n}/f{m}": "" for n in range(3) for m in range(3)})
    before = scan(select(tmp_path))
    make_files(tmp_path, {"d1/f1": "new", "d2/f2": "not named"})
    monkeypatch.setattr(os, "scandir", None)
    after = update_manifest(before, select(tmp_path), ["d1/f1"])
    assert list(after.changes.written) == ["d1/f1"]
    assert after.scan.manifest.entries["d2/f2"] == before.manifest.entries["d2/f2"]


def test_a_renamed_directory_moves_with_all_that_is_in_it(tmp_path: Path) -> None:
    make_files(tmp_path, {f"old/d{n}/f": str(n) for n in range(5)})
    before = scan(select(tmp_path))
    (tmp_path / "old").rename(tmp_path / "new")
    after = update_manifest(before, select(tmp_path), ["old", "new"])
    assert after.scan.manifest == scan(select(tmp_path)).manifest
    assert len(after.changes.removed) == 11 and len(after.changes.written) == 11


def test_rules_that_change_bring_their_directory_with_them(tmp_path: Path) -> None:
    make_files(tmp_path, {"a/x.log": "", "a/.gitignore": "", "b/x.log": "", ".dockerignore": ""})
    selection = select(tmp_path, git=True)
    before = scan(selection)
    make_files(tmp_path, {"a/.gitignore": "*.log", ".dockerignore": "b"})
    after = update_manifest(before, selection, ["a/.gitignore", ".dockerignore"])
    assert set(after.changes.removed) == {"a/x.log", "b", "b/x.log"}
    make_files(tmp_path, {"a/.gitignore": "", ".dockerignore": ""})
    back = update_manifest(after.scan, selection, ["a/.gitignore", ".dockerignore"])
    assert back.scan.manifest == before.manifest


def test_what_is_reached_through_a_link_is_not_there(tmp_path: Path) -> None:
    make_files(tmp_path, {"d/x": ""})
    before = scan(select(tmp_path))
    (tmp_path / "link").symlink_to("d")
    after = update_manifest(before, select(tmp_path), ["link", "link/x"], whole=["link/x"])
    assert set(after.changes.written) == {"link"}
    (tmp_path / "d").rename(tmp_path / "e")
    (tmp_path / "d").symlink_to("e")
    turned = update_manifest(after.scan, select(tmp_path), ["d/x", "d", "e"])
    assert turned.scan.manifest == scan(select(tmp_path)).manifest


def test_problems_end_with_their_cause(tmp_path: Path) -> None:
    make_files(tmp_path, {"d/x": ""})
    os.mkfifo(tmp_path / "d/pipe")
    os.mkfifo(tmp_path / "pipe")
    before = scan(select(tmp_path))
    (tmp_path / "pipe").unlink()
    after = update_manifest(before, select(tmp_path), ["pipe"])
    assert [one.path for one in after.scan.problems] == ["d/pipe"]
    shutil.rmtree(tmp_path / "d")
    assert not update_manifest(after.scan, select(tmp_path), ["d"]).scan.problems


def test_paths_that_differ_in_case_only_are_told() -> None:
    assert [str(one) for one in find_case_problems(["a/B", "a/b"])] == [
        "a/B: it differs from a/b in case only"
    ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "remove", "mkdir", "move", "link", "rules"]),
        st.lists(NAMES, min_size=1, max_size=3).map("/".join),
        st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    ),
    min_size=1,
    max_size=8,
)


def act(root: Path, kind: str, path: str, other: str) -> set[str]:
    """Do one thing to a tree as users do; give the paths that a system would tell of."""
    place = root / path
    real = {behind_links(root, path), behind_links(root, other)} if kind != "rules" else set()
    try:
        if kind == "write":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(other)
        elif kind == "mkdir":
            place.mkdir(parents=True, exist_ok=True)
        elif kind == "remove":
            shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
        elif kind == "move":
            place.rename(root / other)
        elif kind == "rules":
            (root / ".gitignore").write_text(f"/{path}\n{path.rpartition('/')[2]}/\n")
            (root / ".dockerignore").write_text(f"{other}\n!{path}\n")
        else:
            place.symlink_to(other)
    except OSError:
        pass
    told = {path, other, ".gitignore", ".dockerignore"} if kind in ("move", "rules") else {path}
    told |= real
    return told | {one.rsplit("/", n)[0] for one in told for n in (1, 2)}


def behind_links(root: Path, path: str) -> str:
    """Give the path by which a system tells of what is done through a link."""
    place = Path(os.path.realpath((root / path).parent)) / (root / path).name
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else path


@settings(max_examples=100)
@example([("write", "a/a", "a")], [("mkdir", "Z", "b"), ("mkdir", "Z", "b"), ("rules", "c/a", "é")], ())
@example([("write", "a/b/c", "x")], [("remove", "Z", "a"), ("write", "a/Z", "x")], ("*", "!b"))
@example([("write", "a/a", "a")], [("link", "b", "a"), ("write", "b/a", "b")], ())
@given(STEPS, STEPS, st.sampled_from([(), ("!a/b",), ("c", "!c/a"), ("*", "!b")]))
def test_a_look_at_what_changed_gives_what_a_whole_scan_gives(
    first: list[tuple[str, str, str]], then: list[tuple[str, str, str]], own: tuple[str, ...]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        selection: Selection = make_selection([(root, IgnoreRules(True, own))], [root / "a" / "c"])
        for step in first:
            act(root, *step)
        seen = scan(selection)
        for chunk in (then[:2], then[2:]):
            told = {path for step in chunk for path in act(root, *step)}
            rescan = update_manifest(seen, selection, told)
            fresh = scan(selection)
            assert rescan.scan.manifest.entries == fresh.manifest.entries
            assert rescan.scan.manifest.id == fresh.manifest.id
            assert set(rescan.scan.stamps) == set(fresh.stamps)
            assert rescan.scan.directories == fresh.directories
            check_entries(fresh.manifest.entries)
            seen = rescan.scan


def test_entries_are_files_of_the_right_size(tmp_path: Path) -> None:
    make_files(tmp_path, {"big": bytes(600_000)})
    entry = scan(select(tmp_path)).manifest.entries["big"]
    assert isinstance(entry, File) and entry == file_of(bytes(600_000), entry.mode)
