"""Volumes on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from alcove.embedded.kubelet.payload import check_machine_path, make_scratch, resolve_inside, write_payload
from alcove.embedded.kubelet.volumes import File, MachinePath, Payload, VolumeError


def write(directory: Path, group: int | None = None, **files: str) -> None:
    payload = Payload({path.replace("__", "/"): File(text.encode(), 0o640) for path, text in files.items()})
    write_payload(directory, payload, group)


def test_files_are_replaced_all_at_once(tmp_path: Path) -> None:
    write(tmp_path / "v", a="1", deep__x="2")
    link = tmp_path / "v" / "..data"
    before = link.resolve()
    write(tmp_path / "v", a="new", b="3")
    assert (tmp_path / "v" / "a").read_text() == "new"
    assert sorted(path.name for path in (tmp_path / "v").glob("[!.]*")) == ["a", "b"]
    assert link.is_symlink()
    assert not before.exists()


def test_modes_are_those_of_the_pod_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        write(tmp_path / "v", a="1")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "v" / "a").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "v").stat().st_mode) == 0o755


def test_the_group_of_the_pod_may_read(tmp_path: Path) -> None:
    write_payload(tmp_path / "v", Payload({"a": File(b"1", 0o400)}), os.getgid())
    assert stat.S_IMODE((tmp_path / "v" / "a").stat().st_mode) == 0o440


def test_a_scratch_volume_is_everybodys_and_kept(tmp_path: Path) -> None:
    make_scratch(tmp_path / "v", None)
    (tmp_path / "v" / "file").touch()
    make_scratch(tmp_path / "v", None)
    assert stat.S_IMODE((tmp_path / "v").stat().st_mode) == 0o777
    assert (tmp_path / "v" / "file").exists()


@pytest.mark.parametrize(
    ("kind", "exists"), [("DirectoryOrCreate", "is_dir"), ("FileOrCreate", "is_file"), ("", "is_dir")]
)
def test_what_is_missing_on_the_machine_is_made(tmp_path: Path, kind: str, exists: str) -> None:
    place = check_machine_path(MachinePath(str(tmp_path / "new"), kind))
    assert getattr(place, exists)()


@pytest.mark.parametrize("kind", ["File", "Socket", "BlockDevice", "CharDevice", "FileOrCreate"])
def test_a_place_of_another_type_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(VolumeError, match="hostPath type check failed"):
        check_machine_path(MachinePath(str(tmp_path), kind))


def test_a_sub_path_is_made_inside_the_volume(tmp_path: Path) -> None:
    assert resolve_inside(tmp_path, "a/b") == tmp_path.resolve() / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("inside", ["../x", "/etc", "link/passwd"])
def test_a_sub_path_never_leads_outside(tmp_path: Path, inside: str) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(VolumeError, match="out of the volume"):
        resolve_inside(tmp_path, inside)


def test_an_empty_directory_in_memory_is_sticky(tmp_path: Path) -> None:
    make_scratch(tmp_path / "m", None, sticky=True)
    assert (tmp_path / "m").stat().st_mode & 0o7777 == 0o1777
