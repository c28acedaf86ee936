"""A server as a process of its own, so that it can be killed. Commands and answers are lines of JSON."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from alcove.xds.credentials import Credentials
from alcove.xds.publisher import Publisher
from alcove.xds.resources import Resource, Snapshot
from alcove.xds.server import ServerSettings, open_server


class ServerProcess:
    """The test's end of it."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        """See ``open_server_process``."""
        self._process = process
        self.address = address

    async def publish(self, node_id: str, resources: Iterable[Resource]) -> dict[str, Any]:
        """Publish a snapshot and wait until the node has answered; give its status."""
        snapshot = [[r.type_url, r.name, r.version, r.body.hex()] for r in resources]
        assert self._process.stdin
        self._process.stdin.write(json.dumps([node_id, snapshot]).encode() + b"\n")
        return dict(json.loads(await self._line(self._process.stdout)))

    async def see(self, text: str) -> None:
        """Wait until its log has a line with the text."""
        while text not in await self._line(self._process.stderr):
            pass

    async def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        await self._process.communicate()

    async def _line(self, stream: asyncio.StreamReader | None) -> str:
        assert stream
        line = (await stream.readline()).decode()
        assert line, "the server's process ended"
        return line


@contextlib.asynccontextmanager
async def open_server_process(
    directory: Path, credentials: Credentials, *, port: int = 0
) -> AsyncIterator[ServerProcess]:
    """Yield a server that listens and has been given nothing yet."""
    for name, pem in dataclasses.asdict(credentials).items():
        (directory / f"server-{name}").write_bytes(pem)
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", __name__, str(directory), str(port))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 20
    )
    assert process.stdout
    server = ServerProcess(process, (await process.stdout.readline()).decode().strip())
    try:
        yield server
    finally:
        if process.returncode is None:
            await server.kill()


async def _main(directory: Path, port: int) -> None:
    logging.basicConfig(level=logging.INFO)
    credentials = Credentials(
        *((directory / f"server-{name}").read_bytes() for name in ("certificate", "key", "client_ca"))
    )
    publisher, commands = Publisher(), asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async with open_server(publisher, credentials, ServerSettings(port=port)) as server:
        _print(server.address)
        while line := await commands.readline():
            node_id, resources = json.loads(line)
            snapshot = Snapshot(
                Resource(url, name, version, bytes.fromhex(body)) for url, name, version, body in resources
            )
            status = await publisher.wait_acked(node_id, publisher.publish(node_id, snapshot))
            _print(json.dumps(dataclasses.asdict(status)))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
