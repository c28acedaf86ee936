"""The driver for containerd, with a Buildah and a ctr that only say what a test decided."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.unit.builds.fakes import FakePrograms, fails, make_tar, pieces, says

from alcove.builds.buildah import Places, find_runtime
from alcove.builds.building import BuildahDriver, older_builds
from alcove.builds.containerd import Containerd
from alcove.builds.drivers import NoImageError
from alcove.builds.programs import Finished
from alcove.builds.requests import BuildEvent, BuildRequest, Built, Failed, ImageConfig, Line, space_key
from alcove.errors import AlcoveError, UnavailableError
from alcove.sessions.ids import new_session_id

SESSION = new_session_id("dev", "0000000a")
IMAGE = f"web:{SESSION}-9"
SPACE = space_key("dev")
DOCKERFILE = b"FROM python:3.12\nRUN make\n"


class Disk(NamedTuple):
    total: int
    free: int


class World:
    """A builder's pod."""

    def __init__(self, place: Path) -> None:
        self.programs = FakePrograms()
        self.content: set[str] = set()
        self.programs.on("images", "import", answer=self._import)
        self.programs.on("content", "ls", answer=lambda _: says("\n".join(self.content)))
        self.programs.on("buildah", "push", answer=self._push)
        inspected = {"Docker": {"config": {"Cmd": ["run"], "WorkingDir": "/app", "Env": ["A=1"]}}}
        self.programs.on("buildah", "inspect", answer=says(json.dumps(inspected)))
        self.places = Places(place / "state", place / "run")
        self.places.prepare()
        containerd = Containerd(Path("/socket"), self.programs)
        self.disk = Disk(total=1 << 40, free=1 << 39)
        self.driver = BuildahDriver(
            self.places, containerd, self.programs, runtime="/usr/bin/runc", usage=lambda _: self.disk
        )

    def _push(self, argv: Sequence[str]) -> Finished:
        directory = Path(argv[-1].removeprefix("oci:").removesuffix(":image"))
        manifest = json.dumps({"config": {"digest": "sha256:c"}, "layers": []}).encode()
        digest = hashlib.sha256(manifest).hexdigest()
        (directory / "blobs/sha256" / digest).write_bytes(manifest)
        (directory / "blobs/sha256/c").write_bytes(b"{}")
        (directory / "index.json").write_text(json.dumps({"manifests": [{"digest": f"sha256:{digest}"}]}))
        return says("")

    def _import(self, _argv: Sequence[str]) -> Finished:
        self.content.add("sha256:c")
        return says("")

    async def build(self, request: BuildRequest | None = None, **files: bytes) -> list[BuildEvent]:
        content = make_tar(**{"Dockerfile": DOCKERFILE, **files})
        wanted = request or BuildRequest(IMAGE)
        return [event async for event in self.driver.build(wanted, pieces(content), space=SPACE)]

    def builds(self, *lines: str | int) -> None:
        """Let Buildah say these lines, and write the image's id."""

        def write_id(argv: Sequence[str]) -> None:
            Path(argv[argv.index("--iidfile") + 1]).write_text("sha256:made\n")

        self.programs.lines, self.programs.before = list(lines), write_id


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_an_image_is_built_and_handed_over(world: World) -> None:
    world.builds("STEP 1/2: FROM python:3.12", "STEP 2/2: RUN make", 0)
    *lines, built = await world.build(BuildRequest(IMAGE, target="final", args={"A": "b c"}))
    assert [line.text for line in lines if isinstance(line, Line)] == [
        "Step 1/2 : FROM python:3.12",
        "Step 2/2 : RUN make",
        f"{IMAGE} is on the node (0.0 MB of new layers)",
    ]
    assert built == Built(ImageConfig(cmd=("run",), workdir="/app", env=("A=1",)))
    (command,) = world.programs.called("buildah", "build")
    assert command[:2] == ("unshare", "--mount") and command[command.index("--target") + 1] == "final"
    assert command[command.index("--build-arg") + 1] == "A=b c"
    assert world.programs.called("buildah", "push")[0][-2] == "sha256:made"


async def test_a_build_that_fails_names_its_step_and_hands_nothing_over(world: World) -> None:
    error = 'Error: building at STEP "RUN make": while running runtime: exit status 2'
    world.builds("STEP 2/2: RUN make", "make: *** no rule", error, 1)
    assert (await world.build())[-1] == Failed("it ended with exit code 2", "RUN make")
    assert not world.programs.called("images", "import")


async def test_nothing_is_based_on_the_image_of_a_session(world: World) -> None:
    other = new_session_id("prod", "0000000b")
    (failed,) = await world.build(Dockerfile=f"FROM web:{other}-1\n".encode())
    assert isinstance(failed, Failed) and "no other can be based" in failed.message
    assert not world.programs.called("buildah", "build")


@pytest.mark.parametrize("dockerfile", ["absent", "link", "directory"])
async def test_a_dockerfile_is_a_file_of_the_builds_directory(world: World, dockerfile: str) -> None:
    content = make_tar(link="/etc/passwd", **{"directory/x": b""})
    events = world.driver.build(BuildRequest(IMAGE, dockerfile), pieces(content), space=SPACE)
    assert [event async for event in events] == [Failed(f"the build's directory has no file {dockerfile}")]


