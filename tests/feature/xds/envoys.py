"""A real Envoy that gets everything by delta ADS over mutual TLS, and the resources it gets."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2  # noqa: F401  # for the types in ``Any``
from envoy.extensions.filters.network.http_connection_manager.v3 import (  # noqa: F401
    http_connection_manager_pb2,
)
from google.protobuf import json_format

from alcove.xds.resources import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource

NODE = "uid-1/shop/web-0"
_TYPES = "type.googleapis.com/envoy.extensions."
_ADS = {"ads": {}, "resource_api_version": "V3"}
_MESSAGES = {
    CLUSTER: cluster_pb2.Cluster,
    ENDPOINTS: endpoint_pb2.ClusterLoadAssignment,
    LISTENER: listener_pb2.Listener,
    ROUTES: route_pb2.RouteConfiguration,
}


def find_envoy() -> str:
    """Give the binary's path: its package and the messages' own the same module, so neither can be asked."""
    spec = importlib.util.find_spec("envoy")
    assert spec is not None
    places = (Path(place) / "_bin" / "envoy" for place in spec.submodule_search_locations or ())
    return str(next(place for place in places if place.exists()))


def resource(type_url: str, name: str, document: dict[str, Any]) -> Resource:
    """Make a resource of its document, which must be one that Envoy can read."""
    message = json_format.ParseDict(document, _MESSAGES[type_url]())
    return Resource.from_body(type_url, name, message.SerializeToString(deterministic=True))


def cluster(name: str, **fields: Any) -> Resource:
    """Make a cluster whose endpoints come by EDS."""
    document = {"name": name, "type": "EDS", "eds_cluster_config": {"eds_config": _ADS}, **fields}
    return resource(CLUSTER, name, document)


def endpoints(name: str, port: int) -> Resource:
    """Make a cluster's endpoints: one port of the loopback."""
    lb_endpoints = [{"endpoint": {"address": _loopback(port)}}]
    return resource(ENDPOINTS, name, {"cluster_name": name, "endpoints": [{"lb_endpoints": lb_endpoints}]})


def listener(path: Path) -> Resource:
    """Make the listener ``in`` at a Unix socket, whose routes come by RDS."""
    router = {"name": "router", "typed_config": {"@type": f"{_TYPES}filters.http.router.v3.Router"}}
    connections = {
        "@type": f"{_TYPES}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "rds": {"route_config_name": "in", "config_source": _ADS},
        "http_filters": [router],
    }
    chain = {"filters": [{"name": "http", "typed_config": connections}]}
    address = {"pipe": {"path": str(path)}}
    return resource(LISTENER, "in", {"name": "in", "address": address, "filter_chains": [chain]})


def routes(to: str, **fields: Any) -> Resource:
    """Make the routes ``in``: everything goes to one cluster."""
    host = {
        "name": "all",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": to, **fields}}],
    }
    return resource(ROUTES, "in", {"name": "in", "virtual_hosts": [host]})


class Envoy:
    """A running Envoy."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """See ``open_envoy``."""
        self._process = process

    async def see(self, *texts: str) -> str:
        """Wait until its log has a line with all of the texts; give the line."""
        assert self._process.stderr
        while line := (await self._process.stderr.readline()).decode():
            if all(text in line for text in texts):
                return line
        raise AssertionError(f"Envoy ended before it said {texts}")


@contextlib.asynccontextmanager
async def open_envoy(
    directory: Path, server: str, *, pair: tuple[bytes, bytes], authority: bytes
) -> AsyncIterator[Envoy]:
    """Yield an Envoy that asks ``server``, as the node ``NODE`` with the certificate ``pair``."""
    for name, pem in (("node.pem", pair[0]), ("node.key", pair[1]), ("ca.pem", authority)):
        (directory / name).write_bytes(pem)
    (directory / "bootstrap.json").write_text(json.dumps(_bootstrap(directory, server)))
    process = await asyncio.create_subprocess_exec(
        find_envoy(),
        *("-c", str(directory / "bootstrap.json"), "--concurrency", "1", "--disable-hot-restart"),
        *("--component-log-level", "config:debug"),  # tells when listeners listen
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        yield Envoy(process)
    finally:
        process.kill()
        await process.communicate()


def _bootstrap(directory: Path, server: str) -> dict[str, Any]:
    port = int(server.rpartition(":")[2])
    back_off = {"base_interval": "0.05s", "max_interval": "0.1s"}
    grpc_service = {"envoy_grpc": {"cluster_name": "xds", "retry_policy": {"retry_back_off": back_off}}}
    return {
        "node": {"id": NODE, "cluster": "test"},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [grpc_service],
            },
            "cds_config": _ADS,
            "lds_config": _ADS,
        },
        "static_resources": {"clusters": [_server_cluster(directory, port)]},
    }


def _server_cluster(directory: Path, port: int) -> dict[str, Any]:
    pair = {
        "certificate_chain": {"filename": str(directory / "node.pem")},
        "private_key": {"filename": str(directory / "node.key")},
    }
    context = {
        "@type": f"{_TYPES}transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "tls_certificates": [pair],
            "validation_context": {"trusted_ca": {"filename": str(directory / "ca.pem")}},
        },
    }
    http = f"{_TYPES}upstreams.http.v3.HttpProtocolOptions"
    lb_endpoints = [{"endpoint": {"address": _loopback(port)}}]
    return {
        "name": "xds",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": lb_endpoints}]},
        "transport_socket": {"name": "tls", "typed_config": context},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": http,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }


def _loopback(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
