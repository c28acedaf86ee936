"""The DNS server's sockets: questions in; answers of the cluster, or of the machine's servers, out."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from alcove import aio
from alcove.embedded.network import dnswire, names
from alcove.embedded.network.dnswire import Query, Record, Reply
from alcove.embedded.network.names import Alias, Names, Outside

_log = logging.getLogger(__name__)

_FORWARD_SECONDS = 2.0
_IDLE_SECONDS = 10.0
_MOST_FORWARDED = 256
_MOST_CLIENTS = 256


def parse_nameservers(text: str) -> list[str]:
    """Give the name servers of a resolv.conf."""
    lines = (line.split() for line in text.splitlines())
    return [fields[1] for fields in lines if len(fields) > 1 and fields[0] == "nameserver"]


class NameServer:
    """Answers over UDP and TCP; never more than a bounded number of questions are forwarded at a time."""

    def __init__(self, known: Names, *, resolver: Path = Path("/etc/resolv.conf"), port: int = 53) -> None:
        """Answer from ``known``; other names are asked of the servers that ``resolver`` lists."""
        self._names = known
        self._resolver = resolver
        self._port = port
        self._forwarded = asyncio.Semaphore(_MOST_FORWARDED)
        self._clients = asyncio.Semaphore(_MOST_CLIENTS)

    async def serve(self, datagrams: socket.socket, listener: socket.socket) -> None:
        """Answer on two bound sockets until cancelled."""
        loop = asyncio.get_running_loop()
        async with aio.open_background(name="dns") as background:

            def accept_later(packet: bytes, reply: Callable[[bytes], None]) -> None:
                if not self._forwarded.locked():  # else it is dropped, and will be asked again
                    background.start(self._forward_datagram(packet, reply), name="forward")

            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._answer_now, accept_later), sock=datagrams
            )
            try:
                while True:
                    await self._clients.acquire()
                    client, _ = await loop.sock_accept(listener)
                    background.start(self._serve_stream(client), name="stream")
            finally:
                transport.close()

    def _answer_now(self, packet: bytes, *, limited: bool = True) -> bytes | None:
        """Give the answer that needs no waiting; None when there is none, empty for no answer at all."""
        query = dnswire.parse_query(packet)
        if query is None:
            return b""
        found = self._names.answer(query)
        if isinstance(found, Reply):
            return dnswire.encode_reply(query, found, ttl=names.TTL, limit=query.limit if limited else 0)
        return None

    async def answer(self, packet: bytes, *, limited: bool) -> bytes:
        """Give the answer to any packet, empty for none; ``limited`` to what a datagram may hold."""
        now = self._answer_now(packet, limited=limited)
        query = dnswire.parse_query(packet)
        if now is not None or query is None:
            return now or b""
        found = self._names.answer(query)
        if isinstance(found, Outside):
            async with self._forwarded:
                forwarded = await self._forward(packet, limited=limited)
            if forwarded:
                return forwarded
            reply = Reply(dnswire.SERVFAIL)
        elif isinstance(found, Alias):
            reply = await self._follow(query, found.target)
        else:
            reply = found
        return dnswire.encode_reply(query, reply, ttl=names.TTL, limit=query.limit if limited else 0)

    async def _follow(self, query: Query, target: str) -> Reply:
        alias = Record(dnswire.CNAME, dnswire.encode_name(target))
        if query.type != dnswire.A:
            return Reply(answers=(alias,))
        inside = self._names.answer(query._replace(name=target.lower()))
        if isinstance(inside, Reply):
            return Reply(answers=(alias, *(record._replace(name=target) for record in inside.answers)))
        try:
            async with asyncio.timeout(_FORWARD_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(
                    target, None, family=socket.AF_INET, type=socket.SOCK_STREAM
                )
        except (OSError, TimeoutError, UnicodeError):
            return Reply(answers=(alias,))
        addresses = (Record(dnswire.A, dnswire.address(str(one[4][0])), target) for one in found)
        return Reply(answers=(alias, *addresses))

    async def _forward_datagram(self, packet: bytes, reply: Callable[[bytes], None]) -> None:
        answer = await self.answer(packet, limited=True)
        if answer:
            reply(answer)

    async def _forward(self, packet: bytes, *, limited: bool) -> bytes:
        for server in self._nameservers():
            try:
                async with asyncio.timeout(_FORWARD_SECONDS):
                    return await (_ask if limited else _ask_by_stream)(server, self._port, packet)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                _log.debug("name server %s does not answer", server)
        return b""

    def _nameservers(self) -> Sequence[str]:
        try:
            return parse_nameservers(self._resolver.read_text(errors="replace"))
        except OSError:
            return ()

    async def _serve_stream(self, client: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=client)
            try:
                async with asyncio.timeout(_IDLE_SECONDS):
                    while length := int.from_bytes(await reader.readexactly(2), "big"):
                        answer = await self.answer(await reader.readexactly(length), limited=False)
                        writer.write(struct.pack("!H", len(answer)) + answer)
                        await writer.drain()
            finally:
                writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went away, or is not heard of any more
        finally:
            self._clients.release()


class _Datagrams(asyncio.DatagramProtocol):
    """Answers at once what the cluster knows, and the rest in the background."""

    def __init__(
        self,
        answer_now: Callable[[bytes], bytes | None],
        accept_later: Callable[[bytes, Callable[[bytes], None]], None],
    ) -> None:
        """``accept_later`` takes what ``answer_now`` has no answer to."""
        self._answer_now = answer_now
        self._accept_later = accept_later
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer through ``transport``."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer one question."""
        answer = self._answer_now(data)
        if answer is None:
            self._accept_later(data, lambda late: self._transport.sendto(late, addr))
        elif answer:
            self._transport.sendto(answer, addr)


async def _ask(server: str, port: int, packet: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asked:
        asked.connect((server, port))
        await loop.sock_sendall(asked, packet)
        while True:
            answer = await loop.sock_recv(asked, 65535)
            if answer[:2] == packet[:2]:
                return answer


async def _ask_by_stream(server: str, port: int, packet: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server, port)
    try:
        writer.write(struct.pack("!H", len(packet)) + packet)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()
