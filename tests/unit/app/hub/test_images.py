from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.app.hub.pods import WAITS, image, session_pod
from tests.unit.app.hub.trees import keep
from tests.unit.app.hub.worlds import CONFIG, FakeBuilder, FakeBuilders, Space, read_tar
from tests.unit.sessions.samples import make_settings

from alcove.app.hub import images
from alcove.app.hub.images import BuildRun, ClusterBuilders, build_image, make_order, read_auth
from alcove.app.hub.kit import Kit
from alcove.app.hub.pods import view_pod
from alcove.builds.client import BuilderClient, BuilderError
from alcove.builds.identity import Identity
from alcove.builds.pods import COMPONENT, COMPONENT_LABEL, NAMESPACE
from alcove.builds.requests import BuildEvent, BuildRequest, Failed, ImageConfig, Line
from alcove.kube import resources
from alcove.kube.fake import FakeKubeClient
from alcove.sessions.settings import BuildSettings, UpSettings
from alcove.sync.errors import MissingBlobError

POD = view_pod(session_pod(status=WAITS, imagePullSecrets=[{"name": "registry"}, {"name": "gone"}]))


@pytest.fixture
async def space(tmp_path: Path) -> Space:
    space = Space(tmp_path)
    await space.client.create(resources.NAMESPACES, {"metadata": {"name": "dev"}})
    return space


@pytest.fixture
def kit(space: Space) -> Kit:
    return space.open()


async def lines_of(run: BuildRun) -> list[str]:
    return [line async for line in run.follow()]


async def test_everybody_reads_from_the_beginning_whenever_they_come() -> None:
    run = BuildRun()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(lines_of(run))
        for text in ("one", "two"):
            run.add(text)
            await asyncio.sleep(0)
        middle = group.create_task(lines_of(run))
        run.add("three")
        run.end(CONFIG)
        ended = group.create_task(run.wait())
    for follower in (early, middle):
        assert follower.result() == ["one", "two", "three"]
    assert await lines_of(run) == ["one", "two", "three"] and ended.result() == CONFIG


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4000), max_size=5))
def test_of_very_long_output_the_first_lines_go(portions: list[int]) -> None:
    async def play() -> None:
        run, number = BuildRun(), 0
        follower = run.follow()
        read: list[int] = []
        for portion in portions:
            for _ in range(portion):
                run.add(str(number))
                number += 1
            if number > len(read):
                read.append(int(await anext(follower)))
        run.end(CONFIG)
        read += [int(line) async for line in follower]
        assert read == sorted(set(read)) and read[-1:] == ([number - 1] if number else [])
        assert [int(line) for line in await lines_of(run)] == list(range(max(0, number - 5000), number))

    asyncio.run(play())


async def test_each_line_is_heard_at_once() -> None:
    heard: list[str] = []
    run = BuildRun(tell=heard.append)
    run.add("one")
    assert heard == ["one"]


async def build(kit: Kit, builder: FakeBuilder, files: dict[str, bytes], settings: UpSettings) -> BuildRun:
    order = await make_order(kit, POD, image(), settings, keep(kit.book.store, files))
    run = BuildRun()
    await build_image(FakeBuilders(builder), "node-1", order, run)
    return run


async def test_an_image_is_built_from_the_context(kit: Kit, space: Space) -> None:
    settings = make_settings(build=BuildSettings("", "Dockerfile", {"A": "b"}))
    run = await build(kit, space.builder, {"Dockerfile": b"FROM x", "src/a.py": b"1"}, settings)
    assert run.result == CONFIG and run.lines == ["STEP 1: Dockerfile", "done"]
    assert space.builder.images[image()] == {"Dockerfile": b"FROM x", "src/a.py": b"1"}
    (request,) = space.builder.requests
    assert (request.image, request.args) == (image(), {"A": "b"})


@pytest.mark.parametrize(
    ("context", "dockerfile", "named", "held"),
    [
        ("web", "web/Dockerfile", "Dockerfile", {"Dockerfile", "app.py"}),
        ("web", "web/docker/dev.Dockerfile", "docker/dev.Dockerfile", {"docker/dev.Dockerfile", "app.py"}),
        ("web", "Dockerfile", ".alcove.Dockerfile", {".alcove.Dockerfile", "app.py"}),
        ("web", "webby/Dockerfile", ".alcove.Dockerfile", {".alcove.Dockerfile", "app.py"}),
        ("", "web/Dockerfile", "web/Dockerfile", {"web/Dockerfile", "web/app.py"}),
    ],
)
async def test_a_dockerfile_may_be_outside_of_the_context(
    kit: Kit, space: Space, context: str, dockerfile: str, named: str, held: set[str]
) -> None:
    settings = make_settings(build=BuildSettings(context, dockerfile))
    run = await build(kit, space.builder, {dockerfile: b"FROM here", "web/app.py": b"1"}, settings)
    assert run.result == CONFIG and space.builder.requests[0].dockerfile == named
    assert set(space.builder.images[image()]) == held
    assert space.builder.images[image()][named] == b"FROM here"


