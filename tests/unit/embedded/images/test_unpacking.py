from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.images.samples import entry, make_tar

from alcove.embedded.images import merged, unpacking
from alcove.errors import AlcoveError


def unpack(target: Path, files: dict[str, Any]) -> Path:
    target.mkdir(exist_ok=True)
    unpacking.unpack(io.BytesIO(make_tar(files)), target, whiteouts=True)
    return target


def test_files_directories_and_links_are_unpacked(tmp_path: Path) -> None:
    files = {
        "./": None,
        "./bin": None,
        "bin/sh": b"shell",
        "bin/hard": entry(tarfile.LNKTYPE, "./bin/sh"),
        "lib": entry(tarfile.SYMTYPE, "/usr/lib"),
        "a/b/c": b"deep",
        "pipe": entry(tarfile.FIFOTYPE),
    }
    root = unpack(tmp_path / "x", files)
    assert (root / "bin/sh").read_bytes() == b"shell"
    assert (root / "bin/hard").stat().st_ino == (root / "bin/sh").stat().st_ino
    assert str((root / "lib").readlink()) == "/usr/lib"
    assert (root / "a/b/c").read_bytes() == b"deep"
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)


def test_the_digest_is_that_of_the_uncompressed_bytes(tmp_path: Path) -> None:
    content = make_tar({"a": b"1"})
    for name, stream in (("plain", content), ("packed", gzip.compress(content))):
        (tmp_path / name).mkdir()
        found = unpacking.unpack(io.BytesIO(stream), tmp_path / name, whiteouts=True)
        assert found == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize(
    "files",
    [
        {"../evil": b"x"},
        {"a/../../evil": b"x"},
        {"link": entry(tarfile.SYMTYPE, "/tmp"), "link/evil": b"x"},
        {"link": entry(tarfile.SYMTYPE, ".."), "link/evil": b"x"},
        {"link": entry(tarfile.SYMTYPE, ".."), "link/.wh.evil": b""},
        {"link": entry(tarfile.SYMTYPE, ".."), "link/evil/": None},
        {"hard": entry(tarfile.LNKTYPE, "../../etc/passwd")},
        {"hard": entry(tarfile.LNKTYPE, "/etc/passwd")},
        {"link": entry(tarfile.SYMTYPE, "/etc"), "hard": entry(tarfile.LNKTYPE, "link/passwd")},
        {"file": b"", "file/below": b"x"},
    ],
)
def test_nothing_reaches_out_of_the_directory(tmp_path: Path, files: dict[str, Any]) -> None:
    with pytest.raises(AlcoveError):
        unpack(tmp_path / "in", files)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def test_an_absolute_name_lands_inside(tmp_path: Path) -> None:
    assert (unpack(tmp_path / "x", {"/etc/a": b"1"}) / "etc/a").exists()


def test_devices_are_left_out(tmp_path: Path) -> None:
    root = unpack(tmp_path / "x", {"disk": entry(tarfile.BLKTYPE, devmajor=8), "a": b""})
    assert [path.name for path in root.iterdir()] == ["a"]


@pytest.mark.root
def test_whiteouts_become_those_of_overlayfs(tmp_path: Path) -> None:
    files = {"a/.wh.gone": b"", "b/": None, "b/.wh..wh..opq": b"", "c/.wh..wh.plnk": b""}
    root = unpack(tmp_path / "x", files)
    assert merged.is_whiteout((root / "a/gone").lstat())
    assert merged.is_opaque(root / "b") and not merged.is_opaque(root / "a")
    assert list((root / "c").iterdir()) == []


@pytest.mark.root
@pytest.mark.parametrize("order", [(".wh.d", "d/f"), ("d/f", ".wh.d")])
def test_a_directory_that_is_deleted_and_made_anew_hides_the_old_one(tmp_path: Path, order: Any) -> None:
    root = unpack(tmp_path / "x", dict.fromkeys(order, b""))
    assert merged.is_opaque(root / "d") and (root / "d/f").exists()


@pytest.mark.root
def test_owners_and_modes_are_kept(tmp_path: Path) -> None:
    files = {"d": entry(tarfile.DIRTYPE, mode=0o1777, uid=7), "f": entry(tarfile.REGTYPE, mode=0o4755, gid=8)}
    root = unpack(tmp_path / "x", files)
    directory, file = (root / "d").stat(), (root / "f").stat()
    assert (stat.S_IMODE(directory.st_mode), directory.st_uid) == (0o1777, 7)
    assert (stat.S_IMODE(file.st_mode), file.st_gid) == (0o4755, 8)


def test_a_later_entry_replaces_an_earlier_one(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.REGTYPE):
            archive.addfile(entry(kind, "/etc/passwd"))
    packed.seek(0)
    unpacking.unpack(packed, tmp_path, whiteouts=True)
    assert stat.S_ISREG((tmp_path / "x").lstat().st_mode)


def test_a_huge_file_is_refused_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_BYTES", 100_000)
    with pytest.raises(AlcoveError, match="100000 bytes"):
        unpack(tmp_path / "x", {"a": bytes(100_001)})


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh9", b"\x28\xb5\x2f\xfd", b""])
def test_damage_is_told(tmp_path: Path, magic: bytes) -> None:
    with pytest.raises(AlcoveError):
        unpacking.unpack(io.BytesIO(magic + b"damaged" * 99), tmp_path, whiteouts=True)


@given(st.binary(max_size=700), st.integers(0, 3000), st.sampled_from([b"", b"\x1f\x8b\x08", b"BZh9"]))
def test_any_bytes_are_unpacked_or_refused(content: bytes, place: int, magic: bytes) -> None:
    good = make_tar({"a/b": b"12", "l": entry(tarfile.SYMTYPE, "..")})
    for stream in (magic + content, good[:place] + content + good[place + len(content) :]):
        with tempfile.TemporaryDirectory() as where:
            try:
                unpacking.unpack(io.BytesIO(stream), Path(where), whiteouts=True)
            except AlcoveError:
                pass
            finally:
                for path, names, _ in os.walk(where):
                    for name in names:
                        Path(path, name).chmod(0o755) if not Path(path, name).is_symlink() else None
