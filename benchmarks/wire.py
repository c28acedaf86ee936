"""A client as thin as it gets, so that what is measured is the server: raw HTTP/1.1 over TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


@dataclass(frozen=True)
class Target:
    """One API server and the right to use it."""

    host: str
    port: int
    context: ssl.SSLContext


def target_of(kubeconfig: str) -> Target:
    """Give the server and client certificate of a kubeconfig's only context."""
    document = yaml.safe_load(kubeconfig)
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.TemporaryDirectory() as directory:
        for name in ("certificate", "key"):
            path = Path(directory) / name
            path.write_bytes(base64.b64decode(user[f"client-{name}-data"]))
        context.load_cert_chain(Path(directory) / "certificate", Path(directory) / "key")
    url = urlsplit(cluster["server"])
    assert url.hostname and url.port
    return Target(url.hostname, url.port, context)


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, target: Target) -> Connection:
        return cls(
            *await asyncio.open_connection(target.host, target.port, ssl=target.context, limit=1 << 24)
        )

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request; give the status and the body."""
        self.send(method, path, body)
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        """Read the answer of a request sent before."""
        status, length = await self._head()
        if length is not None:
            return status, await self._reader.readexactly(length)
        return status, b"".join([chunk async for chunk in self._chunks()])

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\n".encode() + body)

    async def watch(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a watch."""
        self.send("GET", path)
        await self._head()
        buffer = b""
        async for chunk in self._chunks():
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                yield json.loads(line)

    async def _head(self) -> tuple[int, int | None]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        length = next(
            (line.split(":")[1] for line in head if line.lower().startswith("content-length:")), None
        )
        return int(head[0].split()[1]), None if length is None else int(length)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self._reader.readline()).strip() or b"0", 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readline()

    def close(self) -> None:
        self._writer.close()
