"""The gRPC server: delta ADS over mutual TLS. The only module that imports grpc and the generated messages.

Who a proxy is comes from the certificate it showed when it connected; its first request must claim the same.
Certificates are looked at anew for each connection, so they can be replaced without touching streams that are
open. Connections end after some hours, which makes proxies show the certificate they have by then; coming
back costs them nothing, since only differences are sent.

grpc.aio runs each stream as a task of its own and cancels it when the connection is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError

from alcove.errors import UnavailableError
from alcove.xds.conversation import serve_stream
from alcove.xds.credentials import Credentials
from alcove.xds.identity import IdentityError, check_claim, resolve_identity
from alcove.xds.publisher import Closing, Ending, Publisher
from alcove.xds.stream import Request
from alcove.xds.subscription import StreamError

_log = logging.getLogger(__name__)
_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_DELTA_ONLY = (
    "this server speaks delta ADS only: set api_type: DELTA_GRPC in the ads_config of the node's bootstrap"
)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server listens; times in seconds."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: one that is free."""
    trust_domain: str = "alcove"
    """Of the SPIFFE URIs in proxies' certificates."""
    keepalive_interval: float = 30.0
    """A connection is probed when it was silent for so long."""
    keepalive_timeout: float = 10.0
    """A probe that is not answered within this time ends the connection."""
    first_request_timeout: float = 30.0
    """A stream must say who it is within this time."""
    connection_age: float = 12 * 3600.0
    """After this time, more or less a tenth, a proxy has to connect anew."""
    most_streams: int = 20_000
    """Open streams beyond this number are refused."""
    most_request_bytes: int = 4 << 20
    grace: float = 5.0
    """How long closing waits for streams to take their leave."""


class DiscoveryServer:
    """A server that listens; see ``open_server``."""

    def __init__(self, publisher: Publisher, credentials: Credentials, settings: ServerSettings) -> None:
        """Prepare; nothing listens yet."""
        self._publisher = publisher
        self._settings = settings
        self._configuration = _configuration(credentials)
        self._used = self._configuration
        self._server = grpc.aio.server(
            options=_options(settings), maximum_concurrent_rpcs=settings.most_streams
        )
        methods = {
            "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(self._serve_delta),
            "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(_refuse_state_of_the_world),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, methods),))
        self.address = ""
        """``HOST:PORT`` as bound, once it listens."""

    async def start(self) -> None:
        """Listen; returns when connections are accepted.

        Raises:
            UnavailableError: the address cannot be bound.
        """
        wanted = f"{self._settings.host}:{self._settings.port}"
        credentials = grpc.dynamic_ssl_server_credentials(
            self._configuration, self._changed_configuration, require_client_authentication=True
        )
        try:
            port = self._server.add_secure_port(wanted, credentials)
        except RuntimeError as error:
            raise UnavailableError(
                f"cannot listen on {wanted}", cause=str(error), hint="see which program has the port"
            ) from error
        await self._server.start()
        self.address = f"{self._settings.host}:{port}"
        _log.info("delta ADS listens on %s", self.address)

    def rotate(self, credentials: Credentials) -> None:
        """Use other certificates for connections from now on; open streams stay."""
        self._configuration = _configuration(credentials)
        _log.info("the certificates of delta ADS were replaced")

    async def aclose(self) -> None:
        """End every stream with a reason, so that proxies go elsewhere at once, and stop listening."""
        self._publisher.close_streams("the server is shutting down")
        await self._server.stop(self._settings.grace)

    def _changed_configuration(self) -> Any:
        """Give grpc (in a thread of its own, at each handshake) the configuration if it is another one."""
        if self._used is self._configuration:
            return None
        self._used = self._configuration
        return self._used

    async def _serve_delta(self, _: object, context: Any) -> None:
        wire = _GrpcWire(context)
        node_id, first = await self._admit(wire, context)
        with self._publisher.connect(node_id) as seat:
            _log.info("node %s connected from %s", node_id, context.peer())
            try:
                closing = await serve_stream(wire, first, seat, node_id=node_id)
            except asyncio.CancelledError:
                _log.info("node %s lost its connection", node_id)
                raise
            _log.info("node %s: stream ended: %s", node_id, closing.reason)
        await _end(context, closing)

    async def _admit(self, wire: _GrpcWire, context: Any) -> tuple[str, Request]:
        """Give who the proxy is and its first request; else end the stream with a reason."""
        claimed = ""
        try:
            identity = _identity(context, self._settings.trust_domain)
            async with asyncio.timeout(self._settings.first_request_timeout):
                claimed, first = await wire.read_first()
            check_claim(identity, claimed)
        except IdentityError as error:
            await _refuse(context, grpc.StatusCode.PERMISSION_DENIED, claimed, str(error))
        except TimeoutError:
            await _refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, claimed, "the stream said nothing")
        except StreamError as error:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, claimed, str(error))
        return identity, first


