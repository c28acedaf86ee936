"""The server, over real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from tests.unit.admission.test_review import review
from tests.unit.admission.worlds import CHILD, SETTINGS

from alcove.admission import signing
from alcove.admission.facts import SpaceFacts
from alcove.admission.server import AdmissionServer, ServerIdentity
from alcove.admission.settings import InjectionSettings
from alcove.pki import KeyPair

NOW = 1_700_000_000.0
END = 4_000_000_000.0
AUTHORITY = signing.make_authority(NOW, END)


class Spaces:
    """Spaces as a test says."""

    def __init__(self, find: Callable[[str], Awaitable[SpaceFacts | None]] | None = None) -> None:
        self.observed = True
        self._find = find

    async def find(self, namespace: str) -> SpaceFacts | None:
        if self._find is not None:
            return await self._find(namespace)
        return CHILD if namespace == "alice" else None


def new_pair(authority: KeyPair = AUTHORITY) -> KeyPair:
    return signing.make_server(authority, NOW, END, names=["127.0.0.1"])


class Running:
    """A server that runs, and how to ask it."""

    def __init__(self, base: str, identity: ServerIdentity) -> None:
        self.base = base
        self.identity = identity

    @contextlib.asynccontextmanager
    async def session(self, authority: KeyPair = AUTHORITY) -> AsyncIterator[aiohttp.ClientSession]:
        trust = ssl.create_default_context(cadata=authority.certificate.decode())
        async with aiohttp.ClientSession(self.base, connector=aiohttp.TCPConnector(ssl=trust)) as session:
            yield session

    async def ask(self, body: bytes = b"", path: str = "/inject") -> tuple[int, Any]:
        """Give status and answer: JSON of /inject when it is 200, else the text."""
        async with self.session() as session:
            asked = session.post(path, data=body) if path == "/inject" else session.get(path)
            async with asked as response:
                text = await response.text()
                return response.status, json.loads(text) if text.startswith("{") else text


@contextlib.asynccontextmanager
async def running(
    spaces: Spaces | None = None,
    settings: Callable[[], InjectionSettings | None] = lambda: SETTINGS,
    **limits: Any,
) -> AsyncIterator[Running]:
    identity = ServerIdentity(new_pair())
    server = AdmissionServer(spaces or Spaces(), settings, **limits)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"https://127.0.0.1:{listener.getsockname()[1]}"
        async with server.serve(listener, identity):
            yield Running(base, identity)


async def test_a_pod_of_a_space_is_patched() -> None:
    async with running() as server:
        status, answer = await server.ask(review())
    assert status == 200
    assert answer["response"]["uid"] == "u-1"
    assert answer["response"]["patch"]


async def test_settings_are_asked_for_each_pod() -> None:
    known: list[InjectionSettings | None] = [None, SETTINGS]
    async with running(settings=lambda: known.pop(0)) as server:
        _, early = await server.ask(review())
        _, late = await server.ask(review())
    assert "does not know yet" in early["response"]["warnings"][0]
    assert early["response"]["allowed"]
    assert late["response"]["patch"]


async def test_ready_means_that_spaces_were_observed() -> None:
    spaces = Spaces()
    spaces.observed = False
    async with running(spaces) as server:
        assert await server.ask(path="/healthz") == (200, "ok")
        assert await server.ask(path="/readyz") == (503, "the spaces have not been observed yet")
        spaces.observed = True
        assert await server.ask(path="/readyz") == (200, "ok")


async def test_bodies_that_are_no_questions_are_refused_and_the_server_goes_on() -> None:
    async with running(body_limit=10_000) as server:
        assert await server.ask(b"nonsense") == (400, "the body is not JSON")
        assert (await server.ask(b" " * 20_000))[0] == 413
        assert (await server.ask(path="/other"))[0] == 404
        assert (await server.ask(review()))[0] == 200


async def test_a_question_that_does_not_arrive_is_given_up() -> None:
    async with running(body_seconds=0.01) as server, connected(server.base, AUTHORITY) as connection:
        head = b"POST /inject HTTP/1.1\r\nHost: hook\r\nContent-Length: 10\r\n\r\n"
        assert await connection.ask(head) == b"HTTP/1.1 408 Request Timeout"


async def find_never(_namespace: str) -> SpaceFacts | None:
    await asyncio.Event().wait()
    return None


async def find_broken(_namespace: str) -> SpaceFacts | None:
    raise ConnectionError("no API server")


@pytest.mark.parametrize(
    ("find", "told"), [(find_never, "in time"), (find_broken, "ConnectionError"), (None, "not known")]
)
async def test_a_namespace_that_cannot_be_looked_up_costs_a_warning(find: Any, told: str) -> None:
    async with running(Spaces(find), facts_seconds=0.01) as server:
        status, answer = await server.ask(review(namespace="elsewhere"))
    response = answer["response"]
    assert (status, response["allowed"], "patch" in response) == (200, True, False)
    assert told in response["warnings"][0]


async def test_what_does_not_concern_us_is_not_looked_up() -> None:
    async with running(Spaces(find_broken)) as server:
        _, answer = await server.ask(review(operation="DELETE"))
    assert answer["response"] == {"uid": "u-1", "allowed": True}


def serial_of(pair: KeyPair) -> int:
    return x509.load_pem_x509_certificate(pair.certificate).serial_number


class Connection:
    """One connection, and the certificate it was shown."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.serial = x509.load_der_x509_certificate(shown).serial_number

    async def ask(self, head: bytes = b"GET /healthz HTTP/1.1\r\nHost: hook\r\n\r\n") -> bytes:
        """Give the status line of an answer."""
        self._writer.write(head)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: ([0-9]+)", answer)
        await self._reader.readexactly(int(length[1]) if length else 0)
        return answer.splitlines()[0]


@contextlib.asynccontextmanager
async def connected(base: str, authority: KeyPair) -> AsyncIterator[Connection]:
    trust = ssl.create_default_context(cadata=authority.certificate.decode())
    host, port = base.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trust)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_stay() -> None:
    other = signing.make_authority(NOW, END)
    renewed = new_pair(other)
    async with running() as server, connected(server.base, AUTHORITY) as old:
        assert await old.ask() == b"HTTP/1.1 200 OK"
        server.identity.rotate(renewed)
        assert await old.ask() == b"HTTP/1.1 200 OK"
        async with connected(server.base, other) as new:
            assert new.serial == serial_of(renewed) != old.serial
            assert await new.ask() == b"HTTP/1.1 200 OK"


async def test_a_pair_that_does_not_fit_leaves_the_old_one() -> None:
    async with running() as server:
        wrong = KeyPair(new_pair().certificate, new_pair().key)
        with pytest.raises(ssl.SSLError):
            server.identity.rotate(wrong)
        assert (await server.ask(path="/healthz"))[0] == 200


async def test_after_the_block_every_connection_is_closed() -> None:
    trust = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    async with running() as server:
        port = int(server.base.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_after_the_block_nobody_listens() -> None:
    async with running() as server:
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await server.ask(path="/healthz")
