"""One process in a pod's network namespace: its servers, and a client that does what standard input says.

Servers: HTTP/1 on 8080, gRPC (HTTP/2 without TLS) on 8081, on 9000 a protocol whose server speaks first.
Every answer begins with the pod's name. A command is a JSON value per line, so is its result.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
import sys
from typing import Any

_grpc: Any = importlib.import_module("grpc")  # the library brings no types
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
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
                if any(name.lower() == "upgrade" for name, _ in headers):
                    writer.write(SWITCHED)
                    await self.serve_tcp(reader, writer)
                    return
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

    async def http(self, address: str, port: int, head: str, keep: str = "", length: int = 0) -> Any:
        """Send a request line and headers as they are, and so many bytes of a body.

        ``keep`` names a connection to use again.
        """
        reader, writer = self.kept.get(keep) or await asyncio.open_connection(address, port)
        writer.write(head.encode() + b"x" * length)
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

    async def enter(
        self, address: str, port: int, host: str, head: str, protocol: str = "http/1.1", keep: str = ""
    ) -> Any:
        """Open a connection with TLS by a name, believe whatever certificate comes, and say something."""
        reader, writer = self.kept.get(keep) or await asyncio.open_connection(
            address, port, ssl=_credulous(protocol), server_hostname=host
        )
        socket = writer.get_extra_info("ssl_object")
        certificate = ssl.DER_cert_to_PEM_cert(socket.getpeercert(True))
        found = {"certificate": certificate, "protocol": socket.selected_alpn_protocol()}
        if protocol == "h2":
            return {**found, "body": await _ask_http2(reader, writer, host)}
        writer.write(head.encode())
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        if lines[0].split(" ")[1] == "101":
            body = (await reader.readline()).decode().strip()
        if keep:
            self.kept[keep] = reader, writer
        else:
            writer.transport.abort()
        return {**found, "status": lines[0].split(" ", 1)[1], "headers": headers, "body": body}

    async def grpc(
        self, address: str, port: int, host: str, metadata: list[list[str]], trusted: str = ""
    ) -> Any:
        """Call over HTTP/2; with TLS when an authority is given that is trusted."""
        target, named = f"{address}:{port}", [("grpc.default_authority", host)]
        if trusted:
            secure = _grpc.ssl_channel_credentials(trusted.encode())
            named.append(("grpc.ssl_target_name_override", host))
            opened = _grpc.aio.secure_channel(target, secure, options=named)
        else:
            opened = _grpc.aio.insecure_channel(target, options=named)
        async with opened as channel:
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


def _credulous(protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


async def _ask_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> str:
    """Speak as little HTTP/2 as one GET needs: no header is compressed, and none of the answer's is read."""
    fields = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", host)]
    block = b"".join(
        bytes((0, len(name))) + name.encode() + bytes((len(value),)) + value.encode()
        for name, value in fields
    )
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0) + _frame(1, 5, 1, block))
    body = b""
    while True:
        head = await reader.readexactly(9)
        content = await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags = head[3], head[4]
        if kind in (3, 7):  # the stream or the connection was given up
            raise ConnectionResetError(content.hex())
        body += content if kind == 0 else b""
        if flags & 1 and kind in (0, 1):
            writer.transport.abort()
            return body.decode()


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + content


async def serve_grpc_on(pod: Pod, port: int) -> Any:
    """Answer gRPC for a pod; give the server, which ends when nobody holds it any more."""
    server = _grpc.aio.server()
    method = _grpc.unary_unary_rpc_method_handler(pod.serve_grpc)
    server.add_generic_rpc_handlers([_grpc.method_handlers_generic_handler("echo.Echo", {"Say": method})])
    server.add_insecure_port(f"0.0.0.0:{port}")
    await server.start()
    return server


async def run(name: str) -> None:
    pod = Pod(name)
    await asyncio.start_server(pod.serve_http, "0.0.0.0", 8080)
    await asyncio.start_server(pod.serve_tcp, "0.0.0.0", 9000)
    server = await serve_grpc_on(pod, 8081)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await reader.readline():
        sys.stdout.write(json.dumps(await pod.obey(json.loads(line))) + "\n")
        sys.stdout.flush()
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
