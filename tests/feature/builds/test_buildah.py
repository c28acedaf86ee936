"""A real Buildah and a real containerd: images built and handed over as in a builder's pod."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import platform
import shutil
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.builds.fakes import make_tar, pieces

from alcove.builds.buildah import Places, find_runtime
from alcove.builds.building import BuildahDriver
from alcove.builds.containerd import Containerd
from alcove.builds.programs import RealPrograms
from alcove.builds.requests import BuildEvent, BuildRequest, Built, Failed, ImageConfig, Line, space_key
from alcove.images import layout, trees
from alcove.images.trees import Directory, File, Link
from alcove.sessions.ids import new_session_id

NEEDED = ("buildah", "runc", "ctr", "containerd", "unshare", "busybox")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
SESSION = new_session_id("dev", "0000000a")
SPACE, OTHER = space_key("dev"), space_key("prod")
DOCKERFILE = b"""ARG VERSION=1
FROM base:$VERSION
WORKDIR /app
COPY app .
ARG WORD=none
RUN echo "word: $WORD" > word && echo made by "$(id -u)"
ENV PLACE=/app
USER 1000:1000
ENTRYPOINT ["/bin/sh"]
CMD ["/app/app"]
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root"),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"),
]


@dataclass
class Node:
    """A containerd with one image, and a builder beside it."""

    containerd: Containerd
    driver: BuildahDriver
    programs: RealPrograms
    socket: Path

    async def build(
        self, number: int, *, dockerfile: bytes = DOCKERFILE, space: str = SPACE, **args: str
    ) -> list[BuildEvent]:
        content = make_tar(**{"Dockerfile": dockerfile, "app": b"echo hello\n"})
        request = BuildRequest(f"web:{SESSION}-{number}", args=args)
        return [event async for event in self.driver.build(request, pieces(content), space=space)]

    async def ctr(self, *arguments: str) -> str:
        command = ["ctr", "-a", str(self.socket), "-n", "k8s.io", *arguments]
        done = await self.programs.finish(command)
        assert done.code == 0, done.errors
        return done.output.decode()


def write_base(path: Path) -> None:
    busybox = Path(shutil.which("busybox") or "")
    names = ("sh", "cat", "echo", "id", "sleep", "ls")
    tree: dict[str, trees.Node] = {
        "bin/busybox": File(busybox.resolve(), 0o755),
        **{f"bin/{name}": Link("busybox") for name in names},
        **dict.fromkeys(("dev", "etc", "proc", "sys", "tmp"), Directory()),
    }
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    config = {"Env": ["PATH=/bin"]}
    recipe = layout.Recipe("library/base:1", architecture, [layout.Layer("base", tree)], config)
    layout.write_archive(path, [recipe])


CONFIG = """version = 2
root = "{place}/root"
state = "{place}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{place}/socket"
"""


@contextlib.asynccontextmanager
async def running_containerd(place: Path, programs: RealPrograms) -> AsyncIterator[Path]:
    """Run a containerd of its own; give its socket."""
    place.mkdir()
    (place / "config.toml").write_text(CONFIG.format(place=place))
    follow = programs.follow(["containerd", "--config", str(place / "config.toml")])
    async with contextlib.aclosing(follow) as lines, asyncio.TaskGroup() as group:
        async for line in lines:
            if "containerd successfully booted" in str(line):
                break
            assert isinstance(line, str), "containerd has ended"

        async def read_on() -> None:
            async for _ in lines:
                pass

        reading = group.create_task(read_on(), name="containerd")
        try:
            yield place / "socket"
        finally:
            reading.cancel()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    programs = RealPrograms()
    async with running_containerd(tmp_path / "containerd", programs) as socket:
        places = Places(tmp_path / "builder", tmp_path / "run")
        places.prepare()
        containerd = Containerd(socket, programs)
        driver = BuildahDriver(places, containerd, programs, runtime=find_runtime())
        made = Node(containerd, driver, programs, socket)
        await asyncio.to_thread(write_base, tmp_path / "base.tar")
        await made.ctr("images", "import", str(tmp_path / "base.tar"))
        yield made
        for storage in (places.bases(), places.of_space(SPACE), places.of_space(OTHER)):
            await programs.finish(["umount", "--recursive", str(storage.root / "overlay")])


def texts(events: list[BuildEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Line)]


async def test_an_image_is_built_on_a_base_of_the_node_and_is_then_on_the_node(node: Node) -> None:
    first = await node.build(1, WORD="a b")
    assert first[-1] == Built(
        ImageConfig(
            entrypoint=("/bin/sh",),
            cmd=("/app/app",),
            workdir="/app",
            user="1000:1000",
            env=("PATH=/bin", "PLACE=/app"),
        )
    ), first
    assert "docker.io/library/base:1 is taken from the node" in texts(first)
    assert "made by 0" in texts(first)
    checked = await node.ctr("images", "check", f'name=="docker.io/library/web:{SESSION}-1"')
    assert "complete" in checked and checked.split()[-1] == "true"
    assert await node.driver.find(f"web:{SESSION}-1") == first[-1].config
    assert await node.driver.find(f"web:{SESSION}-2") is None

    again = await node.build(2, WORD="a b")
    assert isinstance(again[-1], Built) and "(0.0 MB of new layers)" in texts(again)[-1]
    assert sum("Using cache" in text for text in texts(again)) >= 3
    assert not [text for text in texts(again) if "taken from the node" in text]

    elsewhere = await node.build(3, space=OTHER, WORD="a b")
    assert isinstance(elsewhere[-1], Built)
    assert not [text for text in texts(elsewhere) if "Using cache" in text or "taken from" in text]


async def test_what_fails_is_told_with_its_step_and_leaves_no_image(node: Node) -> None:
    *lines, failed = await node.build(1, dockerfile=b"FROM base:1\nRUN echo before && exit 7\n")
    assert failed == Failed("it ended with exit code 7", "RUN echo before && exit 7")
    assert "before" in texts(lines)
    assert await node.driver.find(f"web:{SESSION}-1") is None
    (*_, failed) = await node.build(1, dockerfile=b"FROM base:1\nCOPY absent /\n")
    assert isinstance(failed, Failed) and failed.step.startswith("COPY absent") and "absent" in failed.message
    (*_, failed) = await node.build(1, dockerfile=b"FROM registry.invalid/nosuch:1\n")
    assert isinstance(failed, Failed) and "registry.invalid/nosuch:1 cannot be pulled" in failed.message


async def test_a_build_that_is_left_ends_and_the_next_one_works(node: Node) -> None:
    content = make_tar(Dockerfile=b"FROM base:1\nRUN echo begins && sleep 4242\n")
    async with contextlib.aclosing(
        node.driver.build(BuildRequest(f"web:{SESSION}-1"), pieces(content), space=SPACE)
    ) as events:
        async for event in events:
            if event == Line("begins"):
                break
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if b"sleep\x004242" in command]
    assert isinstance((await node.build(2))[-1], Built)


async def test_paths_of_images_are_copied_out(node: Node) -> None:
    content = b"".join(
        [piece async for piece in node.driver.copy_out("base:1", "/bin", auth="", space=SPACE)]
    )
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert {"busybox", "sh"} <= set(archive.getnames())
