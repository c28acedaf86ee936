"""From resources as JSON values to the bytes that go over the wire; imports the generated messages.

What is in ``Any`` fields is found by its type's name, so every message that a resource may hold must have
been imported: the list below is what compiled resources hold. An unknown type or field is a programming error
and raises.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory

from alcove.xds.resources import Resource

_MODULES = (
    "envoy.config.cluster.v3.cluster_pb2",
    "envoy.config.listener.v3.listener_pb2",
    "envoy.config.route.v3.route_pb2",
    "envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.filters.http.lua.v3.lua_pb2",
    "envoy.extensions.filters.http.router.v3.router_pb2",
    "envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2",
    "envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2",
    "envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2",
    "envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2",
    "envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2",
    "envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2",
    "envoy.extensions.transport_sockets.tls.v3.secret_pb2",
    "envoy.extensions.transport_sockets.tls.v3.tls_pb2",
    "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
    "envoy.type.matcher.v3.http_inputs_pb2",
    "google.protobuf.wrappers_pb2",
    "xds.type.matcher.v3.ip_pb2",
)


def encode_resource(type_url: str, name: str, version: str, body: Mapping[str, Any]) -> Resource:
    """Give a resource of its body in the JSON mapping of protobuf; equal versions must have equal bodies.

    Raises:
        google.protobuf.json_format.ParseError: the body is not of this type.
    """
    message = json_format.ParseDict(body, _message(type_url)())
    return Resource(type_url, name, version, message.SerializeToString(deterministic=True))


@lru_cache
def _message(type_url: str) -> Any:
    for module in _MODULES:
        importlib.import_module(module)
    descriptor = descriptor_pool.Default().FindMessageTypeByName(type_url.partition("/")[2])
    return message_factory.GetMessageClass(descriptor)
