"""Applications behind an Envoy, and a client that asks through it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from aiohttp import web


@contextlib.asynccontextmanager
async def open_application(answer: str) -> AsyncIterator[int]:
    """Yield the port of an application that always gives the same answer."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=answer)

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class Traffic:
    """Asks through the Unix socket of an Envoy, once or all the time."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """See ``open_traffic``."""
        self._session = session
        self._changed = asyncio.Condition()
        self.answers: list[str] = []
        """What was answered to the endless questions, in order."""

    async def ask(self) -> str:
        """Ask once; give the body, or the status if it is an error."""
        async with self._session.get("http://any/") as response:
            return await response.text() if response.ok else str(response.status)

    async def ask_forever(self) -> None:
        """Ask one question after the other."""
        while True:
            answer = await self.ask()
            async with self._changed:
                self.answers.append(answer)
                self._changed.notify_all()

    async def more(self, count: int) -> None:
        """Wait until so many more questions were answered."""
        wanted = len(self.answers) + count
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.answers) >= wanted)


@contextlib.asynccontextmanager
async def open_traffic(path: Path) -> AsyncIterator[Traffic]:
    """Yield a client of the socket at ``path``."""
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(10)) as session:
        yield Traffic(session)
