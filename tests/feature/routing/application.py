"""An application that is restarted: HTTP with bodies on 8085, gRPC on 8086, on 9005 the server speaks first.

It writes the path of every request that reaches it into a file, and says so before it answers.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.feature.routing.actor import SWITCHED, Pod, serve_grpc_on

HTTP, GRPC, TCP = 8085, 8086, 9005


class Application:
    """One life of it."""

    def __init__(self, pod: Pod, journal: Path) -> None:
        self._pod = pod
        self._journal = journal.open("a", buffering=1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests of one connection with the size of their bodies."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                self._journal.write(head[0].split(" ")[1] + "\n")
                if "upgrade: websocket" in [one.lower() for one in head]:
                    writer.write(SWITCHED)
                    await self._pod.serve_tcp(reader, writer)
                    return
                length = next((int(one[15:]) for one in head if one.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                answer = f"{self._pod.name} {len(body)}".encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def run(name: str, journal: Path) -> None:
    """Serve until killed."""
    pod = Pod(name)
    await asyncio.start_server(Application(pod, journal).serve, "0.0.0.0", HTTP)
    await asyncio.start_server(pod.serve_tcp, "0.0.0.0", TCP)
    server = await serve_grpc_on(pod, GRPC)  # ends when nobody holds it
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2])))
