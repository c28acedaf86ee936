"""Puts a builder together, and runs it until a signal ends it: from_env -> build -> run."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from alcove import aio, errors
from alcove.app.builder.settings import BuilderProcessSettings
from alcove.builds import buildah, runtimes
from alcove.builds.building import BuildahDriver
from alcove.builds.containerd import Containerd
from alcove.builds.delegating import DelegatingDriver
from alcove.builds.drivers import Driver, RefusingDriver
from alcove.builds.identity import open_identity
from alcove.builds.programs import RealPrograms
from alcove.builds.server import BuilderServer

_LOOK_SECONDS = 10.0
_MOST_FAILURES = 3

_log = logging.getLogger(__name__)


async def run_builder(environment: Mapping[str, str]) -> None:
    """Run a builder until SIGTERM or SIGINT.

    Raises:
        AlcoveError: the environment lacks something, there is no identity, or the runtime went away.
    """
    settings = BuilderProcessSettings.from_env(environment)
    driver = make_driver(settings)
    try:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(settings, driver), name="builder")
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, serving.cancel)
    except BaseExceptionGroup as failed:
        raise first_error(failed) or failed from failed


def first_error(group: BaseExceptionGroup[BaseException]) -> errors.AlcoveError | None:
    """Give the first of what ended a group of tasks that a user can be told."""
    for one in group.exceptions:
        if isinstance(one, errors.AlcoveError):
            return one
        if isinstance(one, BaseExceptionGroup) and (inner := first_error(one)) is not None:
            return inner
    return None


def make_driver(settings: BuilderProcessSettings) -> Driver:
    """Give the driver for the node's runtime.

    Raises:
        UnavailableError: a program that it needs is missing.
    """
    if settings.refusal:
        return RefusingDriver(settings.refusal)
    if settings.runtime != runtimes.CONTAINERD:
        return DelegatingDriver(settings.socket)
    places = buildah.Places(settings.state, settings.run)
    places.prepare()
    programs = RealPrograms()
    containerd = Containerd(settings.socket, programs)
    return BuildahDriver(places, containerd, programs, runtime=buildah.find_runtime())


async def _serve(settings: BuilderProcessSettings, driver: Driver) -> None:
    async with (
        open_identity(settings.identity) as identity,
        aio.open_background(name="builder") as background,
    ):
        if not settings.refusal:
            background.start(_watch_runtime(settings.socket), name="runtime")
        with _listen(settings) as listener:
            async with BuilderServer(driver).serve(listener, identity.server_context()):
                _log.info("images are made for %s, port %s", settings.runtime, settings.port)
                await asyncio.Event().wait()


async def _watch_runtime(path: Path) -> None:
    """Fail when the runtime's socket stays dead.

    A runtime that is started again makes a new one, which this pod sees when its container is started again.
    """
    failures = 0
    while True:
        try:
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()
            failures = 0
        except OSError as error:
            failures += 1
            _log.warning("the node's runtime does not answer: %s", error)
            if failures >= _MOST_FAILURES:
                raise errors.UnavailableError("the node's runtime went away", cause=str(error)) from error
        await asyncio.sleep(_LOOK_SECONDS)


def _listen(settings: BuilderProcessSettings) -> socket.socket:
    dual = not settings.host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, dualstack_ipv6=dual)
