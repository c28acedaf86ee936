"""What a container's file system is made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.embedded.launcher.conftest import Bench, process

from alcove.embedded.launcher import roots
from alcove.embedded.ports import Mount


def layer(directory: Path, name: str, files: dict[str, str]) -> Path:
    root = directory / name
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return root


@pytest.mark.root
async def test_upper_layers_cover_lower_ones_and_machine_trees_lie_beneath(
    bench: Bench, tmp_path: Path
) -> None:
    lower = layer(tmp_path, "a:b,c", {"usr/one": "1", "two": "old", "etc/passwd": "mine"})
    upper = layer(tmp_path, "upper", {"two": "new"})
    _, said = await bench.script(
        "cat /usr/one /two /etc/passwd; ls -d /usr/bin", root=bench.root(lower, upper)
    )
    assert said == "1newmine/usr/bin\n"


@pytest.mark.root
async def test_many_layers_with_long_paths_are_no_problem(bench: Bench, tmp_path: Path) -> None:
    layers = [layer(tmp_path, f"{number:0>100}", {f"f{number}": "x"}) for number in range(60)]
    _, said = await bench.script("cat /f*", root=bench.root(*layers))
    assert said == "x" * 60


@pytest.mark.root
async def test_what_a_layer_deleted_does_not_show_through_from_the_machine(
    bench: Bench, tmp_path: Path
) -> None:
    gone = layer(tmp_path, "gone", {"etc/own": "x"})
    os.setxattr(gone / "etc", "trusted.overlay.opaque", b"y")
    _, said = await bench.script("ls /etc", root=bench.root(gone))
    assert said == "own\n"


@pytest.mark.root
async def test_writes_stay_in_the_containers_own_directory(bench: Bench) -> None:
    root = bench.root()
    assert await bench.script("echo a > /a; echo b > /usr/alcove-test", root=root) == (0, "")
    assert (root.upper / "upper" / "a").read_text() == "a\n"
    assert not Path("/usr/alcove-test").exists()


@pytest.mark.root
async def test_a_read_only_root_refuses_writes_but_not_to_its_mounts(bench: Bench) -> None:
    code, said = await bench.script(
        "touch /x; touch /usr/x; touch /t/x && echo written",
        root=bench.root(read_only=True),
        mounts=(Mount("/t", size="1m"),),
    )
    assert (code, said.count("Read-only file system"), said.endswith("written\n")) == (0, 2, True)


@pytest.mark.root
async def test_mounts_are_made_where_the_containers_own_paths_lead(bench: Bench, tmp_path: Path) -> None:
    image = layer(tmp_path, "image", {"inner/x": "", "file": "old"})
    (image / "link").symlink_to("/inner")
    source = layer(tmp_path, "source", {"sub/f": "found", "single": "one"})
    mounts = (
        Mount("/link/made/deep", str(source)),
        Mount("/link/made/deep/sub/f", str(source / "single"), read_only=True),
        Mount("/file", str(source / "single"), read_only=True),
    )
    script = "cat /inner/made/deep/sub/f /file; echo no > /file; echo yes > /inner/made/deep/single"
    code, said = await bench.script(script, root=bench.root(image), mounts=mounts)
    assert (code, said[:6], "Read-only" in said) == (0, "oneone", True)
    assert (source / "single").read_text() == "yes\n"
    assert not Path("/inner").exists()


@pytest.mark.root
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("test -s /proc/keys || echo masked; ls /sys/firmware", "masked\n"),
        ("echo x > /dev/null; head -c 2 /dev/zero | wc -c; test -w /dev/shm && echo shm", "2\nshm\n"),
        ("readlink /dev/fd /dev/stdout", "/proc/self/fd\nfd/1\n"),
        ("touch /sys/x 2>/dev/null || echo locked", "locked\n"),
    ],
)
async def test_system_directories_are_as_in_any_container(bench: Bench, script: str, said: str) -> None:
    assert await bench.script(script) == (0, said)


@pytest.mark.root
async def test_a_privileged_container_may_mount(bench: Bench) -> None:
    assert await bench.script("mount -t tmpfs x /mnt && echo ok", privileged=True, root=_with(bench)) == (
        0,
        "ok\n",
    )


def _with(bench: Bench) -> Any:
    return bench.root(layer(bench.directory, "mnt", {"mnt/keep": ""}))


@pytest.mark.root
async def test_nothing_of_it_shows_in_the_machines_mounts(bench: Bench) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    await bench.start(bench.spec(process("sleep", "60")))
    assert Path("/proc/self/mountinfo").read_text() == before


def test_outer_trees_come_before_inner_ones_and_have_different_places() -> None:
    trees = roots.trees_of(("/usr/lib", "/usr", "/etc"))
    assert trees == [("/etc", "etc"), ("/usr", "usr"), ("/usr/lib", "usr%lib")]
