"""The node's Unix socket for images."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from alcove.app.embedded.imageserver import ImageDoor, serve_images
from alcove.embedded.images import LocalImageStore
from alcove.embedded.ports import ExitStatus, ProcessSpec, RootFilesystem

REFERENCE = "shop/web:s0123456789abcdef00000001-1"


class Steps:
    """Plays RUN: says its command; ``RUN hang`` never ends by itself."""

    def __init__(self) -> None:
        self.hanging = asyncio.Event()
        self.given_up = asyncio.Event()

    async def __call__(
        self, root: RootFilesystem, process: ProcessSpec, output: Callable[[bytes], None]
    ) -> ExitStatus:
        output(f"ran {process.argv[-1]}\n".encode())
        if process.argv[-1] == "hang":
            self.hanging.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.set()
        return ExitStatus(1 if process.argv[-1] == "fail" else 0)


class Door:
    """A socket with a store behind it, and a client."""

    def __init__(self, directory: Path, http: aiohttp.ClientSession, steps: Steps, built: list[None]) -> None:
        self.directory = directory
        self.http = http
        self.steps = steps
        self.built = built

    async def build(self, body: bytes, **query: str) -> tuple[int, list[dict[str, Any]]]:
        asked = {"name": REFERENCE, **query}
        async with self.http.post("http://node/build", params=asked, data=body) as response:
            return response.status, [json.loads(line) async for line in response.content]

    async def outcome(self, body: bytes, **query: str) -> dict[str, Any]:
        status, lines = await self.build(body, **query)
        assert status == 200
        return lines[-1]

    def left(self) -> list[str]:
        place = self.directory / "builds"
        return [path.name for path in place.iterdir()] if place.exists() else []


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    steps, built = Steps(), list[None]()
    machine = tmp_path / "machine"
    (machine / "usr").mkdir(parents=True)
    store = LocalImageStore(tmp_path / "images", step_runner=steps, machine_root=machine)
    (tmp_path / "builds/left").mkdir(parents=True)
    served = serve_images(tmp_path / "s", ImageDoor(store, tmp_path / "builds", lambda: built.append(None)))
    connector = aiohttp.UnixConnector(str(tmp_path / "s"))
    async with served, aiohttp.ClientSession(connector=connector) as http:
        yield Door(tmp_path, http, steps, built)


def context(dockerfile: str, files: dict[str, Any] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in {"Dockerfile": dockerfile, **(files or {})}.items():
            member = tarfile.TarInfo(name)
            if isinstance(text, tarfile.TarInfo):
                archive.addfile(text)
                continue
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


APP = "FROM scratch AS app\nARG WHO=you\nCOPY f /app/\nENV A=b WHO=$WHO\nUSER 1\nWORKDIR /app\n"
RUN = 'ENTRYPOINT ["run"]\nCMD ["it"]\n'


async def test_a_build_says_its_lines_and_gives_the_configuration(door: Door) -> None:
    status, lines = await door.build(context(APP + "RUN hello\n" + RUN, {"f": "1"}), arg="WHO=me=too")
    assert status == 200
    assert {"line": "ran hello"} in lines
    image = lines[-1]["image"]
    assert image.pop("id").startswith("sha256:")
    assert image == {
        "entrypoint": ["run"],
        "cmd": ["it"],
        "workdir": "/app",
        "user": "1",
        "env": ["A=b", "WHO=me=too"],
    }
    assert (len(door.built), door.left()) == (1, [])


async def test_an_image_that_was_built_is_there_and_others_are_not(door: Door) -> None:
    image = (await door.outcome(context(APP + RUN, {"f": "1"})))["image"]
    async with door.http.get("http://node/image", params={"name": REFERENCE}) as response:
        assert await response.json() == image
    for name, code in (("shop/none:1", 404), ("Shop:", 400), ("", 400)):
        async with door.http.get("http://node/image", params={"name": name}) as response:
            assert (response.status, set(await response.json())) == (code, {"error", "hint"})


async def test_files_of_an_image_come_as_a_tar_file(door: Door) -> None:
    await door.outcome(context(APP, {"f": "content"}))
    asked = {"image": REFERENCE, "path": "/app"}
    async with door.http.post("http://node/copy", params=asked) as response:
        with tarfile.open(fileobj=io.BytesIO(await response.read())) as archive:
            assert archive.getnames() == ["f"]
    async with door.http.post("http://node/copy", params=asked | {"path": "/none"}) as response:
        assert (response.status, (await response.json())["error"]) == (404, "the image has no /none")


async def test_target_and_dockerfile_are_chosen(door: Door) -> None:
    files = {"docker/File": "FROM scratch AS one\nUSER 7\nFROM scratch\nUSER 8\n"}
    body = context("nonsense", files)
    found = await door.outcome(body, dockerfile="docker/File", target="one")
    assert found["image"]["user"] == "7"


@pytest.mark.parametrize(
    ("dockerfile", "told"),
    [
        ("FROM scratch\nRUN fail\n", "Dockerfile:2: RUN fail: it ended with exit code 1"),
        ("FROM scratch\nCOPY none /\n", "none is not there"),
        ("nonsense\n", "Dockerfile:1: unknown instruction: NONSENSE"),
    ],
)
async def test_what_is_wrong_is_the_last_line(door: Door, dockerfile: str, told: str) -> None:
    found = await door.outcome(context(dockerfile))
    assert told in found["error"]
    assert (door.left(), door.built) == ([], [])


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "away", "none", "."])
async def test_a_dockerfile_is_never_read_outside_of_the_context(door: Door, path: str) -> None:
    (door.directory / "outside").write_text("FROM scratch\nUSER secret\n")
    body = context("FROM scratch\n", {"l": link("away", str(door.directory / "outside"))})
    assert await door.outcome(body, dockerfile=path) == {
        "error": f"the context has no file {path}",
        "hint": "",
    }


async def test_a_context_that_leads_outside_is_refused(door: Door) -> None:
    evil = tarfile.TarInfo("../evil")
    for body in (b"garbage" * 200, context("FROM scratch\n", {"x": evil})):
        status, lines = await door.build(body)
        assert (status, set(lines[0])) == (400, {"error", "hint"})
    assert not (door.directory / "builds/evil").exists()
    assert door.left() == []


async def test_a_build_without_a_name_is_refused(door: Door) -> None:
    assert (await door.build(context("FROM scratch\n"), name=""))[0] == 400


async def test_a_build_is_given_up_when_the_client_goes(door: Door) -> None:
    async def ask() -> None:
        with contextlib.suppress(aiohttp.ClientError):
            await door.build(context("FROM scratch\nRUN hang\n"))

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        await door.steps.hanging.wait()
        asking.cancel()
        await door.steps.given_up.wait()


async def test_the_socket_is_its_owners_alone(door: Door) -> None:
    assert (door.directory / "s").stat().st_mode & 0o777 == 0o600
