"""The consistent set of resources for one node, proven before anybody sees it.

A version is the hash of what it stands for. Whatever rebuilds a snapshot from an equal state gets an equal
version, and nothing is pushed; two processes agree on versions without talking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alcove.model import RouteKey, SpaceName
from alcove.routing.envoy.contents import Part, find_references, hash_content
from alcove.routing.envoy.gateway import NO_SECRETS, Secrets, compile_gateway
from alcove.routing.envoy.names import (
    CLUSTER_TYPE,
    LISTENER_TYPE,
    ROUTES_TYPE,
    SECRET_TYPE,
    Body,
    ProxySettings,
)
from alcove.routing.envoy.pods import Resources, compile_common, compile_own, compile_space, inbound_of
from alcove.routing.envoy.tables import Table, compile_table
from alcove.routing.inbound import Inbound
from alcove.routing.plan import RoutePlan

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
    waits: bool = False
    """Whether it is of a session: what its application refuses waits for a while."""


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


Sealed = Sequence[tuple[str, Resource]]
"""Resources with their types."""

_Own = tuple[tuple[str, ...], bool]
"""What tells a pod's own resources from another's: its addresses, and whether requests wait there."""


class Compiler:
    """Compiles plan after plan under the same settings.

    What several nodes have is compiled once; what is as it was in the plan before is the same object again.
    """

    def __init__(self, settings: ProxySettings) -> None:
        """Begin with nothing to use again."""
        self._settings = settings
        self._table: Table | None = None
        self._spaces: dict[SpaceName, tuple[Part, Part, Sealed]] = {}
        self._own: dict[_Own, tuple[Inbound, Sealed]] = {}

    def compile(
        self, plan: RoutePlan, nodes: Iterable[Node], *, secrets: Secrets = NO_SECRETS
    ) -> Mapping[Node, Snapshot]:
        """Give every node its snapshot.

        Args:
            plan: What is decided.
            nodes: Whose snapshots.
            secrets: The certificates of the gateway, of which it gets those that the plan refers to.

        Raises:
            BrokenSnapshotError: a reference leads nowhere; nothing of it may be published.
        """
        table = self._table = compile_table(plan, self._settings, self._table)
        common = _resources(compile_common(plan, self._settings))
        wanted = list(nodes)
        pods = [node for node in wanted if isinstance(node, PodNode)]
        self._spaces = {space: self._of_space(space, table) for space in {node.space for node in pods}}
        self._own = {each: self._of_pod(plan, *each) for each in {_own(node) for node in pods}}
        found: dict[Node, Snapshot] = {}
        for node in wanted:
            if isinstance(node, GatewayNode):
                found[node] = seal_snapshot(_resources(compile_gateway(plan, self._settings, secrets)))
            else:
                own = self._own[_own(node)][1]
                found[node] = seal_snapshot([*common, *self._spaces[node.space][2], *own])
        return found

    def _of_space(self, space: SpaceName, table: Table) -> tuple[Part, Part, Sealed]:
        keyless = table.keyless.get(RouteKey(space), table.plain)
        before = self._spaces.get(space)
        if before is not None and before[1] is keyless and before[0].version == table.keyed.version:
            return before
        return table.keyed, keyless, _resources(compile_space(space, table))

    def _of_pod(self, plan: RoutePlan, addresses: tuple[str, ...], waits: bool) -> tuple[Inbound, Sealed]:
        inbound = inbound_of(plan, addresses)
        before = self._own.get((addresses, waits))
        if before is not None and before[0] == inbound:
            return before
        return inbound, _resources(compile_own(inbound, self._settings, waits=waits))


def _own(node: PodNode) -> _Own:
    return node.addresses, node.waits


def compile_snapshots(
    plan: RoutePlan, nodes: Iterable[Node], settings: ProxySettings, *, secrets: Secrets = NO_SECRETS
) -> Mapping[Node, Snapshot]:
    """Compile one plan; see ``Compiler``."""
    return Compiler(settings).compile(plan, nodes, secrets=secrets)


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


def _resources(compiled: Resources) -> list[tuple[str, Resource]]:
    return [
        (kind, Resource(body["name"], body, hash_content(body), frozenset(find_references(body))))
        for kind, bodies in compiled.items()
        for body in bodies
    ]