async def test_an_image_that_is_there_is_not_built_again(kit: Kit, space: Space) -> None:
    space.builder.images[image()] = {}
    run = await build(kit, space.builder, {"Dockerfile": b"FROM x"}, make_settings())
    assert run.result == CONFIG and not space.builder.requests


async def test_a_failed_build_says_its_step(kit: Kit, space: Space) -> None:
    run = await build(kit, space.builder, {"Dockerfile": b"broken"}, make_settings())
    assert isinstance(run.result, Failed) and images.told(run.result) == "RUN make: exit code 1"
    assert images.told(Failed("no space")) == "no space"


async def test_a_builder_that_vanishes_is_asked_again(kit: Kit, space: Space) -> None:
    space.builder.vanishes = 1
    run = await build(kit, space.builder, {"Dockerfile": b"FROM x"}, make_settings())
    assert run.result == CONFIG and "the build begins again" in run.lines[1]


class Refusing(FakeBuilder):
    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes]
    ) -> AsyncGenerator[BuildEvent, None]:
        if request.image:
            raise BuilderError("it belongs to another space")
        yield Line("")

    async def exists(self, image: str) -> ImageConfig | None:
        return None


async def test_a_refusal_is_passed_on(kit: Kit) -> None:
    with pytest.raises(BuilderError, match="another space"):
        await build(kit, Refusing(), {"Dockerfile": b"FROM x"}, make_settings())


async def test_a_content_that_was_lost_ends_the_build(kit: Kit, space: Space, tmp_path: Path) -> None:
    tree = keep(kit.book.store, {"Dockerfile": b"FROM x"})
    order = await make_order(kit, POD, image(), make_settings(), tree)
    for path in (tmp_path / "blobs" / "blobs").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    with pytest.raises(MissingBlobError):
        await build_image(FakeBuilders(space.builder), "node-1", order, BuildRun())


async def test_the_context_is_the_same_bytes_for_the_same_tree(kit: Kit) -> None:
    tree = keep(kit.book.store, {"Dockerfile": b"FROM x", "a/b": b"1"})
    order = await make_order(kit, POD, image(), make_settings(), tree)
    once, twice = [b"".join([piece async for piece in order.context()]) for _ in range(2)]
    assert once == twice and read_tar(once) == {"Dockerfile": b"FROM x", "a/b": b"1"}


async def put_secret(client: FakeKubeClient, name: str, content: bytes | None) -> None:
    data = {} if content is None else {".dockerconfigjson": base64.b64encode(content).decode()}
    await client.create(resources.SECRETS, {"metadata": {"name": name, "namespace": "dev"}, "data": data})


async def test_pull_secrets_are_one_configuration(space: Space) -> None:
    for name, host in (("one", "a.example"), ("two", "b.example")):
        await put_secret(space.client, name, json.dumps({"auths": {host: {"auth": name}}}).encode())
    found = await read_auth(space.client, "dev", ["one", "gone", "two"])
    assert json.loads(found) == {"auths": {"a.example": {"auth": "one"}, "b.example": {"auth": "two"}}}


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b'{"auths": null}', b'{"auths": {}}', b'{"auths": [1]}', b"\xff"]
)
async def test_secrets_that_say_nothing_allow_nothing(space: Space, content: bytes | None) -> None:
    await put_secret(space.client, "odd", content)
    assert await read_auth(space.client, "dev", ["odd"]) == ""


async def test_the_builder_of_a_node_is_waited_for(tmp_path: Path) -> None:
    client = FakeKubeClient()
    await client.create(resources.NAMESPACES, {"metadata": {"name": NAMESPACE}})
    builders = ClusterBuilders(client, Identity.__new__(Identity))
    async with asyncio.TaskGroup() as group:
        found = group.create_task(builders.find("node-1"))
        await asyncio.sleep(0)
        pod = {
            "metadata": {"name": "b", "namespace": NAMESPACE, "labels": {COMPONENT_LABEL: COMPONENT}},
            "spec": {"nodeName": "node-1"},
            "status": {"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}]},
        }
        await client.create(resources.PODS, pod)
    assert isinstance(found.result(), BuilderClient)
