"""What is sent: resources, and the snapshot of all that one node is to have.

Versions are hashes of the content, so two builds of the same state are the same snapshot, and a restarted
server finds that its proxies already have everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from alcove.xds import wire

_PREFIX = "type.googleapis.com/envoy."
SECRET = _PREFIX + "extensions.transport_sockets.tls.v3.Secret"
CLUSTER = _PREFIX + "config.cluster.v3.Cluster"
ENDPOINTS = _PREFIX + "config.endpoint.v3.ClusterLoadAssignment"
LISTENER = _PREFIX + "config.listener.v3.Listener"
EXTENSION = _PREFIX + "config.core.v3.TypedExtensionConfig"
SCOPED_ROUTES = _PREFIX + "config.route.v3.ScopedRouteConfiguration"
ROUTES = _PREFIX + "config.route.v3.RouteConfiguration"
VIRTUAL_HOST = _PREFIX + "config.route.v3.VirtualHost"

_NOTHING: Mapping[str, Resource] = MappingProxyType({})


@dataclass(frozen=True)
class Resource:
    """One named resource.

    ``body`` is its serialised message, without an ``Any`` around it. Whoever makes the resource vouches that
    equal versions of a name have equal bodies; ``from_body`` does.
    """

    type_url: str
    name: str
    version: str
    body: bytes = field(repr=False, compare=False)

    @classmethod
    def from_body(cls, type_url: str, name: str, body: bytes) -> Resource:
        """Make a resource whose version is a hash of its body, which must be serialised deterministically."""
        return cls(type_url, name, hashlib.blake2b(body, digest_size=12).hexdigest(), body)

    @cached_property
    def head(self) -> bytes:
        """Everything that stands before ``body`` in a response; computed once for all streams."""
        return wire.resource_head(self.type_url, self.name, self.version, len(self.body))


class Snapshot(Mapping[str, Mapping[str, Resource]]):
    """All that one node is to have: type URL -> name -> resource. Never changes; many nodes may share one."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        """Take the resources in any order.

        Raises:
            ValueError: two resources have the same type and name.
        """
        types: dict[str, dict[str, Resource]] = {}
        for resource in resources:
            named = types.setdefault(resource.type_url, {})
            if named.setdefault(resource.name, resource) is not resource:
                raise ValueError(f"two resources of {resource.type_url} are called {resource.name!r}")
        self._types = {url: MappingProxyType(types[url]) for url in sorted(types)}

    @cached_property
    def version(self) -> str:
        """A hash of every type, name and version: equal content, equal version."""
        digest = hashlib.blake2b(digest_size=12)
        for url, named in self._types.items():
            for name in sorted(named):
                digest.update(b"\0".join(part.encode() for part in (url, name, named[name].version)) + b"\1")
        return digest.hexdigest()

    def of_type(self, type_url: str) -> Mapping[str, Resource]:
        """Give the resources of one type by name; of a type it does not know, none."""
        return self._types.get(type_url, _NOTHING)

    def __getitem__(self, type_url: str) -> Mapping[str, Resource]:
        return self._types[type_url]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def __repr__(self) -> str:
        counts = ", ".join(f"{url.rpartition('.')[2]}: {len(named)}" for url, named in self._types.items())
        return f"Snapshot({self.version}, {counts})"
