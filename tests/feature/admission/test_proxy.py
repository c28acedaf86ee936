"""The proxy of a pod: nothing before a configuration, then traffic, checks and renewals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.feature.admission.pods import (
    POD,
    ControlPlane,
    Pod,
    ask,
    make_certificates,
    open_agent,
    open_control_plane,
    until_listening,
)
from tests.feature.xds.envoys import cluster, endpoints, listener, routes
from tests.feature.xds.traffic import open_application, open_traffic

from alcove.admission.certificates import Certificates
from alcove.admission.issuing import Document, issue_certificate, render_trust
from alcove.xds.credentials import Credentials
from alcove.xds.publisher import Publisher
from alcove.xds.resources import Snapshot
from alcove.xds.server import DiscoveryServer, open_server

CERTIFICATE, TRUST = "/identity/certificate", "/identity/trust"


@dataclass(frozen=True)
class Stage:
    """A pod that has its certificate, and the control plane that it belongs to."""

    plane: ControlPlane
    pod: Pod
    publisher: Publisher
    server: DiscoveryServer

    async def publish(self, application: int) -> None:
        """Send a configuration by which ``in.sock`` leads to an application; wait until it is taken."""
        given = [
            *(cluster("app"), endpoints("app", application)),
            *(listener(self.pod.directory / "in.sock"), routes("app")),
        ]
        sequence = self.publisher.publish(POD.node_id, Snapshot(given))
        status = await self.publisher.wait_acked(POD.node_id, sequence)
        assert status.refusals == ()

    async def until_connected(self, count: int) -> None:
        """Wait until the pod's proxy has so many streams."""
        async with asyncio.timeout(10):
            while self.publisher.status(POD.node_id).streams != count:
                await self.pod.probe("/ready")


def encoded(document: Document) -> str:
    return json.dumps(document.body)


def credentials_of(certificates: Certificates) -> Credentials:
    pair = certificates.server.pair
    return Credentials(pair.certificate, pair.key, certificates.bundle)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    certificates, publisher = make_certificates(), Publisher()
    async with contextlib.AsyncExitStack() as stack:
        plane = await stack.enter_async_context(open_control_plane(certificates))
        server = await stack.enter_async_context(open_server(publisher, credentials_of(certificates)))
        ports = replace(plane.settings.control_ports, xds=int(server.address.rpartition(":")[2]))
        pod = Pod(tmp_path, replace(plane.settings, control_ports=ports))
        async with pod.exchange():
            await until_listening(pod.places.exchange)
            await pod.fetch_everything()
        yield Stage(plane, pod, publisher, server)


async def test_a_proxy_is_not_ready_before_it_has_a_configuration(stage: Stage) -> None:
    async with stage.pod.proxy() as envoy, open_application("shop") as application:
        await stage.until_connected(1)
        assert (await ask(stage.pod.places.admin, "/ready")).status == 503
        assert await stage.pod.probe("/ready") == 0
        await stage.publish(application)
        await stage.pod.until_ready()
        assert await stage.pod.probe("/ready") == 200
        async with open_traffic(stage.pod.directory / "in.sock") as traffic:
            assert await traffic.ask() == "shop"
        assert await envoy.end() == ""


async def test_a_gateway_is_the_node_that_its_command_line_says(stage: Stage) -> None:
    async with stage.pod.gateway() as envoy, open_application("shop") as application:
        await stage.publish(application)
        await stage.pod.until_ready()
        assert (await stage.pod.fetch(TRUST)).status == 200
        assert await envoy.end() == ""


async def test_the_running_proxy_carries_renewals(stage: Stage) -> None:
    async with stage.pod.proxy(), open_application("shop") as application:
        await stage.publish(application)
        await stage.pod.until_ready()
        await stage.pod.fetch_everything()


async def test_renewed_files_are_shown_to_the_next_connection(stage: Stage) -> None:
    """Everything is replaced at once: a proxy that kept anything old could not come back."""
    other, now = make_certificates(), time.time()
    async with stage.pod.proxy(), open_application("shop") as application:
        await stage.publish(application)
        await stage.pod.until_ready()
        stage.pod.keep(TRUST, encoded(render_trust(other.bundle)))
        stage.pod.keep(CERTIFICATE, encoded(issue_certificate(POD, other.authorities[0], now)))
        stage.server.rotate(credentials_of(other))
        stage.publisher.close_streams("the test wants a new connection")
        await stage.until_connected(0)
        await stage.until_connected(1)
        assert (await ask(stage.pod.places.admin, "/ready")).status == 200


async def test_a_proxy_that_was_killed_comes_back_over_its_old_sockets(stage: Stage) -> None:
    async with open_application("shop") as application:
        async with stage.pod.proxy() as envoy:
            await stage.publish(application)
            await stage.pod.until_ready()
            await envoy.end()
        async with stage.pod.proxy():
            await stage.pod.until_ready()
            assert (await stage.pod.fetch(TRUST)).status == 200


async def test_a_proxy_whose_certificate_expired_without_a_control_plane_comes_back(stage: Stage) -> None:
    """It is told nothing before it has renewed, and its Envoy carries no renewal before it was told."""
    long_ago = time.time() - 7 * 86_400
    expired = issue_certificate(POD, stage.plane.certificates.authorities[0], long_ago)
    stage.pod.keep(CERTIFICATE, encoded(expired))
    for name in ("certificate", "trust"):
        (stage.pod.directory / f".{name}.json.age").write_text(f"{int(long_ago * 1000)} 43200\n")
    async with open_agent(stage.pod), open_application("shop") as application:
        await stage.publish(application)
        await stage.pod.until_ready()
        assert (await stage.pod.fetch(TRUST)).status == 200
