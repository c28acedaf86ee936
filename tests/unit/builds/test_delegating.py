"""The driver for runtimes that build by themselves, against one that answers as a test decided."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from tests.unit.builds.fakes import pieces

from alcove.builds.delegating import DelegatingDriver
from alcove.builds.drivers import NoImageError
from alcove.builds.requests import BuildEvent, BuildRequest, Built, Failed, ImageConfig, Line
from alcove.errors import UnavailableError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def runtime(place: Path, answer: Answer) -> AsyncIterator[DelegatingDriver]:
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(place / "images.sock")).start()
        yield DelegatingDriver(place / "images.sock")
    finally:
        await runner.cleanup()


async def build(driver: DelegatingDriver) -> list[BuildEvent]:
    request = BuildRequest("web:1", "docker/Dockerfile", "final", {"A": "1=2", "B": ""})
    return [event async for event in driver.build(request, pieces(b"tar" * 1000), space="")]


async def test_a_build_is_passed_on_with_everything_that_was_asked(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert (request.method, request.path) == ("POST", "/build")
        assert (request.query["name"], request.query["dockerfile"]) == ("web:1", "docker/Dockerfile")
        assert request.query["target"] == "final" and request.query.getall("arg") == ["A=1=2", "B="]
        assert await request.read() == b"tar" * 1000
        return web.Response(
            text='{"line": "Step 1/1 : FROM a"}\n{"line": ""}\n{"image": {"id": "x", "cmd": ["run"]}}\n'
        )

    async with runtime(tmp_path, answer) as driver:
        assert await build(driver) == [
            Line("Step 1/1 : FROM a"),
            Line(""),
            Built(ImageConfig(cmd=("run",))),
        ]


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        (
            '{"error": "Dockerfile:2: it ended", "hint": "look"}\n',
            Failed("Dockerfile:2: it ended", hint="look"),
        ),
        ("", Failed("the node's runtime ended in the middle of the build")),
        ("nonsense\n", Failed("the node's runtime says something else than is expected of it")),
    ],
)
async def test_failures_are_passed_on(tmp_path: Path, said: str, failed: Failed) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(text=said)

    async with runtime(tmp_path, answer) as driver:
        assert await build(driver) == [failed]


async def test_a_refusal_is_a_failure(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "no sound tar", "hint": ""}, status=400)

    async with runtime(tmp_path, answer) as driver:
        assert await build(driver) == [Failed("no sound tar")]


async def test_images_are_found_or_not(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query["name"] == "web:1":
            return web.json_response({"id": "x", "cmd": ["run"]})
        return web.json_response({"error": "there is none", "hint": ""}, status=404)

    async with runtime(tmp_path, answer) as driver:
        assert await driver.find("web:1") == ImageConfig(cmd=("run",))
        assert await driver.find("web:2") is None


async def test_what_is_copied_out_comes_as_it_is(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query["path"] == "/app":
            return web.Response(body=b"tar" * 100_000)
        return web.json_response({"error": "the image has no /no"}, status=404)

    async with runtime(tmp_path, answer) as driver:
        assert (
            b"".join([piece async for piece in driver.copy_out("a", "/app", auth="", space="")])
            == b"tar" * 100_000
        )
        with pytest.raises(NoImageError, match="has no /no"):
            await anext(driver.copy_out("a", "/no", auth="", space=""))


async def test_a_runtime_that_is_not_there_is_told(tmp_path: Path) -> None:
    driver = DelegatingDriver(tmp_path / "images.sock")
    (failed,) = await build(driver)
    assert isinstance(failed, Failed) and "does not answer" in failed.message
    with pytest.raises(UnavailableError):
        await driver.find("web:1")
