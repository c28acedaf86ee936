"""The consistent set of resources for one node, proven before anybody sees it.

A version is the hash of what it stands for. Whatever rebuilds a snapshot from an equal state gets an equal
version, and nothing is pushed; two processes agree on versions without talking.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alcove.model import SpaceName
from alcove.routing.envoy.gateway import NO_SECRETS, Secrets, compile_gateway
from alcove.routing.envoy.names import (
    CLUSTER_TYPE,
    LISTENER_TYPE,
    REROUTED,
    REROUTED_HTTP1,
    ROUTES_TYPE,
    SECRET_TYPE,
    Body,
    ProxySettings,
)
from alcove.routing.envoy.pods import Resources, compile_own, compile_space
from alcove.routing.envoy.tables import compile_table
from alcove.routing.plan import RoutePlan

_VERSION_LENGTH = 16
_SECRETS = "tls_certificate_sds_secret_configs"
_NAMED_BY = {CLUSTER_TYPE: "clusters", ROUTES_TYPE: "route_config_name", SECRET_TYPE: _SECRETS}
"""The field that refers to resources of a type."""


class BrokenSnapshotError(ValueError):
    """A resource refers to one that the snapshot has not, or nobody refers to it: a fault of the compiler."""


@dataclass(frozen=True, slots=True)
class PodNode:
    """The proxy of a pod."""

    space: SpaceName
    addresses: tuple[str, ...] = ()
    """The pod's own, in canonical spelling."""


@dataclass(frozen=True, slots=True)
class GatewayNode:
    """The proxy by which the outside enters."""


Node = PodNode | GatewayNode


@dataclass(frozen=True, slots=True)
class Resource:
    """One named resource; shared between snapshots, so that it is encoded once."""

    name: str
    body: Body = field(repr=False)
    """Of a secret it holds a key."""
    version: str
    refers: frozenset[tuple[str, str]] = frozenset()
    """The names that it refers to; found once, however many snapshots it is part of."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All resources of one node, by type and name."""

    resources: Mapping[str, Mapping[str, Resource]]
    version: str


def compile_snapshots(
    plan: RoutePlan, nodes: Iterable[Node], settings: ProxySettings, *, secrets: Secrets = NO_SECRETS
) -> Mapping[Node, Snapshot]:
    """Give every node its snapshot. What nodes have in common is compiled once and is the same object.

    Args:
        plan: What is decided.
        nodes: Whose snapshots.
        settings: What an installation decides.
        secrets: The certificates of the gateway, of which it gets those that the plan refers to.

    Raises:
        BrokenSnapshotError: a reference leads nowhere; nothing of it may be published.
    """
    table = compile_table(plan, settings)
    shared: dict[SpaceName, Sequence[tuple[str, Resource]]] = {}
    found: dict[Node, Snapshot] = {}
    for node in nodes:
        if isinstance(node, GatewayNode):
            found[node] = seal_snapshot(_resources(compile_gateway(plan, settings, secrets)))
            continue
        if node.space not in shared:
            shared[node.space] = _resources(compile_space(plan, settings, node.space, table))
        own = _resources(compile_own(plan, settings, node.addresses))
        found[node] = seal_snapshot([*shared[node.space], *own])
    return found


def seal_snapshot(resources: Iterable[tuple[str, Resource]]) -> Snapshot:
    """Check a set of resources and give it its version.

    Raises:
        BrokenSnapshotError: a reference leads nowhere, or a name is there twice.
    """
    found: dict[str, dict[str, Resource]] = {LISTENER_TYPE: {}, ROUTES_TYPE: {}, CLUSTER_TYPE: {}}
    for kind, resource in sorted(resources, key=lambda each: (each[0], each[1].name)):
        named = found.setdefault(kind, {})
        if resource.name in named:
            raise BrokenSnapshotError(f"there are two resources {resource.name!r} of {kind}")
        named[resource.name] = resource
    _check((kind, each) for kind, named in found.items() for each in named.values())
    versions = {kind: {name: each.version for name, each in named.items()} for kind, named in found.items()}
    return Snapshot(found, hash_content(versions))


def check_references(resources: Resources) -> None:
    """Check that every name that a resource refers to is there, and that nothing is there for nobody.

    Raises:
        BrokenSnapshotError: it is not so.
    """
    _check(_resources(resources))


def _check(resources: Iterable[tuple[str, Resource]]) -> None:
    there: dict[str, set[str]] = {what: set() for what in ("source_codes", *_NAMED_BY.values())}
    asked: dict[str, set[str]] = {what: set() for what in ("source_codes", *_NAMED_BY.values())}
    for kind, resource in resources:
        if kind in _NAMED_BY:
            there[_NAMED_BY[kind]].add(resource.name)
        for what, name in resource.refers:
            # A listener brings its scripts itself, and routes call them.
            (there if what == "source_codes" else asked)["source_codes" if what == "config" else what].add(
                name
            )
    missing = {
        *(asked["clusters"] - there["clusters"]),
        *(asked["route_config_name"] ^ there["route_config_name"]),
        *(asked["source_codes"] - there["source_codes"]),
        *(asked[_SECRETS] ^ there[_SECRETS]),
    }
    if missing:
        raise BrokenSnapshotError(f"names do not match what refers to them: {sorted(missing)}")


def hash_content(content: object) -> str:
    """Give the version of any JSON value; equal for equal values, whatever their order of keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_LENGTH]


def _resources(compiled: Resources) -> list[tuple[str, Resource]]:
    return [
        (kind, Resource(body["name"], body, hash_content(body), frozenset(_references(body))))
        for kind, bodies in compiled.items()
        for body in bodies
    ]


def _references(content: object) -> Iterator[tuple[str, str]]:
    """Give what a resource refers to, with the field that does; the scripts that it brings among them."""
    if isinstance(content, list):
        for value in content:
            yield from _references(value)
    elif isinstance(content, dict):
        for field, value in content.items():
            if field in ("cluster", "route_config_name"):
                yield ("clusters" if field == "cluster" else field), value
            elif field in ("clusters", _SECRETS):
                for each in value:
                    yield from ((field, each["name"]),) if "name" in each else _references(each)
            elif field == "cluster_header":
                yield from (("clusters", name) for name in (REROUTED, REROUTED_HTTP1))
            elif field == "source_codes":
                yield from ((field, name) for name in value)
            elif field == "config" and "name" in value:
                yield field, value["name"]
            else:
                yield from _references(value)
