"""A proxy made of a bare gRPC client: it says what a test says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from envoy.service.discovery.v3 import discovery_pb2
from tests.feature.xds.certificates import Authority

NODE = "uid-1/shop/web-0"
_SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"


class Client:
    """One stream."""

    def __init__(self, call: Any) -> None:
        """Speak on an open call."""
        self._call = call

    async def say(self, type_url: str, *, node: str = "", error: str = "", **fields: Any) -> None:
        """Send a request."""
        message = discovery_pb2.DeltaDiscoveryRequest(type_url=type_url, **fields)
        message.node.id = node
        if error:
            message.error_detail.code, message.error_detail.message = 3, error
        await self._call.write(message.SerializeToString())

    async def say_bytes(self, request: bytes) -> None:
        """Send what may not be a request."""
        await self._call.write(request)

    async def hear(self) -> Any:
        """Give the next response."""
        received = await self._call.read()
        assert received is not grpc.aio.EOF, "the server ended the stream"
        return discovery_pb2.DeltaDiscoveryResponse.FromString(received)

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """Wait until the server ends the stream; give how."""
        return await self._call.code(), await self._call.details()

    async def leave(self) -> None:
        """End the stream."""
        await self._call.done_writing()


@contextlib.asynccontextmanager
async def connect(
    address: str,
    authority: Authority,
    pair: tuple[bytes, bytes],
    *,
    method: str = "DeltaAggregatedResources",
    trusted: bytes = b"",
) -> AsyncIterator[Client]:
    """Yield a stream over a connection of its own, with the certificate ``pair``."""
    certificate, key = pair
    credentials = grpc.ssl_channel_credentials(trusted or authority.pem, key, certificate)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        call = channel.stream_stream(_SERVICE + method)()
        try:
            yield Client(call)
        finally:
            call.cancel()