async def test_what_may_be_pulled_is_in_a_file_for_the_time_of_the_build_alone(world: World) -> None:
    world.builds(0)
    await world.build(BuildRequest(IMAGE, auth='{"auths": {"r": {"auth": "secret"}}}'))
    (command,) = world.programs.called("buildah", "build")
    file = Path(command[command.index("--authfile") + 1])
    assert file.parent == world.places.run and not file.exists()
    assert not [call for call in world.programs.calls if "secret" in " ".join(call)]


async def test_a_damaged_directory_is_told(world: World) -> None:
    events = [
        event async for event in world.driver.build(BuildRequest(IMAGE), pieces(b"no tar" * 200), space=SPACE)
    ]
    assert isinstance(events[-1], Failed) and "cannot be unpacked" in events[-1].message


async def test_a_disk_that_is_nearly_full_costs_the_cache(world: World) -> None:
    world.builds(0)
    await world.build()
    world.disk = Disk(1 << 40, 1 << 36)
    kept = world.places.of_space("other").root / "layer"
    kept.touch()
    first, *_, built = await world.build()
    assert isinstance(first, Line) and "94% full" in first.text and isinstance(built, Built)
    assert not kept.exists()


async def test_a_disk_without_room_is_told_before_anything_is_done(world: World) -> None:
    world.disk = Disk(1 << 40, 1 << 20)
    (failed,) = await world.build()
    assert isinstance(failed, Failed) and failed.message == "the node's disk is full"
    assert not world.programs.called("buildah", "build")


async def test_spaces_share_what_was_taken_from_the_node_and_nothing_else(world: World) -> None:
    world.builds(0)
    for space in (SPACE, space_key("prod")):
        content = make_tar(Dockerfile=DOCKERFILE)
        events = world.driver.build(BuildRequest(IMAGE), pieces(content), space=space)
        assert isinstance([event async for event in events][-1], Built)
    one, other = world.programs.environments
    for name in ("TMPDIR", "CONTAINERS_STORAGE_CONF"):
        assert one[name] != other[name]
    texts = [Path(each["CONTAINERS_STORAGE_CONF"]).read_text() for each in (one, other)]
    assert texts[0] != texts[1]
    assert all(str(world.places.bases().root) in text for text in texts)


async def test_what_an_ended_build_left_is_removed_before_the_next(world: World) -> None:
    world.builds("STEP 1/2: FROM python:3.12", "STEP 2/2: RUN make", 0)
    await world.build()
    assert len(world.programs.called("rm", "--all")) == 1
    await world.build()
    assert len(world.programs.called("rm", "--all")) == 1
    events = world.driver.build(BuildRequest(IMAGE), pieces(make_tar(Dockerfile=DOCKERFILE)), space=SPACE)
    async with contextlib.aclosing(events):
        await anext(events)
    await world.build()
    assert len(world.programs.called("rm", "--all")) == 2


async def test_older_images_of_a_session_are_removed_and_a_failure_there_is_none(world: World) -> None:
    world.builds(0)
    world.programs.on("images", "ls", "-q", answer=says(f"docker.io/library/web:{SESSION}-1\n"))
    world.programs.on("images", "rm", answer=fails("ctr: busy"))
    assert isinstance((await world.build())[-1], Built)
    assert world.programs.called("rm", f"docker.io/library/web:{SESSION}-1")


def test_the_last_builds_of_a_session_and_everything_of_others_stay() -> None:
    other = new_session_id("dev", "0000000b")
    stays = (
        *(f"docker.io/library/web:{SESSION}-{number}" for number in (5, 8, 9, 10)),
        f"docker.io/library/web:{other}-1",
        f"docker.io/library/api:{SESSION}-1",
        "docker.io/library/web:1",
        "sha256:aa",
    )
    goes = [f"docker.io/library/web:{SESSION}-{number}" for number in (1, 4)]
    assert older_builds(IMAGE, (*stays, *goes)) == goes


async def test_a_path_is_read_from_a_container_that_is_then_removed(world: World, tmp_path: Path) -> None:
    (tmp_path / "root/app").mkdir(parents=True)
    (tmp_path / "root/app/a").write_text("a")
    world.programs.on("buildah", "from", answer=says("container-1\n"))
    world.programs.on("buildah", "mount", answer=says(f"{tmp_path}/root\n"))
    content = b"".join(
        [piece async for piece in world.driver.copy_out("python:3.12", "/app", auth="", space=SPACE)]
    )
    assert b"a" in content and world.programs.called("rm", "container-1")
    with pytest.raises(NoImageError):
        await anext(world.driver.copy_out("python:3.12", "/absent", auth="", space=SPACE))
    assert len(world.programs.called("rm", "container-1")) == 2


async def test_an_image_that_cannot_be_had_is_told(world: World) -> None:
    said = 'Error: initializing source docker://nosuch:1: pinging container registry r: Get "https://r/v2/"'
    world.programs.on("buildah", "from", answer=fails(said))
    with pytest.raises(AlcoveError, match="nosuch:1 cannot be pulled"):
        await anext(world.driver.copy_out("nosuch:1", "/app", auth="", space=SPACE))


def test_a_machine_without_a_runtime_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="neither runc nor crun"):
        find_runtime(str(tmp_path))
