"""Cluster states from a few words, and the addresses that everything in them has.

Every Service of a space is answered by the pod of that space, which has the space's name. Addresses are a
function of names alone, so that a network can be made before the states are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from alcove.model import (
    Alias,
    ClusterState,
    Endpoint,
    Port,
    Protocol,
    Service,
    ServiceName,
    Space,
    SpaceName,
)

SPACES = ("dev", "amy", "amyx", "bob", "prod")
SERVICES = ("web", "api", "peers", "narrow")
OUTSIDE = "outside"
HTTP, GRPC, TCP, PLAIN, NAMED = 80, 81, 90, 70, 60
PORTS_OF_ALL = (
    Port(HTTP, 8080, "http", Protocol.HTTP),
    Port(GRPC, 8081, "grpc", Protocol.HTTP),
    Port(TCP, 9000, "tcp", Protocol.TCP),
    Port(PLAIN, 8080, "plain", Protocol.AUTO),
)
HEADLESS = ServiceName("peers")
NARROW = ServiceName("narrow")


class Case(NamedTuple):
    """One row of the table of decisions."""

    state: str
    caller: str
    to: str
    headers: Mapping[str, str]
    host: str
    protocol: str
    answer: str
    reason: str
    key: str


def load() -> tuple[dict[str, ClusterState], list[Case]]:
    """Give the states and the cases of the table."""
    document = yaml.safe_load(Path(__file__).with_name("decisions.yaml").read_text())
    states = {name: make_state(**words) for name, words in document["states"].items()}
    return states, [make_case(row) for row in document["cases"]]


def make_case(row: list[Any]) -> Case:
    """Read a row; carriers are written ``azds=KEY``, ``k8s=KEY``, ``baggage=LIST``, several with a space."""
    state, caller, to, carriers, host, protocol, answer, reason, key = row
    names = {"azds": "azds-route-as", "k8s": "kubernetes-route-as", "baggage": "baggage"}
    headers = {
        names[name]: value for name, _, value in (word.partition("=") for word in (carriers or "").split())
    }
    return Case(state, caller, to, headers, host, protocol, answer, reason, key or "")


def pod_address(space: str) -> str:
    """Give the address of a space's pod."""
    return f"10.1.0.{1 + [*SPACES, OUTSIDE].index(space)}"


def cluster_address(space: str, service: str, generation: int = 0) -> str:
    """Give the address of a Service; a Service that is made again gets another one."""
    return f"10.96.{generation}.{1 + SPACES.index(space) * len(SERVICES) + SERVICES.index(service)}"


def make_state(
    spaces: Mapping[str, str],
    services: Mapping[str, str],
    removed: Mapping[str, str] | None = None,
    again: Mapping[str, str] | None = None,
) -> ClusterState:
    """Make a state: parents by space; names of Services by space, those removed, those made once more."""
    made = [_service(space, name, 0) for space, names in services.items() for name in names.split()]
    made += [_service(space, name, 1) for space, names in (again or {}).items() for name in names.split()]
    gone = {**(removed or {})}
    for space, names in (again or {}).items():
        gone[space] = f"{gone.get(space, '')} {names}"
    return ClusterState(
        spaces={
            SpaceName(name): Space(
                SpaceName(name),
                SpaceName(parent) if parent else None,
                {
                    cluster_address(name, each): Alias(ServiceName(each), PORTS_OF_ALL)
                    for each in gone.get(name, "").split()
                },
            )
            for name, parent in spaces.items()
        },
        services={(service.space, service.name): service for service in made},
        ranges=frozenset({"10.96.0.0/16", "10.1.0.0/24"}),
    )


def _service(space: str, name: str, generation: int) -> Service:
    """Make a Service; ``narrow`` has in child spaces its HTTP port alone, under another number."""
    child = space not in ("dev", "prod")
    ports: tuple[Port, ...] = PORTS_OF_ALL
    if name == NARROW and child:
        ports = (Port(NAMED, 8080, "http", Protocol.HTTP),)
    return Service(
        SpaceName(space),
        ServiceName(name),
        () if name == HEADLESS else (cluster_address(space, name, generation),),
        ports,
        (Endpoint(pod_address(space)),),
    )
