"""The smallest server of aggregated discovery: one snapshot per node, and who has accepted what."""

from __future__ import annotations

import importlib
import queue
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alcove.routing.envoy.contents import hash_content
from alcove.routing.snapshot import Snapshot

_MESSAGES = [
    "envoy.config.listener.v3.listener_pb2",
    "envoy.config.cluster.v3.cluster_pb2",
    "envoy.config.route.v3.route_pb2",
    "envoy.type.matcher.v3.http_inputs_pb2",
    "envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2",
    "xds.type.matcher.v3.ip_pb2",
    "google.protobuf.wrappers_pb2",
    "envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2",
    "envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2",
    "envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "envoy.extensions.transport_sockets.tls.v3.tls_pb2",
    "envoy.extensions.transport_sockets.tls.v3.secret_pb2",
    "envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2",
    "envoy.extensions.filters.http.lua.v3.lua_pb2",
    "envoy.extensions.filters.http.router.v3.router_pb2",
    "envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2",
    "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
    "envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2",
]
# None of these libraries brings types; the messages must be known by name to be found inside of others.
for _module in _MESSAGES:
    importlib.import_module(_module)
_grpc: Any = importlib.import_module("grpc")
_discovery: Any = importlib.import_module("envoy.service.discovery.v3.discovery_pb2")
_ads: Any = importlib.import_module("envoy.service.discovery.v3.ads_pb2_grpc")
_json: Any = importlib.import_module("google.protobuf.json_format")


def encode(kind: str, body: dict[str, Any]) -> Any:
    """Give a resource as the message that goes over the wire; unknown or wrong fields raise."""
    return _json.ParseDict({"@type": kind, **body}, importlib.import_module("google.protobuf.any_pb2").Any())


class Discovery(_ads.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]  # of a library without types
    """Serves on a socket of the file system, which every network namespace reaches."""

    def __init__(self, socket: Path) -> None:
        self._changed = threading.Condition()
        self._snapshots: dict[str, Snapshot] = {}
        self._encoded: dict[str, dict[str, list[Any]]] = {}
        self._accepted: dict[tuple[str, str], str] = {}
        self._streams: list[queue.SimpleQueue[Any]] = []
        self.refused: list[str] = []
        self._server = _grpc.server(futures.ThreadPoolExecutor(max_workers=32))
        _ads.add_AggregatedDiscoveryServiceServicer_to_server(self, self._server)
        self._server.add_insecure_port(f"unix:{socket}")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.put(None)
        self._server.stop(grace=0).wait()

    def offer(self, node: str, snapshot: Snapshot) -> float:
        """Hand over a snapshot, and give the time at which it was encoded and ready to be sent."""
        encoded = {
            kind: [encode(kind, each.body) for each in named.values()]
            for kind, named in snapshot.resources.items()
        }
        ready = time.perf_counter()
        with self._changed:
            self._encoded[node] = encoded
            self._snapshots[node] = snapshot
        for stream in self._streams:
            stream.put(node)
        return ready

    def publish(self, node: str, snapshot: Snapshot) -> float:
        """Hand over a snapshot, wait until the node has accepted all of it, give the seconds it took."""
        ready = self.offer(node, snapshot)
        self.wait(node)
        return time.perf_counter() - ready

    def wait(self, node: str) -> None:
        """Wait until a node has accepted its snapshot.

        Raises:
            AssertionError: it refused, or did not answer in ten seconds.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: bool(self.refused) or self._current(node), timeout=10)
        assert done and not self.refused, self.refused or f"{node} has not accepted its snapshot"

    def wait_refused(self) -> str:
        """Wait until a node has refused something, and forget it; give what it said."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self.refused), timeout=10), "nothing was refused"
            said, self.refused = self.refused[0], []
        return said

    def _current(self, node: str) -> bool:
        return all(
            self._accepted.get((node, kind)) == self.version(node, kind)
            for kind in self._snapshots[node].resources
        )

    def version(self, node: str, kind: str) -> str:
        named = self._snapshots[node].resources.get(kind, {})
        return hash_content({name: each.version for name, each in named.items()})

    def StreamAggregatedResources(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._streams.append(inbox)
        threading.Thread(target=_forward, args=(requests, inbox), daemon=True).start()
        node, sent = "", dict[str, str]()
        while (event := inbox.get()) is not None:
            if not isinstance(event, str):
                node = event.node.id or node
                self._note(node, event)
                sent.setdefault(event.type_url, "")
            for kind in [*sent]:
                version = self.version(node, kind) if node in self._snapshots else ""
                if version and sent[kind] != version:
                    sent[kind] = version
                    yield _discovery.DiscoveryResponse(
                        version_info=version,
                        type_url=kind,
                        nonce=version,
                        resources=self._encoded[node].get(kind, []),
                    )

    def _note(self, node: str, request: Any) -> None:
        with self._changed:
            if request.error_detail.message:
                self.refused.append(request.error_detail.message)
            elif request.response_nonce:
                self._accepted[node, request.type_url] = request.version_info
            self._changed.notify_all()


def _forward(requests: Iterator[Any], inbox: queue.SimpleQueue[Any]) -> None:
    try:
        for request in requests:
            inbox.put(request)
    except _grpc.RpcError:
        pass
    inbox.put(None)
