"""One process in a pod's network namespace: its servers, and a client that does what standard input says.

Servers: HTTP/1 on 8080, gRPC (HTTP/2 without TLS) on 8081, on 9000 a protocol whose server speaks first.
Every answer begins with the pod's name. A command is a JSON value per line, so is its result.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

_grpc: Any = importlib.import_module("grpc")  # the library brings no types
_SAY = "/echo.Echo/Say"


class Pod:
    """The servers of one pod, and what it calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.rstrip().split("\r\n")
                headers = [field.split(": ", 1) if ": " in field else [field[:-1], ""] for field in fields]
                answer = json.dumps({"pod": self.name, "line": line, "headers": headers}).encode()
                writer.write(b"HTTP/1.1 200 Fine\r\nX-Case: Kept\r\nContent-Length: %d\r\n\r\n" % len(answer))
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(f"{self.name}\n".encode())
            while line := await reader.readline():
                writer.write(line)
        except ConnectionError:
            pass
        writer.close()

    async def serve_grpc(self, request: bytes, context: Any) -> bytes:
        metadata = [[key, value] for key, value in context.invocation_metadata()]
        return json.dumps({"pod": self.name, "headers": metadata}).encode()

    async def http(self, address: str, port: int, head: str, keep: str = "") -> Any:
        """Send a request line and headers as they are; ``keep`` names a connection to use again."""
        reader, writer = self.kept.get(keep) or await asyncio.open_connection(address, port)
        writer.write(head.encode())
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = [line.split(": ", 1) for line in lines[1:]]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = (await reader.readexactly(length)).decode()
        self.kept.pop(keep, None)
        if keep and ["connection", "close"] not in headers:
            self.kept[keep] = reader, writer
        else:
            writer.close()
        return {"status": lines[0].split(" ", 1)[1], "headers": headers, "body": body}

    async def many(self, address: str, port: int, head: str, times: int) -> Any:
        """Send the same request over and over on one connection and give the last answer."""
        for _ in range(times):
            answer = await self.http(address, port, head, keep=head)
        return answer

    async def tcp(self, address: str, port: int, say: str, keep: str = "") -> Any:
        """Read the server's first line, then say something and read the answer."""
        new = keep not in self.kept
        reader, writer = self.kept.get(keep) or await asyncio.open_connection(address, port)
        first = (await reader.readline()).decode() if new else ""
        writer.write(f"{say}\n".encode())
        second = (await reader.readline()).decode()
        if keep:
            self.kept[keep] = reader, writer
        else:
            writer.close()
        return {"first": first.strip(), "second": second.strip()}

    async def grpc(self, address: str, port: int, host: str, metadata: list[list[str]]) -> Any:
        named = [("grpc.default_authority", host)]
        async with _grpc.aio.insecure_channel(f"{address}:{port}", options=named) as channel:
            call = channel.unary_unary(_SAY)(b"", metadata=[(key, value) for key, value in metadata])
            answer = json.loads(await call)
            answer["answered"] = [[key, value] for key, value in await call.initial_metadata()]
            return answer

    async def obey(self, command: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(5):
                return await getattr(self, command.pop("do"))(**command)
        except _grpc.aio.AioRpcError as error:
            return {"error": error.details()}
        except (OSError, EOFError, TimeoutError) as error:
            return {"error": f"{type(error).__name__}: {error}"}


async def run(name: str) -> None:
    pod = Pod(name)
    await asyncio.start_server(pod.serve_http, "0.0.0.0", 8080)
    await asyncio.start_server(pod.serve_tcp, "0.0.0.0", 9000)
    server = _grpc.aio.server()
    method = _grpc.unary_unary_rpc_method_handler(pod.serve_grpc)
    server.add_generic_rpc_handlers([_grpc.method_handlers_generic_handler("echo.Echo", {"Say": method})])
    server.add_insecure_port("0.0.0.0:8081")
    await server.start()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await reader.readline():
        sys.stdout.write(json.dumps(await pod.obey(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
