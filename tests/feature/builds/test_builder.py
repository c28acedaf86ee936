"""A hub and a builder over real TLS, with certificates of the control plane's authority."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.unit.builds.fakes import pieces

from alcove.admission import signing
from alcove.admission.certificates import Authority, Certificates, ServerCertificate
from alcove.admission.identities import IdentityServer, KnownTokens
from alcove.admission.issuing import PodIdentity, Refused, issue_certificate
from alcove.admission.server import AdmissionServer, ServerIdentity
from alcove.builds.client import BuilderClient, BuilderError, BuilderGoneError
from alcove.builds.drivers import NoImageError
from alcove.builds.identity import Identity, IdentitySettings, fetch_material, open_identity
from alcove.builds.material import Material, parse_certificate
from alcove.builds.requests import BuildEvent, BuildRequest, Built, Failed, ImageConfig, Line
from alcove.builds.server import BuilderServer
from alcove.errors import AlcoveError, UnavailableError
from alcove.sessions.ids import new_session_id

NOW = time.time()
END = NOW + 30 * 86_400
SESSION = new_session_id("dev", "0000000a")
IMAGE = f"web:{SESSION}-1"
HUB, BUILDER = (
    PodIdentity("u-1", "dev", "alcove-hub-7d9f-x2x"),
    PodIdentity("u-2", "azds-build", "alcove-builder-1"),
)


def make_authority() -> Authority:
    return Authority(signing.make_authority(NOW, END), END, NOW)


AUTHORITY = make_authority()


def identity_of(pod: PodIdentity, authority: Authority = AUTHORITY) -> Identity:
    document = json.dumps(issue_certificate(pod, authority, NOW).body).encode()
    return Identity(Material(parse_certificate(document), authority.pair.certificate))


EVENTS = (Line("STEP 1/1: FROM a"), Built(ImageConfig(cmd=("run",))))


@dataclass
class FakeDriver:
    """Says what a test decided."""

    events: list[BuildEvent] = field(
        default_factory=lambda: [Line("STEP 1/1: FROM a"), Built(ImageConfig(cmd=("run",)))]
    )
    hold: asyncio.Event | None = None
    """Is waited for before the last event."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[BuildRequest] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    running: int = 0
    most: int = 0

    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes], *, space: str
    ) -> AsyncGenerator[BuildEvent, None]:
        assert space == SESSION[1:17]
        self.asked.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            self.received.append(sum([len(piece) async for piece in context]))
            *first, last = self.events
            for event in first:
                yield event
            if self.hold is not None:
                await self.hold.wait()
            yield last
        finally:
            self.running -= 1
            self.ended.set()

    async def find(self, image: str) -> ImageConfig | None:
        return ImageConfig(cmd=("run",)) if image.endswith("-1") else None

    async def copy_out(self, image: str, path: str, *, auth: str, space: str) -> AsyncGenerator[bytes, None]:
        if path == "/absent":
            raise NoImageError(f"the image has no {path}")
        yield f"{image} {path} ".encode()
        yield b"x" * 500_000


