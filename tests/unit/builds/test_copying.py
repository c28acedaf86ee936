from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from alcove.builds.copying import read_pieces, resolve_inside, write_tar
from alcove.builds.drivers import NoImageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "app/lib").mkdir(parents=True)
    (root / "app/main").write_text("main")
    (root / "app/lib/a").write_text("a")
    (root / "app/here").symlink_to("lib")
    (root / "app/top").symlink_to("/app/lib")
    (root / "app/out").symlink_to("../../../../etc")
    (root / "app/round").symlink_to("round")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/secret").write_text("secret")
    return root


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/app/lib", ["a"]),
        ("/app/top", ["a"]),
        ("/app/here/a", ["a"]),
        ("/app/main", ["main"]),
        ("/app/", ["here", "lib", "lib/a", "main", "out", "round", "top"]),
    ],
)
def test_a_directory_gives_what_is_in_it_and_a_file_itself(
    root: Path, tmp_path: Path, path: str, names: list[str]
) -> None:
    write_tar(root, path, tmp_path / "out.tar")
    with tarfile.open(tmp_path / "out.tar") as archive:
        assert archive.getnames() == names


@pytest.mark.parametrize(
    "path", ["/app/out/secret", "/etc/secret", "/../etc/secret", "/nothing", "/app/round"]
)
def test_no_link_leads_out_of_the_image(root: Path, path: str) -> None:
    with pytest.raises(NoImageError):
        resolve_inside(root, path)


async def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 600_000)
    assert sum([len(piece) async for piece in read_pieces(tmp_path / "a")]) == 600_000
