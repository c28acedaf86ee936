from __future__ import annotations

import stat
import sys
from pathlib import Path

from alcove.embedded.images import OwnPart, builtin_images
from alcove.embedded.images import machine as images_machine


def make(machine: Path, tmp_path: Path) -> Path:
    target = tmp_path / "skeleton"
    target.mkdir()
    images_machine.make_skeleton(target, machine)
    return target


def test_the_skeleton_has_what_programs_need(machine: Path, tmp_path: Path) -> None:
    skeleton = make(machine, tmp_path)
    assert str((skeleton / "bin").readlink()) == "usr/bin"
    assert (skeleton / "etc/ssl/certs/ca.pem").read_text() == "public"
    assert str((skeleton / "etc/localtime").readlink()) == "/usr/share/zoneinfo/UTC"
    assert stat.S_IMODE((skeleton / "tmp").stat().st_mode) == 0o1777
    assert list((skeleton / "root").iterdir()) == list((skeleton / "home").iterdir()) == []


def test_nothing_private_is_in_the_skeleton(machine: Path, tmp_path: Path) -> None:
    skeleton = make(machine, tmp_path)
    texts = [path.read_text() for path in skeleton.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not any("secret" in text or "private" in text or "me:x" in text for text in texts)
    for name in ("shadow", "ssh", "hosts", "ssl/private", "ld.so.conf"):
        assert not (skeleton / "etc" / name).exists()


def test_a_link_to_elsewhere_becomes_its_file(machine: Path, tmp_path: Path) -> None:
    (machine / "opt").mkdir()
    (machine / "opt/services").write_text("http 80")
    (machine / "etc/services").symlink_to(machine / "opt/services")
    (machine / "etc/protocols").symlink_to("/nowhere")
    skeleton = make(machine, tmp_path)
    assert (skeleton / "etc/services").read_text() == "http 80"
    assert not (skeleton / "etc/protocols").is_symlink()


def test_directories_of_programs_that_are_no_links_are_trees(machine: Path) -> None:
    assert images_machine.machine_trees(machine) == ("/usr", "/lib64")


def test_the_own_image_runs_this_python(tmp_path: Path) -> None:
    own, builder, _ = builtin_images("1.2", dict)
    assert (builder.reference, builder.entrypoint) == ("docker.io/alcove/builder:1.2", own.entrypoint)
    image = images_machine.completed(own.image(), tmp_path, ("/usr",))
    assert image.reference == "docker.io/alcove/alcove:1.2"
    assert image.config.entrypoint == (sys.executable, "-m", "alcove")
    assert image.layers == (tmp_path,)
    assert any(Path(sys.executable).is_relative_to(tree) for tree in image.machine_trees)
    assert all(
        not Path(one).is_relative_to(other)
        for one in image.machine_trees
        for other in image.machine_trees
        if one != other
    )


def test_every_user_gets_to_the_trees_of_an_own_part(tmp_path: Path) -> None:
    images_machine.make_own_layer(OwnPart("x", trees=("/root/.python/3",)), {}, tmp_path)
    for place in ("root", "root/.python", "root/.python/3"):
        assert stat.S_IMODE((tmp_path / place).stat().st_mode) == 0o755


def test_files_are_copied_where_links_cannot_be(tmp_path: Path) -> None:
    program = Path("/proc/self/status")  # on a file system of its own
    images_machine.make_own_layer(OwnPart("x"), {"/opt/bin/program": program}, tmp_path)
    copy = tmp_path / "opt/bin/program"
    assert copy.read_text().startswith("Name:")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o755