class RaisingDriver(FakeDriver):
    """Fails as it should not, or as it may."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes], *, space: str
    ) -> AsyncGenerator[BuildEvent, None]:
        yield Line("it begins")
        raise self._error


@dataclass
class World:
    port: int
    driver: FakeDriver

    def client(self, pod: PodIdentity = HUB, authority: Authority = AUTHORITY) -> BuilderClient:
        return BuilderClient("127.0.0.1", identity_of(pod, authority), port=self.port)

    async def build(self, request: BuildRequest | None = None, size: int = 10) -> list[BuildEvent]:
        events = self.client().build(request or BuildRequest(IMAGE), pieces(b"x" * size, 100_000))
        return [event async for event in events]


@contextlib.asynccontextmanager
async def serving(
    driver: FakeDriver | None = None, identity: Identity | None = None, *, alive_seconds: float = 15.0
) -> AsyncIterator[World]:
    own = driver or FakeDriver()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = BuilderServer(own, alive_seconds=alive_seconds)
        async with server.serve(listener, (identity or identity_of(BUILDER)).server_context()):
            yield World(listener.getsockname()[1], own)


async def test_a_build_goes_over_and_its_lines_come_back() -> None:
    async with serving() as world:
        request = BuildRequest(IMAGE, "d/Dockerfile", "final", {"A": "b"}, '{"auths": {}}')
        assert await world.build(request, 3_000_000) == world.driver.events
    assert world.driver.asked == [request] and world.driver.received == [3_000_000]


async def test_a_failure_comes_back_with_its_step_and_hint() -> None:
    failed = Failed("it ended with exit code 2", "RUN make", "look")
    async with serving(FakeDriver([failed])) as world:
        assert await world.build() == [failed]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AlcoveError("the disk is full", hint="make room"), Failed("the disk is full", hint="make room")),
        (
            RuntimeError("secret"),
            Failed("the builder failed: RuntimeError", hint="see the log of the builder's pod"),
        ),
    ],
)
async def test_whatever_goes_wrong_is_told_at_the_end(error: Exception, told: Failed) -> None:
    async with serving(RaisingDriver(error)) as world:
        assert await world.build() == [Line("it begins"), told]


async def test_a_build_without_a_result_has_failed() -> None:
    async with serving(FakeDriver([Line("a"), Line("b")])) as world:
        assert (await world.build())[-1] == Failed("the build ended without a result")


@pytest.mark.parametrize(
    "pod",
    [
        PodIdentity("u-3", "prod", "alcove-hub-7d9f-x2x"),
        PodIdentity("u-3", "dev", "web-7d9f-x2x"),
    ],
)
async def test_nobody_else_may_build_or_look(pod: PodIdentity) -> None:
    async with serving() as world:
        client = world.client(pod)
        with pytest.raises(BuilderError):
            await anext(client.build(BuildRequest(IMAGE), pieces(b"x" * 2_000_000)))
        with pytest.raises(BuilderError):
            await client.exists(IMAGE)
        with pytest.raises(BuilderError):
            await anext(client.copy_out(IMAGE, "/app"))
    assert not world.driver.asked


async def test_what_makes_no_sense_is_refused_with_the_reason() -> None:
    async with serving() as world:
        with pytest.raises(BuilderError, match="not an image of a session") as caught:
            await world.build(BuildRequest("web:1.0"))
        assert "$(tag)" in caught.value.hint
        with pytest.raises(BuilderError, match="no absolute path"):
            await anext(world.client().copy_out("python:3.12", "../etc"))


async def test_a_client_without_a_certificate_of_ours_gets_no_answer() -> None:
    async with serving() as world:
        stranger = world.client(HUB, make_authority())
        with pytest.raises(BuilderGoneError):
            await stranger.exists(IMAGE)


@pytest.mark.parametrize(
    "server",
    [
        identity_of(PodIdentity("u-4", "dev", "alcove-builder-1")),
        identity_of(BUILDER, make_authority()),
    ],
)
async def test_a_hub_sends_nothing_to_who_is_no_builder(server: Identity) -> None:
    async with serving(identity=server) as world:
        with pytest.raises(BuilderGoneError):
            await world.build()
    assert not world.driver.asked


async def test_images_are_found_or_not() -> None:
    async with serving() as world:
        assert await world.client().exists(IMAGE) == ImageConfig(cmd=("run",))
        assert await world.client().exists(f"web:{SESSION}-2") is None


async def test_paths_of_any_image_but_those_of_others_are_copied_out() -> None:
    other = new_session_id("prod", "0000000a")
    async with serving() as world:
        client = world.client()
        content = b"".join([piece async for piece in client.copy_out("python:3.12", "/app")])
        assert content.startswith(b"python:3.12 /app ") and len(content) > 500_000
        with pytest.raises(BuilderError, match="has no /absent"):
            await anext(client.copy_out("python:3.12", "/absent"))
        with pytest.raises(BuilderError, match="another space"):
            await anext(client.copy_out(f"web:{other}-1", "/app"))


async def test_a_hub_that_goes_away_ends_its_build() -> None:
    async with serving(FakeDriver(hold=asyncio.Event())) as world:
        async with contextlib.aclosing(world.client().build(BuildRequest(IMAGE), pieces(b"x"))) as events:
            assert await anext(events) == Line("STEP 1/1: FROM a")
        async with asyncio.timeout(10):
            await world.driver.ended.wait()


async def test_a_builder_that_ends_in_the_middle_is_told_as_gone() -> None:
    async with contextlib.AsyncExitStack() as stack:
        world = await stack.enter_async_context(serving(FakeDriver(hold=asyncio.Event())))
        events = world.client().build(BuildRequest(IMAGE), pieces(b"x"))
        assert await anext(events) == Line("STEP 1/1: FROM a")
        await stack.aclose()
        with pytest.raises(BuilderGoneError):
            await anext(events)


async def test_no_more_than_two_build_at_once_and_who_waits_is_told() -> None:
    driver = FakeDriver(hold=asyncio.Event())
    async with serving(driver, alive_seconds=0.01) as world, asyncio.TaskGroup() as group:
        first = [group.create_task(world.build()) for _ in range(2)]
        while driver.running < 2:  # noqa: ASYNC110  # both have begun
            await asyncio.sleep(0.01)
        async with contextlib.aclosing(world.client().build(BuildRequest(IMAGE), pieces(b"x"))) as events:
            assert await anext(events) == Line("Waiting for other builds on this node")
            assert driver.hold is not None
            driver.hold.set()
            assert [event async for event in events] == driver.events
    assert driver.most == 2 and all(task.result() == driver.events for task in first)


# ------------------------------------------------------------------------------------------------ identities

TOKENS = {"h.hub.s": HUB, "h.builder.s": BUILDER}


class CountingTokens(KnownTokens):
    """Knows the pods, and tells when the second certificate of one is asked for."""

    def __init__(self) -> None:
        super().__init__(dict(TOKENS))
        self.asked = 0
        self.again = asyncio.Event()

    async def review(self, token: str) -> PodIdentity | Refused:
        self.asked += 1
        if self.asked > 2:  # each certificate comes with trust
            self.again.set()
        return await super().review(token)


@contextlib.asynccontextmanager
async def control_plane(
    certificates: Callable[[], Certificates | None], tokens: KnownTokens | None = None
) -> AsyncIterator[str]:
    pair = signing.make_server(AUTHORITY.pair, NOW, END, names=["alcove.azds.svc"])
    identities = IdentityServer(tokens or KnownTokens(dict(TOKENS)), certificates, clock=time.time)

    class NoSpaces:
        observed = True

        async def find(self, namespace: str) -> None:
            """Know nothing."""

    server = AdmissionServer(NoSpaces(), lambda: None, identities=identities)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with server.serve(listener, ServerIdentity(pair)):
            yield f"127.0.0.1:{listener.getsockname()[1]}"


def certificates(authority: Authority = AUTHORITY) -> Certificates:
    server = ServerCertificate(authority.pair, END, NOW, (), authority.pair.certificate)
    return Certificates((authority,), server)


def settings(address: str, token: Path, text: str = "h.hub.s", **more: float) -> IdentitySettings:
    token.write_text(text + "\n")
    return IdentitySettings(address, AUTHORITY.pair.certificate, token, **more)


async def test_a_pod_gets_its_identity_for_its_token_and_speaks_with_it(tmp_path: Path) -> None:
    async with (
        control_plane(certificates) as address,
        open_identity(settings(address, tmp_path / "b", "h.builder.s")) as builder,
        open_identity(settings(address, tmp_path / "h")) as hub,
        serving(identity=builder) as world,
    ):
        client = BuilderClient("127.0.0.1", hub, port=world.port)
        assert await client.exists(IMAGE) == ImageConfig(cmd=("run",))


async def test_newer_certificates_are_taken_up_without_a_new_server() -> None:
    newer = make_authority()
    server, hub = identity_of(BUILDER), identity_of(HUB, newer)
    async with serving(identity=server) as world:
        client = BuilderClient("127.0.0.1", hub, port=world.port)
        with pytest.raises(BuilderGoneError):
            await client.exists(IMAGE)
        renewed = parse_certificate(json.dumps(issue_certificate(BUILDER, newer, NOW).body).encode())
        server.take(Material(renewed, newer.pair.certificate))
        assert await client.exists(IMAGE) == ImageConfig(cmd=("run",))


async def test_a_certificate_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    answers: list[Certificates | None] = [None, certificates()]
    async with (
        control_plane(lambda: answers.pop(0) if len(answers) > 1 else answers[0]) as address,
        open_identity(settings(address, tmp_path / "t")) as identity,
    ):
        assert isinstance(identity.server_context(), ssl.SSLContext)


async def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path) -> None:
    short = replace(make_authority(), ends=time.time() + 3.0)
    both = replace(certificates(short), authorities=(AUTHORITY, short))
    tokens = CountingTokens()
    async with (
        control_plane(lambda: both, tokens) as address,
        open_identity(settings(address, tmp_path / "t")),
        asyncio.timeout(15),
    ):
        await tokens.again.wait()


@pytest.mark.parametrize(("token", "told"), [("h.unknown.s", "answers 401"), ("", "answers 401")])
async def test_why_there_is_none_is_told_in_the_end(tmp_path: Path, token: str, told: str) -> None:
    async with control_plane(certificates) as address:
        with pytest.raises(UnavailableError, match=told) as caught:
            async with open_identity(settings(address, tmp_path / "t", token, patience=0.5)):
                pass
    assert not token or token not in str(caught.value)


async def test_nobody_but_the_control_plane_sees_the_token(tmp_path: Path) -> None:
    async with control_plane(certificates) as address:
        other = make_authority().pair.certificate
        with pytest.raises(UnavailableError, match="gives no certificate"):
            await fetch_material(settings(address, tmp_path / "t"), other)
    with pytest.raises(UnavailableError, match="cannot be read"):
        await fetch_material(IdentitySettings("127.0.0.1:1", other, tmp_path / "absent"), other)
