"""Requests in a pod's network, again and again until standard input ends; then what came of them.

Half of the clients keep their connections. A request is told from others by its path, so that the
application's journal shows which of them reached it, and how often.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys

CLIENTS = 4


class Load:
    """What the clients ask, and what they were answered."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._numbers = itertools.count()
        self._ends = False
        self.good = 0
        self.cut: list[str] = []
        """Why requests failed, as the proxy says it, or how their connection ended."""

    def end(self) -> None:
        """Have the clients finish what they began."""
        self._ends = True

    async def ask(self, *, keeps: bool) -> None:
        """Ask on one connection, or on one for each request."""
        while not self._ends:
            try:
                reader, writer = await asyncio.open_connection(self._address, self._port)
                while await self._ask_once(reader, writer) and keeps and not self._ends:
                    pass
                writer.close()
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                self.cut.append(type(error).__name__)

    async def _ask_once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        path = f"/{next(self._numbers)}"
        writer.write(f"POST {path} HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        length = next(int(one[15:]) for one in head if one.lower().startswith("content-length:"))
        body = (await reader.readexactly(length)).decode()
        if head[0].split(" ")[1] == "200":
            self.good += 1
        else:
            self.cut.append(body)
        return "connection: close" not in [one.lower() for one in head]


async def run(address: str, port: int) -> None:
    """Ask until standard input ends."""
    load = Load(address, port)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(load.ask(keeps=number % 2 == 0), name=f"client {number}")
        await reader.read()
        load.end()
    sys.stdout.write(json.dumps({"good": load.good, "cut": load.cut}) + "\n")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