@contextlib.asynccontextmanager
async def open_server(
    publisher: Publisher, credentials: Credentials, settings: ServerSettings | None = None
) -> AsyncIterator[DiscoveryServer]:
    """Yield a server that accepts connections at its ``address``; leaving ends its streams and stops it.

    Raises:
        UnavailableError: the address cannot be bound.
    """
    server = DiscoveryServer(publisher, credentials, settings or ServerSettings())
    await server.start()
    try:
        yield server
    finally:
        await server.aclose()


class _GrpcWire:
    def __init__(self, context: Any) -> None:
        self._context = context

    async def read_first(self) -> tuple[str, Request]:
        message = await self._message()
        if message is None:
            raise StreamError("the stream ended before it said anything")
        return message.node.id, _request(message)

    async def read(self) -> Request | None:
        message = await self._message()
        return None if message is None else _request(message)

    async def write(self, response: bytes) -> None:
        await self._context.write(response)

    async def _message(self) -> Any:
        received = await self._context.read()
        if received is grpc.aio.EOF:
            return None
        try:
            return discovery_pb2.DeltaDiscoveryRequest.FromString(received)
        except DecodeError as error:
            raise StreamError("a request is not a DeltaDiscoveryRequest") from error


def _request(message: Any) -> Request:
    return Request(
        type_url=message.type_url,
        subscribe=tuple(message.resource_names_subscribe),
        unsubscribe=tuple(message.resource_names_unsubscribe),
        initial_versions=dict(message.initial_resource_versions),
        nonce=message.response_nonce,
        error=message.error_detail.message if message.HasField("error_detail") else None,
    )


def _identity(context: Any, trust_domain: str) -> str:
    peer = context.auth_context()

    def texts(key: str) -> list[str]:
        return [value.decode(errors="replace") for value in peer.get(key, ())]

    common_name = "".join(texts("x509_common_name")[:1])
    return resolve_identity(texts("x509_subject_alternative_name"), common_name, trust_domain=trust_domain)


async def _refuse(context: Any, code: grpc.StatusCode, claimed: str, reason: str) -> NoReturn:
    _log.warning("a stream from %s as node %r is refused: %s", context.peer(), claimed[:200], reason)
    await context.abort(code, reason)
    raise AssertionError("abort always raises")


async def _refuse_state_of_the_world(_: object, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, _DELTA_ONLY)


async def _end(context: Any, closing: Closing) -> None:
    if closing.ending is Ending.PROTOCOL:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, closing.reason)
    if closing.ending is Ending.CLOSED:
        await context.abort(grpc.StatusCode.UNAVAILABLE, closing.reason)


def _configuration(credentials: Credentials) -> Any:
    pair = (credentials.key, credentials.certificate)
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=credentials.client_ca)


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.keepalive_time_ms", _milliseconds(settings.keepalive_interval)),
        ("grpc.keepalive_timeout_ms", _milliseconds(settings.keepalive_timeout)),
        ("grpc.keepalive_permit_without_calls", 1),
        # Proxies probe, too; by default grpc ends a connection that does so more than every five minutes.
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.max_connection_age_ms", _milliseconds(settings.connection_age)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(settings.grace)),
        ("grpc.max_receive_message_length", settings.most_request_bytes),
        # When all proxies come back at once, grpc would turn away at random what is not yet looked at.
        ("grpc.server.max_pending_requests", settings.most_streams),
        ("grpc.server.max_pending_requests_hard_limit", settings.most_streams),
        # Two servers on one port would each get some of the proxies, and nobody would notice.
        ("grpc.so_reuseport", 0),
    ]


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
