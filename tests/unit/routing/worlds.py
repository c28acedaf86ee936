"""Random cluster states: any tree, any Services in it, some headless, some external, some removed."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from tests.unit.spaces.worlds import NAMES, SERVICES

from alcove.model import (
    Alias,
    Certificate,
    ClusterState,
    Endpoint,
    Entry,
    Port,
    Protocol,
    SecretName,
    Service,
    ServiceName,
    Space,
    SpaceName,
    TlsHost,
)

Key = tuple[SpaceName, ServiceName]

any_name = st.sampled_from(NAMES)
any_service_name = st.sampled_from(SERVICES)
any_protocol = st.sampled_from(Protocol)
HOSTS = ["x.example", "y.example"]
any_port: st.SearchStrategy[int | str] = st.sampled_from([80, 81, "http"])
any_ports = st.lists(
    st.builds(
        Port,
        st.sampled_from([80, 81, 90]),
        st.sampled_from([8080, 9090]),
        st.sampled_from(["", "http", "x"]),
        any_protocol,
    ),
    max_size=3,
    unique_by=(lambda port: port.number, lambda port: port.name or str(port.number)),
).map(tuple)


def cluster_address(space: SpaceName, name: ServiceName, *, old: bool = False) -> str:
    """Give the address of a Service, or the one that it had before it was made again."""
    return f"10.{97 if old else 96}.{NAMES.index(space)}.{1 + SERVICES.index(name)}"


def pod_address(space: SpaceName, name: ServiceName, instance: int) -> str:
    """Give the address of an instance."""
    return f"10.1.{NAMES.index(space)}.{10 * SERVICES.index(name) + instance}"


@st.composite
def any_services(draw: st.DrawFn) -> Mapping[Key, Service]:
    """Draw Services; names may be in any space, also in namespaces that are none."""
    found: dict[Key, Service] = {}
    for space, name in draw(st.sets(st.tuples(any_name, any_service_name))):
        kind = draw(st.sampled_from(["cluster", "cluster", "headless", "external"]))
        instances = draw(
            st.lists(st.tuples(st.booleans(), st.sampled_from([False, False, True])), max_size=2)
        )
        found[space, name] = Service(
            space,
            name,
            (cluster_address(space, name),) if kind == "cluster" else (),
            draw(any_ports),
            tuple(Endpoint(pod_address(space, name, at), *each) for at, each in enumerate(instances)),
            "example.com" if kind == "external" else "",
        )
    return found


@st.composite
def any_state(draw: st.DrawFn) -> ClusterState:
    """Draw a whole state."""
    parents = draw(st.dictionaries(any_name, st.none() | st.sampled_from([*NAMES, SpaceName("gone")])))
    spaces = {}
    for name, parent in parents.items():
        gone = draw(st.dictionaries(any_service_name, any_ports, max_size=2))
        aliases = {
            cluster_address(name, service, old=True): Alias(service, ports) for service, ports in gone.items()
        }
        spaces[name] = Space(name, parent, aliases)
    entries = draw(st.frozensets(any_entry(), max_size=5))
    tls, certificates = draw(any_tls())
    ranges = frozenset({"10.96.0.0/15"})
    return ClusterState(spaces, draw(any_services()), entries, ranges, tls, certificates)


@st.composite
def any_entry(draw: st.DrawFn) -> Entry:
    """Draw a rule; the host may have its space's own prefix."""
    space, host = draw(any_name), draw(st.sampled_from(HOSTS))
    return Entry(
        space,
        draw(st.sampled_from([host, f"{space}.s.{host}"])),
        draw(any_service_name),
        draw(any_port),
        draw(st.sampled_from(["/", "/deep", "/deep/er"])),
        draw(st.booleans()),
    )


@st.composite
def any_tls(draw: st.DrawFn) -> tuple[frozenset[TlsHost], Mapping[SecretName, Certificate]]:
    """Draw what is to be served with TLS, and Secrets: some missing, some broken, some for other hosts."""
    asked = draw(
        st.frozensets(st.tuples(any_name, st.sampled_from(HOSTS), st.sampled_from("pq")), max_size=4)
    )
    found = frozenset(TlsHost(space, host, SecretName(f"{space}/{name}")) for space, host, name in asked)
    any_certificate = st.builds(
        Certificate,
        st.lists(st.sampled_from([*HOSTS, "*.s.x.example", "a.s.x.example"]), unique=True).map(tuple),
        st.sampled_from(["", "", "it is broken"]),
    )
    there = [each.secret for each in sorted(found, key=lambda each: each.secret) if draw(st.booleans())]
    return found, {secret: draw(any_certificate) for secret in there}
