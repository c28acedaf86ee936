"""Steps of an image build."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.embedded.launcher.conftest import Bench, process

from alcove.embedded.launcher.steps import StepRunner, merge_trees
from alcove.embedded.ports import RootFilesystem, StartError


@pytest.mark.root
async def test_a_step_leaves_one_tree_of_all_it_wrote(bench: Bench) -> None:
    said: list[bytes] = []
    root = bench.root()
    script = "echo hello; echo 1 > /top; mkdir -p /usr/made/deep; echo 2 > /usr/made/deep/f; exit 4"
    status = await StepRunner(bench.launcher)(root, process("sh", "-c", script), said.append)
    upper = root.upper / "upper"
    assert (status.code, b"".join(said)) == (4, b"hello\n")
    assert ((upper / "top").read_text(), (upper / "usr/made/deep/f").read_text()) == ("1\n", "2\n")


@pytest.mark.root
async def test_a_step_has_the_machines_network(bench: Bench) -> None:
    said: list[bytes] = []
    what = process("readlink", "/proc/self/ns/net")
    await StepRunner(bench.launcher)(bench.root(), what, said.append)
    assert b"".join(said).decode().strip() == str(Path("/proc/self/ns/net").readlink())


@pytest.mark.root
async def test_a_step_that_cannot_start_says_why(bench: Bench) -> None:
    with pytest.raises(StartError, match="not found"):
        await StepRunner(bench.launcher)(bench.root(), process("nothing-like-it"), lambda _: None)


def test_trees_within_trees_land_at_their_places(tmp_path: Path) -> None:
    for name in ("usr", "usr%lib", "etc"):
        (tmp_path / "trees" / name / "upper").mkdir(parents=True)
    (tmp_path / "trees" / "usr%lib" / "upper" / "f").write_text("x")
    (tmp_path / "trees" / "usr" / "upper" / "lib").mkdir()
    (tmp_path / "upper" / "usr").mkdir(parents=True)
    merge_trees(RootFilesystem((), ("/usr", "/usr/lib", "/etc"), tmp_path))
    assert [str(path.relative_to(tmp_path / "upper")) for path in (tmp_path / "upper").rglob("f")] == [
        "usr/lib/f"
    ]
