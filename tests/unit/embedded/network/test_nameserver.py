"""Names that others know."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.network.conftest import service

from alcove.embedded.network import dnswire
from alcove.embedded.network.names import Names
from alcove.embedded.network.nameserver import NameServer, parse_nameservers
from alcove.embedded.network.services import ServiceKey, resolve_service


class Upstream(asyncio.DatagramProtocol):
    """A name server that knows one address for all names."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = dnslib.DNSRecord.parse(data).reply()
        reply.add_answer(dnslib.RR(reply.q.qname, rdata=dnslib.A("192.0.2.7")))
        self.transport.sendto(b"something else", addr)
        self.transport.sendto(reply.pack(), addr)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NameServer]:
    names = Names()
    for target in ("localhost", "web.default.svc.cluster.local"):
        spec = service(target[:3], "", type="ExternalName", externalName=target)
        names.update(ServiceKey("default", target[:3] + "-alias"), resolve_service(_named(spec, target), []))
    names.update(ServiceKey("default", "web"), resolve_service(service("web", "10.96.0.50"), []))
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Upstream, local_addr=("127.0.0.1", 0))
    yield NameServer(names, resolver=resolver, port=transport.get_extra_info("sockname")[1])
    transport.close()


def _named(spec: dict[str, object], target: str) -> dict[str, object]:
    return {**spec, "metadata": {"namespace": "default", "name": target[:3] + "-alias"}}


async def ask(server: NameServer, name: str, kind: str = "A") -> dnslib.DNSRecord:
    answer = await server.answer(dnslib.DNSRecord.question(name, kind).pack(), limited=True)
    return dnslib.DNSRecord.parse(answer)


async def test_names_outside_are_asked_of_the_machines_servers(server: NameServer) -> None:
    answer = await ask(server, "example.com")
    assert [str(one.rdata) for one in answer.rr] == ["192.0.2.7"]


async def test_without_any_server_the_answer_is_a_failure() -> None:
    answer = await ask(NameServer(Names(), resolver=Path("/nowhere")), "example.com")
    assert answer.header.rcode == dnswire.SERVFAIL


@pytest.mark.parametrize(
    ("name", "target", "address"),
    [
        ("loc-alias", "localhost.", "127.0.0.1"),
        ("web-alias", "web.default.svc.cluster.local.", "10.96.0.50"),
    ],
)
async def test_an_external_name_brings_its_addresses(
    server: NameServer, name: str, target: str, address: str
) -> None:
    answer = await ask(server, f"{name}.default.svc.cluster.local")
    assert [(str(one.rname), str(one.rdata)) for one in answer.rr] == [
        (f"{name}.default.svc.cluster.local.", target),
        (target, address),
    ]


async def test_replies_and_scraps_are_not_answered(server: NameServer) -> None:
    for packet in (b"", b"\0" * 11, dnslib.DNSRecord.question("a").reply().pack()):
        assert await server.answer(packet, limited=True) == b""


def test_comments_and_other_settings_are_no_name_servers() -> None:
    text = "# nameserver 1.1.1.1\nsearch a\nnameserver 10.0.0.1\nnameserver\n nameserver fd00::1 x\n"
    assert parse_nameservers(text) == ["10.0.0.1", "fd00::1"]


@given(st.text())
def test_any_text_is_read_as_a_resolver_file(text: str) -> None:
    parse_nameservers(text)


async def _read_one(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


async def test_streams_of_two_questions_are_answered_one_by_one(server: NameServer) -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener = socket.create_server(("127.0.0.1", 0))
    for one in (datagrams, listener):
        one.setblocking(False)
    datagrams.bind(("127.0.0.1", 0))
    query = dnslib.DNSRecord.question("web.default.svc.cluster.local").pack()
    with datagrams, listener:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(datagrams, listener))
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write((len(query).to_bytes(2, "big") + query) * 2)
            answers = [await _read_one(reader), await _read_one(reader)]
            writer.close()
            await writer.wait_closed()
            serving.cancel()
    assert answers[0] == answers[1]
    assert answers[0].endswith(socket.inet_aton("10.96.0.50"))
