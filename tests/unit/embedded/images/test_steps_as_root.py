"""RUN with real containers, on this machine's programs."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alcove.embedded.images import LocalImageStore, builtin_images, merged
from alcove.embedded.images.merged import MergedTree
from alcove.embedded.launcher.client import LauncherClient, open_launcher
from alcove.embedded.launcher.steps import StepRunner
from alcove.errors import AlcoveError

pytestmark = pytest.mark.root


@pytest.fixture
async def launcher() -> AsyncIterator[LauncherClient]:
    async with open_launcher() as client:
        yield client


@pytest.fixture
def store(launcher: LauncherClient, tmp_path: Path) -> LocalImageStore:
    return LocalImageStore(
        tmp_path / "images", step_runner=StepRunner(launcher), builtin=builtin_images("1", dict)
    )


async def build(store: LocalImageStore, tmp_path: Path, dockerfile: str) -> tuple[MergedTree, list[str]]:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    (project / "Dockerfile").write_text(dockerfile)
    lines: list[str] = []
    image = await store.build(project, "app", output=lines.append)
    return MergedTree(image.layers), lines


def text(tree: MergedTree, path: str) -> str:
    found = tree.locate(path)[1]
    return found.read_text() if found is not None else ""


async def test_steps_see_what_the_steps_before_them_did(store: LocalImageStore, tmp_path: Path) -> None:
    tree, lines = await build(
        store,
        tmp_path,
        "FROM debian AS one\nWORKDIR /w\nENV A=b\nRUN echo $A > f && touch gone\n"
        "RUN rm gone && cat f && id -u\nRUN echo tool > /usr/local/tool && ls /bin/sh\n"
        "FROM debian\nCOPY --from=one /w /usr/local/tool /x/\n",
    )
    assert {"b", "0", "/bin/sh"} <= set(lines)
    assert (text(tree, "/x/f"), text(tree, "/x/tool")) == ("b\n", "tool\n")
    assert tree.locate("/x/gone")[1] is None


async def test_what_a_step_deletes_is_deleted_for_later_ones(store: LocalImageStore, tmp_path: Path) -> None:
    tree, _ = await build(store, tmp_path, "FROM debian\nRUN mkdir /d && echo 1 > /d/a\nRUN rm -r /d")
    assert tree.locate("/d")[1] is None
    layers = sorted((tmp_path / "images/layers").iterdir())
    assert any((layer / "d").exists() and merged.is_whiteout((layer / "d").lstat()) for layer in layers)


async def test_a_user_may_not_write_where_only_root_may(store: LocalImageStore, tmp_path: Path) -> None:
    with pytest.raises(AlcoveError, match="exit code"):
        await build(store, tmp_path, "FROM debian\nUSER nobody\nRUN touch /tmp/mine && touch /root/not")


async def test_a_program_that_is_missing_is_told(store: LocalImageStore, tmp_path: Path) -> None:
    with pytest.raises(AlcoveError, match="Dockerfile:2: RUN"):
        await build(store, tmp_path, 'FROM scratch\nRUN ["/missing"]')


async def test_the_own_image_has_this_python(store: LocalImageStore, tmp_path: Path) -> None:
    argv = json.dumps([sys.executable, "-c", "import alcove; print('it is', alcove.__version__)"])
    _, lines = await build(store, tmp_path, f"FROM alcove/alcove:1\nRUN {argv}")
    assert any(line.startswith("it is") for line in lines)
