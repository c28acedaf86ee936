"""Certificates by the control plane's own server: delta ADS, encoded as they are, to a real Envoy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from tests.feature.xds.certificates import Authority
from tests.feature.xds.envoys import NODE, open_envoy
from tests.unit.app.gateway.pems import make_pair, secret

from alcove.app.gateway.certificates import SecretReader, make_fallback
from alcove.model import (
    ClusterState,
    Entry,
    Port,
    SecretName,
    Service,
    ServiceName,
    Space,
    SpaceName,
    TlsHost,
)
from alcove.pki import DAY, KeyPair
from alcove.routing.envoy.names import SECRET_TYPE, ProxySettings
from alcove.routing.envoy.secrets import render_secret
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import GatewayNode, compile_snapshots
from alcove.xds.encoding import Encoder
from alcove.xds.publisher import NodeStatus, Publisher
from alcove.xds.resources import Snapshot
from alcove.xds.server import open_server

DEV, WEB = SpaceName("dev"), ServiceName("web")
FALLBACK = make_fallback(time.time(), time.time() + DAY)
ONE, TWO = make_pair("one.test"), make_pair("two.test")


class Gateway:
    """An Envoy, and what it is given."""

    def __init__(self, publisher: Publisher, ports: tuple[int, int]) -> None:
        self._publisher = publisher
        self._settings = ProxySettings(("127.0.0.1",), gateway_port=ports[0], gateway_tls_port=ports[1])
        self._encoder = Encoder()

    def offer(self, pairs: Mapping[str, KeyPair], *, damaged: str = "") -> int:
        """Publish the hosts ``one.test`` and ``two.test``, each with the Secret of its name."""
        held = SecretReader().read([secret(f"dev/{name}", pair) for name, pair in pairs.items()])
        hosts = ("one", "two")
        service = Service(DEV, WEB, ("10.0.0.1",), (Port(80, 8080),))
        state = ClusterState(
            {DEV: Space(DEV)},
            {(DEV, WEB): service},
            entries=frozenset(Entry(DEV, f"{name}.test", WEB, 80) for name in hosts),
            tls=frozenset(TlsHost(DEV, f"{name}.test", SecretName(f"dev/{name}")) for name in hosts),
            certificates=held.certificates,
        )
        secrets = dict(held.render(FALLBACK))
        if damaged:
            secrets[damaged] = render_secret(damaged, "no certificate", "no key")
        node = GatewayNode()
        made = compile_snapshots(plan_routes(state), [node], self._settings, secrets=secrets)[node]
        encoded = [
            self._encoder.encode(kind, each.name, each.version, each.body)
            for kind, named in made.resources.items()
            for each in named.values()
        ]
        return self._publisher.publish(NODE, Snapshot(encoded))

    async def push(self, pairs: Mapping[str, KeyPair], *, damaged: str = "") -> NodeStatus:
        """Publish, and wait until Envoy has answered for all of it."""
        return await self._publisher.wait_acked(NODE, self.offer(pairs, damaged=damaged))

    async def certificate(self, host: str) -> bytes:
        """Give the certificate of a host, as soon as somebody listens."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        port = self._settings.gateway_tls_port
        while True:
            try:
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=context, server_hostname=host
                )
            except OSError:
                await asyncio.sleep(0.01)
                continue
            shown = writer.get_extra_info("ssl_object").getpeercert(True)
            writer.transport.abort()
            return ssl.DER_cert_to_PEM_cert(shown).encode()

    async def until(self, host: str, pair: KeyPair) -> None:
        """Wait until a host has this certificate."""
        while await self.certificate(host) != pair.certificate:
            pass


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    authority, publisher = Authority(), Publisher()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_server(publisher, authority.of_server()))
        gateway = Gateway(publisher, free_ports())
        gateway.offer({"one": ONE, "two": TWO})
        pair = authority.of_node(NODE)
        await stack.enter_async_context(
            open_envoy(tmp_path, server.address, pair=pair, authority=authority.pem)
        )
        async with asyncio.timeout(15):
            yield gateway


async def test_certificates_come_change_and_go(gateway: Gateway) -> None:
    await gateway.until("one.test", ONE)
    await gateway.until("two.test", TWO)
    renewed = make_pair("one.test")
    assert (await gateway.push({"one": renewed, "two": TWO})).refusals == ()
    await gateway.until("one.test", renewed)
    assert (await gateway.push({"two": TWO})).refusals == ()
    await gateway.until("one.test", FALLBACK)
    await gateway.until("two.test", TWO)
    assert (await gateway.push({"one": ONE, "two": TWO})).refusals == ()
    await gateway.until("one.test", ONE)


async def test_one_that_envoy_refuses_takes_no_other_with_it(gateway: Gateway) -> None:
    await gateway.until("one.test", ONE)
    status = await gateway.push({"one": ONE, "two": TWO}, damaged="dev/two")
    assert [(each.type_url, each.names) for each in status.refusals] == [(SECRET_TYPE, ("dev/two",))]
    assert await gateway.certificate("one.test") == ONE.certificate
    assert await gateway.certificate("two.test") == TWO.certificate, "it keeps the one it had"
    assert (await gateway.push({"one": ONE, "two": TWO})).refusals == ()
