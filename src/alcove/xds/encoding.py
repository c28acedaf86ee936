"""From resources as JSON values to the bytes that go over the wire; imports the generated messages.

What is in ``Any`` fields is found by its type's name, so every message that a resource may hold must have
been imported: the list below is what compiled resources hold. An unknown type or field is a programming error
and raises.

A ``Part`` of a resource is encoded once and its bytes are put where it stands. Protobuf allows that: fields
may come in any order, and a field that holds a message is its length and its bytes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory

from alcove.routing.envoy.contents import Part, has_parts
from alcove.xds.resources import Resource
from alcove.xds.wire import opening

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


class Encoder:
    """Encodes resources; parts that the resources of the round before had are not encoded again."""

    def __init__(self) -> None:
        """Know no part yet."""
        for module in _MODULES:
            importlib.import_module(module)
        self._parts: dict[tuple[str, str], bytes] = {}
        self._kept: dict[tuple[str, str], bytes] = {}

    def encode(self, type_url: str, name: str, version: str, body: Mapping[str, Any]) -> Resource:
        """Give a resource of its body in the JSON mapping of protobuf; equal versions must have equal bodies.

        Raises:
            google.protobuf.json_format.ParseError: the body is not of this type.
        """
        pieces = self._message(_descriptor(type_url.partition("/")[2]), body)
        return Resource(type_url, name, version, b"".join(pieces))

    def forget(self) -> None:
        """End a round: parts that it did not use are forgotten."""
        self._parts, self._kept = self._kept, {}

    def _message(self, descriptor: Any, content: Mapping[str, Any]) -> list[bytes]:
        """Give the pieces of a message: parts are long and stand deep, and are copied once, at the end."""
        plain = {field: value for field, value in content.items() if not has_parts(value)}
        message = json_format.ParseDict(plain, message_factory.GetMessageClass(descriptor)())
        pieces = [message.SerializeToString(deterministic=True)]
        for field in content.keys() - plain.keys():
            self._add_field(pieces, descriptor.fields_by_name[field], content[field])
        return pieces

    def _add_field(self, pieces: list[bytes], field: Any, value: Any) -> None:
        """Add a field that holds parts: a message, several, or several by their names."""
        kind = field.message_type
        if kind.GetOptions().map_entry:
            inner = kind.fields_by_name["value"].message_type
            for key in sorted(value):
                name = key.encode()
                found = self._value(inner, value[key])
                size = _size(found)
                head = opening(1, len(name)) + name + opening(2, size)
                pieces.append(opening(field.number, len(head) + size) + head)
                pieces += found
        else:
            for each in value if isinstance(value, list) else [value]:
                found = self._value(kind, each)
                pieces.append(opening(field.number, _size(found)))
                pieces += found

    def _value(self, descriptor: Any, content: Mapping[str, Any]) -> list[bytes]:
        if not isinstance(content, Part):
            return self._message(descriptor, content)
        key = (descriptor.full_name, content.version)
        if key not in self._kept:
            self._kept[key] = self._parts.get(key) or b"".join(self._message(descriptor, dict(content)))
        return [self._kept[key]]


def _size(pieces: list[bytes]) -> int:
    return sum(map(len, pieces))


@lru_cache
def _descriptor(name: str) -> Any:
    return descriptor_pool.Default().FindMessageTypeByName(name)
