"""How the outside gets in."""

from __future__ import annotations

import pytest
from tests.unit.routing.router import Request, route_entry

from alcove.model import ClusterState, Entry, Port, Service, ServiceName, Space, SpaceName
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import GatewayNode, compile_snapshots

DEV, AMY, AMYX = SpaceName("dev"), SpaceName("amy"), SpaceName("amyx")
WEB, API = ServiceName("web"), ServiceName("api")
SPACES = {DEV: Space(DEV), AMY: Space(AMY, DEV), AMYX: Space(AMYX, AMY)}
ADDRESSES = {(DEV, WEB): "10.0.0.1", (AMY, WEB): "10.0.0.2", (DEV, API): "10.0.0.3", (AMYX, API): "10.0.0.4"}


def enter(host: str, path: str, *entries: Entry, key: str = "") -> str | None:
    services = {
        named: Service(*named, (address,), (Port(80, 8080, "http"),)) for named, address in ADDRESSES.items()
    }
    state = ClusterState(SPACES, services, frozenset(entries))
    node = GatewayNode()
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    headers = {"azds-route-as": key} if key else {}
    verdict = route_entry(snapshot, Request("", 0, host, headers, path))
    return None if verdict is None else ",".join(verdict.sockets) or verdict.refused


@pytest.mark.parametrize(
    ("host", "path", "answer"),
    [
        ("x.example", "/", "10.0.0.1:80"),
        ("x.example:8080", "/", "10.0.0.1:80"),
        ("amy.s.x.example", "/", "10.0.0.2:80"),
        ("amyx.s.x.example", "/", "10.0.0.2:80"),
        ("nobody.s.x.example", "/", None),
        ("dev.s.x.example", "/", None),
        ("y.example", "/", None),
        ("x.example", "/api", "10.0.0.3:80"),
        ("x.example", "/api/deep", "10.0.0.3:80"),
        ("x.example", "/apis", "10.0.0.1:80"),
        ("amyx.s.x.example", "/api", "10.0.0.4:80"),
        ("amy.s.x.example", "/api", "10.0.0.3:80"),
    ],
)
def test_every_host_exists_with_the_prefix_of_every_space_below(
    host: str, path: str, answer: str | None
) -> None:
    rules = Entry(DEV, "X.example", WEB, "http"), Entry(DEV, "x.example", API, 80, "/api")
    assert enter(host, path, *rules) == answer


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("x.example", "10.0.0.1:80"),
        ("amy.s.x.example", "10.0.0.3:80"),
        ("amyx.s.x.example", "10.0.0.4:80"),
    ],
)
def test_the_rules_of_a_nearer_space_count_below_it(host: str, answer: str) -> None:
    ours = (
        Entry(DEV, "x.example", WEB, 80),
        Entry(AMY, "x.example", API, 80),
        Entry(AMY, "amy.s.x.example", WEB, 80),
    )
    assert enter(host, "/", *ours) == answer


def test_a_header_counts_before_the_host() -> None:
    assert enter("amy.s.x.example", "/", Entry(DEV, "x.example", WEB, 80), key="dev") == "10.0.0.1:80"


@pytest.mark.parametrize(("path", "answer"), [("/api", "10.0.0.3:80"), ("/api/deep", "404")])
def test_an_exact_path_is_equal(path: str, answer: str) -> None:
    assert enter("x.example", path, Entry(DEV, "x.example", API, 80, "/api", exact=True)) == answer


def test_a_prefixed_name_that_dns_does_not_allow_is_left_out() -> None:
    long = ".".join(["a" * 60] * 4)
    assert enter(long, "/", Entry(DEV, long, WEB, 80)) == "10.0.0.1:80"
    assert enter(f"amyx.s.{long}", "/", Entry(DEV, long, WEB, 80)) == "10.0.0.2:80"
    assert enter(f"amyx.s.aaaa{long}", "/", Entry(DEV, f"aaaa{long}", WEB, 80)) is None
