"""Probes that Envoy answers from what it finds at the pod's own address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.feature.admission.pods import (
    POD,
    ControlPlane,
    Pod,
    free_port,
    make_certificates,
    open_control_plane,
    until_listening,
)
from tests.feature.xds.envoys import cluster, endpoints, listener, routes

from alcove.admission.probes import Check
from alcove.xds.credentials import Credentials
from alcove.xds.publisher import Publisher
from alcove.xds.resources import Snapshot
from alcove.xds.server import open_server

SERVICE = "shop.v1/$(ALCOVE_POD_NAME)"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


@contextlib.asynccontextmanager
async def configured(plane: ControlPlane, directory: Path) -> AsyncIterator[Pod]:
    """Give a pod with certificates, for which a configuration is waiting."""
    publisher = Publisher()
    pair, bundle = plane.certificates.server.pair, plane.certificates.bundle
    given = [
        *(cluster("app"), endpoints("app", 1)),
        *(listener(directory / "in.sock"), routes("app")),
    ]
    publisher.publish(POD.node_id, Snapshot(given))
    async with open_server(publisher, Credentials(pair.certificate, pair.key, bundle)) as server:
        ports = replace(plane.settings.control_ports, xds=int(server.address.rpartition(":")[2]))
        pod = Pod(directory, replace(plane.settings, control_ports=ports))
        async with pod.exchange():
            await until_listening(pod.places.exchange)
            await pod.fetch_everything()
        yield pod


@pytest.fixture
async def pod(tmp_path: Path) -> AsyncIterator[Pod]:
    async with (
        open_control_plane(make_certificates()) as plane,
        configured(plane, tmp_path) as pod,
    ):
        yield pod


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_tcp_check_follows_the_application(pod: Pod, address: str) -> None:
    pod, check = replace(pod, address=address), Check("tcp", free_port())
    async with pod.proxy(check):
        await pod.until_ready()
        assert await pod.probe(check.path) == 503
        for _ in range(2):
            server = await asyncio.start_server(close, address, check.port)
            await pod.until_probed(check.path, 200)
            server.close()
            await server.wait_closed()
            await pod.until_probed(check.path, 503)


async def test_a_grpc_check_asks_the_service_that_the_probe_names(pod: Pod) -> None:
    health = Health()
    async with health.serving() as port:
        named, whole = Check("grpc", port, SERVICE), Check("grpc", port)
        async with pod.proxy(named, whole):
            await pod.until_ready()
            await pod.until_probed(named.path, 200)
            assert await pod.probe(whole.path) == 503
            health.answers = {SERVICE: NOT_SERVING, "": SERVING}
            await pod.until_probed(whole.path, 200)
            await pod.until_probed(named.path, 503)


async def test_what_is_not_asked_for_is_not_there(pod: Pod) -> None:
    async with pod.proxy(Check("tcp", 1)):
        await pod.until_ready()
        assert await pod.probe("/tcp/2") == 404
        assert await pod.probe("/tcp/1/") == 404
        assert await pod.probe("/ready") == 200


async def test_an_application_that_hangs_does_not_hold_the_proxy_back(pod: Pod) -> None:
    """It takes connections and says nothing, so that the first check of all has no result for a while."""
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        check = Check("grpc", server.sockets[0].getsockname()[1])
        async with pod.proxy(check):
            await pod.until_ready()
            assert await pod.probe(check.path) == 503


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


class Health:
    """A gRPC server that says how its services are."""

    def __init__(self) -> None:
        self.answers = {SERVICE: SERVING, "": NOT_SERVING}

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Yield its port."""
        server = grpc.aio.server()
        checking = grpc.unary_unary_rpc_method_handler(self._check)
        generic = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": checking})
        server.add_generic_rpc_handlers((generic,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield port
        finally:
            await server.stop(None)

    async def _check(self, request: bytes, _: Any) -> bytes:
        # A HealthCheckRequest is its field 1 alone, the name, or nothing at all.
        return self.answers[request[2:].decode()]
