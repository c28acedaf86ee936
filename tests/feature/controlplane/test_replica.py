"""Whole replicas of the control plane over a cluster in memory, asked by real gRPC over mutual TLS.

What is lost, and comes back, must not show: neither the API server, nor a watch, nor a replica.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from tests.unit.app.observation.objects import endpoint_slice, namespace, port, service

from alcove import aio
from alcove.admission import signing
from alcove.admission.certificates import Certificates
from alcove.admission.configuration import ServiceTarget, render_configuration
from alcove.admission.settings import ClusterDns
from alcove.app.controlplane.certificates import WEBHOOKS
from alcove.app.controlplane.composition import ControlPlane
from alcove.app.controlplane.settings import ControlPlaneSettings
from alcove.kube import resources
from alcove.kube.fake import FakeKubeClient
from alcove.xds.resources import ROUTES

_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


@pytest.fixture
async def client() -> FakeKubeClient:
    client = FakeKubeClient()
    for item in ({"metadata": {"name": "azds"}}, namespace("dev"), namespace("amy", "dev")):
        await client.create(resources.NAMESPACES, item)
    await client.create(WEBHOOKS, render_configuration(ServiceTarget("azds", "alcove"), b""))
    await add_service(client, "web.dev", "10.96.0.1", "10.1.0.1")
    pod = {
        "metadata": {"name": "web", "namespace": "amy", "labels": {"alcove.dev/injected": "true"}},
        "status": {"phase": "Running", "podIP": "10.1.0.9"},
    }
    await client.create(resources.PODS, pod)
    return client


async def add_service(client: FakeKubeClient, place: str, address: str, instance: str) -> None:
    await client.create(resources.SERVICES, service(place, port(80, "http"), address=address))
    slices = endpoint_slice(place, instance, ports={"http": 8080})
    await client.create(resources.ENDPOINT_SLICES, slices)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        number: int = bound.getsockname()[1]
        return number


class Replica:
    """One replica that runs, and the node id of the pod that asks it."""

    def __init__(self, plane: ControlPlane, xds_port: int, node: str) -> None:
        self.plane = plane
        self.node = node
        self._port = xds_port

    @contextlib.asynccontextmanager
    async def connect(self, *, node: str = "") -> AsyncIterator[Proxy]:
        """Be the pod's proxy for the block, or another's by its certificate."""
        certificates = self.plane.custodian.current
        assert certificates is not None
        credentials = _credentials(certificates, self.node)
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.ssl_target_name_override", "alcove.azds.svc"),
        ]
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{self._port}", credentials, options=options
        ) as channel:
            call = channel.stream_stream(_METHOD)()
            request = discovery_pb2.DeltaDiscoveryRequest(type_url=ROUTES, resource_names_subscribe=["*"])
            request.node.id = node or self.node
            await call.write(request.SerializeToString())
            try:
                yield Proxy(call)
            finally:
                call.cancel()


class Proxy:
    """What a proxy hears of its routes."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def hear(self, text: bytes, *, absent: bool = False) -> dict[str, str]:
        """Take responses until the routes hold a text, or do no longer; give their versions."""
        while True:
            received = await self._call.read()
            assert received is not grpc.aio.EOF, "the server ended the stream"
            response = discovery_pb2.DeltaDiscoveryResponse.FromString(received)
            answer = discovery_pb2.DeltaDiscoveryRequest(type_url=ROUTES, response_nonce=response.nonce)
            await self._call.write(answer.SerializeToString())
            if any(text in each.resource.value for each in response.resources) is not absent:
                return {each.name: each.version for each in response.resources}


def _credentials(certificates: Certificates, node: str) -> grpc.ChannelCredentials:
    now = time.time()
    authority = certificates.authorities[-1].pair
    pair = signing.make_client(authority, now, now + 3600, uri=f"spiffe://alcove/{node}")
    return grpc.ssl_channel_credentials(certificates.bundle, pair.key, pair.certificate)


@contextlib.asynccontextmanager
async def running(client: FakeKubeClient, name: str = "one") -> AsyncIterator[Replica]:
    """Run a replica for the block."""
    https, xds = free_port(), free_port()
    settings = ControlPlaneSettings(name, "alcove/proxy:1", host="127.0.0.1", https_port=https, xds_port=xds)
    plane = ControlPlane(client, settings, ClusterDns(("10.96.0.10",)))
    uid = (await client.get(resources.PODS, "web", namespace="amy"))["metadata"]["uid"]
    async with aio.open_background(name="replica") as background:
        background.start(plane.run(), name=name)
        with plane.store.changes() as changed:
            while plane.routes.state is None:
                changed.clear()
                # A build tells nobody, so this looks again soon.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await changed.wait()
        yield Replica(plane, xds, f"{uid}/amy/web")


async def test_a_change_reaches_a_proxy(client: FakeKubeClient) -> None:
    async with running(client) as replica, replica.connect() as proxy:
        await add_service(client, "web.amy", "10.96.0.2", "10.1.0.2")
        await proxy.hear(b"10.1.0.2:8080")
        await client.delete(resources.SERVICES, "web", namespace="amy")
        await proxy.hear(b"10.1.0.2:8080", absent=True)


async def test_the_loss_of_the_api_server_takes_nothing_back_and_changes_come_afterwards(
    client: FakeKubeClient,
) -> None:
    await add_service(client, "web.amy", "10.96.0.2", "10.1.0.2")
    async with running(client) as replica, replica.connect() as proxy:
        await proxy.hear(b"10.1.0.2:8080")
        before = replica.plane.publisher.status(replica.node).version
        client.unreachable = True
        client.break_watches()
        await replica.plane.writer.work()
        assert replica.plane.publisher.status(replica.node).version == before
        client.unreachable = False
        client.forget_history()
        await add_service(client, "api.amy", "10.96.0.3", "10.1.0.3")
        await add_service(client, "api.dev", "10.96.0.4", "10.1.0.4")
        await proxy.hear(b"10.1.0.3:8080")


async def test_a_new_replica_publishes_what_the_one_before_did(client: FakeKubeClient) -> None:
    await add_service(client, "web.amy", "10.96.0.2", "10.1.0.2")
    versions = []
    for name in ("one", "two"):
        async with running(client, name) as replica, replica.connect() as proxy:
            versions.append(await proxy.hear(b"10.1.0.2:8080"))
    assert versions[0] == versions[1]


async def test_two_replicas_serve_and_one_writes(client: FakeKubeClient) -> None:
    await add_service(client, "web.amy", "10.96.0.2", "10.1.0.2")
    async with running(client, "one") as one, running(client, "two") as two:
        for replica in (one, two):
            async with replica.connect() as proxy:
                await proxy.hear(b"10.1.0.2:8080")
        holds = [each.plane.candidate.holds(time.monotonic()) for each in (one, two)]
        assert holds == [True, False]


async def test_a_certificate_of_one_pod_does_not_speak_for_another(client: FakeKubeClient) -> None:
    async with running(client) as replica, replica.connect(node="uid-8/dev/other") as proxy:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await proxy.hear(b"")
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
