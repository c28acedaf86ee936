from __future__ import annotations

import asyncio
import contextlib
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.builds.fakes import make_tar, pieces

from alcove.builds.contexts import ContextError, unpacked


async def unpack(content: bytes, place: Path) -> dict[str, str]:
    """Give what lands in the directory: contents, and what links name."""
    async with unpacked(pieces(content), place) as directory:
        return {
            str(path.relative_to(directory)): f"-> {path.readlink()}"
            if path.is_symlink()
            else path.read_text()
            for path in sorted(directory.rglob("*"))
            if path.is_symlink() or path.is_file()
        }


def entry(name: str, kind: bytes = tarfile.REGTYPE, **more: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in more.items():
        setattr(made, key, value)
    return made


async def test_files_links_and_modes_arrive(tmp_path: Path) -> None:
    content = make_tar(
        entry("bin", tarfile.DIRTYPE, mode=0o755),
        entry("run.sh", mode=0o4775),
        **{"bin/a": b"1", "link": "../x"},
    )
    async with unpacked(pieces(content), tmp_path) as directory:
        assert (directory / "bin/a").read_bytes() == b"1"
        assert (directory / "run.sh").stat().st_mode & 0o7777 == 0o775
        assert str((directory / "link").readlink()) == "../x"
        assert directory.stat().st_mode & 0o777 == 0o755
    assert not list(tmp_path.iterdir())


async def test_a_large_tree_passes_in_small_pieces(tmp_path: Path) -> None:
    content = make_tar(**{f"d/{number}": b"x" * 5000 for number in range(300)})
    assert len(await unpack(content, tmp_path)) == 300


@pytest.mark.parametrize(
    "content",
    [
        make_tar(**{"../outside": b"x"}),
        make_tar(**{"/etc/outside": b"x"}),
        make_tar(**{"a/../../outside": b"x"}),
        make_tar(**{"link": "/tmp", "link/outside": b"x"}),
        make_tar(entry("link/outside", size=1), link=".."),
        make_tar(entry("a", size=1), a="/tmp/outside"),
        make_tar(entry("hard", tarfile.LNKTYPE, linkname="/etc/passwd")),
        make_tar(entry("device", tarfile.CHRTYPE, devmajor=1, devminor=3)),
        make_tar(entry("pipe", tarfile.FIFOTYPE)),
        b"this is no tar" * 100,
        make_tar(a=b"x" * 5000)[:3000],
    ],
)
async def test_what_leads_outside_or_is_damaged_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ContextError):
        await unpack(content, tmp_path)
    assert not list(tmp_path.iterdir())


@given(st.binary(max_size=2000))
def test_random_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    place = tmp_path_factory.mktemp("random")
    with contextlib.suppress(ContextError):
        asyncio.run(unpack(content, place))
    assert not list(place.iterdir())
